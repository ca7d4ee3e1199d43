import { checkOptions, checkScope, numberOption } from "../base/options.ts";
import { POOL_RULES } from "../base/rules.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import {
  type ConnectionOptions,
  resolveConnectionOptions,
} from "../connection/options.ts";
import { ConfigError } from "../base/errors.ts";
import type { LoggingOptions } from "../base/logging.ts";

/** Options of the connections that a pool makes. */
export type PoolConnectionOptions = Omit<
  ConnectionOptions,
  "signal" | "clock" | "dialer" | "dialGate" | "logAttributes"
>;

/** Options that both pools have. */
export interface PoolOptions extends LoggingOptions {
  /** Closes the pool, gracefully, when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Where time and chance come from. @default the runtime's own */
  readonly clock?: Clock | undefined;
  /** Messages that may wait in the inbox before peers are held back. @default 256 */
  readonly inboxBufferSize?: number | undefined;
  /**
   * Bytes that may wait in the inbox before peers are held back; a text counts its UTF-16 units. The
   * last message may exceed it. @default 16 MiB
   */
  readonly inboxBufferBytes?: number | undefined;
  /** Events that may wait. @default 1024 */
  readonly eventsBufferSize?: number | undefined;
  /** Errors that may wait; when nobody reads them the oldest go. @default 1024 */
  readonly errorsBufferSize?: number | undefined;
  /** Options of the pool's connections. */
  readonly connection?: PoolConnectionOptions | undefined;
}

/** A pool's options with every default filled in. */
export interface ResolvedPoolOptions {
  readonly clock: Clock;
  readonly inboxBufferSize: number;
  readonly inboxBufferBytes: number;
  readonly eventsBufferSize: number;
  readonly errorsBufferSize: number;
  readonly closeTimeout: number;
  readonly incomingBufferSize: number;
  readonly incomingBufferBytes: number;
  readonly maxQueueSize: number;
}

/**
 * Checks a pool's id.
 *
 * @throws {ConfigError} `invalid-argument` when it is not a string or empty.
 */
export function checkId(field: string, id: unknown): void {
  if (typeof id === "string" && id !== "") return;
  throw new ConfigError(
    "invalid-argument",
    field,
    `Cannot use id as ${field} must be a string that is not empty: current value is ${
      JSON.stringify(id) ?? typeof id
    }`,
  );
}

/**
 * Checks a pool's id and the options that both pools have, and fills in the defaults.
 *
 * @throws {ConfigError} `invalid-argument`, `invalid-option`.
 */
export function resolvePoolOptions(
  id: string,
  options: PoolOptions,
): Omit<ResolvedPoolOptions, "maxQueueSize"> {
  checkId("id", id);
  checkOptions("options", options);
  checkScope("", options);
  const number = (name: keyof typeof POOL_RULES) =>
    numberOption(name, POOL_RULES[name], options[name]);
  const connection = resolveConnectionOptions(
    options.connection ?? {},
    "connection.",
  );
  return {
    clock: options.clock ?? systemClock,
    inboxBufferSize: number("inboxBufferSize"),
    inboxBufferBytes: number("inboxBufferBytes"),
    eventsBufferSize: number("eventsBufferSize"),
    errorsBufferSize: number("errorsBufferSize"),
    closeTimeout: connection.closeTimeout,
    incomingBufferSize: connection.incomingBufferSize,
    incomingBufferBytes: connection.incomingBufferBytes,
  };
}
