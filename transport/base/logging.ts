import { notify } from "./callbacks.ts";

/** The levels of log records, from the least to the most important. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The attributes of a log record. */
export type LogAttributes = Readonly<Record<string, unknown>>;

/**
 * Receives log records: a logger of LogTape or of `@std/log`, or `console`.
 *
 * If a method throws, the library ignores that.
 */
export interface Logger {
  /** Receives details for finding faults. */
  debug(message: string, attributes: LogAttributes): unknown;
  /** Receives what normally happens. */
  info(message: string, attributes: LogAttributes): unknown;
  /** Receives what an operator may want to know. */
  warn(message: string, attributes: LogAttributes): unknown;
  /** Receives what an operator has to know. */
  error(message: string, attributes: LogAttributes): unknown;
}

/** The logging options of a scope: a pool, its workers or its connections. */
export interface LoggingOptions {
  /**
   * Receives the log records.
   *
   * @default {no logging}
   */
  readonly logger?: Logger | undefined;
  /**
   * Whether this scope writes log records.
   *
   * @default {true}
   */
  readonly loggingEnabled?: boolean | undefined;
  /**
   * The lowest level that this scope writes. What the logger itself drops stays dropped.
   *
   * @default {the logger's own}
   */
  readonly logLevel?: LogLevel | undefined;
}

/** Every level, from the least to the most important. */
export const LOG_LEVELS: readonly LogLevel[] = [
  "debug",
  "info",
  "warn",
  "error",
];

/** The logger of one scope. `undefined` stands for a scope that logs nothing. */
export class Log {
  readonly #logger: Logger;
  readonly #least: number;
  readonly #attributes: LogAttributes;

  /** What is below `least` is dropped, and every record gets `attributes`. */
  constructor(logger: Logger, least: number, attributes: LogAttributes) {
    this.#logger = logger;
    this.#least = least;
    this.#attributes = attributes;
  }

  /** Logs details for finding faults. */
  debug(message: string, attributes?: LogAttributes): void {
    if (this.#least <= 0) this.#write("debug", message, attributes);
  }

  /** Logs what normally happens. */
  info(message: string, attributes?: LogAttributes): void {
    if (this.#least <= 1) this.#write("info", message, attributes);
  }

  /** Logs what an operator may want to know. */
  warn(message: string, attributes?: LogAttributes): void {
    if (this.#least <= 2) this.#write("warn", message, attributes);
  }

  /** Logs what an operator has to know. */
  error(message: string, attributes?: LogAttributes): void {
    this.#write("error", message, attributes);
  }

  #write(level: LogLevel, message: string, attributes?: LogAttributes): void {
    // A failure of the logger cannot be reported anywhere.
    notify(
      () =>
        this.#logger[level](message, { ...this.#attributes, ...attributes }),
      () => {},
    );
  }
}

/**
 * The logger of a scope, with what goes with each of its records.
 *
 * @returns `undefined` if there is no logger or logging is off, so that
 * `log?.info(...)` costs nothing there.
 */
export function createLog(
  options: LoggingOptions,
  attributes: LogAttributes,
): Log | undefined {
  if (options.logger === undefined || options.loggingEnabled === false) {
    return undefined;
  }
  const least = options.logLevel === undefined
    ? 0
    : LOG_LEVELS.indexOf(options.logLevel);
  return new Log(options.logger, least, { module: "honeybee", ...attributes });
}

/**
 * The logging options of an inner scope: what it does not set itself it takes from the outer scope.
 *
 * @param outer The options of the pool.
 * @param inner The options of its worker or connection.
 */
export function inheritLogging(
  outer: LoggingOptions,
  inner: LoggingOptions = {},
): LoggingOptions {
  return {
    logger: inner.logger ?? outer.logger,
    loggingEnabled: inner.loggingEnabled ?? outer.loggingEnabled,
    logLevel: inner.logLevel ?? outer.logLevel,
  };
}
