/**
 * What both directions share, and what can be used without a connection: frame headers, masks, close codes, UTF-8,
 * errors, and permessage-deflate.
 *
 * @module
 */

import { ProtocolError } from "./errors.ts";

/** A fragment that continues a message (RFC 6455, section 5.4). */
export const OPCODE_CONTINUATION = 0x0;
/** A text message, or its first fragment (RFC 6455, section 5.6). */
export const OPCODE_TEXT = 0x1;
/** A binary message, or its first fragment (RFC 6455, section 5.6). */
export const OPCODE_BINARY = 0x2;
/** A close frame (RFC 6455, section 5.5.1). */
export const OPCODE_CLOSE = 0x8;
/** A ping (RFC 6455, section 5.5.2). */
export const OPCODE_PING = 0x9;
/** A pong (RFC 6455, section 5.5.3). */
export const OPCODE_PONG = 0xa;

/** The maximum payload of a control frame in bytes (RFC 6455, section 5.5). */
export const MAX_CONTROL_PAYLOAD = 125;
/** The maximum size of a frame header in bytes. */
export const MAX_HEADER_SIZE = 14;

/** The role of an endpoint: the frames of a client are masked, those of a server are not. */
export type Role = "client" | "server";

/** The header of a frame (RFC 6455, section 5.2). */
export interface FrameHeader {
  /** Whether the frame is the last, or only, one of its message. */
  readonly fin: boolean;
  /** RSV1: in the first frame of a message that permessage-deflate compressed (RFC 7692, section 6). */
  readonly rsv1: boolean;
  /** RSV2: reserved. */
  readonly rsv2: boolean;
  /** RSV3: reserved. */
  readonly rsv3: boolean;
  /** The kind of the frame, 0 to 15. */
  readonly opcode: number;
  /** Whether the payload is masked (RFC 6455, section 5.3). */
  readonly masked: boolean;
  /** The length of the payload in bytes. */
  readonly length: number;
}

/** A frame header as it was on the wire. */
export interface DecodedHeader extends FrameHeader {
  /** The masking key as a signed 32-bit integer, its first byte on the wire lowest; 0 without one. */
  readonly maskKey: number;
  /** The length of the header itself in bytes, 2 to 14. */
  readonly size: number;
}

const NAMES: readonly string[] = [
  "continuation",
  "text",
  "binary",
  "opcode 3",
  "opcode 4",
  "opcode 5",
  "opcode 6",
  "opcode 7",
  "close",
  "ping",
  "pong",
  "opcode 11",
  "opcode 12",
  "opcode 13",
  "opcode 14",
  "opcode 15",
];

/** Returns the name of an opcode, for messages and logs: `text`, `ping`, `opcode 11`. */
export function opcodeName(opcode: number): string {
  return NAMES[opcode] ?? `opcode ${opcode}`;
}

/**
 * Returns a short description of a frame header, for logs.
 *
 * @example
 * ```ts
 * import { decodeHeader, describeFrame } from "@honeybee/honeybee/protocol";
 *
 * const header = decodeHeader(new Uint8Array([0x81, 0x05]));
 * if (header) console.log(describeFrame(header)); // "text fin 5 B"
 * ```
 */
export function describeFrame(header: FrameHeader): string {
  return opcodeName(header.opcode) +
    (header.fin ? " fin" : "") +
    (header.rsv1 ? " rsv1" : "") +
    (header.rsv2 ? " rsv2" : "") +
    (header.rsv3 ? " rsv3" : "") +
    (header.masked ? " masked" : "") +
    ` ${header.length} B`;
}

/** Returns the size of the header of a frame with `length` bytes of payload, in bytes. */
export function headerSizeFor(length: number, masked: boolean): number {
  return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (masked ? 4 : 0);
}

/** Returns the size of a header in bytes, which its second byte determines. */
export function headerSizeOf(second: number): number {
  const length = second & 0x7f;
  return (length < 126 ? 2 : length === 126 ? 4 : 10) +
    (second >= 0x80 ? 4 : 0);
}

/**
 * Writes a frame header and returns the position of the payload.
 *
 * There must be enough space. The shortest length encoding is used (RFC 6455, section 5.2).
 *
 * @param first The first byte of the header: FIN, RSV and opcode.
 * @param key The masking key as a 32-bit integer; only used when `masked`.
 */
export function writeHeader(
  target: Uint8Array,
  at: number,
  first: number,
  length: number,
  masked: boolean,
  key: number,
): number {
  const bit = masked ? 0x80 : 0;
  target[at] = first;
  let next = at + 2;
  if (length < 126) {
    target[at + 1] = bit | length;
  } else if (length < 65_536) {
    target[at + 1] = bit | 126;
    target[at + 2] = length >>> 8;
    target[at + 3] = length;
    next = at + 4;
  } else {
    const high = Math.floor(length / 0x1_0000_0000);
    target[at + 1] = bit | 127;
    target[at + 2] = high >>> 24;
    target[at + 3] = high >>> 16;
    target[at + 4] = high >>> 8;
    target[at + 5] = high;
    target[at + 6] = length >>> 24;
    target[at + 7] = length >>> 16;
    target[at + 8] = length >>> 8;
    target[at + 9] = length;
    next = at + 10;
  }
  if (masked) {
    target[next] = key;
    target[next + 1] = key >>> 8;
    target[next + 2] = key >>> 16;
    target[next + 3] = key >>> 24;
    next += 4;
  }
  return next;
}

