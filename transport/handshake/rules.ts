import { HandshakeError, type HandshakeErrorCode } from "./errors.ts";
import type { HeaderLines } from "./headers.ts";
import { refuseOption } from "../base/options.ts";
import { isHost, isToken, isUpgrade, listItems } from "./token.ts";

/** The version of the protocol (RFC 6455, section 4.1). */
export const VERSION = "13";

/** Headers that the handshake itself sets, and those that frame a body, which a handshake does not have. */
const OWN_HEADERS = [
  "connection",
  "content-length",
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "transfer-encoding",
  "upgrade",
];

/** The protocol tokens that a side is willing to upgrade to (RFC 9110, section 7.8), the preferred one first. */
export type UpgradeTokens = string | readonly string[];

/**
 * Checks the option `upgrade`.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkUpgradeTokens(upgrade: unknown): void {
  const tokens: unknown = Array.isArray(upgrade) ? upgrade : [upgrade];
  const fits = Array.isArray(tokens) && tokens.length > 0 &&
    tokens.every((token) => typeof token === "string" && isUpgrade(token));
  if (!fits) {
    throw refuseOption(
      "upgrade",
      "an HTTP token such as websocket, or a list of them",
      upgrade,
    );
  }
}

/** Returns protocol tokens as a list. */
export function tokensOf(upgrade: UpgradeTokens): readonly string[] {
  return typeof upgrade === "string" ? [upgrade] : upgrade;
}

/** Whether two protocol tokens are the same: their case does not count. */
export function isSameToken(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Whether a protocol token is that of RFC 6455. */
export function isWebSocket(upgrade: string): boolean {
  return isSameToken(upgrade, "websocket");
}

/** Whether a header that is a list of tokens has a certain one, in any case. */
export function hasToken(
  headers: HeaderLines,
  name: string,
  token: string,
): boolean {
  return listItems(headers.get(name) ?? "").some((item) =>
    isSameToken(item, token)
  );
}

/**
 * Refuses subprotocols that are not tokens or that repeat (RFC 6455, section 4.1).
 *
 * @throws {HandshakeError} `bad-protocol`, without a status.
 */
export function checkProtocols(protocols: readonly string[]): void {
  for (const protocol of protocols) {
    if (!isToken(protocol)) {
      throw refuse(
        "bad-protocol",
        `the subprotocol ${JSON.stringify(protocol)} is not a token`,
      );
    }
  }
  if (new Set(protocols).size < protocols.length) {
    throw refuse("bad-protocol", "a subprotocol is repeated");
  }
}

/**
 * Returns the caller's headers, which must not be those of the handshake.
 *
 * @throws {HandshakeError} `bad-header`, without a status.
 */
export function checkForeign(
  headers: Iterable<readonly [string, string]> | undefined,
): (readonly [string, string])[] {
  const lines = [...headers ?? []];
  for (const [name] of lines) {
    if (OWN_HEADERS.includes(name.toLowerCase())) {
      throw refuse("bad-header", `the handshake itself sets ${name}`);
    }
  }
  return lines;
}

/**
 * Refuses a `Host` that a request must not have. `undefined` counts as left out.
 *
 * @throws {HandshakeError} `bad-host`, without a status.
 */
export function checkHost(host: string | undefined): void {
  if (host === undefined || isHost(host)) return;
  throw refuse(
    "bad-host",
    "there must be one Host, a name or an address with an optional port",
  );
}

/** Whether a value is a boolean. */
export function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}

/** Returns an error without a status. */
export function refuse(code: HandshakeErrorCode, why: string): HandshakeError {
  return new HandshakeError(code, `Cannot make the handshake: ${why}.`);
}
