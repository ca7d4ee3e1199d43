import type { Clock } from "./clock.ts";
import { ConfigError } from "./errors.ts";
import { LOG_LEVELS, type Logger, type LogLevel } from "./logging.ts";

/** What an option that is a number may be. */
export interface NumberRule {
  /** The value when none is given. */
  readonly default: number;
  /** The least value allowed. */
  readonly min: number;
  /** The greatest value allowed. */
  readonly max: number;
  /** What it counts. */
  readonly unit: "ms" | "bytes" | "items" | "part" | "seconds";
}

/** Longest duration: what a timer takes, about 24.8 days. */
export const MAX_DURATION = 2 ** 31 - 1;
/** Most bytes of anything: the longest typed array an engine may make. */
export const MAX_BYTES = 2 ** 33;
/** Most items of anything. */
export const MAX_ITEMS = 2 ** 30;

function duration(ms: number, min = 0): NumberRule {
  return { default: ms, min, max: MAX_DURATION, unit: "ms" };
}

function bytes(count: number, min = 0): NumberRule {
  return { default: count, min, max: MAX_BYTES, unit: "bytes" };
}

function items(count: number, min = 0): NumberRule {
  return { default: count, min, max: MAX_ITEMS, unit: "items" };
}

const MiB = 1 << 20;

/** Options of every socket that are numbers. */
export const SOCKET_RULES: Readonly<
  Record<
    "maxMessageSize" | "maxFrameSize" | "maxFragments" | "fragmentSize",
    NumberRule
  >
> = {
  maxMessageSize: bytes(MiB),
  maxFrameSize: bytes(0),
  maxFragments: items(16_384),
  fragmentSize: bytes(0),
};

/** Options of a connection that are numbers. */
export const CONNECTION_RULES: Readonly<
  Record<
    | keyof typeof SOCKET_RULES
    | "writeTimeout"
    | "pingInterval"
    | "closeTimeout"
    | "handshakeTimeout"
    | "highWaterMark"
    | "incomingBufferSize"
    | "incomingBufferBytes"
    | "errorsBufferSize",
    NumberRule
  >
> = {
  ...SOCKET_RULES,
  writeTimeout: duration(30_000),
  pingInterval: duration(20_000),
  closeTimeout: duration(5_000),
  handshakeTimeout: duration(10_000),
  highWaterMark: bytes(MiB, 1),
  incomingBufferSize: items(100, 1),
  incomingBufferBytes: bytes(4 * MiB, 1),
  errorsBufferSize: items(10, 1),
};

/** Options of a listener that are numbers. */
export const LISTEN_RULES: Readonly<
  Record<
    | "port"
    | "maxHeadSize"
    | "maxPending"
    | "handshakeTimeout"
    | "errorsBufferSize",
    NumberRule
  >
> = {
  port: { default: 0, min: 0, max: 65_535, unit: "items" },
  maxHeadSize: bytes(16_384, 64),
  maxPending: items(1_024, 1),
  handshakeTimeout: duration(10_000),
  errorsBufferSize: items(1_024, 1),
};

/** Options of `upgrade` that are numbers. */
export const UPGRADE_RULES: Readonly<
  Record<"inactivityTimeout" | "handshakeTimeout", NumberRule>
> = {
  inactivityTimeout: duration(30_000),
  handshakeTimeout: CONNECTION_RULES.handshakeTimeout,
};

/** Fields of a connection's `retry` option that are numbers. */
export const RETRY_RULES: Readonly<
  Record<
    "maxRetries" | "initialDelay" | "maxDelay" | "jitterFactor",
    NumberRule
  >
> = {
  maxRetries: items(Infinity),
  initialDelay: duration(1_000),
  maxDelay: duration(60_000),
  jitterFactor: { default: 0.2, min: 0, max: 1, unit: "part" },
};

/** Options of both pools that are numbers. */
export const POOL_RULES: Readonly<
  Record<
    "inboxBufferSize" | "eventsBufferSize" | "errorsBufferSize",
    NumberRule
  >
> = {
  inboxBufferSize: items(256, 1),
  eventsBufferSize: items(1_024, 1),
  errorsBufferSize: items(1_024, 1),
};

/** Options of an inbound worker that are numbers. */
export const INBOUND_WORKER_RULES: Readonly<
  Record<"inactivityTimeout" | "maxQueueSize", NumberRule>
> = {
  inactivityTimeout: duration(0),
  maxQueueSize: items(0),
};

/** Options of an outbound worker that are numbers. */
export const OUTBOUND_WORKER_RULES: Readonly<
  Record<
    | "keepaliveTimeout"
    | "reconnectDelay"
    | "maxReconnectDelay"
    | "stableAfter"
    | "maxQueueSize",
    NumberRule
  >
> = {
  keepaliveTimeout: duration(60_000),
  reconnectDelay: duration(2_000),
  maxReconnectDelay: duration(60_000),
  stableAfter: duration(30_000),
  maxQueueSize: items(0),
};

