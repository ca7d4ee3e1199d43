import { HandshakeError, type HandshakeErrorCode } from "./errors.ts";
import { acceptKey, type HandshakeAgreement } from "./agreement.ts";
import {
  checkForeign,
  checkProtocols,
  hasToken,
  isSameToken,
  isWebSocket,
  refuse,
  tokensOf,
  type UpgradeTokens,
  VERSION,
} from "./rules.ts";
import { parseExtensions } from "./extension.ts";
import { formatHead, type RequestHead } from "./head.ts";
import { answerDeflate, type CompressionOptions } from "./negotiation.ts";
import {
  checkOrigin,
  chooseProtocol,
  type OriginChoice,
  type ProtocolChoice,
} from "./policy.ts";
import { isHost, isUpgrade, listItems } from "./token.ts";

/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** What a server supports and accepts. */
export interface UpgradePolicy {
  /**
   * The protocol token to upgrade to, or several.
   *
   * @default {"websocket"}
   */
  readonly upgrade?: UpgradeTokens | undefined;
  /**
   * Subprotocols.
   *
   * @default {none is chosen}
   */
  readonly protocols?: ProtocolChoice | undefined;
  /**
   * Origins.
   *
   * @default {all}
   */
  readonly origins?: OriginChoice | undefined;
  /**
   * permessage-deflate to agree to.
   *
   * @default {none}
   */
  readonly compression?: CompressionOptions | undefined;
}

/** What a request to upgrade asks for. */
export interface UpgradeWish {
  /** The first of the client's protocol tokens that the server supports, as the server writes it. */
  readonly upgrade: string;
  /** The client's key; "" for another token than `websocket`. */
  readonly key: string;
}

/**
 * Returns the protocol token that a request wants to upgrade to and that the server knows, `undefined` if it wants
 * none of them: a server ignores tokens that it does not know (RFC 9110, section 7.8).
 */
