/**
 * The protocol core: RFC 6455 and RFC 7692 without I/O, timers or promises. It turns bytes into messages and control
 * frames, and messages and control frames into bytes.
 *
 * `endpoint.ts` and the files beside it combine both directions into a connection; the directions are in `receive/` and
 * `send/`, and what they share is in `wire/`.
 *
 * @module
 */

export * from "./wire/close.ts";
export type * from "./wire/compression.ts";
export * from "./wire/deflate.ts";
export { Endpoint } from "./endpoint.ts";
export type { EndpointState } from "./endpoint_state.ts";
export type {
  Activity,
  EndpointEnd,
  EndpointHandler,
  EndpointOptions,
  FrameDirection,
  FrameWatcher,
} from "./endpoint_types.ts";
export {
  ProtocolError,
  type ProtocolErrorCode,
  type ProtocolErrorOptions,
} from "./wire/errors.ts";
export {
  type DecodedHeader,
  decodeHeader,
  describeFrame,
  encodeHeader,
  type FrameHeader,
  headerSizeFor,
  MAX_CONTROL_PAYLOAD,
  MAX_HEADER_SIZE,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  opcodeName,
  type Role,
  writeHeader,
} from "./wire/frame.ts";
export { mask, MaskView, rotateKey } from "./wire/mask.ts";
export {
  type BinaryMode,
  Receiver,
  type ReceiverHandler,
  type ReceiverLimits,
  type ReceiverOptions,
  type ReceiverState,
} from "./receive/receiver.ts";
export * from "./send/sender.ts";
