import { refuseArgument } from "../transport/base/options.ts";
import type {
  LogAttributes,
  Logger,
  LogLevel,
} from "../transport/base/logging.ts";
import { AssertionError } from "./assertion_error.ts";
import { type Expected, matches, show } from "./match.ts";

/** A record that was logged. */
export interface LogRecord {
  /** Its level. */
  readonly level: LogLevel;
  /** Its message. */
  readonly message: string;
  /** The attributes of the record. */
  readonly attributes: LogAttributes;
}

/** Options of a {@link LogCapture}. */
export interface LogCaptureOptions {
  /**
   * The array that gets the records. Captures that share it keep a common order.
   *
   * @default {a new array}
   */
  readonly records?: LogRecord[];
  /**
   * Attributes that are added to each record.
   *
   * @default {none}
   */
  readonly attributes?: LogAttributes;
}

/** A record to look for: its message alone, or those of its fields that matter. */
export type LogPattern = string | RegExp | Expected<LogRecord>;

/** Where to look for records: a {@link LogCapture} or an array. */
export type LogSource = LogCapture | readonly LogRecord[];

/**
 * A logger that keeps its records.
 *
 * @example
 * ```ts
 * import { assertLogSequence, LogCapture } from "@honeybee/honeybee/testing";
 *
 * const logs = new LogCapture();
 * logs.info("connected", { peer_id: "a" });
 * logs.warn("slow", { peer_id: "a" });
 * logs.info("closed", { peer_id: "a" });
 * assertLogSequence(logs, ["connected", { message: /clos/, level: "info" }]);
 * ```
 */
export class LogCapture implements Logger {
  /** What was logged, in order. */
  readonly records: LogRecord[];
  readonly #attributes: LogAttributes;

  /** Makes a logger that keeps its records. */
  constructor(options: LogCaptureOptions = {}) {
    this.records = options.records ?? [];
    this.#attributes = options.attributes ?? {};
  }

  /** A logger that adds `attributes` to its records, and keeps them here. */
  child(attributes: LogAttributes): LogCapture {
    return new LogCapture({
      records: this.records,
      attributes: { ...this.#attributes, ...attributes },
    });
  }

  /** Forgets what was logged. */
  clear(): void {
    this.records.length = 0;
  }

  /** Keeps a record of level debug. */
  debug(message: string, attributes?: LogAttributes): void {
    this.#keep("debug", message, attributes);
  }

  /** Keeps a record of level info. */
  info(message: string, attributes?: LogAttributes): void {
    this.#keep("info", message, attributes);
  }

  /** Keeps a record of level warn. */
  warn(message: string, attributes?: LogAttributes): void {
    this.#keep("warn", message, attributes);
  }

  /** Keeps a record of level error. */
  error(message: string, attributes?: LogAttributes): void {
    this.#keep("error", message, attributes);
  }

  #keep(level: LogLevel, message: string, attributes?: LogAttributes): void {
    this.records.push({
      level,
      message,
      attributes: { ...this.#attributes, ...attributes },
    });
  }
}

/** Returns the first record that matches, `undefined` if there is none. */
export function findLogRecord(
  source: LogSource,
  pattern: LogPattern,
): LogRecord | undefined {
  return recordsOf(source).find((record) => fits(record, pattern));
}

/**
 * Checks that records were logged in this order. Others may be in between.
 *
 * @returns The records that matched, one for each pattern.
 * @throws {AssertionError} If one of them is missing, or does not come after the one before it.
 */
export function assertLogSequence(
  source: LogSource,
  patterns: readonly LogPattern[],
): LogRecord[] {
  const records = recordsOf(source);
  const found: LogRecord[] = [];
  let from = 0;
  patterns.forEach((pattern, index) => {
    const place = records.findIndex((record, i) =>
      i >= from && fits(record, pattern)
    );
    const record = records[place];
    if (record === undefined) {
      throw new AssertionError(
        `Log record ${index + 1} of ${patterns.length}, ${show(pattern)}, ${
          index === 0 ? "is missing" : "does not come after the one before it"
        }. Logged were:${list(records)}`,
      );
    }
    found.push(record);
    from = place + 1;
  });
  return found;
}

/**
 * Checks an attribute of a record. Without `expected` it only has to be there.
 *
 * @throws {AssertionError} When there is no record, no such attribute, or another value.
 */
export function assertAttribute(
  record: LogRecord | undefined,
  name: string,
  ...expected: readonly [expected?: unknown]
): void {
  if (record === undefined) {
    throw new AssertionError(
      `There is no log record to have the attribute ${name}`,
    );
  }
  if (!Object.hasOwn(record.attributes, name)) {
    throw new AssertionError(
      `The log record ${show(record.message)} has no attribute ${name}: ${
        show(record.attributes)
      }`,
    );
  }
  const actual = record.attributes[name];
  if (expected.length > 0 && !matches(actual, expected[0])) {
    throw new AssertionError(
      `The attribute ${name} of the log record ${show(record.message)} is ${
        show(actual)
      } and not ${show(expected[0])}`,
    );
  }
}

function recordsOf(source: LogSource): readonly LogRecord[] {
  const records: unknown = source instanceof LogCapture
    ? source.records
    : source;
  if (Array.isArray(records)) return records;
  const rule = "a LogCapture or an array of records";
  throw refuseArgument("look", "source", rule, source);
}

function fits(record: LogRecord, pattern: LogPattern): boolean {
  return typeof pattern === "string" || pattern instanceof RegExp
    ? matches(record.message, pattern)
    : matches(record, pattern);
}

function list(records: readonly LogRecord[]): string {
  if (records.length === 0) return " none";
  return records.map(({ level, message, attributes }) =>
    `\n  ${level} ${show(message)} ${show(attributes)}`
  ).join("");
}
