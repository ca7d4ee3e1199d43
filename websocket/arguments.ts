/** The arguments of the constructor and of `close`, as the WebSockets Standard wants them checked. */

import { Buffer } from "node:buffer";
import { isToken } from "../transport/handshake/token.ts";
import { MAX_CLOSE_REASON } from "../transport/protocol/wire/close.ts";
import { toText } from "./payload.ts";

/**
 * The URL that a constructor was given; `http:` becomes `ws:`, `https:` becomes `wss:`.
 *
 * @throws {DOMException} `SyntaxError` if it is not an absolute URL of one of these schemes without a fragment.
 */
export function parseUrl(given: string | URL): URL {
  const text = toText(given);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw syntaxError(
      `Cannot connect: ${JSON.stringify(text)} is not an absolute URL.`,
    );
  }
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw syntaxError(
      `Cannot connect: the scheme of the URL is ${url.protocol} and must be ws:, wss:, http: or https:.`,
    );
  }
  // An empty fragment leaves a trace in `href` alone.
  if (url.href.includes("#")) {
    throw syntaxError("Cannot connect: the URL must not have a fragment.");
  }
  return url;
}

/**
 * The subprotocols that a constructor was given: a list, `null` for none, everything else for one.
 *
 * @throws {DOMException} `SyntaxError` if one is not a token (RFC 9110, section 5.6.2) or occurs twice in any case.
 */
export function parseProtocols(
  given: string | Iterable<string> | null,
): string[] {
  const protocols = typeof given === "object"
    ? [...given ?? []].map(toText)
    : [toText(given)];
  const seen = new Set<string>();
  for (const protocol of protocols) {
    const key = protocol.toLowerCase();
    if (!isToken(protocol) || seen.has(key)) {
      throw syntaxError(
        `Cannot connect: the subprotocol ${JSON.stringify(protocol)} ${
          seen.has(key) ? "occurs twice" : "is not a token"
        }. Each must be a token of HTTP, and occur once.`,
      );
    }
    seen.add(key);
  }
  return protocols;
}

/**
 * The code that `close` was given, `undefined` for none: a number between 0 and 65535, as Web IDL clamps it.
 *
 * @throws {DOMException} `InvalidAccessError` if it is neither 1000 nor from 3000 to 4999.
 */
export function parseCloseCode(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  const code = clamp(Number(given));
  if (code !== 1000 && (code < 3000 || code > 4999)) {
    throw new DOMException(
      `Cannot close: the code must be 1000 or from 3000 to 4999, and is ${code}.`,
      "InvalidAccessError",
    );
  }
  return code;
}

/** The nearest number between 0 and 65535, of two the even one (Web IDL, `[Clamp] unsigned short`). */
function clamp(value: number): number {
  const bounded = Math.min(Math.max(value || 0, 0), 65_535);
  const rounded = Math.round(bounded);
  return rounded - bounded === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/**
 * The reason that `close` was given, "" for none.
 *
 * @throws {DOMException} `SyntaxError` if it has more than 123 bytes of UTF-8.
 */
export function parseCloseReason(given: unknown): string {
  const reason = given === undefined ? "" : toText(given);
  const size = Buffer.byteLength(reason);
  if (size > MAX_CLOSE_REASON) {
    throw syntaxError(
      `Cannot close: the reason has ${size} bytes of UTF-8 and may have at most ${MAX_CLOSE_REASON}.`,
    );
  }
  return reason;
}

function syntaxError(message: string): DOMException {
  return new DOMException(message, "SyntaxError");
}
