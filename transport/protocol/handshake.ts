import { createHash } from "node:crypto";
import { HandshakeError, type HandshakeErrorCode } from "./errors.ts";
import {
  formatHead,
  type HeaderLines,
  type RequestHead,
  type ResponseHead,
} from "./head.ts";
import {
  acceptDeflate,
  answerDeflate,
  type CompressionOptions,
  type DeflateAgreement,
  offerDeflate,
} from "./negotiation.ts";
import { isRequestTarget, isToken, listItems } from "./token.ts";

/** The version of the protocol (RFC 6455, section 4.1). */
const VERSION = "13";
/** What is hashed with the key (section 1.3). */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** 16 bytes in base64: the last digit carries two bits only. */
const KEY = /^[+/0-9A-Za-z]{21}[AQgw]==$/;
const MOST_PREVIEWED = 100;

/** Headers that the handshake sets by itself. */
const OWN_HEADERS = [
  "connection",
  "upgrade",
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
];

/** What both sides have agreed on. */
export interface HandshakeAgreement {
  /** The subprotocol, "" without one. */
  readonly protocol: string;
  /** The extensions as in the header, "" without any. */
  readonly extensions: string;
  /** permessage-deflate, where it is in use. */
  readonly deflate: DeflateAgreement | undefined;
}

/** What a client asks for. */
export interface UpgradeRequest {
  /** The `Host` header. */
  readonly host: string;
  /** Path and query. */
  readonly target: string;
  /** The protocol token to upgrade to. @default "websocket" */
  readonly upgrade?: string | undefined;
  /** The `Sec-WebSocket-Key`: see {@link createKey}. For `websocket` only. */
  readonly key?: string | undefined;
  /** Subprotocols to offer. @default none */
  readonly protocols?: readonly string[] | undefined;
  /** permessage-deflate to offer. @default none */
  readonly compression?: CompressionOptions | undefined;
  /** More headers. */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
}

/** A fresh `Sec-WebSocket-Key` (RFC 6455, section 4.1). */
export function createKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes));
}

/** The `Sec-WebSocket-Accept` that answers a key (RFC 6455, section 4.2.2). */
export function acceptKey(key: string): string {
  return createHash("sha1").update(key + GUID).digest("base64");
}

/**
 * The request of an opening handshake (RFC 6455, section 4.1).
 *
 * @throws {HandshakeError} `bad-header` or `bad-protocol` for what may not stand in a request.
 */
export function createUpgradeRequest(request: UpgradeRequest): Uint8Array {
  const { host, target, key, protocols = [], upgrade = "websocket" } = request;
  if (!isRequestTarget(target)) {
    throw refuse(
      "bad-header",
      "the target has characters that are not allowed",
    );
  }
  if (!isToken(upgrade)) throw refuse("bad-header", "upgrade must be a token");
  checkProtocols(protocols);
  const own: [string, string][] = [
    ["Host", host],
    ["Connection", "Upgrade"],
    ["Upgrade", upgrade],
  ];
  if (key !== undefined) {
    own.push(["Sec-WebSocket-Version", VERSION], ["Sec-WebSocket-Key", key]);
  }
  if (protocols.length > 0) {
    own.push(["Sec-WebSocket-Protocol", protocols.join(", ")]);
  }
  if (request.compression !== undefined) {
    own.push(["Sec-WebSocket-Extensions", offerDeflate(request.compression)]);
  }
  const more = foreign(request.headers);
  // A user may name the host; it must not stand twice.
  const named = more.some(([name]) => name.toLowerCase() === "host");
  return formatHead(`GET ${target} HTTP/1.1`, [
    ...own.slice(named ? 1 : 0),
    ...more,
  ]);
}

/**
 * A client's check of the server's answer (RFC 6455, section 4.1).
 *
 * @throws {HandshakeError} `refused` or `redirected` with the status for any other status than 101; `bad-upgrade`,
 * `bad-connection`, `bad-accept`, `bad-protocol`, `bad-extension` for an answer that does not fit.
 */
