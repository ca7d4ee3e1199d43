import {
  checkFields,
  checkFunction,
  homes,
  numberOption,
  type OptionHomes,
  type OptionNames,
} from "../transport/base/options.ts";
import {
  INBOUND_POOL_RULES,
  INBOUND_WORKER_RULES,
  OUTBOUND_POOL_RULES,
} from "../transport/base/rules.ts";
import {
  POOL_OPTION_NAMES,
  type PoolOptions,
} from "../transport/pool/options.ts";
import {
  checkPeerOptions,
  checkWorkerOptions,
  type OutboundPeerOptions,
  PEER_HOMES,
} from "./peer_settings.ts";
import type { OutboundEvent, OutboundWorkerFactory } from "./plugin.ts";
import type { OutboundWorkerOptions } from "./worker_options.ts";

/** Options of an {@link OutboundPool}. */
export interface OutboundPoolOptions
  extends PoolOptions<OutboundEvent>, OutboundPeerOptions {
  /**
   * Options of the pool's workers.
   *
   * @default {the defaults of the worker}
   */
  readonly worker?: OutboundWorkerOptions | undefined;
  /**
   * Makes a worker for each peer.
   *
   * @default {the default worker}
   */
  readonly workerFactory?: OutboundWorkerFactory | undefined;
  /**
   * The maximum number of dials that are in progress in the whole pool. Peers whose last dial did not fail are dialled
   * first, and a quarter of the dials, at least one, is reserved for them.
   *
   * @default {64}
   */
  readonly maxConcurrentDials?: number | undefined;
}

const NAMES: OptionNames<OutboundPoolOptions> = {
  ...POOL_OPTION_NAMES,
  worker: true,
  workerFactory: true,
  dialer: true,
  headers: true,
  shouldReconnect: true,
  onConnected: true,
  maxConcurrentDials: true,
};

const POOL_HOMES: OptionHomes = {
  ...homes(INBOUND_POOL_RULES, "an inbound pool"),
  ...homes(INBOUND_WORKER_RULES, "the field worker of an inbound pool"),
  ...PEER_HOMES,
};

/**
 * Checks an outbound pool's own options.
 *
 * @returns The maximum number of dials in flight.
 * @throws {ConfigError} For an option that cannot be used.
 */
export function checkOutboundOptions(options: OutboundPoolOptions): number {
  checkFields("", NAMES, options, POOL_HOMES);
  checkFunction("workerFactory", options.workerFactory);
  checkPeerOptions(options);
  checkWorkerOptions(options.worker);
  return numberOption(
    "maxConcurrentDials",
    OUTBOUND_POOL_RULES.maxConcurrentDials,
    options.maxConcurrentDials,
  );
}
