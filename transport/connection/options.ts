import {
  checkFunction,
  checkMethods,
  checkOptions,
  checkScope,
  checkWord,
  numberOption,
  refuseOption,
} from "../base/options.ts";
import { CONNECTION_RULES, RETRY_RULES } from "../base/rules.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import type { LogAttributes, LoggingOptions } from "../base/logging.ts";
import {
  exponential,
  maxAttempts,
  never,
  type RetryPolicy,
} from "../base/retry_policy.ts";
import type { RetryInfo } from "../base/retry.ts";
import { type HeadersInput, toHeaders } from "../handshake/headers.ts";
import type { Dialer, DialGate, DialOptions } from "../client/dialer.ts";

/** Headers of a request, or a function that is called for those of each attempt. */
export type HeadersSource =
  | HeadersInput
  | (() => HeadersInput | Promise<HeadersInput>);

/** The usual retry policy: the first retry at once, then doubling delays. */
export interface RetrySettings {
  /** Retries before it gives up. @default no limit */
  readonly maxRetries?: number | undefined;
  /** Delay before the second retry, in milliseconds. @default 1000 */
  readonly initialDelay?: number | undefined;
  /** Longest delay, in milliseconds. @default 60000 */
  readonly maxDelay?: number | undefined;
  /** How far a delay may stray to either side, as a part of it, 0 to 1. @default 0.2 */
  readonly jitterFactor?: number | undefined;
}

/** Options of a {@link Connection}. Durations are milliseconds, and 0 disables them. */
export interface ConnectionOptions
  extends Omit<DialOptions, "headers" | "binary">, LoggingOptions {
  /**
   * How binary messages are handed over: each in a buffer of its own, or as views that may share
   * memory with their neighbours. @default "view"
   */
  readonly binary?: "copy" | "view" | undefined;
  /** Closes the connection, gracefully, when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Makes the socket. @default dialAuto */
  readonly dialer?: Dialer | undefined;
  /** Makes dials wait for each other, also those of several connections. @default none */
  readonly dialGate?: DialGate | undefined;
  /**
   * Headers of the request, or a function that is called for each attempt. `handshakeTimeout` includes the time
   * that the function takes. @default none
   */
  readonly headers?: HeadersSource | undefined;
  /** What to do when a dial fails: a policy, its settings, or `false` for one try only. */
  readonly retry?: RetryPolicy | RetrySettings | false | undefined;
  /** Told of each failure that is followed by another try. */
  readonly onRetry?: ((info: RetryInfo) => void) | undefined;
  /** How often to ping, with 10% jitter either way; 0 never. @default 20000 */
  readonly pingInterval?: number | undefined;
  /** The connection ends when the peer takes nothing for this long. @default 30000 */
  readonly writeTimeout?: number | undefined;
  /**
   * How long the closing handshake may take before the socket is cut; 0 for ever. In a pool it bounds the wait
   * for workers too: with 0, a worker of your own that never ends keeps `close()` waiting. @default 5000
   */
  readonly closeTimeout?: number | undefined;
  /** No message is buffered while this many bytes wait to go out. @default 1 MiB */
  readonly highWaterMark?: number | undefined;
  /** Messages that may wait in `incoming` before the peer is held back. @default 100 */
  readonly incomingBufferSize?: number | undefined;
  /**
   * Bytes that may wait in `incoming` before the peer is held back; a text counts
   * its UTF-16 units. @default 4 MiB
   */
  readonly incomingBufferBytes?: number | undefined;
  /** Errors that may wait in `errors`. @default 10 */
  readonly errorsBufferSize?: number | undefined;
  /** Sees each ping of the peer. The socket answers it by itself. */
  readonly onPing?: ((payload: Uint8Array) => void) | undefined;
  /** Sees each pong of the peer, asked for or not. */
  readonly onPong?: ((payload: Uint8Array) => void) | undefined;
  /** Sees the peer's close frame; 1005 when it had no code. */
  readonly closeHandler?: ((code: number, reason: string) => void) | undefined;
  /** What goes with each log record of this connection. */
  readonly logAttributes?: LogAttributes | undefined;
}

