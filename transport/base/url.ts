import { ConfigError } from "./errors.ts";

/** A scheme and a host, as `URL` reads them: it takes a backslash for a slash. */
const ABSOLUTE = /^[a-z][-a-z\d+.]*:[\\/]{2}[^\\/]/i;

/**
 * Returns the normal form of a WebSocket URL (RFC 6455, section 3). Pools identify a peer by it, and every dialer
 * requests exactly this URL.
 *
 * It is the form that `URL` gives (the WHATWG standard): scheme and host in lower case, no default port, dot segments
 * resolved, backslashes in the path replaced by slashes, and characters percent-encoded that a request must not
 * contain. The slash of an empty path and an empty query are removed. `http:` and `https:` become `ws:` and `wss:`, as
 * with the WebSockets of browsers.
 *
 * @example
 * ```ts
 * import { normalizeUrl } from "@honeybee/honeybee";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normalizeUrl("WSS://Relay.Example:443/"), "wss://relay.example");
 * assertEquals(normalizeUrl("https://a.example/b c"), "wss://a.example/b%20c");
 * ```
 *
 * @throws {ConfigError} `invalid-url` if the scheme is none of these four, if there is no host, if the port is 0, if
 * there is a fragment, a user name or a password, or if the text is not well-formed Unicode.
 */
export function normalizeUrl(url: string | URL): string {
  const given = String(url);
  const parsed = given.isWellFormed() ? URL.parse(given) : null;
  if (parsed === null) throw refusal(given, "an absolute ws: or wss: URL");
  const scheme = SCHEMES[parsed.protocol];
  if (scheme === undefined) throw refusal(given, "a ws: or wss: URL");
  // An empty fragment leaves no trace in the parsed form, a missing host is filled from the path.
  if (given.includes("#")) throw refusal(given, "a URL without a fragment");
  if (!ABSOLUTE.test(trim(given))) throw refusal(given, "a URL with a host");
  if (parsed.username !== "" || parsed.password !== "") {
    throw refusal(
      given,
      "a URL without credentials: send an Authorization header",
    );
  }
  // No server can listen on it.
  if (parsed.port === "0") {
    throw refusal(given, "a URL with a port from 1 to 65535");
  }
  const path = parsed.pathname === "/" ? "" : parsed.pathname;
  const normal = `${scheme}//${parsed.host}${path}${parsed.search}`;
  // The given string where it is the same: ten thousand peers each keep their URL, and need it once.
  return normal === given ? given : normal;
}

const SCHEMES: Readonly<Record<string, string>> = {
  "ws:": "ws:",
  "wss:": "wss:",
  "http:": "ws:",
  "https:": "wss:",
};

/** Removes what `URL` ignores: blanks and control characters around a URL, tabs and line ends within it. */
function trim(url: string): string {
  return url.replace(/^[\0-\x20]+|[\t\n\r]/g, "");
}

/** Returns a URL as it may be logged: without its query and fragment, which may hold secrets. */
export function urlForLog(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

/** Returns a URL, or what was given as one, as a message may contain it: without credentials, query and fragment. */
export function urlForMessage(url: string): string {
  return urlForLog(url).replace(/[\\/]{2}.*@/s, "//***@");
}

function refusal(given: string, rule: string): ConfigError {
  const shown = urlForMessage(given);
  return new ConfigError(
    "invalid-url",
    "url",
    `Cannot use the URL ${JSON.stringify(shown)}: it must be ${rule}.`,
  );
}
