import { decide } from "../base/callbacks.ts";
import { urlForMessage } from "../base/url.ts";
import { HandshakeError, type HandshakeErrorCode } from "./errors.ts";
import { acceptKey, type HandshakeAgreement } from "./agreement.ts";
import {
  checkForeign,
  checkHost,
  checkProtocols,
  hasToken,
  isBoolean,
  isSameToken,
  isWebSocket,
  refuse,
  tokensOf,
  type UpgradeTokens,
  VERSION,
} from "./rules.ts";
import { formatHead, type ResponseHead } from "./head.ts";
import type { HeaderLines } from "./headers.ts";
import {
  acceptDeflate,
  type CompressionOptions,
  offerDeflate,
} from "./negotiation.ts";
import type { HttpResponse } from "./response_reader.ts";
import { isRequestTarget, isUpgrade, listItems } from "./token.ts";

/** The maximum length of a reason phrase in an error message. */
const MAX_REASON_LENGTH = 100;
/** The maximum length of a redirect's target in an error message. */
const MAX_LOCATION_LENGTH = 200;

/** What a client asks for in its opening handshake. */
export interface UpgradeRequest {
  /** The `Host` header. */
  readonly host: string;
  /** Path and query. */
  readonly target: string;
  /**
   * The protocol token to upgrade to, or several, the preferred one first.
   *
   * @default {"websocket"}
   */
  readonly upgrade?: UpgradeTokens | undefined;
  /**
   * The `Sec-WebSocket-Key` that `websocket` needs: see {@link createKey}.
   *
   * @default {none}
   */
  readonly key?: string | undefined;
  /**
   * Subprotocols to offer, for `websocket`.
   *
   * @default {none}
   */
  readonly protocols?: readonly string[] | undefined;
  /**
   * permessage-deflate to offer, for `websocket`.
   *
   * @default {none}
   */
  readonly compression?: CompressionOptions | undefined;
  /**
   * More headers. A `Host` replaces the one above.
   *
   * @default {none}
   */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
  /**
   * Checks the server's response with status 101, for example if another protocol than `websocket` has rules of its
   * own. Only `true` accepts the response. Anything else, also a promise or an exception, refuses it.
   *
   * @default {accepts all}
   */
  readonly check?: ((response: ResponseHead) => boolean) | undefined;
}

/** The server's response that opened a stream. */
export interface HandshakeResponse {
  /** The HTTP status: 101. */
  readonly status: number;
  /** The headers of the response. */
  readonly headers: Headers;
}

/** What was agreed on, and the response that contained it. */
export interface UpgradeAgreement extends HandshakeAgreement {
  /** The protocol token that the server chose. */
  readonly upgrade: string;
  /** The server's response. */
  readonly response: HandshakeResponse;
}

/**
 * Writes the request of an opening handshake (RFC 6455, section 4.1).
 *
 * No part of it can break out of its line or set a header of the handshake.
 *
 * @example
 * ```ts
 * import {
 *   checkUpgradeResponse,
 *   createKey,
 *   createUpgradeRequest,
 *   ResponseReader,
 * } from "@honeybee/honeybee/protocol";
 *
 * const request = { host: "a.example", target: "/chat", key: createKey() };
 * const bytes = createUpgradeRequest(request); // To be written to the stream.
 * const reader = new ResponseReader((status) => status === 101);
 *
 * // Takes what was read. Returns the bytes after the response once it is complete.
 * function push(read: Uint8Array): Uint8Array | undefined {
 *   const taken = reader.push(read);
 *   if (!reader.done || reader.response === undefined) return undefined;
 *   checkUpgradeResponse(reader.response, request);
 *   return read.subarray(taken);
 * }
 * ```
 *
 * @throws {HandshakeError} `bad-header`, `bad-host`, `bad-key` or `bad-protocol` for what a request must not have.
 */
export function createUpgradeRequest(request: UpgradeRequest): Uint8Array {
  const { target, upgrade = "websocket" } = request;
  if (!isRequestTarget(target)) {
    throw refuse(
      "bad-header",
      "the target must be visible ASCII without a fragment",
    );
  }
  const tokens = tokensOf(upgrade);
  if (tokens.length === 0 || !tokens.every(isUpgrade)) {
    throw refuse("bad-header", "upgrade must be one or more protocol names");
  }
  const headers = checkForeign(request.headers);
  const hosts = headers.filter(([name]) => name.toLowerCase() === "host");
  const [[, host] = ["host", request.host], ...others] = hosts;
  checkHost(others.length > 0 ? "" : host);
  return formatHead(`GET ${target} HTTP/1.1`, [
    ["Host", host],
    ["Connection", "Upgrade"],
    ["Upgrade", tokens.join(", ")],
    ...(tokens.some(isWebSocket) ? webSocketHeaders(request) : []),
    ...headers.filter((header) => !hosts.includes(header)),
  ]);
}

function webSocketHeaders(request: UpgradeRequest): [string, string][] {
  const { key, protocols = [], compression } = request;
  if (key === undefined) throw refuse("bad-key", "websocket needs a key");
  checkProtocols(protocols);
  const headers: [string, string][] = [
    ["Sec-WebSocket-Version", VERSION],
    ["Sec-WebSocket-Key", key],
  ];
  if (protocols.length > 0) {
    headers.push(["Sec-WebSocket-Protocol", protocols.join(", ")]);
  }
  if (compression !== undefined) {
    headers.push(["Sec-WebSocket-Extensions", offerDeflate(compression)]);
  }
  return headers;
}

