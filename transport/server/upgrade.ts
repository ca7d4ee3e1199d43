import { ConfigError } from "../base/errors.ts";
import {
  checkFields,
  checkScope,
  checkWord,
  numberOption,
  type OptionNames,
  refuseArgument,
  refuseOption,
} from "../base/options.ts";
import { SOCKET_RULES, UPGRADE_RULES } from "../base/rules.ts";
import { onDeno } from "../base/runtime.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { HeaderLines } from "../handshake/headers.ts";
import { describeRefusal } from "../handshake/refusal.ts";
import { checkUpgradeRequest } from "../handshake/server.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import { NativeSocket } from "../socket/native_socket.ts";
import type { Socket, SocketOptions } from "../socket/socket.ts";
import {
  type AcceptOptions,
  checkChoices,
  SERVER_HOMES,
  upgradeHeaders,
} from "./accept_options.ts";

/** Options of {@link upgrade}. */
export interface UpgradeOptions
  extends
    Pick<SocketOptions, "binary" | "clock" | "maxMessageSize">,
    Pick<AcceptOptions, "headers" | "origins" | "protocols"> {
  /**
   * The maximum time for which the peer may send nothing and answer no ping, in milliseconds; 0 for no limit. The
   * runtime pings a peer that has been silent for half of it.
   *
   * @default {30000}
   */
  readonly inactivityTimeout?: number | undefined;
  /**
   * The address of the peer: `info.remoteAddr` of the handler of `Deno.serve`.
   *
   * @default {unknown}
   */
  readonly remoteAddr?: RemoteAddress | undefined;
  /**
   * The maximum time until the response has been returned and sent, in milliseconds; 0 for no limit.
   *
   * @default {10000}
   */
  readonly handshakeTimeout?: number | undefined;
}

/** The options of {@link upgrade}. */
export const UPGRADE_NAMES: OptionNames<UpgradeOptions> = {
  binary: true,
  clock: true,
  handshakeTimeout: true,
  headers: true,
  inactivityTimeout: true,
  maxMessageSize: true,
  origins: true,
  protocols: true,
  remoteAddr: true,
};

/** Options that the runtime's sockets do not support, and the value of each that has no effect. */
const UNSUPPORTED: Readonly<Record<string, unknown>> = {
  compression: false,
  fragmentSize: 0,
  maxFragments: 0,
  maxFrameSize: 0,
};

/** An address as the runtime gives it. */
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
  /** The socket. It opens when the response has been returned. Messages that are written before are sent then. */
  readonly socket: Socket;
  /** The response that the handler has to return. */
  readonly response: Response;
}

/**
 * Upgrades a request of `Deno.serve` to a WebSocket (RFC 6455, section 4.2).
 *
 * The request is checked more strictly than by the runtime. If it is refused, an error is thrown, and {@link refusal}
 * makes the right response of it. The function only needs `Deno.upgradeWebSocket`, so it works on Deno Deploy.
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
 * @throws {HandshakeError} If the request is refused. `status` and `headers` are those of the response.
 * @throws {ConfigError} `invalid-option`, `unknown-option`, `misplaced-option`; `unsupported` for an option that the
 * runtime does not support, and on runtimes other than Deno; `invalid-argument` if the request does not come from
 * `Deno.serve`, is a copy, or was upgraded or answered before.
 */
export function upgrade(
  request: Request,
  options: UpgradeOptions = {},
): Upgrade {
  return prepareUpgrade(request, options)();
}

/**
 * Checks a request and the options, as {@link upgrade} does.
 *
 * @param names The options that the call of the user has, if it has more.
 * @returns A function that upgrades. Until it is called, the request may get any response.
 * @throws {HandshakeError} If the request is refused.
 * @throws {ConfigError} If an option or the request cannot be used. The returned function throws it too.
 */
export function prepareUpgrade(
  request: Request,
  options: UpgradeOptions,
  names: OptionNames<UpgradeOptions> = UPGRADE_NAMES,
): () => Upgrade {
  if (!(request instanceof Request)) {
    throw refuseArgument("upgrade", "request", "a Request", request);
  }
  const idleTimeout = check(options, names);
  const headers = upgradeHeaders(options.headers);
  checkMutable(headers);
  const protocol = checkRequest(request, options);
  return () =>
    upgradeChecked(request, options, { headers, protocol, idleTimeout });
}

/** What was agreed on with the peer. */
interface Agreed {
  readonly headers: Headers;
  readonly protocol: string;
  readonly idleTimeout: number;
}

function upgradeChecked(
  request: Request,
  options: UpgradeOptions,
  { headers, protocol, idleTimeout }: Agreed,
): Upgrade {
  // The request cannot be asked any more once it has been upgraded.
  const url = request.url.replace(/^http/, "ws");
  const remoteAddr = toPeerAddress(options.remoteAddr);
  const runtimeOptions = { idleTimeout: idleTimeout / 1_000 };
  const isKnown = isListed(request, protocol);
  const upgraded = isKnown
    ? upgradeNative(request, { ...runtimeOptions, protocol })
    : upgradeNative(request, runtimeOptions);
  const { response } = upgraded;
  const isAdded = addHeaders(response, headers, isKnown ? "" : protocol);
  const socket = new NativeSocket(upgraded.socket, {
    binary: options.binary,
    clock: options.clock,
    handshakeTimeout: options.handshakeTimeout,
    maxMessageSize: options.maxMessageSize,
    url,
    role: "server",
    protocol: isKnown || isAdded ? protocol : "",
    remoteAddr,
  });
  return { socket, response };
}

