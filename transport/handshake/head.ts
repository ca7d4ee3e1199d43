import { HandshakeError } from "./errors.ts";
import { headError, type HeadKind, tooLarge } from "./head_reader.ts";
import { headerFault, HeaderLines } from "./headers.ts";
import { isFieldValue, isRequestTarget, isToken, trimBlanks } from "./token.ts";

/** The maximum number of header lines of a head. */
export const MAX_HEADERS = 100;

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
  /** The reason phrase, possibly empty. */
  readonly reason: string;
  /** The header lines. */
  readonly headers: HeaderLines;
}

/**
 * Parses the head of a request, strictly (RFC 9112).
 *
 * @throws {HandshakeError} `bad-request`, `bad-header` or `head-too-large`, with the status of the response.
 */
export function parseRequestHead(text: string): RequestHead {
  const { first, headers } = parseLines(text, "request");
  const [, method = "", target = "", version = ""] =
    /^(\S+) (\S+) (HTTP\/\d\.\d)$/.exec(first) ?? [];
  if (!isToken(method) || !isRequestTarget(target)) {
    throw headError(
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
    throw headError(
      "response",
      "bad-response",
      "the status line is not well-formed",
    );
  }
  return { version, status: Number(status), reason, headers };
}

/**
 * Writes a head: its first line, its header lines and the empty line.
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
    throw new HandshakeError("bad-header", `Cannot write the head: ${fault}.`);
  }
  text += "\r\n";
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

function parseLines(
  text: string,
  kind: HeadKind,
): { first: string; headers: HeaderLines } {
  const [first = "", ...lines] = text.slice(0, -"\r\n\r\n".length)
    .split("\r\n");
  if (lines.length > MAX_HEADERS) {
    throw tooLarge(kind, `${MAX_HEADERS} header lines`);
  }
  const unfolded = kind === "response" ? unfold(lines) : lines;
  const headers = unfolded.map((line): [string, string] => {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    const value = line.slice(colon + 1);
    const fault = colon < 0
      ? "a header line is folded or has no colon"
      : headerFault(name, value);
    if (fault !== undefined) throw headError(kind, "bad-header", fault);
    return [name, value];
  });
  return { first, headers: new HeaderLines(headers) };
}

/** Joins the lines of folded values. A client has to do that, and a server may refuse them (RFC 9112, section 5.2). */
function unfold(lines: readonly string[]): string[] {
  const unfolded: string[] = [];
  for (const line of lines) {
    const previous = /^[ \t]/.test(line) ? unfolded.pop() : undefined;
    unfolded.push(
      previous === undefined ? line : `${previous} ${trimBlanks(line)}`,
    );
  }
  return unfolded;
}
