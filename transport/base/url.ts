import { ConfigError } from "./errors.ts";

/** RFC 3986, appendix B, for URLs with an authority. */
const PARTS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/i;

/**
 * The form of a WebSocket URL (RFC 6455, section 3) by which pools know a peer.
 *
 * Scheme and host are lower-cased; a default port and the slash of an empty path
 * are dropped. Path and query stay as they are, save that what may not stand in
 * a request line (blanks, non-ASCII) is percent-encoded.
 *
 * @example
 * ```ts
 * import { normalizeUrl } from "@honeybee/honeybee";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normalizeUrl("WSS://Relay.Example:443/"), "wss://relay.example");
 * ```
 *
 * @throws {ConfigError} `invalid-url` when the scheme is neither `ws:` nor `wss:`, when
 * there is no host, or when there is a fragment, a user name or a password.
 */
export function normalizeUrl(url: string | URL): string {
  const given = String(url);
  let parsed: URL;
  try {
    parsed = new URL(given);
  } catch (cause) {
    throw refusal(given, "an absolute ws: or wss: URL", cause);
  }
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:") {
    throw refusal(given, "a ws: or wss: URL");
  }
  // An empty fragment or user name leaves no trace in the parsed form.
  const [, , authority = "", path = "", query = ""] =
    PARTS.exec(given.trim()) ?? [];
  if (given.includes("#")) throw refusal(given, "a URL without a fragment");
  if (authority.includes("@")) {
    throw refusal(given, "a URL without credentials");
  }
  if (authority === "") throw refusal(given, "a URL with a host");
  const target = path === "/" ? "" : path;
  return `${parsed.protocol}//${parsed.host}${encode(target)}${
    query === "?" ? "" : encode(query)
  }`;
}

/** A URL as it may stand in a log: without its query, which may hold secrets. */
export function urlForLog(url: string): string {
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}

function encode(text: string): string {
  return text.replace(/[^\x21-\x7e]+/gu, (run) => encodeURIComponent(run));
}

function refusal(given: string, rule: string, cause?: unknown): ConfigError {
  // Neither credentials nor a query belong into a message that gets logged.
  const shown = urlForLog(given).replace(/\/\/[^/@]*@/, "//***@");
  return new ConfigError(
    "invalid-url",
    "url",
    `Cannot use URL as it must be ${rule}: current value is ${
      JSON.stringify(shown)
    }`,
    cause === undefined ? undefined : { cause },
  );
}
