import {
  checkFunction,
  checkOptions,
  checkScope,
  numberOption,
} from "../transport/base/options.ts";
import {
  OUTBOUND_POOL_RULES,
  OUTBOUND_WORKER_RULES,
} from "../transport/base/rules.ts";
import {
  checkHeaders,
  type HeadersSource,
} from "../transport/connection/options.ts";
import type { PoolOptions } from "../transport/pool/options.ts";
import type { Dialer } from "../transport/client/dialer.ts";
import type { ShouldReconnect } from "./reconnect.ts";
import type { OutboundWorkerFactory } from "./plugin.ts";
import type {
  OutboundWorkerOptions,
  ResolvedOutboundWorkerOptions,
} from "./worker_options.ts";

/** Options of an {@link OutboundPool}. */
export interface OutboundPoolOptions extends PoolOptions {
  /** Options of the pool's workers. */
  readonly worker?: OutboundWorkerOptions | undefined;
  /** Makes a worker for each peer. @default the shipped one */
  readonly workerFactory?: OutboundWorkerFactory | undefined;
  /** Makes sockets. @default dialAuto */
  readonly dialer?: Dialer | undefined;
  /** Headers of every request, or a function called for those of each attempt. @default none */
  readonly headers?: HeadersSource | undefined;
  /**
   * The maximum number of dials in flight in the whole pool. Peers whose last dial did not fail go first, and a
   * quarter of the dials, at least one of two, is kept for them. @default 64
   */
  readonly maxConcurrentDials?: number | undefined;
  /** May overrule the verdict on a loss or a refusal. @default defaultVerdict */
  readonly shouldReconnect?: ShouldReconnect | undefined;
}

/**
 * Checks an outbound pool's own options and fills in the defaults.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function resolveOutboundOptions(
  options: OutboundPoolOptions,
): ResolvedOutboundWorkerOptions & { readonly maxConcurrentDials: number } {
  checkFunction("workerFactory", options.workerFactory);
  checkFunction("dialer", options.dialer);
  checkHeaders("headers", options.headers);
  checkFunction("shouldReconnect", options.shouldReconnect);
  checkOptions("worker", options.worker);
  const worker = options.worker ?? {};
  checkScope("worker.", worker);
  const number = (name: keyof typeof OUTBOUND_WORKER_RULES) =>
    numberOption(`worker.${name}`, OUTBOUND_WORKER_RULES[name], worker[name]);
  const keepaliveTimeout = number("keepaliveTimeout");
  return {
    keepaliveTimeout: worker.keepaliveTimeout === undefined
      ? undefined
      : keepaliveTimeout,
    reconnectDelay: number("reconnectDelay"),
    maxReconnectDelay: number("maxReconnectDelay"),
    stableAfter: number("stableAfter"),
    maxQueueSize: number("maxQueueSize"),
    maxConcurrentDials: numberOption(
      "maxConcurrentDials",
      OUTBOUND_POOL_RULES.maxConcurrentDials,
      options.maxConcurrentDials,
    ),
  };
}