/**
 * Checks the server's response (RFC 6455, section 4.1).
 *
 * @throws {HandshakeError} `refused` or `redirected` with status, headers and body for any other status than 101.
 * `bad-http-version`, `bad-upgrade`, `bad-connection`, `bad-accept`, `bad-protocol`, `bad-extension`, or
 * `bad-response` if `check` refuses it, for a 101 that does not answer the request: these have no status.
 */
export function checkUpgradeResponse(
  response: HttpResponse,
  request: UpgradeRequest,
): UpgradeAgreement {
  const { status, headers } = response;
  if (status !== 101) throw refused(response);
  const fail = (
    code: HandshakeErrorCode,
    why: string,
    options?: ErrorOptions,
  ) =>
    new HandshakeError(
      code,
      `Cannot connect: the server's response cannot be accepted: ${why}.`,
      {
        headers: headers.toHeaders(),
        ...options,
      },
    );
  if (response.version !== "HTTP/1.1") {
    throw fail("bad-http-version", "its version must be HTTP/1.1");
  }
  const offered = tokensOf(request.upgrade ?? "websocket");
  const [chosen = "", ...others] = listItems(headers.get("upgrade") ?? "");
  const upgrade = offered.find((token) => isSameToken(token, chosen));
  // RFC 6455 wants a single token. The same one twice is harmless.
  if (
    upgrade === undefined || !others.every((it) => isSameToken(it, chosen))
  ) {
    throw fail(
      "bad-upgrade",
      `its header Upgrade must be ${offered.join(" or ")}`,
    );
  }
  if (!hasToken(headers, "connection", "upgrade")) {
    throw fail(
      "bad-connection",
      "its header Connection must have the token upgrade",
    );
  }
  const agreement = isWebSocket(upgrade)
    ? checkAgreement(headers, request, fail)
    : { protocol: "", extensions: "", deflate: undefined };
  checkByCaller(request, response, fail);
  return {
    ...agreement,
    upgrade,
    response: new KeptResponse(status, headers),
  };
}

/**
 * A server's response that is kept with its connection. Its headers are kept as text until they are asked for: a
 * `Headers` and its lines take 600 bytes, and most connections never need them.
 */
class KeptResponse implements HandshakeResponse {
  readonly status: number;
  readonly #lines: string;
  #headers: Headers | undefined;

  constructor(status: number, headers: HeaderLines) {
    this.status = status;
    this.#lines = [...headers].map((line) => line.join(":")).join("\n");
  }

  get headers(): Headers {
    if (this.#headers !== undefined) return this.#headers;
    const headers = new Headers();
    for (const line of this.#lines.split("\n")) {
      const colon = line.indexOf(":");
      headers.append(line.slice(0, colon), line.slice(colon + 1));
    }
    return this.#headers = headers;
  }
}

function refused(response: HttpResponse): HandshakeError {
  const { status, reason, headers, body } = response;
  const isRedirect = status >= 300 && status < 400;
  return new HandshakeError(
    isRedirect ? "redirected" : "refused",
    `Cannot connect: the server answered ${
      `${status} ${reason.slice(0, MAX_REASON_LENGTH)}`.trim()
    } instead of 101.${isRedirect ? redirection(headers) : ""}`,
    { status, headers: headers.toHeaders(), body },
  );
}

function redirection(headers: HeaderLines): string {
  const location = headers.get("location");
  const leads = location === undefined
    ? ""
    : `; this one leads to ${
      urlForMessage(location).slice(0, MAX_LOCATION_LENGTH)
    }`;
  return ` Redirects are not followed${leads}.`;
}

function checkAgreement(
  headers: HeaderLines,
  request: UpgradeRequest,
  fail: (code: HandshakeErrorCode, why: string) => HandshakeError,
): HandshakeAgreement {
  const { key = "", protocols = [] } = request;
  if (headers.get("sec-websocket-accept") !== acceptKey(key)) {
    throw fail(
      "bad-accept",
      "its header Sec-WebSocket-Accept must belong to the key",
    );
  }
  // An empty value chooses nothing.
  const protocol = headers.get("sec-websocket-protocol") ?? "";
  if (protocol !== "" && !protocols.includes(protocol)) {
    throw fail(
      "bad-protocol",
      `the subprotocol ${JSON.stringify(protocol)} was not offered`,
    );
  }
  const extensions = headers.get("sec-websocket-extensions") ?? "";
  const deflate = acceptDeflate(extensions, request.compression);
  return { protocol, extensions: deflate ? extensions : "", deflate };
}

function checkByCaller(
  { check }: UpgradeRequest,
  response: ResponseHead,
  fail: (
    code: HandshakeErrorCode,
    why: string,
    options?: ErrorOptions,
  ) => HandshakeError,
): void {
  if (check === undefined) return;
  let cause: Error | undefined;
  const accepted = decide(check, {
    name: "check",
    accepts: isBoolean,
    rule: "true or false",
    fallback: false,
    onError: (error) => cause ??= error,
  }, response);
  if (!accepted) {
    throw fail("bad-response", "check did not return true", cause && { cause });
  }
}
