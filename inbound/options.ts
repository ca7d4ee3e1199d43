import {
  checkFunction,
  checkOptions,
  checkScope,
  INBOUND_WORKER_RULES,
  numberOption,
} from "../transport/base/options.ts";
import type { LoggingOptions } from "../transport/base/logging.ts";
import type { PoolOptions } from "../transport/pool/options.ts";
import type { InboundWorkerFactory } from "./worker.ts";

/** Options of an inbound pool's workers. */
export interface InboundWorkerOptions extends Omit<LoggingOptions, "logger"> {
  /** Evict a peer that was silent for this long, in milliseconds: no message, no pong. 0 never. @default 0 */
  readonly inactivityTimeout?: number | undefined;
  /**
   * Messages that may wait between a peer's reader and the inbox before the oldest one
   * goes. 0 drops nothing: the peer is held back where it can be, else they pile up. @default 0
   */
  readonly maxQueueSize?: number | undefined;
}

/** Options of an {@link InboundPool}. */
export interface InboundPoolOptions extends PoolOptions {
  /** Options of the pool's workers. */
  readonly worker?: InboundWorkerOptions | undefined;
  /** Makes a worker for each peer. @default the shipped one */
  readonly workerFactory?: InboundWorkerFactory | undefined;
}

/** An inbound worker's options with every default filled in. */
export interface ResolvedInboundWorkerOptions {
  /** Milliseconds; 0 never evicts. */
  readonly inactivityTimeout: number;
  /** Messages; 0 drops nothing. */
  readonly maxQueueSize: number;
}

/**
 * Checks an inbound pool's own options and fills in the defaults.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function resolveInboundOptions(
  options: InboundPoolOptions,
): ResolvedInboundWorkerOptions {
  checkFunction("workerFactory", options.workerFactory);
  checkOptions("worker", options.worker);
  const worker = options.worker ?? {};
  checkScope("worker.", worker);
  const number = (name: keyof typeof INBOUND_WORKER_RULES) =>
    numberOption(`worker.${name}`, INBOUND_WORKER_RULES[name], worker[name]);
  return {
    inactivityTimeout: number("inactivityTimeout"),
    maxQueueSize: number("maxQueueSize"),
  };
}
