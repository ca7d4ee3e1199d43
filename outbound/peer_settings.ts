import { dialAuto } from "../transport/client/dial_auto.ts";
import type { Dialer } from "../transport/client/dialer.ts";
import {
  inheritLogging,
  type LoggingOptions,
} from "../transport/base/logging.ts";
import { ConfigError } from "../transport/base/errors.ts";
import {
  checkFields,
  checkFunction,
  checkScope,
  homes,
  numberOption,
  type OptionHomes,
  type OptionNames,
} from "../transport/base/options.ts";
import {
  INBOUND_WORKER_RULES,
  OUTBOUND_POOL_RULES,
  OUTBOUND_WORKER_RULES,
  RETRY_RULES,
} from "../transport/base/rules.ts";
import type {
  ConnectionOptions,
  HeadersSource,
} from "../transport/connection/options.ts";
import {
  checkHeaders,
  DIALLING_NAMES,
  FOREIGN_HOMES,
  resolveConnectionOptions,
} from "../transport/connection/resolve_options.ts";
import {
  checkId,
  POOL_CONNECTION_HOMES,
  POOL_OPTION_NAMES,
  type PoolConnectionOptions,
  withoutPoolOptions,
} from "../transport/pool/options.ts";
import type { OnConnected } from "./on_connected.ts";
import type { ShouldReconnect } from "./reconnect.ts";
import type {
  OutboundWorkerOptions,
  ResolvedOutboundWorkerOptions,
} from "./worker_options.ts";

/**
 * Options that can be given for a whole outbound pool, and for one peer in `connect`. Those of the peer take
 * precedence.
 */
export interface OutboundPeerOptions {
  /**
   * Makes the sockets.
   *
   * @default {dialAuto}
   */
  readonly dialer?: Dialer | undefined;
  /**
   * Headers of each request, or a function that is called for each attempt.
   *
   * @default {none}
   */
  readonly headers?: HeadersSource | undefined;
  /**
   * Decides what to do after a connection was lost or could not be made: see {@link ShouldReconnect}.
   *
   * @default {defaultReconnectDecision}
   */
  readonly shouldReconnect?: ShouldReconnect | undefined;
  /**
   * Called for each new connection, before anything else is sent on it: see {@link OnConnected}.
   *
   * @default {none}
   */
  readonly onConnected?: OnConnected | undefined;
}

/** The connection options that `connect` accepts: those of the pool, without the limits that all peers share. */
export type PeerConnectionOptions = Omit<
  PoolConnectionOptions,
  "incomingBufferSize" | "incomingBufferBytes"
>;

/** The worker options that `connect` accepts: those of the pool, without the limit that all peers share. */
export type PeerWorkerOptions = Omit<OutboundWorkerOptions, "maxQueueSize">;

/** Options of `connect`. Each takes precedence over the same option of the pool. */
export interface ConnectOptions extends OutboundPeerOptions {
  /**
   * The id of the peer in the pool. With different ids, a pool can connect to one URL several times.
   *
   * @default {the normalised URL}
   */
  readonly id?: string | undefined;
  /**
   * Subprotocols to offer, the preferred one first.
   *
   * @default {those of `connection`}
   */
  readonly protocols?: string | readonly string[] | undefined;
  /**
   * Options of the connections of this peer.
   *
   * @default {those of the pool}
   */
  readonly connection?: PeerConnectionOptions | undefined;
  /**
   * Options of the worker of this peer.
   *
   * @default {those of the pool}
   */
  readonly worker?: PeerWorkerOptions | undefined;
}

/** The options of a pool that all its peers share. */
export interface SharedOptions extends OutboundPeerOptions, LoggingOptions {
  readonly connection?: PoolConnectionOptions | undefined;
  readonly worker?: OutboundWorkerOptions | undefined;
}

/** The settings of one peer: its own options, and those of the pool for the rest. */
export interface PeerSettings {
  /** Complete, except for what the pool adds: clock, gate and log attributes. */
  readonly connection: ConnectionOptions;
  readonly handshakeTimeout: number;
  readonly closeTimeout: number;
  readonly worker: ResolvedOutboundWorkerOptions;
  readonly workerLogging: LoggingOptions;
  readonly shouldReconnect: ShouldReconnect | undefined;
  readonly onConnected: OnConnected | undefined;
}