/** A connection's options with every default filled in. */
export interface ResolvedConnectionOptions {
  readonly clock: Clock;
  readonly pingInterval: number;
  readonly writeTimeout: number;
  readonly closeTimeout: number;
  readonly handshakeTimeout: number;
  readonly highWaterMark: number;
  readonly incomingBufferSize: number;
  readonly incomingBufferBytes: number;
  readonly errorsBufferSize: number;
}

const RULES = CONNECTION_RULES;

/**
 * Refuses headers that no request can have.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkHeaders(
  field: string,
  value: HeadersSource | undefined,
): void {
  if (value === undefined || typeof value === "function") return;
  if (typeof value !== "object" || value === null) {
    throw refuseOption(
      field,
      "an object, a list of pairs or a function",
      value,
    );
  }
  // What can be iterated only once must still be there for the request.
  const isIterator = Symbol.iterator in value && "next" in value;
  if (isIterator) return;
  try {
    toHeaders(value);
  } catch {
    throw refuseOption(
      field,
      "made of names and values that HTTP allows",
      value,
    );
  }
}

/**
 * Checks a connection's options and fills in the defaults.
 *
 * @param prefix What stands before the fields' names in a message, for example `connection.`.
 * @throws {ConfigError} `invalid-option` for a value that is not allowed.
 */
export function resolveConnectionOptions(
  options: ConnectionOptions = {},
  prefix = "",
): ResolvedConnectionOptions {
  checkOptions(prefix === "" ? "options" : prefix.slice(0, -1), options);
  checkScope(prefix, options);
  for (
    const name of [
      "dialer",
      "onRetry",
      "onPing",
      "onPong",
      "closeHandler",
    ] as const
  ) checkFunction(prefix + name, options[name]);
  checkMethods(`${prefix}dialGate`, options.dialGate, ["enter"]);
  checkHeaders(`${prefix}headers`, options.headers);
  const { protocols = [] } = options;
  if (
    typeof protocols !== "string" &&
    !(Array.isArray(protocols) &&
      protocols.every((item) => typeof item === "string"))
  ) {
    throw refuseOption(
      `${prefix}protocols`,
      "a string or a list of strings",
      protocols,
    );
  }
  checkWord(`${prefix}binary`, ["view", "copy"], options.binary);
  if (typeof options.compression !== "boolean") {
    checkOptions(`${prefix}compression`, options.compression);
  }
  const number = (name: keyof typeof RULES) =>
    numberOption(prefix + name, RULES[name], options[name]);
  for (
    const name of [
      "maxMessageSize",
      "maxFrameSize",
      "maxFragments",
      "fragmentSize",
    ] as const
  ) number(name);
  const clock = options.clock ?? systemClock;
  resolveRetry(options.retry, clock, `${prefix}retry`);
  return {
    clock,
    pingInterval: number("pingInterval"),
    writeTimeout: number("writeTimeout"),
    closeTimeout: number("closeTimeout"),
    handshakeTimeout: number("handshakeTimeout"),
    highWaterMark: number("highWaterMark"),
    incomingBufferSize: number("incomingBufferSize"),
    incomingBufferBytes: number("incomingBufferBytes"),
    errorsBufferSize: number("errorsBufferSize"),
  };
}

/**
 * The retry policy that an option stands for.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function resolveRetry(
  option: RetryPolicy | RetrySettings | false | undefined,
  clock: Clock,
  field = "retry",
): RetryPolicy {
  if (option === false) return never();
  if (typeof option === "function") return option;
  if (option !== undefined && (typeof option !== "object" || option === null)) {
    throw refuseOption(field, "a function, an object or false", option);
  }
  const settings = option ?? {};
  const number = (name: keyof typeof RETRY_RULES) =>
    numberOption(`${field}.${name}`, RETRY_RULES[name], settings[name]);
  const later = exponential(number("initialDelay"), number("maxDelay"), {
    jitter: 0,
  });
  const jitter = number("jitterFactor");
  const spread = () => 1 + jitter * (2 * clock.random() - 1);
  return maxAttempts(
    number("maxRetries") + 1,
    (attempt) => attempt === 1 ? 0 : later(attempt - 1) * spread(),
  );
}
