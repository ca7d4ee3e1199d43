import { type Clock, systemClock } from "./clock.ts";
import {
  checkFields,
  checkFunction,
  checkOptions,
  numberOption,
  type OptionNames,
  refuseArgument,
  refuseOption,
} from "./options.ts";
import { RETRY_RULES } from "./rules.ts";

/**
 * Returns how long to wait before the next attempt, in milliseconds.
 *
 * `attempt` is the number of failures so far, from 1, and `error` is the last one. 0 retries at once, a negative number
 * gives up.
 */
export type RetryPolicy = (attempt: number, error?: unknown) => number;

/** Options of {@link exponential}. */
export interface JitterOptions {
  /**
   * The part of each delay that is random, from 0 (none) to 1 (full jitter: from 0 to the whole delay). Jitter prevents
   * many clients that lost the same server from returning at the same time.
   *
   * @default {1}
   */
  readonly jitter?: number;
  /**
   * Returns numbers from 0 up to but not including 1.
   *
   * @default {Math.random}
   */
  readonly random?: () => number;
}

/** Beyond this exponent every delay has reached any cap; 2 ** 1024 would be `Infinity`, and 0 times that NaN. */
const MAX_EXPONENT = 1_000;

/** @throws {ConfigError} `invalid-argument` for anything but a number in the range. */
function check(
  field: string,
  value: number,
  min = 0,
  max = Number.MAX_VALUE,
): void {
  if (typeof value === "number" && value >= min && value <= max) return;
  throw refuseArgument(
    "make a retry policy",
    field,
    max === Number.MAX_VALUE
      ? `a finite number from ${min}`
      : `a number from ${min} to ${max}`,
    value,
  );
}

/**
 * Returns a policy whose delay doubles, from `initial` up to `max` milliseconds, with full jitter by default. Jitter is
 * applied after the maximum.
 *
 * @throws {ConfigError} `invalid-argument` if an argument is not a number in its range.
 */
export function exponential(
  initial: number,
  max: number,
  options: JitterOptions = {},
): RetryPolicy {
  checkOptions("options", options);
  const { jitter = 1, random = systemClock.random } = options;
  check("initial", initial);
  check("max", max, 0, Infinity);
  check("jitter", jitter, 0, 1);
  checkFunction("random", random);
  return (attempt) => {
    const exponent = Math.min(attempt - 1, MAX_EXPONENT);
    const delay = Math.min(max, initial * 2 ** exponent);
    return delay * (1 - jitter * random());
  };
}

/**
 * Returns a policy that waits `delay` milliseconds before each attempt.
 *
 * @throws {ConfigError} `invalid-argument` if `delay` is not a number from 0.
 */
export function constant(delay: number): RetryPolicy {
  check("delay", delay);
  return () => delay;
}

/**
 * Returns a policy that waits `step` milliseconds longer before each attempt, up to `max`.
 *
 * @throws {ConfigError} `invalid-argument` if an argument is not a number from 0.
 */
export function linear(step: number, max = Infinity): RetryPolicy {
  check("step", step);
  check("max", max, 0, Infinity);
  return (attempt) => Math.min(max, step * attempt);
}

/** Returns a policy that retries at once, without a limit. */
export function always(): RetryPolicy {
  return () => 0;
}

/** Returns a policy that never retries. */
export function never(): RetryPolicy {
  return () => -1;
}

/**
 * Returns a policy that allows `attempts` attempts in all, the first one included. Between them, `policy` decides.
 *
 * @throws {ConfigError} `invalid-argument` if `attempts` is not a number from 1, or `policy` not a function.
 */
export function maxAttempts(
  attempts: number,
  policy: RetryPolicy,
): RetryPolicy {
  check("attempts", attempts, 1, Infinity);
  if (typeof policy !== "function") {
    throw refuseArgument(
      "make a retry policy",
      "policy",
      "a function",
      policy,
    );
  }
  return (attempt, error) => attempt >= attempts ? -1 : policy(attempt, error);
}

/** Settings of the default retry policy: the first retry follows at once, then the delay doubles. */
export interface RetrySettings {
  /**
   * The maximum number of retries.
   *
   * @default {no limit}
   */
  readonly maxRetries?: number | undefined;
  /**
   * The delay before the second retry, in milliseconds.
   *
   * @default {1000}
   */
  readonly initialDelay?: number | undefined;
  /**
   * The maximum delay, in milliseconds, before the jitter.
   *
   * @default {60000}
   */
  readonly maxDelay?: number | undefined;
  /**
   * The maximum random change of a delay in either direction, as a part of the delay, from 0 to 1.
   *
   * @default {0.2}
   */
  readonly jitterFactor?: number | undefined;
}

const RETRY_NAMES: OptionNames<RetrySettings> = {
  maxRetries: true,
  initialDelay: true,
  maxDelay: true,
  jitterFactor: true,
};

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
  checkFields(`${field}.`, RETRY_NAMES, option);
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
