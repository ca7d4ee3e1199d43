import { type Clock, systemClock } from "./clock.ts";
import {
  checkFunction,
  checkOptions,
  refuseArgument,
  signalOf,
} from "./options.ts";
import { sleep } from "./schedule.ts";

/**
 * How long to wait before the next try, in milliseconds. `attempt` counts the
 * failures so far, from 1. Zero is at once, negative is give up.
 */
export type RetryPolicy = (attempt: number) => number;

/** Spread of a policy's delays. */
export interface JitterOptions {
  /**
   * How far a delay may stray from its nominal length to either side, as a part of it,
   * from 0 to 1. @default 0
   */
  readonly jitter?: number;
  /** Gives numbers from 0 up to but not including 1. @default Math.random */
  readonly random?: () => number;
}

/** @throws {ConfigError} `invalid-argument` for what is not a number of the range. */
function check(field: string, value: number, max = Infinity): void {
  if (typeof value === "number" && value >= 0 && value <= max) return;
  throw refuseArgument(
    "make a retry policy",
    field,
    `a number from 0 to ${max}`,
    value,
  );
}

/** @throws {ConfigError} `invalid-argument` for what cannot be called. */
function checkCallable(action: string, field: string, value: unknown): void {
  if (typeof value === "function") return;
  throw refuseArgument(action, field, "a function", value);
}

/**
 * Doubles from `initial` up to `max` milliseconds; jitter is applied after the cap.
 *
 * @throws {ConfigError} For what is not a number of the range.
 */
export function exponential(
  initial: number,
  max: number,
  options: JitterOptions = {},
): RetryPolicy {
  checkOptions("options", options);
  const { jitter = 0, random = systemClock.random } = options;
  check("initial", initial);
  check("max", max);
  check("jitter", jitter, 1);
  checkFunction("random", random);
  return (attempt) => {
    const delay = Math.min(max, initial * 2 ** (attempt - 1));
    return delay * (1 + jitter * (2 * random() - 1));
  };
}

/**
 * Waits `delay` milliseconds each time.
 *
 * @throws {ConfigError} For what is not a number of at least 0.
 */
export function constant(delay: number): RetryPolicy {
  check("delay", delay);
  return () => delay;
}

/**
 * Waits `step` milliseconds longer each time, up to `max`.
 *
 * @throws {ConfigError} For what is not a number of at least 0.
 */
export function linear(step: number, max = Infinity): RetryPolicy {
  check("step", step);
  check("max", max);
  return (attempt) => Math.min(max, step * attempt);
}

/** Tries again at once, for ever. */
export function always(): RetryPolicy {
  return () => 0;
}

/** Never tries again. */
export function never(): RetryPolicy {
  return () => -1;
}

/**
 * Gives up after `retries` retries; until then as `policy` says.
 *
 * @throws {ConfigError} For what is not a number of at least 0, or no policy.
 */
export function maxAttempts(retries: number, policy: RetryPolicy): RetryPolicy {
  check("retries", retries);
  checkCallable("make a retry policy", "policy", policy);
  return (attempt) => attempt > retries ? -1 : policy(attempt);
}

/** Throw it from what {@link retry} runs to say that another try would be in vain. */
export class DoNotRetryError extends Error {
  /** The name of the class. */
  override readonly name = "DoNotRetryError";
}

/** The policy gave up. The last failure is the `cause`. */
export class RetryLimitError extends Error {
  /** The name of the class. */
  override readonly name = "RetryLimitError";
  /** How many tries failed. */
  readonly attempts: number;

  /** Makes an error that says how many tries failed, with the last failure as its cause. */
  constructor(attempts: number, cause: unknown) {
    super(
      `Gave up after ${attempts} failed ${attempts === 1 ? "try" : "tries"}`,
      { cause },
    );
    this.attempts = attempts;
  }
}

/** What {@link RetryOptions.onRetry} is told of each failure. */
export interface RetryInfo {
  /** How many tries have failed so far. */
  readonly attempt: number;
  /** The failure. */
  readonly error: unknown;
  /** Milliseconds until the next try. */
  readonly delay: number;
}

/** Options of {@link retry}. */
export interface RetryOptions {
  /** Ends the tries, also while it waits for the next one. */
  readonly signal?: AbortSignal | undefined;
  /** What the waiting is measured by. @default the runtime's own time */
  readonly clock?: Clock | undefined;
  /** Told of each failure after which there is another try. */
  readonly onRetry?: ((info: RetryInfo) => void) | undefined;
  /** Whether a failure is worth another try. @default all but a {@link DoNotRetryError} */
  readonly isRetryable?: ((error: unknown) => boolean) | undefined;
}

/**
 * Runs `fn` until it succeeds.
 *
 * @throws What `fn` threw, when it is a {@link DoNotRetryError} or not retryable.
 * @throws {RetryLimitError} When the policy gives up.
 * @throws {ConfigError} When an argument cannot be used; nothing has been run then.
 * @throws The signal's reason, at once, when it aborts.
 */
export async function retry<T>(
  fn: (attempt: number) => T | Promise<T>,
  policy: RetryPolicy,
  options: RetryOptions = {},
): Promise<T> {
  checkCallable("retry", "fn", fn);
  checkCallable("retry", "policy", policy);
  const signal = signalOf(options);
  const { clock = systemClock, onRetry, isRetryable = () => true } = options;
  checkFunction("onRetry", onRetry);
  checkFunction("isRetryable", isRetryable);
  for (let attempt = 1;; attempt++) {
    signal?.throwIfAborted();
    try {
      return await abortable(fn, attempt, signal);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof DoNotRetryError || !isRetryable(error)) throw error;
      const delay = policy(attempt);
      if (!(delay >= 0)) throw new RetryLimitError(attempt, error);
      onRetry?.({ attempt, error, delay });
      if (delay > 0) await sleep(clock, delay, signal);
    }
  }
}

/** Runs `fn`, but waits no longer than until the signal aborts. */
function abortable<T>(
  fn: (attempt: number) => T | Promise<T>,
  attempt: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    Promise.resolve()
      .then(() => fn(attempt))
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener("abort", onAbort));
  });
}
