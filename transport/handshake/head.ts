import { HandshakeError, type HandshakeErrorCode } from "./errors.ts";
import { isFieldValue, isRequestTarget, isToken, trimBlanks } from "./token.ts";

/** Most bytes of a head, from its first line to the empty one. */
export const MAX_HEAD_SIZE = 16_384;
/** Most header lines of a head. */
export const MAX_HEADERS = 100;

/** The header lines of a head, in order, duplicates too. */
export class HeaderLines {
  readonly #lines: readonly (readonly [name: string, value: string])[];

  /** Takes lines whose names may be in any case. */
  constructor(lines: Iterable<readonly [string, string]>) {
    this.#lines = [...lines].map(([name, value]) => [
      name.toLowerCase(),
      trimBlanks(value),
    ]);
  }

  /** All values of a header, in order. The name in lower case. */
  all(name: string): string[] {
    return this.#lines.filter((line) => line[0] === name).map((line) =>
      line[1]
    );
  }

  /** The values of a header as one, joined by commas (RFC 9110, section 5.3); `undefined` without any. */
  get(name: string): string | undefined {
    const values = this.all(name);
    return values.length === 0 ? undefined : values.join(", ");
  }

  /** The same as a `Headers`. */
  toHeaders(): Headers {
    const headers = new Headers();
    for (const [name, value] of this.#lines) headers.append(name, value);
    return headers;
  }

  /** Every line. */
  [Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    return this.#lines[Symbol.iterator]();
  }
}

/** The head of a request (RFC 9112, section 3). */
export interface RequestHead {
  /** The method, for example `GET`. */
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  /** For example `HTTP/1.1`. */
  readonly version: string;
  /** The header lines. */
  readonly headers: HeaderLines;
}

/** The head of a response (RFC 9112, section 4). */
export interface ResponseHead {
  /** For example `HTTP/1.1`. */
  readonly version: string;
  /** The status code. */
  readonly status: number;
  /** The reason phrase, maybe empty. */
  readonly reason: string;
  /** The header lines. */
  readonly headers: HeaderLines;
}

/** Whose head it is: what is wrong with a request has a status to answer with, a response has none. */
export type HeadKind = "request" | "response";

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DELETE = 0x7f;
const END_LENGTH = 4;
const FIRST_SIZE = 512;
/** Code units that one call of `fromCharCode` takes at a time. */
const TEXT_STEP = 4_096;

/**
 * Gathers the bytes of a head, up to its empty line; what follows is not touched.
 *
 * Bytes that no head can have are refused as they come: who speaks another protocol is not
 * waited for.
 */
export class HeadReader {
  readonly #kind: HeadKind;
  readonly #limit: number;
  #bytes: Uint8Array;
  #size = 0;
  /** How much of the end mark, CR LF CR LF, was seen. */
  #matched = 0;

  /** Takes a head of at most `limit` bytes, the empty line included. */
  constructor(kind: HeadKind, limit: number = MAX_HEAD_SIZE) {
    this.#kind = kind;
    this.#limit = limit;
    this.#bytes = new Uint8Array(Math.min(limit, FIRST_SIZE));
  }

  /** Whether the empty line has come. */
  get done(): boolean {
    return this.#matched === END_LENGTH;
  }

  /** The head as text, a character for each byte, once it is done. */
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
   * @returns How many it took: fewer than all only once it is done.
   * @throws {HandshakeError} `head-too-large`; `bad-header` for a control character, and for a CR
   * or an LF that stands alone (RFC 9112, section 2.2).
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
    }
    return taken;
  }

  #match(byte: number): void {
    const afterCr = this.#matched % 2 === 1;
    if (afterCr !== (byte === LF)) {
      throw refuse(this.#kind, "bad-header", "a line must end with CR LF");
    }
    if (afterCr || byte === CR) {
      this.#matched++;
      return;
    }
    this.#matched = 0;
    if ((byte < SPACE && byte !== TAB) || byte === DELETE) {
      throw refuse(this.#kind, "bad-header", "it has a control character");
    }
  }

  #grow(): void {
    const larger = new Uint8Array(
      Math.min(2 * this.#bytes.length, this.#limit),
    );
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/**
 * Parses the head of a request, strictly (RFC 9112).
 *
 * @throws {HandshakeError} `bad-request`, `bad-header` or `head-too-large`, with the status to answer.
 */
export function parseRequestHead(text: string): RequestHead {
  const { first, headers } = parseLines(text, "request");
  const [, method = "", target = "", version = ""] =
    /^(\S+) (\S+) (HTTP\/\d\.\d)$/.exec(first) ?? [];
  if (!isToken(method) || !isRequestTarget(target)) {
    throw refuse(
      "request",
      "bad-request",
      "the request line is not well-formed",
    );
  }
  return { method, target, version, headers };
}

/**
 * Parses the head of a response, strictly (RFC 9112).
 *
 * @throws {HandshakeError} `bad-response`, `bad-header` or `head-too-large`, without a status: none came.
 */
export function parseResponseHead(text: string): ResponseHead {
  const { first, headers } = parseLines(text, "response");
  const [, version = "", status = "", reason = ""] =
    /^(HTTP\/\d\.\d) ([1-9]\d{2})(?: (.*))?$/.exec(first) ?? [];
  if (version === "" || !isFieldValue(reason)) {
    throw refuse(
      "response",
      "bad-response",
      "the status line is not well-formed",
    );
  }
  return { version, status: Number(status), reason, headers };
}

/**
 * Writes a head: its first line, its header lines and the empty one.
 *
 * @throws {HandshakeError} `bad-header` for a name or a value that could break out of its line.
 */
export function formatHead(
  first: string,
  headers: Iterable<readonly [string, string]>,
): Uint8Array {
  let fault = isFieldValue(first)
    ? undefined
    : "the first line has bytes that are not allowed";
  let text = `${first}\r\n`;
  for (const [name, value] of headers) {
    fault ??= headerFault(name, value);
    text += `${name}: ${value}\r\n`;
  }
  if (fault !== undefined) {
    throw new HandshakeError("bad-header", `Cannot write the head: ${fault}`);
  }
  text += "\r\n";
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

/** What is wrong with a header (RFC 9110, section 5), `undefined` when nothing is. */
function headerFault(name: string, value: string): string | undefined {
  if (!isToken(name)) {
    return `the header name ${JSON.stringify(name)} is not a token`;
  }
  return isFieldValue(value)
    ? undefined
    : `the value of ${name} has bytes that are not allowed`;
}

function parseLines(
  text: string,
  kind: HeadKind,
): { first: string; headers: HeaderLines } {
  const [first = "", ...lines] = text.slice(0, -END_LENGTH).split("\r\n");
  if (lines.length > MAX_HEADERS) {
    throw tooLarge(kind, `${MAX_HEADERS} headers`);
  }
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    const value = line.slice(colon + 1);
    const fault = headerFault(name, value);
    if (fault !== undefined) throw refuse(kind, "bad-header", fault);
    return [name, value];
  });
  return { first, headers: new HeaderLines(headers) };
}

function tooLarge(kind: HeadKind, limit: string): HandshakeError {
  return new HandshakeError(
    "head-too-large",
    `Cannot read the head as it must be at most ${limit}`,
    kind === "request" ? { status: 431 } : {},
  );
}

function refuse(
  kind: HeadKind,
  code: HandshakeErrorCode,
  why: string,
): HandshakeError {
  return new HandshakeError(
    code,
    `Cannot read the head: ${why}`,
    kind === "request" ? { status: 400 } : {},
  );
}
