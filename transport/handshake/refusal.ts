import { HandshakeError } from "./errors.ts";
import { formatHead } from "./head.ts";

/** Headers that frame the response. */
const OWN_HEADERS = ["connection", "content-length", "transfer-encoding"];
/** The media type of a description of a problem (RFC 9457). */
const PROBLEM_TYPE = "application/problem+json";

/** The parts of an HTTP response other than 101. */
export interface ResponseParts {
  /**
   * Its headers. Those that frame the response are left out.
   *
   * @default {none}
   */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
  /**
   * A text, whose type is `text/plain` unless a `Content-Type` is given, or bytes.
   *
   * @default {none}
   */
  readonly body?: string | Uint8Array | undefined;
  /**
   * Whether the body is left out, as in the response to a `HEAD` request (RFC 9110, section 9.3.2).
   *
   * @default {false}
   */
  readonly isHead?: boolean | undefined;
  /**
   * The time of day in epoch milliseconds, for the header `Date` (RFC 9110, section 6.6.1).
   *
   * @default {no such header is added}
   */
  readonly date?: number | undefined;
}

/**
 * Writes a whole response, after which the connection closes.
 *
 * @throws {HandshakeError} `bad-header` for a header that HTTP does not allow, or a status outside of 200 to 599.
 */
export function createResponse(
  status: number,
  { headers, body = "", isHead = false, date }: ResponseParts = {},
): Uint8Array {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new HandshakeError(
      "bad-header",
      `Cannot answer: the status must be a whole number from 200 to 599, and is ${status}.`,
    );
  }
  const given = [...headers ?? []];
  const has = (wanted: string) =>
    given.some(([name]) => name.toLowerCase() === wanted);
  const isBodiless = status === 204 || status === 304;
  const content = typeof body === "string"
    ? new TextEncoder().encode(body)
    : body;
  const framing: [string, string][] = [];
  if (date !== undefined && !has("date")) {
    framing.push(["Date", new Date(date).toUTCString()]);
  }
  if (!isBodiless) framing.push(["Content-Length", String(content.length)]);
  if (typeof body === "string" && content.length > 0 && !has("content-type")) {
    framing.unshift(["Content-Type", "text/plain; charset=utf-8"]);
  }
  const head = formatHead(`HTTP/1.1 ${status} ${REASONS[status] ?? ""}`, [
    ...framing,
    ...given.filter(([name]) => !OWN_HEADERS.includes(name.toLowerCase())),
    // A sender of Upgrade has to name it here (RFC 9110, section 7.8).
    ["Connection", has("upgrade") ? "Upgrade, close" : "close"],
  ]);
  if (isBodiless || isHead) return head;
  const whole = new Uint8Array(head.length + content.length);
  whole.set(head);
  whole.set(content, head.length);
  return whole;
}

/** A response that refuses a request, with a body that describes the problem (RFC 9457). */
export interface RefusalParts {
  /** The status. */
  readonly status: number;
  /** The headers, with the type of the body. */
  readonly headers: Headers;
  /** A JSON object with `type`, `title`, `status` and, if it is known, `detail`. */
  readonly body: string;
}

/**
 * Describes a refusal for a human and for a program (RFC 9457).
 *
 * @param headers More headers. Default: none.
 * @param detail What is wrong with this request. Default: only the status is described.
 */
export function describeProblem(
  status: number,
  headers?: Headers,
  detail?: string,
): RefusalParts {
  const typed = new Headers(headers);
  typed.set("content-type", PROBLEM_TYPE);
  const title = REASONS[status] ?? "";
  const problem = { type: "about:blank", title, status, detail };
  return { status, headers: typed, body: JSON.stringify(problem) };
}

/**
 * Returns the response to a request that failed with an error: its status, 400 if it has none, its headers, and its
 * message as the detail. A fault of the server itself (500) is not described.
 */
export function describeRefusal(error: HandshakeError): RefusalParts {
  const { status = 400, headers, message } = error;
  return describeProblem(
    status,
    headers,
    status === 500 ? undefined : message,
  );
}

/**
 * Writes the whole response to a request that failed with an error: see {@link describeRefusal}.
 *
 * @param isHead Whether it is the response to a `HEAD` request. Default: `false`.
 * @param date The time of day in epoch milliseconds, for the header `Date`. Default: no such header is added.
 */
export function createRefusal(
  error: HandshakeError,
  isHead = false,
  date?: number,
): Uint8Array {
  const { status, ...parts } = describeRefusal(error);
  return createResponse(status, { ...parts, isHead, date });
}

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};
