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
import { parseExtensions } from "./extension.ts";
import { formatHead, type RequestHead } from "./head.ts";
import { answerDeflate, type CompressionOptions } from "./negotiation.ts";
import { isHost, isUpgrade, listItems } from "./token.ts";

/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

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
  const [host = "", ...others] = headers.all("host");
  if (!isHost(host) || others.length > 0) {
    throw refuse(400, "bad-host", "there must be one Host, and a good one");
  }
  if (!isTarget(head.target)) {
    throw refuse(400, "bad-request", "the target must be a path or a URL");
  }
  // A 426 has to say what is required (RFC 9110, section 15.5.22).
  const required = { upgrade, connection: "Upgrade" };
  const tokens = listItems(headers.get("upgrade") ?? "");
  if (!tokens.some((token) => token.toLowerCase() === upgrade.toLowerCase())) {
    throw refuse(426, "bad-upgrade", `Upgrade must be ${upgrade}`, required);
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
  if (!isWebSocket(upgrade)) return "";
  if (headers.get("sec-websocket-version") !== VERSION) {
    throw refuse(
      426,
      "bad-version",
      `Sec-WebSocket-Version must be ${VERSION}`,
      { ...required, "sec-websocket-version": VERSION },
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
  // What no server could take, whatever it would choose among the offers.
  answering(400, () => {
    checkProtocols(listItems(headers.get("sec-websocket-protocol") ?? ""));
    const offers = headers.get("sec-websocket-extensions");
    if (offers !== undefined) parseExtensions(offers);
  });
  return key;
}

/**
 * A server's check of an opening handshake, and its choices (RFC 6455, section 4.2).
 *
 * @example
 * ```ts
 * import { HandshakeError } from "./errors.ts";
 * import { checkUpgradeRequest, createUpgradeResponse } from "./server.ts";
 * import { parseRequestHead } from "./head.ts";
 * import { createRefusal } from "./refusal.ts";
 *
 * function answer(head: string): Uint8Array {
 *   try {
 *     const policy = { protocols: ["chat"], origins: ["https://app.example"] };
 *     return createUpgradeResponse(
 *       checkUpgradeRequest(parseRequestHead(head), policy),
 *     );
 *   } catch (error) {
 *     if (!(error instanceof HandshakeError)) throw error;
 *     const { status = 400, headers, message: body } = error;
 *     return createRefusal(status, { headers, body });
 *   }
 * }
 * ```
 *
 * @throws {HandshakeError} With the status and the headers to answer with: 400, 403, 405, 426, 500 or 505.
 */
export function checkUpgradeRequest(
  head: RequestHead,
  policy: UpgradePolicy = {},
): HandshakeAgreement & { readonly key: string } {
  const key = checkUpgradeHead(head, policy.upgrade);
  const { headers } = head;
  checkOrigin(head, policy.origins);
  if (!isWebSocket(policy.upgrade ?? "websocket")) {
    return { key, protocol: "", extensions: "", deflate: undefined };
  }
  const offered = listItems(headers.get("sec-websocket-protocol") ?? "");
  const protocol = chooseProtocol(offered, policy.protocols);
  const offers = headers.get("sec-websocket-extensions");
  const deflate = offers === undefined
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

/**
 * The 101 of a server (RFC 6455, section 4.2.2).
 *
 * @throws {HandshakeError} `bad-header` or `bad-protocol`, with status 500: the fault is our own.
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
  return answering(500, () => {
    if (!isUpgrade(upgrade)) {
      throw refuse("bad-header", "upgrade must be a protocol's name");
    }
    if (protocol) checkProtocols([protocol]);
    return formatHead("HTTP/1.1 101 Switching Protocols", [
      ...own,
      ...foreign(response.headers),
    ]);
  });
}

/** Gives what fails a status to answer with. */
function answering<T>(status: number, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof HandshakeError)) throw cause;
    throw new HandshakeError(cause.code, cause.message, { status, cause });
  }
}

/** Whether the target of a GET is one: a path, or a whole URL (RFC 9112, section 3.2). */
function isTarget(target: string): boolean {
  if (target.startsWith("/")) return true;
  const url = /^(?:http|ws)s?:\/\//i.test(target) ? URL.parse(target) : null;
  return url !== null && url.username === "" && url.password === "";
}

/**
 * A server's check of where a request comes from (RFC 6455, section 4.2.2).
 *
 * @throws {HandshakeError} `origin-refused`, with status 403.
 */
export function checkOrigin(
  head: RequestHead,
  choice: OriginChoice | undefined,
): void {
  if (choice === undefined) return;
  const origin = head.headers.get("origin");
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