/** Options of the outbound pool alone that are numbers. */
export const OUTBOUND_POOL_RULES: Readonly<
  Record<"maxConcurrentDials", NumberRule>
> = {
  maxConcurrentDials: items(64, 1),
};

/** A {@link ConfigError} that says which option had which value, and what it must be. */
export function refuseOption(
  field: string,
  rule: string,
  value: unknown,
): ConfigError {
  return new ConfigError(
    "invalid-option",
    field,
    `Cannot use option as ${field} must be ${rule}: current value is ${
      show(value)
    }`,
  );
}

/** A {@link ConfigError} that says which argument of a call had which value, and what it must be. */
export function refuseArgument(
  action: string,
  field: string,
  rule: string,
  value: unknown,
): ConfigError {
  return new ConfigError(
    "invalid-argument",
    field,
    `Cannot ${action} as ${field} must be ${rule}: current value is ${
      show(value)
    }`,
  );
}

/**
 * The value of an option that is a number, or its default.
 *
 * @throws {ConfigError} `invalid-option` when it is not a number of the range.
 */
export function numberOption(
  field: string,
  rule: NumberRule,
  value: number | undefined,
): number {
  if (value === undefined) return rule.default;
  const whole = rule.unit === "items" || rule.unit === "bytes";
  const fits = typeof value === "number" && value >= rule.min &&
    (value <= rule.max || value === rule.default) &&
    (!whole || Number.isInteger(value) || value === rule.default);
  if (!fits) {
    throw refuseOption(
      field,
      `${
        whole ? "a whole number" : "a number"
      } from ${rule.min} to ${rule.max}${UNITS[rule.unit]}`,
      value,
    );
  }
  return value;
}

const UNITS: Readonly<Record<NumberRule["unit"], string>> = {
  ms: " (milliseconds)",
  seconds: " (seconds)",
  bytes: " (bytes)",
  items: "",
  part: "",
};

/**
 * Refuses an option that is not one of some words.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkWord(
  field: string,
  words: readonly string[],
  value: unknown,
): void {
  if (value === undefined) return;
  if (typeof value !== "string" || !words.includes(value)) {
    throw refuseOption(
      field,
      `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`,
      value,
    );
  }
}

/**
 * Refuses an option that is given and is not a function.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkFunction(field: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw refuseOption(field, "a function", value);
  }
}

/**
 * Refuses an option that is given and is neither `true` nor `false`.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkBoolean(field: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") {
    throw refuseOption(field, "true or false", value);
  }
}

/**
 * Refuses options that are not a plain object.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkOptions(field: string, value: unknown): void {
  if (
    value !== undefined &&
    (typeof value !== "object" || value === null || Array.isArray(value))
  ) throw refuseOption(field, "an object", value);
}

/**
 * Refuses an option that is given and is no signal.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkSignal(field: string, value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw refuseOption(field, "an AbortSignal", value);
  }
}

/**
 * The signal in the options of a call, where there are any.
 *
 * @throws {ConfigError} `invalid-option` when either cannot be used.
 */
export function signalOf(
  options: { readonly signal?: AbortSignal | undefined } | undefined,
): AbortSignal | undefined {
  if (options === undefined) return undefined;
  checkOptions("options", options);
  checkSignal("signal", options.signal);
  return options.signal;
}

/** The options that every scope has. */
export interface ScopeOptions {
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  readonly loggingEnabled?: boolean | undefined;
  readonly logLevel?: LogLevel | undefined;
}

/**
 * Checks the options that every scope has: its signal, clock and logging.
 *
 * @param prefix What stands before the fields' names in a message, for example `worker.`.
 * @throws {ConfigError} `invalid-option`.
 */
export function checkScope(prefix: string, options: ScopeOptions): void {
  checkSignal(`${prefix}signal`, options.signal);
  checkMethods(`${prefix}clock`, options.clock, [
    "now",
    "date",
    "timer",
    "random",
  ]);
  checkMethods(`${prefix}logger`, options.logger, LOG_LEVELS);
  checkBoolean(`${prefix}loggingEnabled`, options.loggingEnabled);
  checkWord(`${prefix}logLevel`, LOG_LEVELS, options.logLevel);
}

/**
 * Refuses an option that is given and lacks one of some methods.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkMethods(
  field: string,
  value: unknown,
  methods: readonly string[],
): void {
  if (value === undefined) return;
  const has = typeof value === "object" && value !== null &&
    methods.every((name) => typeof Reflect.get(value, name) === "function");
  if (!has) {
    throw refuseOption(
      field,
      `an object with ${methods.map((name) => `${name}()`).join(", ")}`,
      value,
    );
  }
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value)
      ? "an array"
      : `an object (${value.constructor?.name ?? "Object"})`;
  }
  if (typeof value === "function") return "a function";
  return String(value);
}
