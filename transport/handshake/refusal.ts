import { HandshakeError } from "./errors.ts";
import { formatHead } from "./head.ts";

/** Headers that say where the response ends. */
const OWN_HEADERS = ["connection", "content-length", "transfer-encoding"];

/** What an HTTP response other than 101 says. */
export interface Refusal {
  /** More headers. @default none */
  /** Its headers, save those that say where it ends. @default none */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
  /** Plain text, unless a `Content-Type` says otherwise. @default "" */
  readonly body?: string | undefined;
}

/**
 * A whole response that refuses, after which the connection is closed.
 *
 * @throws {HandshakeError} `bad-header` for a header that is none, or a status outside 200 to 599.
 */
export function createRefusal(
  status: number,
  refusal: Refusal = {},
): Uint8Array {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new HandshakeError(
      "bad-header",
      `Cannot refuse as the status must be a whole number from 200 to 599: current value is ${status}`,
    );
  }
  const given = [...refusal.headers ?? []];
  const has = (wanted: string) =>
    given.some(([name]) => name.toLowerCase() === wanted);
  const bodiless = status === 204 || status === 304;
  const body = new TextEncoder().encode(bodiless ? "" : refusal.body ?? "");
  const content: [string, string][] = has("content-type")
    ? []
    : [["Content-Type", "text/plain; charset=utf-8"]];
  content.push(["Content-Length", String(body.length)]);
  const head = formatHead(`HTTP/1.1 ${status} ${REASONS[status] ?? ""}`, [
    ...(bodiless ? [] : content),
    ...given.filter(([name]) => !OWN_HEADERS.includes(name.toLowerCase())),
    // Whoever sends Upgrade has to name it here (RFC 9110, section 7.8).
    ["Connection", has("upgrade") ? "Upgrade, close" : "close"],
  ]);
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return whole;
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};