const CONNECT_NAMES: OptionNames<ConnectOptions> = {
  id: true,
  protocols: true,
  headers: true,
  dialer: true,
  shouldReconnect: true,
  onConnected: true,
  connection: true,
  worker: true,
};

const WORKER_NAMES: OptionNames<OutboundWorkerOptions> = {
  keepaliveTimeout: true,
  messageTimeout: true,
  reconnectDelay: true,
  maxReconnectDelay: true,
  stableAfter: true,
  maxQueueSize: true,
  loggingEnabled: true,
  logLevel: true,
};
const { maxQueueSize: _, ...PEER_WORKER_NAMES } = WORKER_NAMES;
const SHARED_HOMES: OptionHomes = {
  maxQueueSize: "the options of the pool: it holds for all peers",
  incomingBufferSize: "the options of the pool: it holds for all peers",
  incomingBufferBytes: "the options of the pool: it holds for all peers",
};

const CONNECTION_NAMES: OptionNames<PoolConnectionOptions> = withoutPoolOptions(
  DIALLING_NAMES,
);

const {
  incomingBufferSize: _size,
  incomingBufferBytes: _bytes,
  ...PEER_CONNECTION_NAMES
} = CONNECTION_NAMES;

const RETRY_HOMES = homes(RETRY_RULES, "the field connection.retry");
/** Where options belong that are often given beside `connection` and `worker`. */
export const PEER_HOMES: OptionHomes = {
  ...RETRY_HOMES,
  ...homes(WORKER_NAMES, "the field worker"),
  ...homes(CONNECTION_NAMES, "the field connection"),
};
const WORKER_HOMES: OptionHomes = {
  ...RETRY_HOMES,
  ...homes(CONNECTION_NAMES, "the field connection"),
  ...homes(INBOUND_WORKER_RULES, "an inbound pool"),
};
const CONNECTION_HOMES: OptionHomes = {
  ...FOREIGN_HOMES,
  ...homes(WORKER_NAMES, "the field worker"),
  ...POOL_CONNECTION_HOMES,
};
const CONNECT_HOMES: OptionHomes = {
  ...homes(POOL_OPTION_NAMES, "the options of the pool"),
  ...homes(OUTBOUND_POOL_RULES, "the options of the pool"),
  ...PEER_HOMES,
  ...SHARED_HOMES,
};

/**
 * Checks what a pool and a peer share.
 *
 * @throws {ConfigError} For an option that cannot be used.
 */
export function checkPeerOptions(
  options: OutboundPeerOptions & {
    readonly connection?: PoolConnectionOptions | undefined;
  },
): void {
  checkOwnOptions(options);
  checkFields(
    "connection.",
    CONNECTION_NAMES,
    options.connection,
    CONNECTION_HOMES,
  );
}

function checkOwnOptions(
  options: OutboundPeerOptions & {
    readonly connection?: PeerConnectionOptions | undefined;
  },
): void {
  checkFunction("dialer", options.dialer);
  checkFunction("shouldReconnect", options.shouldReconnect);
  checkFunction("onConnected", options.onConnected);
  checkHeaders("headers", options.headers);
  refuseTwice("headers", options.headers, options.connection?.headers);
}

/**
 * Checks an outbound pool's `worker` options.
 *
 * @throws {ConfigError} For an option that cannot be used.
 */
export function checkWorkerOptions(
  worker: OutboundWorkerOptions | undefined,
): void {
  checkFields("worker.", WORKER_NAMES, worker, WORKER_HOMES);
  checkScope("worker.", worker ?? {});
  resolveWorkerOptions(worker ?? {});
}

/**
 * Checks the options of `connect`.
 *
 * @throws {ConfigError} For an option that cannot be used.
 */
export function checkConnectOptions(options: ConnectOptions): void {
  checkFields("", CONNECT_NAMES, options, CONNECT_HOMES);
  if (options.id !== undefined) checkId("id", options.id);
  checkFields("connection.", PEER_CONNECTION_NAMES, options.connection, {
    ...CONNECTION_HOMES,
    ...SHARED_HOMES,
  });
  checkOwnOptions(options);
  refuseTwice("protocols", options.protocols, options.connection?.protocols);
  checkFields("worker.", PEER_WORKER_NAMES, options.worker, {
    ...WORKER_HOMES,
    ...SHARED_HOMES,
  });
  checkScope("worker.", options.worker ?? {});
}