/** Returns the first byte of a frame header: FIN, RSV and opcode. */
function firstByteOf(header: FrameHeader): number {
  return (header.fin ? 0x80 : 0) | (header.rsv1 ? 0x40 : 0) |
    (header.rsv2 ? 0x20 : 0) | (header.rsv3 ? 0x10 : 0) | header.opcode;
}

/**
 * Encodes a frame header (RFC 6455, section 5.2), with the shortest length encoding.
 *
 * @param maskKey The masking key as a 32-bit integer, its first byte on the wire lowest;
 * only used when `header.masked`.
 */
export function encodeHeader(header: FrameHeader, maskKey = 0): Uint8Array {
  const bytes = new Uint8Array(headerSizeFor(header.length, header.masked));
  writeHeader(
    bytes,
    0,
    firstByteOf(header),
    header.length,
    header.masked,
    maskKey,
  );
  return bytes;
}

/** Reads four bytes as a masking key, the first one lowest. */
export function readKey(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8 |
    (bytes[at + 2] ?? 0) << 16 | (bytes[at + 3] ?? 0) << 24;
}

/**
 * Reads a payload length of 64 bits.
 *
 * @returns -1 if the most significant bit is set, which RFC 6455, section 5.2
 * forbids; `Infinity` for 2^53 or more, which a number cannot hold.
 */
function readLength64(bytes: Uint8Array, at: number): number {
  const high = (readKey(bytes, at) >>> 24) | ((bytes[at + 2] ?? 0) << 8) |
    ((bytes[at + 1] ?? 0) << 16) | ((bytes[at] ?? 0) << 24);
  if (high < 0) return -1;
  if (high > 0x1f_ffff) return Infinity;
  return high * 0x1_0000_0000 +
    ((bytes[at + 4] ?? 0) * 0x100_0000 + ((bytes[at + 5] ?? 0) << 16 |
      (bytes[at + 6] ?? 0) << 8 | (bytes[at + 7] ?? 0)));
}

/**
 * Decodes a frame header (RFC 6455, section 5.2).
 *
 * It only checks the length. Whether the frame is allowed at this point is decided by the receiver.
 *
 * @param offset Where in `bytes` the header begins.
 * @returns The header, or `undefined` if it is not complete yet.
 * @throws {ProtocolError} `length-not-minimal`, `length-too-large`.
 */
export function decodeHeader(
  bytes: Uint8Array,
  offset = 0,
): DecodedHeader | undefined {
  const first = bytes[offset];
  const second = bytes[offset + 1];
  if (first === undefined || second === undefined) return undefined;
  const size = headerSizeOf(second);
  if (offset + size > bytes.length) return undefined;
  const masked = second >= 0x80;
  return {
    fin: first >= 0x80,
    rsv1: (first & 0x40) !== 0,
    rsv2: (first & 0x20) !== 0,
    rsv3: (first & 0x10) !== 0,
    opcode: first & 0x0f,
    masked,
    length: decodeLength(bytes, offset, second & 0x7f, undefined),
    maskKey: masked ? readKey(bytes, offset + size - 4) : 0,
    size,
  };
}

/**
 * Decodes the payload length of a header whose 7-bit length is `short`.
 *
 * @param at Where in `bytes` the header begins.
 * @param streamOffset Where in the stream it begins, for the error.
 * @throws {ProtocolError} `length-not-minimal`, `length-too-large`.
 */
export function decodeLength(
  bytes: Uint8Array,
  at: number,
  short: number,
  streamOffset: number | undefined,
): number {
  if (short < 126) return short;
  const length = short === 126
    ? (bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0)
    : readLength64(bytes, at + 2);
  if (length >= (short === 126 ? 126 : 65_536) && length !== Infinity) {
    return length;
  }
  const offset = streamOffset === undefined ? undefined : streamOffset + 2;
  if (length === -1) {
    throw new ProtocolError(
      "length-too-large",
      "Cannot receive: the most significant bit of the payload length is set.",
      { offset, closeCode: 1002 },
    );
  }
  if (length === Infinity) {
    throw new ProtocolError(
      "length-too-large",
      "Cannot receive: the payload length is 2^53 or more.",
      { offset },
    );
  }
  throw new ProtocolError(
    "length-not-minimal",
    `Cannot receive: the payload length ${length} is encoded in ${
      short === 126 ? 16 : 64
    } bits, not in the fewest possible.`,
    { offset },
  );
}
