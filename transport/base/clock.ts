import { decide, type DecisionRules, notify } from "./callbacks.ts";

/** The source of time and randomness. `./testing` has a `FakeClock` that only moves when a test advances it. */
export interface Clock {
  /**
   * Returns monotonic milliseconds since an arbitrary origin, with fractions: for deadlines and durations. Setting the
   * system's clock does not change them.
   */
  now(): number;
  /** Returns the time of day in epoch milliseconds: for time stamps. It jumps when the system's clock is set. */
  date(): number;
  /**
   * Calls `callback` once, after `delay` milliseconds.
   *
   * @returns A function that cancels the call. Calling it later has no effect.
   */
  timer(callback: () => void, delay: number): () => void;
  /** Returns a random number from 0 up to but not including 1. */
  random(): number;
}

/** Read once: on Node, it takes as long as reading the clock. */
const { timeOrigin } = performance;

/** The runtime's own time and randomness. Its origin is the epoch at the start of the process. */
export const systemClock: Clock = {
  now: () => timeOrigin + performance.now(),
  date: Date.now,
  timer: (callback, delay) => {
    const id = setTimeout(callback, delay);
    return () => clearTimeout(id);
  },
  random: Math.random,
};

/** The guarded clocks by the clocks that they guard. A guarded clock maps to itself. */
const guards = new WeakMap<Clock, Clock>([[systemClock, systemClock]]);

/**
 * Returns the clock of a scope: the caller's, guarded, or the runtime's own.
 *
 * A method of the caller's clock that throws or returns something else than described in {@link Clock} is replaced by
 * the runtime's own for that call, and the first time is reported as a warning of the process. Time continues from the
 * last good value of `now`.
 */
export function clockOf(clock: Clock | undefined): Clock {
  // Anything else than an object is refused where options are checked.
  if (typeof clock !== "object" || clock === null) return systemClock;
  let guard = guards.get(clock);
  if (guard === undefined) {
    guard = guardClock(clock);
    guards.set(clock, guard);
    guards.set(guard, guard);
  }
  return guard;
}

function guardClock(clock: Clock): Clock {
  const reported = new Set<string>();
  const rulesOf = <T>(
    name: string,
    rule: string,
    fallback: T,
    accepts: (value: unknown) => value is T,
  ): DecisionRules<T> => ({
    name: `clock.${name}`,
    rule,
    fallback,
    accepts,
    onError: (error) => {
      if (reported.has(name)) return;
      reported.add(name);
      globalThis.process.emitWarning(
        new Error(
          `Cannot use clock.${name}: it failed. The runtime's own is used instead.`,
          { cause: error },
        ),
      );
    },
  });
  const ofNow = rulesOf("now()", "a finite number", NaN, isFinite);
  const ofDate = rulesOf("date()", "a finite number", NaN, isFinite);
  const ofRandom = rulesOf("random()", "a number from 0 to 1", NaN, isPart);
  const ofTimer = rulesOf("timer()", "a function", undefined, isCancel);
  const readNow = () => clock.now();
  const readDate = () => clock.date();
  const readRandom = () => clock.random();
  // The last good value, and when that was.
  let last = systemClock.now();
  let readAt = last;
  return {
    now() {
      const now = decide(readNow, ofNow);
      if (Number.isNaN(now)) return last + systemClock.now() - readAt;
      last = now;
      readAt = systemClock.now();
      return now;
    },
    date() {
      const date = decide(readDate, ofDate);
      return Number.isNaN(date) ? systemClock.date() : date;
    },
    random() {
      const random = decide(readRandom, ofRandom);
      return Number.isNaN(random) ? systemClock.random() : random;
    },
    timer(callback, delay) {
      let waits = true;
      const once = () => {
        if (!waits) return;
        waits = false;
        callback();
      };
      const cancel = decide(() => clock.timer(once, delay), ofTimer) ??
        systemClock.timer(once, delay);
      return () => {
        waits = false;
        notify(cancel, ofTimer.onError);
      };
    },
  };
}

function isFinite(value: unknown): value is number {
  return Number.isFinite(value);
}

function isPart(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}

function isCancel(value: unknown): value is (() => void) | undefined {
  return typeof value === "function";
}
