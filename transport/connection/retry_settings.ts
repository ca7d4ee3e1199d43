import type { Clock } from "../base/clock.ts";
import {
  checkFields,
  numberOption,
  type OptionNames,
  refuseOption,
} from "../base/options.ts";
import {
  exponential,
  maxAttempts,
  never,
  type RetryPolicy,
} from "../base/retry_policy.ts";
import { RETRY_RULES } from "../base/rules.ts";

/** The usual retry policy: the first retry at once, then doubling delays. */
export interface RetrySettings {
  /**
   * Retries before it gives up.
   *
   * @default {no limit}
   */
  readonly maxRetries?: number | undefined;
  /**
   * Delay before the second retry, in milliseconds.
   *
   * @default {1000}
   */
  readonly initialDelay?: number | undefined;
  /**
   * Longest delay, in milliseconds.
   *
   * @default {60000}
   */
  readonly maxDelay?: number | undefined;
  /**
   * How far a delay may stray to either side, as a part of it, 0 to 1.
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
