import { HandshakeError, type HandshakeErrorCode } from "./errors.ts";
import { isFieldValue, isRequestTarget, isToken } from "./token.ts";

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
      value.trim(),
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
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  /** For example `HTTP/1.1`. */
  readonly version: string;
  readonly headers: HeaderLines;
}

/** The head of a response (RFC 9112, section 4). */
export interface ResponseHead {
  readonly version: string;
  readonly status: number;
  /** The reason phrase, maybe empty. */
  readonly reason: string;
  readonly headers: HeaderLines;
}

const END = [0x0d, 0x0a, 0x0d, 0x0a];

/** Gathers the bytes of a head, up to its empty line; what follows is not touched. */
export class HeadReader {
  readonly #limit: number;
  readonly #bytes: number[] = [];
  /** How much of the end mark was seen. */
  #matched = 0;

  /** Takes heads of at most `limit` bytes. */
  constructor(limit: number = MAX_HEAD_SIZE) {
    this.#limit = limit;
  }

  /** Whether the empty line has come. */
  get done(): boolean {
    return this.#matched === END.length;
  }

  /** Whether anything has come. */
  get begun(): boolean {
    return this.#bytes.length > 0;
  }

  /** The head as text, once it is done. */
  get text(): string {
    let text = "";
    for (const byte of this.#bytes) text += String.fromCharCode(byte);
    return text;
  }

  /**
   * Takes bytes up to the end of the head.
   *
   * @returns How many it took: fewer than all only once it is done.
   * @throws {HandshakeError} `head-too-large`, with status 431.
   */
  push(bytes: Uint8Array): number {
    let taken = 0;
    for (const byte of bytes) {
      if (this.done) break;
      if (this.#bytes.length >= this.#limit) {
        throw new HandshakeError(
          "head-too-large",
          `The head must be at most ${this.#limit} bytes`,
          { status: 431 },
        );
      }
      this.#bytes.push(byte);
      this.#matched = byte === END[this.#matched]
        ? this.#matched + 1
        : byte === END[0]
        ? 1
        : 0;
      taken++;
    }
    return taken;
  }
}

/**
 * Parses the head of a request, strictly (RFC 9112).
 *
 * @throws {HandshakeError} `bad-request`, `bad-http-version` or `bad-header`, with the status to answer.
 */
export function parseRequestHead(text: string): RequestHead {
  const { first, headers } = parseLines(text, "bad-request");
  const [, method = "", target = "", version = ""] =
    /^(\S+) (\S+) (HTTP\/\d\.\d)$/.exec(first) ?? [];
  if (!isToken(method) || !isRequestTarget(target)) {
    throw refuse("bad-request", "the request line is not well-formed");
  }
  return { method, target, version, headers };
}

/**
 * Parses the head of a response, strictly (RFC 9112).
 *
 * @throws {HandshakeError} `bad-response` or `bad-header`.
 */
export function parseResponseHead(text: string): ResponseHead {
  const { first, headers } = parseLines(text, "bad-response");
  const [, version = "", status = "", reason = ""] =
    /^(HTTP\/\d\.\d) (\d{3})(?: (.*))?$/.exec(first) ?? [];
  if (version === "" || !isFieldValue(reason)) {
    throw refuse("bad-response", "the status line is not well-formed");
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
  if (!isFieldValue(first)) {
    throw refuse("bad-header", "the first line has bytes that are not allowed");
  }
  let text = `${first}\r\n`;
  for (const [name, value] of headers) {
    checkHeader(name, value);
    text += `${name}: ${value}\r\n`;
  }
  text += "\r\n";
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

/**
 * Refuses a header that is none (RFC 9110, section 5).
 *
 * @throws {HandshakeError} `bad-header`.
 */
export function checkHeader(name: string, value: string): void {
  if (!isToken(name)) {
    throw refuse(
      "bad-header",
      `the header name ${JSON.stringify(name)} is not a token`,
    );
  }
  if (!isFieldValue(value)) {
    throw refuse(
      "bad-header",
      `the value of ${name} has bytes that are not allowed`,
    );
  }
}

function parseLines(
  text: string,
  code: HandshakeErrorCode,
): { first: string; headers: HeaderLines } {
  const [first = "", ...lines] = text.slice(0, -END.length).split("\r\n");
  if (/[\r\n]/.test(first)) throw refuse(code, "a line must end with CR LF");
  if (lines.length > MAX_HEADERS) {
    throw new HandshakeError(
      "head-too-large",
      `A head must have at most ${MAX_HEADERS} headers`,
      { status: 431 },
    );
  }
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    // The white space around a value does not belong to it.
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    checkHeader(name, value);
    return [name, value];
  });
  return { first, headers: new HeaderLines(headers) };
}

function refuse(code: HandshakeErrorCode, why: string): HandshakeError {
  return new HandshakeError(code, `Cannot read the head: ${why}`, {
    status: 400,
  });
}
