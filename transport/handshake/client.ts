import { HandshakeError, type HandshakeErrorCode } from "./errors.ts";
import { acceptKey, type HandshakeAgreement } from "./agreement.ts";
import {
  checkProtocols,
  foreign,
  hasToken,
  isWebSocket,
  refuse,
  VERSION,
} from "./rules.ts";
import { formatHead, type HeaderLines, type ResponseHead } from "./head.ts";
import {
  acceptDeflate,
  type CompressionOptions,
  offerDeflate,
} from "./negotiation.ts";
import { isHost, isRequestTarget, isUpgrade } from "./token.ts";

const MOST_PREVIEWED = 100;

/** What a client asks for. */
export interface UpgradeRequest {
  /** The `Host` header. */
  readonly host: string;
  /** Path and query. */
  readonly target: string;
  /** The protocol token to upgrade to. @default "websocket" */
  readonly upgrade?: string | undefined;
  /** The `Sec-WebSocket-Key` that `websocket` needs: see {@link createKey}. @default none */
  readonly key?: string | undefined;
  /** Subprotocols to offer, for `websocket`. @default none */
  readonly protocols?: readonly string[] | undefined;
  /** permessage-deflate to offer, for `websocket`. @default none */
  readonly compression?: CompressionOptions | undefined;
  /** More headers. A `Host` takes the place of the one above. @default none */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
  /**
   * Has the last word on a 101 that fits so far, above all where another protocol than
   * `websocket` has rules of its own: `false` refuses it. @default takes all
   */
  readonly check?: ((response: ResponseHead) => boolean) | undefined;
}

/** What was agreed on, and how the server said it. */
export interface UpgradeAgreement extends HandshakeAgreement {
  /** The headers of the 101. */
  readonly headers: Headers;
}

/**
 * The request of an opening handshake (RFC 6455, section 4.1).
 *
 * Nothing that stands in it can break out of its line or speak for the handshake.
 *
 * @example
 * ```ts
 * import { createKey } from "./agreement.ts";
 * import { checkUpgradeResponse, createUpgradeRequest } from "./client.ts";
 * import { HeadReader, parseResponseHead } from "./head.ts";
 *
 * const request = { host: "a.example", target: "/chat", key: createKey() };
 * const bytes = createUpgradeRequest(request); // to be written
 * const reader = new HeadReader("response");
 *
 * // Takes what was read; gives the bytes behind the head, once that has come.
 * function push(read: Uint8Array): Uint8Array | undefined {
 *   const taken = reader.push(read);
 *   if (!reader.done) return undefined;
 *   checkUpgradeResponse(parseResponseHead(reader.text), request);
 *   return read.subarray(taken);
 * }
 * ```
 *
 * @throws {HandshakeError} `bad-header`, `bad-host`, `bad-key` or `bad-protocol` for what may not stand in a request.
 */
export function createUpgradeRequest(request: UpgradeRequest): Uint8Array {
  const { target, upgrade = "websocket" } = request;
  if (!isRequestTarget(target)) {
    throw refuse("bad-header", "the target has characters that do not fit");
  }
  if (!isUpgrade(upgrade)) {
    throw refuse("bad-header", "upgrade must be a protocol's name");
  }
  const headers = foreign(request.headers);
  const hosts = headers.filter(([name]) => name.toLowerCase() === "host");
  const [[, host] = ["host", request.host], ...others] = hosts;
  if (!isHost(host) || others.length > 0) {
    throw refuse("bad-host", "there must be one Host, a name or an address");
  }
  return formatHead(`GET ${target} HTTP/1.1`, [
    ["Host", host],
    ["Connection", "Upgrade"],
    ["Upgrade", upgrade],
    ...(isWebSocket(upgrade) ? webSocketHeaders(request) : []),
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
 * A client's check of the server's answer (RFC 6455, section 4.1).
 *
 * @throws {HandshakeError} `refused` or `redirected` with the status for any other status than 101;
 * `bad-http-version`, `bad-upgrade`, `bad-connection`, `bad-accept`, `bad-protocol`, `bad-extension`, or
 * `bad-response` where `check` says so, for an answer that does not fit: these have no status.
 */
export function checkUpgradeResponse(
  head: ResponseHead,
  request: UpgradeRequest,
): UpgradeAgreement {
  const { status, headers } = head;
  const { upgrade = "websocket" } = request;
  if (status !== 101) {
    const redirected = status >= 300 && status < 400;
    throw new HandshakeError(
      redirected ? "redirected" : "refused",
      `The server answered ${status} ${head.reason.slice(0, MOST_PREVIEWED)}`
        .trim(),
      { status, headers: headers.toHeaders() },
    );
  }
  const fail = (code: HandshakeErrorCode, why: string) =>
    new HandshakeError(code, `The server's answer does not fit: ${why}`, {
      headers: headers.toHeaders(),
    });
  if (head.version !== "HTTP/1.1") {
    throw fail("bad-http-version", "it must be HTTP/1.1");
  }
  if (headers.get("upgrade")?.toLowerCase() !== upgrade.toLowerCase()) {
    throw fail("bad-upgrade", `Upgrade must be ${upgrade}`);
  }
  if (!hasToken(headers, "connection", "upgrade")) {
    throw fail("bad-connection", "Connection must name upgrade");
  }
  const agreement = isWebSocket(upgrade)
    ? checkAgreement(headers, request, fail)
    : { protocol: "", extensions: "", deflate: undefined };
  if (request.check?.(head) === false) {
    throw fail("bad-response", "the check of it must hold");
  }
  return { ...agreement, headers: headers.toHeaders() };
}

function checkAgreement(
  headers: HeaderLines,
  request: UpgradeRequest,
  fail: (code: HandshakeErrorCode, why: string) => HandshakeError,
): HandshakeAgreement {
  const { key = "", protocols = [] } = request;
  if (headers.get("sec-websocket-accept") !== acceptKey(key)) {
    throw fail("bad-accept", "Sec-WebSocket-Accept must be the key's");
  }
  const protocol = headers.get("sec-websocket-protocol");
  if (protocol !== undefined && !protocols.includes(protocol)) {
    throw fail("bad-protocol", `${protocol} was not offered`);
  }
  const extensions = headers.get("sec-websocket-extensions") ?? "";
  const deflate = acceptDeflate(extensions, request.compression);
  return { protocol: protocol ?? "", extensions, deflate };
}
