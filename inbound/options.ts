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
  INBOUND_POOL_RULES,
  INBOUND_WORKER_RULES,
  OUTBOUND_POOL_RULES,
  OUTBOUND_WORKER_RULES,
} from "../transport/base/rules.ts";
import {
  type OptionSetByPool,
  POOL_CONNECTION_HOMES,
  POOL_OPTION_NAMES,
  type PoolOptions,
  withoutPoolOptions,
} from "../transport/pool/options.ts";
import type {
  OpenConnectionOptions,
  ResolvedConnectionOptions,
} from "../transport/connection/options.ts";
import {
  OPEN_HOMES,
  OPEN_NAMES,
  resolveOpenOptions,
} from "../transport/connection/resolve_options.ts";
import { LISTEN_HOMES } from "../transport/server/accept_options.ts";
import type { InboundEvent, InboundWorkerFactory } from "./plugin.ts";
import type {
  InboundWorkerOptions,
  ResolvedInboundWorkerOptions,
} from "./worker_options.ts";

/**
 * Options of the connections of an inbound pool. Options of the socket, such as `maxMessageSize`, are given to the
 * function that accepts it: `listen`, `upgrade`, `upgradeNode`.
 */
export type InboundConnectionOptions = Omit<
  OpenConnectionOptions,
  OptionSetByPool
>;

/** Options of an {@link InboundPool}. */
export interface InboundPoolOptions
  extends PoolOptions<InboundEvent, InboundConnectionOptions> {
  /**
   * The maximum number of peers; 0 for no limit. When it is reached, `add` throws `pool-full`, and `upgrade` and
   * `serve` answer 503.
   *
   * @default {0}
   */
  readonly maxPeers?: number | undefined;
  /**
   * Options of the pool's workers.
   *
   * @default {the defaults of the worker}
   */
  readonly worker?: InboundWorkerOptions | undefined;
  /**
   * Makes a worker for each peer: see EXTEND.md.
   *
   * @default {the default worker}
   */
  readonly workerFactory?: InboundWorkerFactory | undefined;
}

/** An inbound pool's own options with every default filled in. */
export interface ResolvedInboundOptions {
  /** Peers; `Infinity` is no limit. */
  readonly maxPeers: number;
  /** Options of workers. */
  readonly worker: ResolvedInboundWorkerOptions;
}

const POOL_NAMES: OptionNames<InboundPoolOptions> = {
  ...POOL_OPTION_NAMES,
  maxPeers: true,
  worker: true,
  workerFactory: true,
};

const WORKER_NAMES: OptionNames<InboundWorkerOptions> = {
  inactivityTimeout: true,
  maxQueueSize: true,
  loggingEnabled: true,
  logLevel: true,
};

const CONNECTION_NAMES: OptionNames<InboundConnectionOptions> =
  withoutPoolOptions(OPEN_NAMES);
const CONNECTION_HOMES: OptionHomes = {
  ...OPEN_HOMES,
  ...POOL_CONNECTION_HOMES,
  ...homes(INBOUND_WORKER_RULES, "the field worker of the pool"),
};

const OUTBOUND = "an outbound pool";
/** Where options belong that are given to whatever accepts the peers. */
const ACCEPTING_HOMES: OptionHomes = {
  ...OPEN_HOMES,
  ...LISTEN_HOMES,
  handshakeTimeout: "listen() or upgrade()",
  origins: "listen, accept, upgrade or upgradeNode",
  accept: "serve()",
};
const POOL_HOMES: OptionHomes = {
  ...ACCEPTING_HOMES,
  ...homes(OUTBOUND_POOL_RULES, OUTBOUND),
  ...homes(
    { dialer: 0, headers: 0, onConnected: 0, shouldReconnect: 0 },
    OUTBOUND,
  ),
  ...homes(OUTBOUND_WORKER_RULES, "the field worker of an outbound pool"),
  ...homes(CONNECTION_NAMES, "the field connection"),
  ...homes(INBOUND_WORKER_RULES, "the field worker"),
};
const WORKER_HOMES: OptionHomes = {
  ...ACCEPTING_HOMES,
  ...homes(CONNECTION_NAMES, "the field connection of the pool"),
  ...homes(OUTBOUND_WORKER_RULES, OUTBOUND),
  ...homes(POOL_NAMES, "the pool"),
};

/**
 * Checks the options of the connections of an inbound pool and fills in the defaults.
 *
 * @throws {ConfigError} `invalid-option`, `unknown-option`, `misplaced-option`.
 */
export function resolveInboundConnection(
  options: InboundConnectionOptions | undefined,
): ResolvedConnectionOptions {
  checkFields("connection.", CONNECTION_NAMES, options, CONNECTION_HOMES);
  return resolveOpenOptions(options, "connection.");
}

/**
 * Checks an inbound pool's own options and fills in the defaults.
 *
 * @throws {ConfigError} `invalid-option`, `unknown-option`, `misplaced-option`.
 */
export function resolveInboundOptions(
  options: InboundPoolOptions,
): ResolvedInboundOptions {
  checkFields("", POOL_NAMES, options, POOL_HOMES);
  checkFunction("workerFactory", options.workerFactory);
  checkFields("worker.", WORKER_NAMES, options.worker, WORKER_HOMES);
  const worker = options.worker ?? {};
  checkScope("worker.", worker);
  const number = (name: keyof typeof INBOUND_WORKER_RULES) =>
    numberOption(`worker.${name}`, INBOUND_WORKER_RULES[name], worker[name]);
  const maxPeers = numberOption(
    "maxPeers",
    INBOUND_POOL_RULES.maxPeers,
    options.maxPeers,
  );
  return {
    maxPeers: maxPeers === 0 ? Infinity : maxPeers,
    worker: {
      inactivityTimeout: number("inactivityTimeout"),
      maxQueueSize: number("maxQueueSize"),
    },
  };
}