/**
 * Returns the response to a request that {@link upgrade} refused: with the status and headers that RFC 6455, section
 * 4.2.2 requires, and a body that describes the problem (RFC 9457).
 *
 * @throws The error itself, if it is not a {@link HandshakeError}.
 */
export function refusal(error: unknown): Response {
  if (!(error instanceof HandshakeError)) throw error;
  const { body, status, headers } = describeRefusal(error);
  return new Response(body, { status, headers });
}

/** Checks the options and returns the inactivity timeout in milliseconds. */
function check(
  options: UpgradeOptions,
  names: OptionNames<UpgradeOptions>,
): number {
  for (const [name, nothing] of Object.entries(UNSUPPORTED)) {
    const value: unknown = Reflect.get(Object(options), name);
    if (value === undefined || value === nothing) continue;
    throw new ConfigError(
      "unsupported",
      name,
      `Cannot use option ${name}: the runtime's WebSocket does not support it. Use listen() or upgradeNode().`,
    );
  }
  checkFields("", names, withoutUnsupported(options), SERVER_HOMES);
  checkChoices(options);
  checkWord("binary", ["view", "copy", "borrow"], options.binary);
  checkScope("", { clock: options.clock });
  const { remoteAddr }: { readonly remoteAddr?: unknown } = options;
  if (
    remoteAddr !== undefined &&
    (typeof remoteAddr !== "object" || remoteAddr === null)
  ) {
    throw refuseOption(
      "remoteAddr",
      "an address, such as info.remoteAddr",
      remoteAddr,
    );
  }
  const number = (name: keyof typeof RULES) =>
    numberOption(name, RULES[name], options[name]);
  number("maxMessageSize");
  number("handshakeTimeout");
  return number("inactivityTimeout");
}

/** Leaves out the options that are there without asking for anything. */
function withoutUnsupported(options: UpgradeOptions): UpgradeOptions {
  if (typeof options !== "object" || options === null) return options;
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => !(name in UNSUPPORTED)),
  );
}

const RULES = {
  maxMessageSize: SOCKET_RULES.maxMessageSize,
  ...UPGRADE_RULES,
};

/**
 * Checks a request and returns the subprotocol that was chosen, "" for none.
 *
 * @throws {HandshakeError} If it is not an opening handshake, or of an origin that is not accepted.
 */
function checkRequest(
  { method, url, headers }: Request,
  { protocols, origins }: UpgradeOptions,
): string {
  const head = {
    method,
    target: url,
    // The runtime does not say. A request with another version was refused before.
    version: "HTTP/1.1",
    headers: new HeaderLines(headers),
  };
  return checkUpgradeRequest(head, { protocols, origins }).protocol;
}

function upgradeNative(
  request: Request,
  options: Deno.UpgradeWebSocketOptions,
): Deno.WebSocketUpgrade {
  if (!onDeno) {
    throw new ConfigError(
      "unsupported",
      "request",
      "Cannot upgrade: this runtime has no Deno.serve. Use listen() or upgradeNode().",
    );
  }
  let upgraded: Deno.WebSocketUpgrade;
  try {
    upgraded = Deno.upgradeWebSocket(request, options);
  } catch (cause) {
    throw new ConfigError(
      "invalid-argument",
      "request",
      "Cannot upgrade: the request must come from Deno.serve, and must not have been upgraded or answered before.",
      { cause },
    );
  }
  if (!isCopy(request)) return upgraded;
  throw new ConfigError(
    "invalid-argument",
    "request",
    "Cannot upgrade: the request must be the one that Deno.serve gave, and is a copy.",
  );
}

/**
 * Whether a request that was upgraded is a copy of that of `Deno.serve`. The runtime upgrades a copy without an error,
 * and the socket never opens. A request that was really upgraded is used up, and cannot be upgraded again.
 */
function isCopy(request: Request): boolean {
  if (request.bodyUsed) return false;
  try {
    Deno.upgradeWebSocket(request);
    return true;
  } catch {
    return false;
  }
}

/** Whether the runtime finds a subprotocol among those offered: it expects a space after each comma. */
function isListed({ headers }: Request, protocol: string): boolean {
  const offered = headers.get("sec-websocket-protocol") ?? "";
  return protocol !== "" && offered.split(", ").includes(protocol);
}

/** Whether the headers of the runtime's response can be changed: not on Deno 2.5. Unknown before the first upgrade. */
let hasMutableHeaders: boolean | undefined;

/**
 * Adds headers and a subprotocol to the response of the runtime.
 *
 * @returns Whether the runtime allowed it. Without it, the peer is accepted without the subprotocol.
 * @throws {ConfigError} `unsupported` if there are headers and the runtime does not allow it.
 */
function addHeaders(
  response: Response,
  headers: Headers,
  protocol: string,
): boolean {
  try {
    // An attempt that changes nothing shows whether it is allowed.
    response.headers.delete("x-honeybee");
    if (protocol !== "") {
      response.headers.set("sec-websocket-protocol", protocol);
    }
    for (const [name, value] of headers) response.headers.append(name, value);
    hasMutableHeaders = true;
  } catch {
    hasMutableHeaders = false;
    checkMutable(headers);
  }
  return hasMutableHeaders;
}

/** Refuses headers before the upgrade, after which only the runtime's own response can be given. */
function checkMutable(headers: Headers): void {
  if (hasMutableHeaders !== false || [...headers].length === 0) return;
  throw new ConfigError(
    "unsupported",
    "headers",
    "Cannot use option headers: this version of Deno does not support it. Leave it out, or use a later version.",
  );
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
