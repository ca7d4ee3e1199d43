import { type Clock, systemClock } from "../transport/base/clock.ts";
import {
  checkFields,
  checkMethods,
  numberOption,
  type OptionNames,
  refuseArgument,
} from "../transport/base/options.ts";
import { MAX_DURATION } from "../transport/base/rules.ts";
import { sleep } from "../transport/base/schedule.ts";
import { AssertionError } from "./assertion_error.ts";
import { FakeClock } from "./fake_clock.ts";

/** Options of {@link eventually} and {@link never}. */
export interface EventuallyOptions {
  /**
   * The maximum time to wait for the condition, in milliseconds.
   *
   * @default {5000; of `never` 100}
   */
  readonly timeout?: number;
  /**
   * The time between two checks, in milliseconds.
   *
   * @default {10}
   */
  readonly interval?: number;
  /**
   * The clock that measures the time. A `FakeClock` is advanced by `interval` before each check.
   *
   * @default {the runtime's own time}
   */
  readonly clock?: Clock;
}

const NAMES: OptionNames<EventuallyOptions> = {
  timeout: true,
  interval: true,
  clock: true,
};
/** Each of the two functions has a default of its own. */
const DURATION = { default: 0, min: 0, max: MAX_DURATION, unit: "ms" } as const;

/**
 * Waits until a condition is met: calls `fn` again and again until it neither throws nor returns `false`, or returns a
 * promise that does neither.
 *
 * @example
 * ```ts
 * import { eventually, FakeClock } from "@honeybee/honeybee/testing";
 *
 * const clock = new FakeClock();
 * let ready = false;
 * clock.timer(() => ready = true, 1_000);
 * await eventually(() => ready, { clock });
 * ```
 *
 * @returns What `fn` returned.
 * @throws {AssertionError} If the condition is not met in time. The last failure is the `cause`.
 */
export async function eventually<T>(
  fn: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<T> {
  check(fn, options);
  const { timeout = 5_000, interval = 10, clock = systemClock } = options;
  const end = clock.now() + timeout;
  let last: Failure | undefined;
  for (;;) {
    const outcome = await look(fn, end, interval, clock);
    if (outcome !== undefined && "value" in outcome) return outcome.value;
    // A check that was interrupted says less than the one before it.
    last = outcome ?? last;
    const left = end - clock.now();
    if (left <= 0) break;
    await pause(clock, Math.min(interval, left));
  }
  throw new AssertionError(
    `The condition did not hold within ${timeout} ms: ${
      last?.why ??
        "it did not settle"
    }`,
    last === undefined || !("cause" in last)
      ? undefined
      : { cause: last.cause },
  );
}

/**
 * Checks for a while that a condition is never met: that `fn` throws or returns `false` each time.
 *
 * @throws {AssertionError} As soon as the condition is met.
 */
export async function never(
  fn: () => unknown,
  options: EventuallyOptions = {},
): Promise<void> {
  check(fn, options);
  const { timeout = 100, interval = 10, clock = systemClock } = options;
  const start = clock.now();
  const end = start + timeout;
  for (;;) {
    const outcome = await look(fn, end, interval, clock);
    if (outcome !== undefined && "value" in outcome) {
      throw new AssertionError(
        `The condition held after ${clock.now() - start} ms, and never should`,
      );
    }
    const left = end - clock.now();
    if (left <= 0) return;
    await pause(clock, Math.min(interval, left));
  }
}

function check(fn: unknown, options: EventuallyOptions): void {
  if (typeof fn !== "function") {
    throw refuseArgument("wait", "fn", "a function", fn);
  }
  checkFields("", NAMES, options);
  numberOption("timeout", DURATION, options.timeout);
  numberOption("interval", DURATION, options.interval);
  checkMethods("clock", options.clock, ["now", "timer"]);
}

interface Failure {
  readonly why: string;
  readonly cause?: unknown;
}

/** Calls `fn` once. Gives nothing when it has not settled by `end`. */
async function look<T>(
  fn: () => T | Promise<T>,
  end: number,
  interval: number,
  clock: Clock,
): Promise<{ readonly value: T } | Failure | undefined> {
  let outcome: { readonly value: T } | Failure | undefined;
  const stopped = new AbortController();
  const looked = (async () => {
    try {
      const value = await fn();
      outcome = value === false ? { why: "it was false" } : { value };
    } catch (cause) {
      outcome = { why: String(cause), cause };
    }
    stopped.abort();
  })();
  if (clock instanceof FakeClock) {
    await clock.settle();
    while (outcome === undefined && clock.now() < end) {
      await clock.advance(Math.min(interval, end - clock.now()));
    }
    return outcome;
  }
  await Promise.race([looked, sleep(clock, end - clock.now(), stopped.signal)])
    .catch(() => {});
  stopped.abort();
  return outcome;
}

function pause(clock: Clock, ms: number): Promise<void> {
  return clock instanceof FakeClock ? clock.advance(ms) : sleep(clock, ms);
}
