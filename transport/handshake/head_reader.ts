import { HandshakeError, type HandshakeErrorCode } from "./errors.ts";

/** The largest head by default, in bytes, from its first line to the empty line. */
export const MAX_HEAD_SIZE = 16_384;
/** The maximum number of empty lines before a request line. */
export const MAX_EMPTY_LINES = 8;

/**
 * Whose head it is. The error for a malformed request has the status of the response; that for a malformed response has
 * none.
 */
export type HeadKind = "request" | "response";

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DELETE = 0x7f;
/** The first byte of TLS: a record with an alert, or with a message of the handshake (RFC 8446, section 5.1). */
const TLS_RECORDS = [0x15, 0x16];
/** What every response begins with (RFC 9112, section 4). */
const RESPONSE_START = "HTTP/";
const LINE_END_LENGTH = 2;
const HEAD_END_LENGTH = 4;
const INITIAL_SIZE = 512;
/** The number of code units that one call of `fromCharCode` takes. */
const TEXT_STEP = 4_096;

/**
 * Collects the bytes of a head up to its empty line and leaves the bytes after it untouched.
 *
 * - Bytes that no head can have are refused as they come, so that a peer which speaks another protocol is not
 *   waited for.
 * - Empty lines before a request line are skipped (RFC 9112, section 2.2), at most {@link MAX_EMPTY_LINES}.
 */
export class HeadReader {
  readonly #kind: HeadKind;
  readonly #limit: number;
  #bytes: Uint8Array;
  #size = 0;
  /** How many bytes of the end mark, CR LF CR LF, have been seen. */
  #matched = 0;
  #emptyLines = 0;

  /** Reads a head of at most `limit` bytes, the empty line included. */
  constructor(kind: HeadKind, limit: number = MAX_HEAD_SIZE) {
    this.#kind = kind;
    this.#limit = limit;
    this.#bytes = new Uint8Array(Math.min(limit, INITIAL_SIZE));
  }

  /** Whether the empty line has come. */
  get done(): boolean {
    return this.#matched === HEAD_END_LENGTH;
  }

  /** The head as text, one character for each byte, once it is done. */
  get text(): string {
    let text = "";
    for (let at = 0; at < this.#size; at += TEXT_STEP) {
      const end = Math.min(at + TEXT_STEP, this.#size);
      text += String.fromCharCode(...this.#bytes.subarray(at, end));
    }
    return text;
  }

  /**
   * Takes bytes up to the end of the head.
   *
   * @returns How many bytes it took: fewer than all only once it is done.
   * @throws {HandshakeError} `head-too-large`; `bad-header` for a control character, and for a CR
   * or an LF that stands alone (RFC 9112, section 2.2); `bad-response` for a response that does not begin as HTTP.
   */
  push(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length && !this.done) {
      const byte = bytes[taken++] ?? 0;
      if (this.#size === this.#limit) {
        throw tooLarge(this.#kind, `${this.#limit} bytes`);
      }
      if (this.#size === this.#bytes.length) this.#grow();
      this.#bytes[this.#size++] = byte;
      this.#match(byte);
      if (this.#size <= RESPONSE_START.length) this.#checkStart(byte);
      if (this.#size === LINE_END_LENGTH) this.#skipEmptyLine();
    }
    return taken;
  }

  #match(byte: number): void {
    const afterCr = this.#matched % 2 === 1;
    if (afterCr !== (byte === LF)) {
      throw headError(this.#kind, "bad-header", "a line must end with CR LF");
    }
    if (afterCr || byte === CR) {
      this.#matched++;
      return;
    }
    this.#matched = 0;
    if ((byte < SPACE && byte !== TAB) || byte === DELETE) {
      throw headError(
        this.#kind,
        "bad-header",
        this.#size === 1 && TLS_RECORDS.includes(byte)
          ? "it begins as TLS does. One side speaks TLS, and the other does not"
          : "its head has a control character",
      );
    }
  }

  #checkStart(byte: number): void {
    if (
      this.#kind === "request" ||
      byte === RESPONSE_START.charCodeAt(this.#size - 1)
    ) return;
    throw headError(
      this.#kind,
      "bad-response",
      `it does not begin with "${RESPONSE_START}". The server on this port speaks another protocol`,
    );
  }

  /** Forgets the first line if it is empty. */
  #skipEmptyLine(): void {
    const skips = this.#kind === "request" &&
      this.#matched === LINE_END_LENGTH;
    if (!skips) return;
    if (this.#emptyLines++ === MAX_EMPTY_LINES) {
      throw headError(
        this.#kind,
        "bad-request",
        `at most ${MAX_EMPTY_LINES} empty lines may precede the request line`,
      );
    }
    this.#size = 0;
    this.#matched = 0;
  }

  #grow(): void {
    const larger = new Uint8Array(
      Math.min(2 * this.#bytes.length, this.#limit),
    );
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Returns the error for a head that exceeds a limit. */
export function tooLarge(kind: HeadKind, limit: string): HandshakeError {
  return new HandshakeError(
    "head-too-large",
    `Cannot read the ${kind}: its head has more than the maximum of ${limit}.`,
    kind === "request" ? { status: 431 } : {},
  );
}

/** Returns the error for a head that is not HTTP/1.1. */
export function headError(
  kind: HeadKind,
  code: HandshakeErrorCode,
  why: string,
): HandshakeError {
  return new HandshakeError(
    code,
    `Cannot complete the handshake: the ${kind} is not HTTP/1.1: ${why}.`,
    kind === "request" ? { status: 400 } : {},
  );
}