export function findUpgrade(
  { headers }: RequestHead,
  upgrade: UpgradeTokens = "websocket",
): string | undefined {
  const known = tokensOf(upgrade);
  for (const wanted of listItems(headers.get("upgrade") ?? "")) {
    const found = known.find((token) => isSameToken(token, wanted));
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Checks the parts of a request that every request to this server must have right (RFC 9112, section 3.2).
 *
 * @throws {HandshakeError} `bad-http-version` with status 505; `bad-host` or `bad-request` with status 400.
 */
export function checkRequestHead(head: RequestHead): void {
  if (head.version !== "HTTP/1.1") {
    throw refusal(505, "bad-http-version", "the request must be HTTP/1.1");
  }
  const [host = "", ...others] = head.headers.all("host");
  if (!isHost(host) || others.length > 0) {
    throw refusal(
      400,
      "bad-host",
      "there must be one Host, a name or an address with an optional port",
    );
  }
  if (!isTarget(head.target)) {
    throw refusal(400, "bad-request", "the target must be a path or a URL");
  }
}

/**
 * Checks that a request is an opening handshake at all (RFC 6455, section 4.2.1).
 *
 * @throws {HandshakeError} With the status and the headers of the response: 400, 405, 426 or 505.
 */
export function checkUpgradeHead(
  head: RequestHead,
  upgrade: UpgradeTokens = "websocket",
): UpgradeWish {
  checkRequestHead(head);
  const { headers } = head;
  // A 426 has to say what is required (RFC 9110, section 15.5.22).
  const required = {
    upgrade: tokensOf(upgrade).join(", "),
    connection: "Upgrade",
  };
  const wanted = findUpgrade(head, upgrade);
  if (wanted === undefined) {
    throw refusal(
      426,
      "bad-upgrade",
      `Upgrade must be ${tokensOf(upgrade).join(" or ")}`,
      required,
    );
  }
  if (head.method !== "GET") {
    throw refusal(405, "bad-method", "the method must be GET", {
      allow: "GET",
    });
  }
  if (!hasToken(headers, "connection", "upgrade")) {
    throw refusal(
      400,
      "bad-connection",
      "Connection must have the token upgrade",
    );
  }
  if (hasBody(head)) {
    throw refusal(400, "bad-request", "the request must not have a body");
  }
  if (!isWebSocket(wanted)) return { upgrade: wanted, key: "" };
  if (headers.get("sec-websocket-version") !== VERSION) {
    throw refusal(
      426,
      "bad-version",
      `Sec-WebSocket-Version must be ${VERSION}`,
      { ...required, "sec-websocket-version": VERSION },
    );
  }
  const key = headers.get("sec-websocket-key") ?? "";
  if (!KEY.test(key)) {
    throw refusal(
      400,
      "bad-key",
      "Sec-WebSocket-Key must be 16 bytes in base64",
    );
  }
  // Checks that no server could do without, whatever it supports.
  withStatus(400, () => {
    checkProtocols(listItems(headers.get("sec-websocket-protocol") ?? ""));
    parseExtensions(headers.get("sec-websocket-extensions") ?? "");
  });
  return { upgrade: wanted, key };
}

/**
 * Checks an opening handshake and chooses what to agree on (RFC 6455, section 4.2).
 *
 * @example
 * ```ts
 * import {
 *   checkUpgradeRequest,
 *   createRefusal,
 *   createUpgradeResponse,
 *   HandshakeError,
 *   parseRequestHead,
 * } from "@honeybee/honeybee/protocol";
 *
 * function answer(head: string): Uint8Array {
 *   try {
 *     const policy = { protocols: ["chat"], origins: ["https://app.example"] };
 *     return createUpgradeResponse(
 *       checkUpgradeRequest(parseRequestHead(head), policy),
 *     );
 *   } catch (error) {
 *     if (!(error instanceof HandshakeError)) throw error;
 *     return createRefusal(error);
 *   }
 * }
 * ```
 *
 * @throws {HandshakeError} With the status and the headers of the response: 400, 403, 405, 426, 500 or 505.
 */
export function checkUpgradeRequest(
  head: RequestHead,
  policy: UpgradePolicy = {},
): HandshakeAgreement & UpgradeWish {
  const wish = checkUpgradeHead(head, policy.upgrade);
  const { headers } = head;
  checkOrigin(headers.get("origin"), policy.origins);
  if (!isWebSocket(wish.upgrade)) {
    return { ...wish, protocol: "", extensions: "", deflate: undefined };
  }
  const offered = listItems(headers.get("sec-websocket-protocol") ?? "");
  const protocol = chooseProtocol(offered, policy.protocols);
  const deflate = answerDeflate(
    headers.get("sec-websocket-extensions") ?? "",
    policy.compression,
  );
  return {
    ...wish,
    protocol,
    extensions: deflate?.header ?? "",
    deflate: deflate?.agreement,
  };
}

/** The content of a server's response with status 101. */
export interface UpgradeResponse {
  /**
   * The protocol token.
   *
   * @default {"websocket"}
   */
  readonly upgrade?: string | undefined;
  /** The client's key, which is answered. */
  readonly key?: string | undefined;
  /**
   * The subprotocol that was chosen.
   *
   * @default {none}
   */
  readonly protocol?: string | undefined;
  /**
   * The extensions that were agreed on.
   *
   * @default {none}
   */
  readonly extensions?: string | undefined;
  /**
   * More headers.
   *
   * @default {none}
   */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
}

/**
 * Writes the 101 of a server (RFC 6455, section 4.2.2).
 *
 * @throws {HandshakeError} `bad-header` or `bad-protocol`, with status 500: the fault is the server's own.
 */
export function createUpgradeResponse(response: UpgradeResponse): Uint8Array {
  const { upgrade = "websocket", key, protocol, extensions } = response;
  const own: [string, string][] = [
    ["Upgrade", upgrade],
    ["Connection", "Upgrade"],
  ];
  if (key) own.push(["Sec-WebSocket-Accept", acceptKey(key)]);
  if (protocol) own.push(["Sec-WebSocket-Protocol", protocol]);
  if (extensions) own.push(["Sec-WebSocket-Extensions", extensions]);
  return withStatus(500, () => {
    if (!isUpgrade(upgrade)) {
      throw refuse("bad-header", "upgrade must be the name of a protocol");
    }
    if (protocol) checkProtocols([protocol]);
    return formatHead("HTTP/1.1 101 Switching Protocols", [
      ...own,
      ...checkForeign(response.headers),
    ]);
  });
}

function refusal(
  status: number,
  code: HandshakeErrorCode,
  why: string,
  headers?: Record<string, string>,
): HandshakeError {
  return new HandshakeError(code, `Cannot upgrade: ${why}.`, {
    status,
    ...(headers && { headers: new Headers(headers) }),
  });
}

/** Gives an error that has no status the one of the response. */
function withStatus<T>(status: number, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof HandshakeError)) throw cause;
    throw new HandshakeError(cause.code, cause.message, { status, cause });
  }
}

/**
 * Whether a request says that it has a body. The same length several times counts once (RFC 9110, section 8.6).
 */
function hasBody({ headers }: RequestHead): boolean {
  if (headers.get("transfer-encoding") !== undefined) return true;
  const length = headers.get("content-length");
  return length !== undefined &&
    !length.split(",").every((item) => /^[ \t]*0+[ \t]*$/.test(item));
}

/** Whether the target of a GET is a path or a whole URL (RFC 9112, section 3.2). */
function isTarget(target: string): boolean {
  if (target.startsWith("/")) return true;
  // Of a URL without a host, `URL` takes the path for the host. It has to be refused (RFC 9110, section 4.2.1).
  const hasHost = /^(?:http|ws)s?:\/\/[^/\\]/i.test(target);
  const url = hasHost ? URL.parse(target) : null;
  return url !== null && url.username === "" && url.password === "";
}
