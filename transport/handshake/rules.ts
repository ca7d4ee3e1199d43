import { HandshakeError, type HandshakeErrorCode } from "./errors.ts";
import type { HeaderLines } from "./head.ts";
import { isToken, listItems } from "./token.ts";

/** The version of the protocol (RFC 6455, section 4.1). */
export const VERSION = "13";

/** Headers that the handshake sets by itself, and those of a body, which there is none of. */
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

/** Whether a protocol token is that of RFC 6455. */
export function isWebSocket(upgrade: string): boolean {
  return upgrade.toLowerCase() === "websocket";
}

/** Whether a header that is a list of tokens has one, which is given in lower case. */
export function hasToken(
  headers: HeaderLines,
  name: string,
  token: string,
): boolean {
  return listItems(headers.get(name) ?? "").some((item) =>
    item.toLowerCase() === token
  );
}

/**
 * Refuses subprotocols that are none (RFC 6455, section 4.1).
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
    throw refuse("bad-protocol", "a subprotocol stands twice");
  }
}

/**
 * A user's headers, which must not speak for the handshake.
 *
 * @throws {HandshakeError} `bad-header`, without a status.
 */
export function foreign(
  headers: Iterable<readonly [string, string]> | undefined,
): (readonly [string, string])[] {
  const lines = [...headers ?? []];
  for (const [name] of lines) {
    if (OWN_HEADERS.includes(name.toLowerCase())) {
      throw refuse("bad-header", `${name} is the handshake's own header`);
    }
  }
  return lines;
}

/** An error without a status. */
export function refuse(code: HandshakeErrorCode, why: string): HandshakeError {
  return new HandshakeError(code, `Cannot make the handshake as ${why}`);
}
