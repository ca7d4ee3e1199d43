import {
  checkFunction,
  checkOptions,
  checkScope,
  numberOption,
} from "../transport/base/options.ts";
import { INBOUND_WORKER_RULES } from "../transport/base/rules.ts";
import type { PoolOptions } from "../transport/pool/options.ts";
import type { InboundWorkerFactory } from "./plugin.ts";
import type {
  InboundWorkerOptions,
  ResolvedInboundWorkerOptions,
} from "./worker_options.ts";

/** Options of an {@link InboundPool}. */
export interface InboundPoolOptions extends PoolOptions {
  /** Options of the pool's workers. */
  readonly worker?: InboundWorkerOptions | undefined;
  /** Makes a worker for each peer. @default the shipped one */
  readonly workerFactory?: InboundWorkerFactory | undefined;
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