export function checkUpgradeResponse(
  head: ResponseHead,
  request: UpgradeRequest,
): HandshakeAgreement {
  const { status, headers } = head;
  const { upgrade = "websocket", key, protocols = [] } = request;
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
  if (key === undefined) return NOTHING_AGREED;
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

/** Which subprotocol a server chooses: its own in order of preference, or a choice of those offered. */
export type ProtocolChoice =
  | readonly string[]
  | ((offered: readonly string[]) => string | undefined);

/**
 * Which origins (RFC 6454) a server lets in. A list lets in what names one of them, and what
 * names none, as programs other than browsers do; a function is asked for both.
 */
export type OriginChoice =
  | readonly string[]
  | ((origin: string | undefined) => boolean);

/** What a server lets in and chooses. */
export interface UpgradePolicy {
  /** The protocol token to upgrade to. @default "websocket" */
  readonly upgrade?: string | undefined;
  /** Subprotocols. @default none is chosen */
  readonly protocols?: ProtocolChoice | undefined;
  /** Origins. @default all */
  readonly origins?: OriginChoice | undefined;
  /** permessage-deflate to agree to. @default none */
  readonly compression?: CompressionOptions | undefined;
}

/**
 * A server's check that a request is an opening handshake at all (RFC 6455, section 4.2.1).
 *
 * @returns The client's key; "" for another token than `websocket`.
 * @throws {HandshakeError} With the status and the headers to answer with: 400, 405, 426 or 505.
 */
export function checkUpgradeHead(
  head: RequestHead,
  upgrade = "websocket",
): string {
  const { headers } = head;
  const refuse = (
    status: number,
    code: HandshakeErrorCode,
    why: string,
    answer?: Record<string, string>,
  ) =>
    new HandshakeError(code, `Cannot upgrade as ${why}`, {
      status,
      ...(answer && { headers: new Headers(answer) }),
    });
  if (head.version !== "HTTP/1.1") {
    throw refuse(505, "bad-http-version", "the request must be HTTP/1.1");
  }
  if (headers.all("host").length !== 1) {
    throw refuse(400, "bad-host", "there must be one Host");
  }
  const tokens = listItems(headers.get("upgrade") ?? "");
  if (!tokens.some((token) => token.toLowerCase() === upgrade.toLowerCase())) {
    throw refuse(426, "bad-upgrade", `Upgrade must be ${upgrade}`, {
      upgrade,
      connection: "Upgrade",
    });
  }
  if (head.method !== "GET") {
    throw refuse(405, "bad-method", "the method must be GET", { allow: "GET" });
  }
  if (!hasToken(headers, "connection", "upgrade")) {
    throw refuse(400, "bad-connection", "Connection must name upgrade");
  }
  const length = headers.get("content-length");
  if (
    headers.get("transfer-encoding") !== undefined ||
    (length !== undefined && length !== "0")
  ) throw refuse(400, "bad-request", "the request must have no body");
  if (upgrade !== "websocket") return "";
  if (headers.get("sec-websocket-version") !== VERSION) {
    throw refuse(
      426,
      "bad-version",
      `Sec-WebSocket-Version must be ${VERSION}`,
      { "sec-websocket-version": VERSION },
    );
  }
  const key = headers.get("sec-websocket-key") ?? "";
  if (!KEY.test(key)) {
    throw refuse(
      400,
      "bad-key",
      "Sec-WebSocket-Key must be 16 bytes in base64",
    );
  }
  return key;
}

/**
 * A server's check of an opening handshake, and its choices (RFC 6455, section 4.2).
 *
 * @throws {HandshakeError} With the status and the headers to answer with: 400, 403, 405, 426, 500 or 505.
 */
export function checkUpgradeRequest(
  head: RequestHead,
  policy: UpgradePolicy = {},
): HandshakeAgreement & { readonly key: string } {
  const key = checkUpgradeHead(head, policy.upgrade);
  const { headers } = head;
  checkOrigin(headers.get("origin"), policy.origins);
  const offered = listItems(headers.get("sec-websocket-protocol") ?? "");
  checkProtocols(offered);
  const protocol = chooseProtocol(offered, policy.protocols);
  const offers = headers.get("sec-websocket-extensions");
  const deflate = offers === undefined || policy.compression === undefined
    ? undefined
    : answerDeflate(offers, policy.compression);
  return {
    key,
    protocol,
    extensions: deflate?.header ?? "",
    deflate: deflate?.agreement,
  };
}

/** What a server's 101 says. */
export interface UpgradeResponse {
  /** The protocol token. @default "websocket" */
  readonly upgrade?: string | undefined;
  /** The client's key, which is answered. */
  readonly key?: string | undefined;
  /** The subprotocol that was chosen. @default none */
  readonly protocol?: string | undefined;
  /** The extensions that were agreed on. @default none */
  readonly extensions?: string | undefined;
  /** More headers. */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
}

/** The header lines of a server's 101. @throws {HandshakeError} `bad-header`. */
export function upgradeResponseHeaders(
  response: UpgradeResponse,
): (readonly [string, string])[] {
  const { upgrade = "websocket", key, protocol, extensions } = response;
  const lines: [string, string][] = [
    ["Upgrade", upgrade],
    ["Connection", "Upgrade"],
  ];
  if (key) lines.push(["Sec-WebSocket-Accept", acceptKey(key)]);
  if (protocol) lines.push(["Sec-WebSocket-Protocol", protocol]);
  if (extensions) lines.push(["Sec-WebSocket-Extensions", extensions]);
  return [...lines, ...foreign(response.headers)];
}

/** The 101 of a server (RFC 6455, section 4.2.2). @throws {HandshakeError} `bad-header`. */
export function createUpgradeResponse(response: UpgradeResponse): Uint8Array {
  return formatHead(
    "HTTP/1.1 101 Switching Protocols",
    upgradeResponseHeaders(response),
  );
}

/** What an HTTP response other than 101 says. */
export interface Refusal {
  /** More headers. @default none */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
  /** Plain text. @default "" */
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
    throw refuse("bad-header", "the status must be from 200 to 599");
  }
  const body = new TextEncoder().encode(refusal.body ?? "");
  const head = formatHead(`HTTP/1.1 ${status} ${REASONS[status] ?? ""}`, [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Content-Length", String(body.length)],
    ...[...refusal.headers ?? []].filter(([name]) =>
      !["content-length", "connection", "content-type"].includes(
        name.toLowerCase(),
      )
    ),
    ["Connection", "close"],
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

const NOTHING_AGREED: HandshakeAgreement = {
  protocol: "",
  extensions: "",
  deflate: undefined,
};

function hasToken(headers: HeaderLines, name: string, token: string): boolean {
  return listItems(headers.get(name) ?? "").some((item) =>
    item.toLowerCase() === token
  );
}

function checkProtocols(protocols: readonly string[]): void {
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

function checkOrigin(
  origin: string | undefined,
  choice: OriginChoice | undefined,
): void {
  if (choice === undefined) return;
  const welcome = typeof choice === "function"
    ? choice(origin)
    : origin === undefined || choice.includes(origin);
  if (!welcome) {
    throw new HandshakeError(
      "origin-refused",
      `Cannot upgrade as the origin must be one that is let in: current value is ${origin}`,
      { status: 403 },
    );
  }
}

function chooseProtocol(
  offered: readonly string[],
  choice: ProtocolChoice | undefined,
): string {
  if (choice === undefined) return "";
  if (typeof choice !== "function") {
    return choice.find((protocol) => offered.includes(protocol)) ?? "";
  }
  const chosen = choice(offered) ?? "";
  if (chosen !== "" && !offered.includes(chosen)) {
    throw new HandshakeError(
      "bad-protocol",
      `Cannot choose the subprotocol ${chosen} as it must be one that was offered`,
      { status: 500 },
    );
  }
  return chosen;
}

/** A user's headers, which must not speak for the handshake. */
function foreign(
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

function refuse(code: HandshakeErrorCode, why: string): HandshakeError {
  return new HandshakeError(code, `Cannot make the handshake: ${why}`, {
    status: 400,
  });
}
