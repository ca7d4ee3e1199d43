import {
  checkFunction,
  checkOptions,
  checkScope,
  numberOption,
  type OptionHomes,
  type OptionNames,
} from "../base/options.ts";
import { POOL_RULES } from "../base/rules.ts";
import { type Clock, clockOf } from "../base/clock.ts";
import type {
  ConnectionOptions,
  ResolvedConnectionOptions,
} from "../connection/options.ts";
import { ConfigError } from "../base/errors.ts";
import type { LoggingOptions } from "../base/logging.ts";
import type { PoolEvent } from "./events.ts";

/** Options of connections that a pool sets itself. */
export type OptionSetByPool =
  | "signal"
  | "clock"
  | "dialer"
  | "dialGate"
  | "meter"
  | "logAttributes";

const SET_BY_POOL: Readonly<Record<OptionSetByPool, true>> = {
  signal: true,
  clock: true,
  dialer: true,
  dialGate: true,
  meter: true,
  logAttributes: true,
};

/** Options of the connections that an outbound pool makes. */
export type PoolConnectionOptions = Omit<
  ConnectionOptions,
  OptionSetByPool
>;

/** Where the options belong that {@link PoolConnectionOptions} leaves out. */
export const POOL_CONNECTION_HOMES: OptionHomes = {
  signal: "the options of the pool",
  clock: "the options of the pool",
  dialer: "the options of the pool, or of connect",
  dialGate: "a connection without a pool: see maxConcurrentDials",
  meter: "a connection without a pool: see stats()",
  logAttributes: "a connection without a pool: a pool sets them itself",
};

/** Returns the names of options without those that a pool sets itself. */
export function withoutPoolOptions<T extends object>(
  names: OptionNames<T>,
): OptionNames<Omit<T, OptionSetByPool>> {
  const {
    signal: _signal,
    clock: _clock,
    dialer: _dialer,
    dialGate: _dialGate,
    meter: _meter,
    logAttributes: _logAttributes,
    ...rest
  } = { ...SET_BY_POOL, ...names };
  return rest;
}

/** Options that both pools have. */
export interface PoolOptions<
  E extends PoolEvent = PoolEvent,
  C = PoolConnectionOptions,
> extends LoggingOptions {
  /**
   * Closes the pool with code 1001 when it aborts.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * The source of time and randomness.
   *
   * @default {the runtime's own}
   */
  readonly clock?: Clock | undefined;
  /**
   * The maximum number of messages that wait in the inbox. While it is full, peers get backpressure.
   *
   * @default {4096}
   */
  readonly inboxBufferSize?: number | undefined;
  /**
   * The maximum number of bytes that wait in the inbox before peers get backpressure; a text counts its UTF-16 units.
   * The last message may exceed it.
   *
   * @default {16777216}
   */
  readonly inboxBufferBytes?: number | undefined;
  /**
   * The maximum number of events that wait. If it is exceeded, older events of the same peer are dropped, or else the
   * oldest event of all; `missedEvents` of the statistics counts them.
   *
   * @default {1024}
   */
  readonly eventsBufferSize?: number | undefined;
  /**
   * The maximum number of errors that wait. If it is exceeded, the oldest are dropped.
   *
   * @default {1024}
   */
  readonly errorsBufferSize?: number | undefined;
  /**
   * Called synchronously with each event, also if `events` drops it. If it throws or rejects, the error is in `errors`.
   *
   * @default {none}
   */
  readonly onEvent?: ((event: E) => void) | undefined;
  /**
   * Options of the pool's connections.
   *
   * @default {the defaults of connections}
   */
  readonly connection?: C | undefined;
}

/** The names of the options that both pools have. */
export const POOL_OPTION_NAMES: OptionNames<PoolOptions> = {
  signal: true,
  clock: true,
  inboxBufferSize: true,
  inboxBufferBytes: true,
  eventsBufferSize: true,
  errorsBufferSize: true,
  onEvent: true,
  connection: true,
  logger: true,
  loggingEnabled: true,
  logLevel: true,
};

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
export function checkId(field: string, id: unknown): asserts id is string {
  if (typeof id === "string" && id !== "") return;
  throw new ConfigError(
    "invalid-argument",
    field,
    `Cannot use the id: ${field} must be a string that is not empty, and is ${
      JSON.stringify(id) ?? typeof id
    }.`,
  );
}

/**
 * Checks a pool's id and the options that both pools have, and fills in the defaults.
 *
 * @throws {ConfigError} `invalid-argument`, `invalid-option`.
 */
export function resolvePoolOptions<E extends PoolEvent, C>(
  id: string,
  options: PoolOptions<E, C>,
  resolveConnection: (
    connection: C | undefined,
  ) => ResolvedConnectionOptions,
): Omit<ResolvedPoolOptions, "maxQueueSize"> {
  checkId("id", id);
  checkOptions("options", options);
  checkScope("", options);
  checkFunction("onEvent", options.onEvent);
  const number = (name: keyof typeof POOL_RULES) =>
    numberOption(name, POOL_RULES[name], options[name]);
  const connection = resolveConnection(options.connection);
  return {
    clock: clockOf(options.clock),
    inboxBufferSize: number("inboxBufferSize"),
    inboxBufferBytes: number("inboxBufferBytes"),
    eventsBufferSize: number("eventsBufferSize"),
    errorsBufferSize: number("errorsBufferSize"),
    closeTimeout: connection.closeTimeout,
    incomingBufferSize: connection.incomingBufferSize,
    incomingBufferBytes: connection.incomingBufferBytes,
  };
}
