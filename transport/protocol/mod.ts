/**
 * The protocol core: RFC 6455 and RFC 7692 without I/O. Bytes in, messages and control frames out,
 * and back. Nothing here knows a runtime, a timer or a promise.
 *
 * @module
 */

export * from "./close.ts";
export * from "./compression.ts";
export * from "./deflate.ts";
export { Endpoint } from "./endpoint.ts";
export type { EndpointState } from "./endpoint_state.ts";
export type {
  Activity,
  CloseFrame,
  EndpointEnd,
  EndpointHandler,
  EndpointOptions,
  FrameDirection,
  FrameWatcher,
} from "./endpoint_types.ts";
export * from "./errors.ts";
export * from "./frame.ts";
export { mask, MaskView, rotateKey } from "./mask.ts";
export * from "./receiver.ts";
export * from "./sender.ts";
