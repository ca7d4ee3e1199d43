import { ProtocolError } from "./errors.ts";
import type { Role } from "./frame.ts";
import { findInvalidUtf8, isWholeUtf8 } from "./utf8.ts";

/** The purpose has been fulfilled (RFC 6455, section 7.4.1). */
export const CLOSE_NORMAL = 1000;
/** An endpoint goes away: a server stops, or the user leaves a page. */
export const CLOSE_GOING_AWAY = 1001;
/** A protocol error. */
export const CLOSE_PROTOCOL_ERROR = 1002;
/** A kind of data that the endpoint does not accept. */
export const CLOSE_UNSUPPORTED_DATA = 1003;
/** Never on the wire: the close frame had no code. */
export const CLOSE_NO_STATUS = 1005;
/** Never on the wire: the stream ended without a close frame. */
export const CLOSE_ABNORMAL = 1006;
/** Data that does not fit its type, such as text that is not UTF-8. */
export const CLOSE_INVALID_DATA = 1007;
/** A message against the endpoint's policy. */
export const CLOSE_POLICY_VIOLATION = 1008;
/** A message too big to process. */
export const CLOSE_TOO_BIG = 1009;
/** The server did not negotiate an extension that the client needs. */
export const CLOSE_MANDATORY_EXTENSION = 1010;
/** Something unexpected keeps the server from going on. */
export const CLOSE_INTERNAL_ERROR = 1011;
/** The service restarts (IANA registry). */
export const CLOSE_SERVICE_RESTART = 1012;
/** Try again later (IANA registry). */
export const CLOSE_TRY_AGAIN_LATER = 1013;
/** A gateway got an invalid answer (IANA registry). */
export const CLOSE_BAD_GATEWAY = 1014;
/** Never on the wire: the TLS handshake failed. */
export const CLOSE_TLS_HANDSHAKE = 1015;

/** The maximum length of a close reason in bytes of UTF-8: 125 of a control frame, minus 2 for the code. */
export const MAX_CLOSE_REASON = 123;

/** A close frame: its code and its reason. */
export interface CloseFrame {
  /** The close code (RFC 6455, section 7.4); 1005 if the frame has none. */
  readonly code: number;
  /** The reason, "" if the frame has none. */
  readonly reason: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Whether a close code may be on the wire (RFC 6455, section 7.4, and the IANA registry
 * of WebSocket close codes): 1000 to 1003, 1007 to 1014, 3000 to 4999.
 */
export function isValidCloseCode(code: number): boolean {
  return Number.isInteger(code) &&
    ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
      (code >= 3000 && code <= 4999));
}

/**
 * Whether an endpoint of this role may begin a close with a code: one that may be on the
 * wire, and 1010 only on a client (RFC 6455, section 7.4.1).
 */
export function isSendableCloseCode(code: number, role: Role): boolean {
  return isValidCloseCode(code) &&
    (role === "client" || code !== CLOSE_MANDATORY_EXTENSION);
}

/**
 * Encodes the body of a close frame (RFC 6455, section 5.5.1).
 *
 * A reason of more than 123 bytes is cut after the last whole character that fits. Without a code, or with 1005, the
 * body is empty.
 */
export function encodeCloseBody(code?: number, reason = ""): Uint8Array {
  if (code === undefined || code === CLOSE_NO_STATUS) return new Uint8Array(0);
  const body = new Uint8Array(2 + MAX_CLOSE_REASON);
  body[0] = code >>> 8;
  body[1] = code;
  const { written } = encoder.encodeInto(reason, body.subarray(2));
  return body.subarray(0, 2 + written);
}

/** Cuts a close reason to the 123 bytes of UTF-8 that fit into a close frame, after a whole character. */
export function truncateCloseReason(reason: string): string {
  return decoder.decode(encodeCloseBody(CLOSE_NORMAL, reason).subarray(2));
}

/**
 * Decodes the body of a close frame (RFC 6455, section 5.5.1).
 *
 * @param offset Where in the stream the body begins, for the error.
 * @throws {ProtocolError} `invalid-close-payload`, `invalid-close-code`, `invalid-utf8`.
 */
export function decodeCloseBody(
  body: Uint8Array,
  offset?: number,
): CloseFrame {
  const { length } = body;
  if (length === 0) return { code: CLOSE_NO_STATUS, reason: "" };
  if (length === 1) {
    throw new ProtocolError(
      "invalid-close-payload",
      "Cannot receive: the close frame has a body of 1 byte, and a close code has 2.",
      { offset },
    );
  }
  const code = (body[0] ?? 0) << 8 | (body[1] ?? 0);
  if (!isValidCloseCode(code)) {
    throw new ProtocolError(
      "invalid-close-code",
      `Cannot receive: the close code ${code} must not be sent.`,
      { offset },
    );
  }
  if (!isWholeUtf8(body, 2, length)) {
    const bad = findInvalidUtf8(body, 2, length);
    throw new ProtocolError(
      "invalid-utf8",
      "Cannot receive: the close reason is not UTF-8.",
      {
        offset: offset === undefined
          ? undefined
          : offset + (bad === -1 ? length : bad),
      },
    );
  }
  return { code, reason: decoder.decode(body.subarray(2)) };
}
