import { ConfigError, reasonOf } from "../base/errors.ts";
import { refuseOption } from "../base/options.ts";
import {
  createUpgradeRequest,
  type UpgradeRequest,
} from "../handshake/client.ts";
import { type HeadersInput, toHeaders } from "../handshake/headers.ts";
import { checkForeign } from "../handshake/rules.ts";
import type { DialOptions } from "./dialer.ts";

/**
 * Returns the headers of a request.
 *
 * @throws {ConfigError} `invalid-option` if HTTP does not allow them, or if the handshake itself sets one of them.
 */
export function requestHeaders(headers: HeadersInput | undefined): Headers {
  try {
    const checked = toHeaders(headers);
    checkForeign(checked);
    return checked;
  } catch (cause) {
    throw refuseRequest("headers", cause);
  }
}

/**
 * Returns the subprotocols to offer as a list.
 *
 * @throws {ConfigError} `invalid-option` if they are not strings.
 */
export function protocolList(protocols: DialOptions["protocols"]): string[] {
  const list: unknown = typeof protocols === "string"
    ? [protocols]
    : protocols ?? [];
  if (!isTexts(list)) {
    throw refuseOption("protocols", "a string or an array of strings", list);
  }
  return [...list];
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) &&
    value.every((item) => typeof item === "string");
}

/**
 * Writes a request.
 *
 * @throws {ConfigError} `invalid-option` if its headers, subprotocols or tokens must not be in a request.
 */
export function encodeRequest(request: UpgradeRequest): Uint8Array {
  try {
    return createUpgradeRequest(request);
  } catch (cause) {
    const code: unknown = cause instanceof Error && Reflect.get(cause, "code");
    throw refuseRequest(
      code === "bad-protocol" ? "protocols" : "headers",
      cause,
    );
  }
}

function refuseRequest(field: string, cause: unknown): ConfigError {
  return new ConfigError(
    "invalid-option",
    field,
    `Cannot use option ${field}: ${reasonOf(cause)}`,
    { cause },
  );
}
