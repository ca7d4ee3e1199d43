import {
  checkFunction,
  checkOptions,
  checkScope,
  numberOption,
  OUTBOUND_POOL_RULES,
  OUTBOUND_WORKER_RULES,
} from "../transport/base/options.ts";
import {
  checkHeaders,
  type HeadersSource,
} from "../transport/connection/options.ts";
import type { LoggingOptions } from "../transport/base/logging.ts";
import type { PoolOptions } from "../transport/pool/options.ts";
import type { Dialer } from "../transport/client/dialer.ts";
import type { ShouldReconnect } from "./reconnect.ts";
import type { OutboundWorkerFactory } from "./worker.ts";

/** Options of an outbound pool's workers. */
export interface OutboundWorkerOptions extends Omit<LoggingOptions, "logger"> {
  /**
   * Replace the connection when there was no heartbeat for this long, in milliseconds; 0 never.
   *
   * A heartbeat is a message, or a pong that answered a ping. On native sockets a send that was
   * buffered counts too, since nothing better is to be had.
   *
   * @default 60000 where control frames are seen, else 0
   */
  readonly keepaliveTimeout?: number | undefined;
  /**
   * How long to wait after a loss before dialling, in milliseconds, spread from one to two times
   * its length. It doubles while the peer flaps, 0 from 100 on. @default 2000
   */
  readonly reconnectDelay?: number | undefined;
  /** Where the doubling of `reconnectDelay` ends, in milliseconds, before the spread. @default 60000 */
  readonly maxReconnectDelay?: number | undefined;
  /** How long a connection must hold before the peer counts as stable again, in milliseconds. @default 30000 */
  readonly stableAfter?: number | undefined;
  /** As for inbound workers. @default 0 */
  readonly maxQueueSize?: number | undefined;
}

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
  /** Dials in flight in the whole pool. @default 64 */
  readonly maxConcurrentDials?: number | undefined;
  /** May overrule the verdict on a loss or a refusal. @default defaultVerdict */
  readonly shouldReconnect?: ShouldReconnect | undefined;
}

/** An outbound worker's options with every default filled in. */
export interface ResolvedOutboundWorkerOptions {
  /** `undefined`: 60 s where control frames are seen, else off. */
  readonly keepaliveTimeout: number | undefined;
  /** Milliseconds, before the spread. */
  readonly reconnectDelay: number;
  /** Milliseconds, before the spread. */
  readonly maxReconnectDelay: number;
  /** Milliseconds. */
  readonly stableAfter: number;
  /** Messages; 0 drops nothing. */
  readonly maxQueueSize: number;
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
