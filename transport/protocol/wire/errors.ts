/**
 * The errors of the protocol core.
 *
 * @module
 */

/**
 * The codes of a {@link ProtocolError}: the rule that the peer broke.
 *
 * - `reserved-bits`: an RSV bit that no extension gave a meaning (RFC 6455, section 5.2).
 * - `reserved-opcode`: an opcode that has no meaning (section 5.2).
 * - `mask-missing`: a client sent an unmasked frame (section 5.1).
 * - `mask-unexpected`: a server sent a masked frame (section 5.1).
 * - `length-not-minimal`: a payload length in more bytes than it needs (section 5.2).
 * - `length-too-large`: a payload length of 2^53 or more.
 * - `control-fragmented`: a control frame without FIN (section 5.5).
 * - `control-too-long`: a control frame of more than 125 bytes (section 5.5).
 * - `unexpected-continuation`: a continuation frame with nothing to continue (section 5.4).
 * - `unfinished-message`: a new message inside an unfinished one (section 5.4).
 * - `invalid-utf8`: text that is not UTF-8 (section 8.1).
 * - `invalid-close-code`: a close code that must not be on the wire (section 7.4).
 * - `invalid-close-payload`: a close frame with a body of one byte (section 5.5.1).
 * - `frame-too-large`, `message-too-large`, `too-many-fragments`: a limit was exceeded.
 * - `invalid-deflate-data`: a compressed message that cannot be inflated (RFC 7692).
 */
export type ProtocolErrorCode =
  | "reserved-bits"
  | "reserved-opcode"
  | "mask-missing"
  | "mask-unexpected"
  | "length-not-minimal"
  | "length-too-large"
  | "control-fragmented"
  | "control-too-long"
  | "unexpected-continuation"
  | "unfinished-message"
  | "invalid-utf8"
  | "invalid-close-code"
  | "invalid-close-payload"
  | "frame-too-large"
  | "message-too-large"
  | "too-many-fragments"
  | "invalid-deflate-data";

/**
 * The close code that answers each violation (RFC 6455, section 7.4.1).
 *
 * Too many fragments answer with 1009 as well: the limit bounds what a message
 * may cost, just as a limit on its size does.
 */
const CLOSE_CODES: Readonly<Record<ProtocolErrorCode, number>> = {
  "reserved-bits": 1002,
  "reserved-opcode": 1002,
  "mask-missing": 1002,
  "mask-unexpected": 1002,
  "length-not-minimal": 1002,
  "length-too-large": 1009,
  "control-fragmented": 1002,
  "control-too-long": 1002,
  "unexpected-continuation": 1002,
  "unfinished-message": 1002,
  "invalid-utf8": 1007,
  "invalid-close-code": 1002,
  "invalid-close-payload": 1002,
  "frame-too-large": 1009,
  "message-too-large": 1009,
  "too-many-fragments": 1009,
  "invalid-deflate-data": 1007,
};

/** Details of a {@link ProtocolError}. */
export interface ProtocolErrorOptions extends ErrorOptions {
  /**
   * The close code to answer with.
   *
   * @default {the one that RFC 6455, section 7.4.1 has for the violation}
   */
  readonly closeCode?: number;
  /**
   * Where in the incoming stream the violation was found, in bytes from the
   * first byte after the handshake.
   *
   * @default {undefined}
   */
  readonly offset?: number | undefined;
}

/**
 * The peer broke a rule of RFC 6455 or RFC 7692, or exceeded a limit.
 *
 * @example
 * ```ts
 * import { ProtocolError } from "@honeybee/honeybee/protocol";
 *
 * const error = new ProtocolError("mask-missing", "Cannot receive: no mask.", {
 *   offset: 12,
 * });
 * console.log(error.closeCode); // 1002
 * console.log(error.message); // "Cannot receive: no mask (at byte 12 of the stream)."
 * ```
 */
export class ProtocolError extends Error {
  /** The name of the class. */
  override readonly name = "ProtocolError";
  /** The rule that was broken. */
  readonly code: ProtocolErrorCode;
  /** The close code that answers the violation (RFC 6455, section 7.4.1): 1002, 1007 or 1009. */
  readonly closeCode: number;
  /** The offset in the incoming stream at which the violation was found, in bytes, if it is known. */
  readonly offset: number | undefined;

  /** Makes an error with a code and a message; the message is completed with the offset. */
  constructor(
    code: ProtocolErrorCode,
    message: string,
    options: ProtocolErrorOptions = {},
  ) {
    super(
      options.offset === undefined ? message : message.replace(
        /\.?$/,
        ` (at byte ${options.offset} of the stream)$&`,
      ),
      "cause" in options ? { cause: options.cause } : undefined,
    );
    this.code = code;
    this.closeCode = options.closeCode ?? CLOSE_CODES[code];
    this.offset = options.offset;
  }
}

/**
 * Returns the error for text that is not UTF-8.
 *
 * @param offset The offset of the bad byte in the stream.
 */
export function invalidUtf8(offset: number | undefined): ProtocolError {
  return new ProtocolError(
    "invalid-utf8",
    "Cannot receive: the text is not UTF-8.",
    { offset },
  );
}

/** Returns the error for a text that is too long for a string. */
export function textTooLong(cause: unknown): ProtocolError {
  return new ProtocolError(
    "message-too-large",
    "Cannot receive: the text is longer than a string can be.",
    { cause },
  );
}
