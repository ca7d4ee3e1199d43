import { ConfigError, reasonOf } from "../base/errors.ts";
import { refuseOption } from "../base/options.ts";
import {
  createUpgradeRequest,
  type UpgradeRequest,
} from "../handshake/client.ts";
import { type HeadersInput, toHeaders } from "../handshake/headers.ts";
import { checkForeign, checkHost, checkProtocols } from "../handshake/rules.ts";
import type { DialOptions } from "./dialer.ts";

/**
 * Returns the headers of a request.
 *
 * @throws {ConfigError} `invalid-option` if HTTP does not allow them, or if the handshake itself sets one of them.
 */
export function requestHeaders(
  headers: HeadersInput | undefined,
  field = "headers",
): Headers {
  try {
    const checked = toHeaders(headers);
    checkForeign(checked);
    checkHost(checked.get("host") ?? undefined);
    return checked;
  } catch (cause) {
    throw refuseRequest(field, cause);
  }
}

/**
 * Returns the subprotocols to offer as a list.
 *
 * @throws {ConfigError} `invalid-option` if they are not different tokens.
 */
export function protocolList(
  protocols: DialOptions["protocols"],
  field = "protocols",
): string[] {
  const list: unknown = typeof protocols === "string"
    ? [protocols]
    : protocols ?? [];
  if (!isTexts(list)) {
    throw refuseOption(field, "a string or an array of strings", list);
  }
  try {
    checkProtocols(list);
  } catch (cause) {
    throw refuseRequest(field, cause);
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
 * @throws {ConfigError} `invalid-option` if its headers or tokens must not be in a request.
 */
export function encodeRequest(request: UpgradeRequest): Uint8Array {
  try {
    return createUpgradeRequest(request);
  } catch (cause) {
    throw refuseRequest("headers", cause);
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
