import { notify } from "./callbacks.ts";

/** Levels of a record, from the least to the most important. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What goes with a record, beside its message. */
export type LogAttributes = Readonly<Record<string, unknown>>;

/**
 * Takes records: a logger of LogTape or of `@std/log`, or `console`.
 *
 * One that throws hurts nobody.
 */
export interface Logger {
  /** For whoever looks for a fault. */
  debug(message: string, attributes: LogAttributes): unknown;
  /** What happens in the ordinary course. */
  info(message: string, attributes: LogAttributes): unknown;
  /** What an operator may want to know. */
  warn(message: string, attributes: LogAttributes): unknown;
  /** What an operator has to know. */
  error(message: string, attributes: LogAttributes): unknown;
}

/** The logging options of a scope: a pool, its workers or its connections. */
export interface LoggingOptions {
  /**
   * Where records go.
   *
   * @default {none: no logging, and no cost}
   */
  readonly logger?: Logger | undefined;
  /**
   * Whether this scope logs.
   *
   * @default {true}
   */
  readonly loggingEnabled?: boolean | undefined;
  /**
   * The least level of this scope's records. It narrows: what the logger itself
   * drops stays dropped.
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

/** The logger of one scope. Absent (`undefined`) where nothing is logged. */
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

  /** Logs for whoever looks for a fault. */
  debug(message: string, attributes?: LogAttributes): void {
    if (this.#least <= 0) this.#write("debug", message, attributes);
  }

  /** Logs what happens in the ordinary course. */
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
    // A logger that fails has nowhere to report it to.
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
 * @returns `undefined` where there is no logger or logging is off, so that
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