/** The settings of the peers of a pool. Peers without options of their own share them, since there may be many. */
export class SharedSettings {
  readonly #options: SharedOptions;
  readonly #settings: PeerSettings;
  /** The settings for `ws:` URLs, if the pool has options of TLS. */
  #plain: SharedSettings | undefined;

  /**
   * Takes the options of the pool.
   *
   * @throws {ConfigError} For an option that cannot be used.
   */
  constructor(options: SharedOptions) {
    this.#options = options;
    this.#settings = resolvePeer(options, {});
  }

  /** The maximum number of messages of each peer that wait; see `maxQueueSize`. */
  get maxQueueSize(): number {
    return this.#settings.worker.maxQueueSize;
  }

  /**
   * Returns the settings of a peer.
   *
   * @throws {ConfigError} For an option that cannot be used.
   */
  of(url: string, own: ConnectOptions): PeerSettings {
    const { connection } = this.#options;
    const tls = connection?.caCerts ?? connection?.cert ?? connection?.key;
    if (tls !== undefined && url.startsWith("ws:")) {
      this.#plain ??= new SharedSettings({
        ...this.#options,
        connection: {
          ...connection,
          caCerts: undefined,
          cert: undefined,
          key: undefined,
        },
      });
      return this.#plain.of(url, own);
    }
    return Object.keys(own).length === 0
      ? this.#settings
      : resolvePeer(this.#options, own);
  }
}

/** Combines the options of a peer with those of its pool; those of the peer take precedence. */
function resolvePeer(
  pool: SharedOptions,
  peer: ConnectOptions,
): PeerSettings {
  const own = withoutUndefined(peer.connection);
  const connection: ConnectionOptions = {
    ...pool.connection,
    ...own,
    headers: peer.headers ?? peer.connection?.headers ?? pool.headers ??
      pool.connection?.headers,
    protocols: peer.protocols ?? peer.connection?.protocols ??
      pool.connection?.protocols,
    dialer: peer.dialer ?? pool.dialer ?? dialAuto,
    ...inheritLogging(
      inheritLogging(pool, pool.connection),
      peer.connection,
    ),
  };
  const { handshakeTimeout, closeTimeout } = resolveConnectionOptions(
    connection,
    "connection.",
  );
  return {
    connection,
    handshakeTimeout,
    closeTimeout,
    worker: resolveWorkerOptions({
      ...pool.worker,
      ...withoutUndefined(peer.worker),
    }),
    workerLogging: inheritLogging(
      inheritLogging(pool, pool.worker),
      peer.worker,
    ),
    shouldReconnect: peer.shouldReconnect ?? pool.shouldReconnect,
    onConnected: peer.onConnected ?? pool.onConnected,
  };
}

function resolveWorkerOptions(
  worker: OutboundWorkerOptions,
): ResolvedOutboundWorkerOptions {
  const number = (name: keyof typeof OUTBOUND_WORKER_RULES) =>
    numberOption(`worker.${name}`, OUTBOUND_WORKER_RULES[name], worker[name]);
  const keepaliveTimeout = number("keepaliveTimeout");
  return {
    keepaliveTimeout: worker.keepaliveTimeout === undefined
      ? undefined
      : keepaliveTimeout,
    messageTimeout: number("messageTimeout"),
    reconnectDelay: number("reconnectDelay"),
    maxReconnectDelay: number("maxReconnectDelay"),
    stableAfter: number("stableAfter"),
    maxQueueSize: number("maxQueueSize"),
  };
}

/** A field that is `undefined` counts as left out. */
function withoutUndefined<T extends object>(
  options: T | undefined,
): Partial<T> {
  const given: Partial<T> = { ...options };
  for (const name in given) if (given[name] === undefined) delete given[name];
  return given;
}

/** If an option were given in two places, one of them would have no effect. */
function refuseTwice(name: string, outer: unknown, inner: unknown): void {
  if (outer === undefined || inner === undefined) return;
  throw new ConfigError(
    "misplaced-option",
    `connection.${name}`,
    `Cannot use option connection.${name}: ${name} is given as well. Give one of them.`,
  );
}
