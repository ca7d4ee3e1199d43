import type { Clock } from "./clock.ts";
import { ConfigError } from "./errors.ts";
import type { NumberRule } from "./rules.ts";
import { LOG_LEVELS, type Logger, type LogLevel } from "./logging.ts";

/** A {@link ConfigError} that says which option had which value, and what it must be. */
export function refuseOption(
  field: string,
  rule: string,
  value: unknown,
): ConfigError {
  return new ConfigError(
    "invalid-option",
    field,
    `Cannot use option ${field}: it must be ${rule}, and is ${show(value)}.`,
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
    `Cannot ${action}: ${field} must be ${rule}, and is ${show(value)}.`,
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

/**
 * Checks the options that a table of rules names.
 *
 * @throws {ConfigError} `invalid-option` when one is not a number of its range.
 */
export function checkNumbers<Name extends string>(
  prefix: string,
  rules: Readonly<Record<Name, NumberRule>>,
  options: { readonly [N in Name]?: number | undefined },
): void {
  for (const name in rules) {
    numberOption(prefix + name, rules[name], options[name]);
  }
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

/** The names of the options of one place; a `Record` so that the compiler asks for every one of a type's fields. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/** Where options belong that are often given elsewhere, for the error message. */
export type OptionHomes = Readonly<Record<string, string>>;

/** Returns homes that give the same place for each of the options. */
export function homes(options: object, home: string): OptionHomes {
  return Object.fromEntries(Object.keys(options).map((name) => [name, home]));
}

/**
 * Refuses options that have no effect in this place: unknown ones, and ones that belong elsewhere. A field that
 * is `undefined` counts as left out.
 *
 * @param prefix The path of the object, for example `connection.`.
 * @param homes Where options belong that exist, but not here.
 * @throws {ConfigError} `unknown-option` that names the field and lists what is allowed, `misplaced-option`
 * that says where it belongs, `invalid-option` when the options are not an object.
 */
export function checkFields<T extends object>(
  prefix: string,
  names: OptionNames<T>,
  options: T | undefined,
  homes: OptionHomes = {},
): void {
  checkOptions(prefix === "" ? "options" : prefix.slice(0, -1), options);
  for (const [name, value] of Object.entries(options ?? {})) {
    if (Object.hasOwn(names, name) || value === undefined) continue;
    const field = prefix + name;
    if (Object.hasOwn(homes, name)) {
      throw new ConfigError(
        "misplaced-option",
        field,
        `Cannot use option ${field}: it has no effect here. It belongs to ${
          homes[name]
        }.`,
      );
    }
    throw new ConfigError(
      "unknown-option",
      field,
      `Cannot use option ${field}: there is no such option here. The options are ${
        Object.keys(names).join(", ")
      }.`,
    );
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

/** Options of a call that waits. */
export interface WaitOptions {
  /**
   * Ends the wait when it aborts.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
}

const WAIT_NAMES: OptionNames<WaitOptions> = { signal: true };

/**
 * Checks the names of the options of a call, and returns its signal.
 *
 * @param names The options that the call has.
 * @throws {ConfigError} `invalid-option`, `unknown-option`.
 */
export function signalOf<T extends WaitOptions>(
  options: T | undefined,
  names: OptionNames<T> | typeof WAIT_NAMES = WAIT_NAMES,
): AbortSignal | undefined {
  if (options === undefined) return undefined;
  checkFields<WaitOptions>("", names, options);
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
