import { type Clock, clockOf } from "./clock.ts";
import { reasonOf } from "./errors.ts";
import {
  checkFunction,
  checkScope,
  type OptionNames,
  refuseArgument,
  refuseOption,
  signalOf,
} from "./options.ts";
import { decide, notify } from "./callbacks.ts";
import { handled } from "./promise.ts";
import { exponential, type RetryPolicy } from "./retry_policy.ts";
import { sleep } from "./schedule.ts";

/**
 * Ends the attempts of {@link retry} and the dials of a pool, if the function throws it, or throws an error that has it
 * anywhere in its chain of causes.
 */
export class DoNotRetryError extends Error {
  /** The name of the class. */
  override readonly name = "DoNotRetryError";
}

/** The retry policy gave up. The last failure is the `cause`. */
export class RetryLimitError extends Error {
  /** The name of the class. */
  override readonly name = "RetryLimitError";
  /** The number of attempts. All of them failed. */
  readonly attempts: number;

  /** Makes an error with the number of attempts and the last failure as its cause. */
  constructor(attempts: number, cause: unknown) {
    super(
      `Cannot try again: the retry policy gave up after ${attempts} failed ${
        attempts === 1 ? "attempt" : "attempts"
      }. The last failure: ${reasonOf(cause)}`,
      { cause },
    );
    this.attempts = attempts;
  }
}

/** Describes a failed attempt that is followed by another one. */
export interface RetryInfo {
  /** The number of failed attempts so far, from 1. */
  readonly attempt: number;
  /** The failure. */
  readonly error: unknown;
  /** Milliseconds until the next attempt. */
  readonly delay: number;
}

/** Options of {@link retry}. */
export interface RetryOptions {
  /**
   * Ends the attempts when it aborts, also between two of them.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * The clock that measures the delays.
   *
   * @default {the runtime's own time}
   */
  readonly clock?: Clock | undefined;
  /**
   * Called for each failure that is followed by another attempt.
   *
   * @default {none}
   */
  readonly onRetry?: ((info: RetryInfo) => void) | undefined;
  /**
   * Decides whether a failure is worth another attempt.
   *
   * @default {every failure is}
   */
  readonly isRetryable?: ((error: unknown) => boolean) | undefined;
  /**
   * The shortest delay, in milliseconds. A number applies from the second retry on: the first retry may be immediate, a
   * loop without a pause may not. A function is called for every failure. If it throws or returns no number,
   * `exponential(1000, 60000)` decides.
   *
   * @default {0}
   */
  readonly minDelay?:
    | number
    | ((attempt: number, error: unknown) => number)
    | undefined;
  /**
   * Receives what the policy or a callback threw, and results that are not a number. In place of such a result
   * of the policy, the default policy decides: `exponential(1000, 60000)`.
   *
   * @default {ignored}
   */
  readonly onError?: ((error: Error) => void) | undefined;
}

const NAMES: OptionNames<RetryOptions> = {
  signal: true,
  clock: true,
  onRetry: true,
  isRetryable: true,
  minDelay: true,
  onError: true,
};

/** Decides if the policy of the user fails. */
const FALLBACK = exponential(1_000, 60_000);

/**
 * Calls `fn` until it succeeds.
 *
 * @throws What `fn` threw, if it is not retryable or has a {@link DoNotRetryError} in its chain of causes.
 * @throws {RetryLimitError} If the policy gives up.
 * @throws {ConfigError} If an argument cannot be used; `fn` has not been called then.
 * @throws The signal's reason, as soon as it aborts.
 */
export function retry<T>(
  fn: (attempt: number) => T | Promise<T>,
  policy: RetryPolicy,
  options: RetryOptions = {},
): Promise<T> {
  return handled(untilSuccess(fn, policy, options));
}

async function untilSuccess<T>(
  fn: (attempt: number) => T | Promise<T>,
  policy: RetryPolicy,
  options: RetryOptions,
): Promise<T> {
  checkCallable("fn", fn);
  checkCallable("policy", policy);
  const signal = signalOf(options, NAMES);
  checkScope("", { clock: options.clock });
  const { isRetryable = () => true } = options;
  const clock = clockOf(options.clock);
  const { onRetry, onError = () => {}, minDelay = 0 } = options;
  checkFunction("onRetry", onRetry);
  checkFunction("isRetryable", isRetryable);
  checkFunction("onError", onError);
  const shortest = typeof minDelay === "function"
    ? (attempt: number, error: unknown) =>
      askDelay("minDelay", minDelay, attempt, error, onError)
    : afterFirst(minDelay);
  for (let attempt = 1;; attempt++) {
    signal?.throwIfAborted();
    try {
      return await abortable(fn, attempt, signal);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (isFinal(error) || !mayRetry(isRetryable, error, onError)) throw error;
      const asked = askDelay(
        "the retry policy",
        policy,
        attempt,
        error,
        onError,
      );
      if (asked < 0) throw new RetryLimitError(attempt, error);
      const delay = Math.max(asked, shortest(attempt, error));
      notify(onRetry, onError, { attempt, error, delay });
      if (delay > 0) await sleep(clock, delay, signal);
    }
  }
}

/** @throws {ConfigError} `invalid-option` if it is not a number from 0. */
function afterFirst(minDelay: number): (attempt: number) => number {
  if (typeof minDelay !== "number" || !(minDelay >= 0)) {
    throw refuseOption("minDelay", "a number from 0 or a function", minDelay);
  }
  return (attempt) => attempt === 1 ? 0 : minDelay;
}

function mayRetry(
  isRetryable: (error: unknown) => boolean,
  error: unknown,
  onError: (error: Error) => void,
): boolean {
  return decide(isRetryable, {
    name: "isRetryable",
    rule: "true or false",
    accepts: (value): value is boolean => typeof value === "boolean",
    fallback: true,
    onError,
  }, error);
}

function askDelay(
  name: string,
  policy: RetryPolicy,
  attempt: number,
  error: unknown,
  onError: (error: Error) => void,
): number {
  return decide(
    policy,
    {
      name,
      rule: "a finite number of milliseconds",
      accepts: (value): value is number => Number.isFinite(value),
      fallback: FALLBACK(attempt),
      onError,
    },
    attempt,
    error,
  );
}

/** Whether the error, or one of its causes, forbids another attempt: a {@link DoNotRetryError} does. */
export function isFinal(error: unknown): boolean {
  const seen = new Set<unknown>();
  for (
    let cause = error;
    cause instanceof Error && !seen.has(cause);
    cause = cause.cause
  ) {
    if (cause instanceof DoNotRetryError) return true;
    seen.add(cause);
  }
  return false;
}

/** @throws {ConfigError} `invalid-argument` if the value cannot be called. */
function checkCallable(field: string, value: unknown): void {
  if (typeof value === "function") return;
  throw refuseArgument("retry", field, "a function", value);
}

/** Calls `fn`, and waits no longer than until the signal aborts. */
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
