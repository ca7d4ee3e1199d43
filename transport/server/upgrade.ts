import {
  checkMethods,
  checkOptions,
  numberOption,
  refuseArgument,
  refuseOption,
} from "../base/options.ts";
import {
  CONNECTION_RULES,
  SOCKET_RULES,
  UPGRADE_RULES,
} from "../base/rules.ts";
import { ConfigError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { NativeSocket } from "../socket/native_socket.ts";
import {
  checkUpgradeRequest,
  type OriginChoice,
  type ProtocolChoice,
} from "../handshake/server.ts";
import { HeaderLines } from "../handshake/head.ts";
import { onDeno } from "../base/runtime.ts";
import type { PeerAddress } from "../net/address.ts";
import type { Socket, SocketOptions } from "../socket/socket.ts";

const INACTIVITY_RULE = UPGRADE_RULES.inactivityTimeout;

/** Options of {@link upgrade}. */
export interface UpgradeOptions extends SocketOptions {
  /**
   * How long the peer may send nothing and answer no ping, in milliseconds; 0 for ever. The
   * runtime pings a peer that has been silent for half of it. @default 30000
   */
  readonly inactivityTimeout?: number | undefined;
  /**
   * The subprotocols that the server speaks, the preferred one first, or a function that chooses
   * among the offered ones. The peer is let in without one when there is no match. @default none
   */
  readonly protocols?: ProtocolChoice | undefined;
  /**
   * Who is let in: a list of origins such as `https://app.example`, or a predicate. A list lets
   * in those without an `Origin`, who are no browsers; a predicate sees `undefined`.
   * @default everyone
   */
  readonly origins?: OriginChoice | undefined;
  /** Where the peer is: `info.remoteAddr` of the handler of `Deno.serve`. @default unknown */
  readonly remoteAddr?: RemoteAddress | undefined;
  /** How long the response may take to go out once this has returned, in milliseconds. @default 10000 */
  readonly handshakeTimeout?: number | undefined;
}

/** An address as the runtime has it. */
export interface RemoteAddress {
  /** The kind of the address. */
  readonly transport: string;
  /** The host of a TCP address. */
  readonly hostname?: string;
  /** The port of a TCP address. */
  readonly port?: number;
  /** The path of a Unix socket. */
  readonly path?: string | null;
}

/** A WebSocket, and the response that opens it. */
export interface Upgrade {
  /** Opens once the response has been returned; until then it keeps what is written. */
  readonly socket: Socket;
  /** What the handler has to return. */
  readonly response: Response;
}

/**
 * Makes a WebSocket of a request to `Deno.serve` (RFC 6455, section 4.2).
 *
 * The request is checked first, more strictly than the runtime does. One that is refused throws,
 * and {@link refusal} makes the right answer of that.
 *
 * @example
 * ```ts
 * import { InboundPool, refusal, upgrade } from "@honeybee/honeybee";
 *
 * const pool = new InboundPool("chat");
 * const handler: Deno.ServeHandler<Deno.NetAddr> = (request, info) => {
 *   try {
 *     const { remoteAddr } = info;
 *     const { socket, response } = upgrade(request, { remoteAddr });
 *     pool.add(crypto.randomUUID(), socket);
 *     return response;
 *   } catch (error) {
 *     return refusal(error);
 *   }
 * };
 * ```
 *
 * @throws {HandshakeError} When the request is refused; `status` and `headers` are the answer's.
 * @throws {ConfigError} `invalid-option`; `unsupported` for an option that the runtime cannot do;
 * `invalid-argument` when the request is not one of `Deno.serve`, or was used up.
 */
export function upgrade(
  request: Request,
  options: UpgradeOptions = {},
): Upgrade {
  if (!(request instanceof Request)) {
    throw refuseArgument("upgrade", "request", "a Request", request);
  }
  const idleTimeout = check(options);
  const protocol = checkRequest(request, options);
  // The request cannot be asked any more once it has been upgraded.
  const url = request.url.replace(/^http/, "ws");
  const remoteAddr = toPeerAddress(options.remoteAddr);
  const upgraded = upgradeNative(request, idleTimeout / 1_000);
  // Set here since the runtime finds no subprotocol in a list without blanks.
  if (protocol !== "") {
    upgraded.response.headers.set("sec-websocket-protocol", protocol);
  }
  const socket = new NativeSocket(upgraded.socket, {
    ...options,
    url,
    role: "server",
    protocol,
    remoteAddr,
  });
  return { socket, response: upgraded.response };
}

/**
 * The response to a request that {@link upgrade} refused, with the status and headers that
 * RFC 6455, section 4.2.2 has for it.
 *
 * @throws What it was given, when that is no {@link HandshakeError}.
 */
export function refusal(error: unknown): Response {
  if (!(error instanceof HandshakeError)) throw error;
  return new Response(error.message, {
    status: error.status ?? 400,
    ...(error.headers === undefined ? undefined : { headers: error.headers }),
  });
}

/** @returns The inactivity timeout in milliseconds. */
function check(options: UpgradeOptions): number {
  checkOptions("options", options);
  const { compression, fragmentSize, protocols, origins } = options;
  if (compression !== undefined && compression !== false) {
    throw unsupported("compression");
  }
  if (fragmentSize !== undefined && fragmentSize !== 0) {
    throw unsupported("fragmentSize");
  }
  checkChoice("protocols", protocols);
  checkChoice("origins", origins);
  checkMethods("clock", options.clock, ["now", "timer", "random"]);
  for (const name of ["maxMessageSize", "handshakeTimeout"] as const) {
    numberOption(name, RULES[name], options[name]);
  }
  return numberOption(
    "inactivityTimeout",
    INACTIVITY_RULE,
    options.inactivityTimeout,
  );
}

const RULES = { ...SOCKET_RULES, ...CONNECTION_RULES };

function checkChoice(field: string, value: unknown): void {
  const fits = value === undefined || typeof value === "function" ||
    Array.isArray(value) && value.every((item) => typeof item === "string");
  if (!fits) {
    throw refuseOption(field, "an array of strings or a function", value);
  }
}

function unsupported(field: string): ConfigError {
  return new ConfigError(
    "unsupported",
    field,
    `Cannot upgrade as ${field} must be left out: the runtime's WebSocket cannot do it`,
  );
}

/**
 * Refuses what is no opening handshake, or of the wrong origin.
 *
 * @returns The subprotocol that was chosen, "" for none.
 */
function checkRequest(
  { method, url, headers }: Request,
  { protocols, origins }: UpgradeOptions,
): string {
  const head = {
    method,
    target: url,
    // The runtime does not tell. An upgrade in another version has not got here.
    version: "HTTP/1.1",
    headers: new HeaderLines(headers),
  };
  return checkUpgradeRequest(head, { protocols, origins }).protocol;
}

function upgradeNative(
  request: Request,
  idleTimeout: number,
): Deno.WebSocketUpgrade {
  if (!onDeno) {
    throw new ConfigError(
      "unsupported",
      "request",
      "Cannot upgrade as requests are only Deno.serve's: listen() and upgradeNode() serve on this runtime",
    );
  }
  try {
    return Deno.upgradeWebSocket(request, { idleTimeout });
  } catch (cause) {
    throw new ConfigError(
      "invalid-argument",
      "request",
      "Cannot upgrade as request must be one of Deno.serve that has not been used up",
      { cause },
    );
  }
}

function toPeerAddress(
  address: RemoteAddress | undefined,
): PeerAddress | undefined {
  if (address === undefined) return undefined;
  const { hostname, port, path } = address;
  if (hostname !== undefined && port !== undefined) {
    return { transport: "tcp", hostname, port };
  }
  return typeof path === "string" ? { transport: "unix", path } : undefined;
}
