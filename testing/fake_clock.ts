import { setImmediate } from "node:timers";
import type { Clock } from "../transport/base/clock.ts";
import {
  checkFields,
  type OptionNames,
  refuseArgument,
  refuseOption,
} from "../transport/base/options.ts";
import { AssertionError } from "./assertion_error.ts";
import { seededRandom } from "./seeded_random.ts";

/** Options of a {@link FakeClock}. */
export interface FakeClockOptions {
  /**
   * The time that it shows at first, in epoch milliseconds.
   *
   * @default {1_000_000_000_000}
   */
  readonly now?: number;
  /**
   * The seed of its random numbers.
   *
   * @default {1}
   */
  readonly seed?: number;
}

const NAMES: OptionNames<FakeClockOptions> = { now: true, seed: true };

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** Turns of the event loop in which promise chains may settle. */
const TURNS = 4;

/**
 * A clock that a test moves by hand.
 *
 * - Timers fire in the order in which they are due, those that are due together in the order
 *   in which they were set, each at its own time. Like the runtime's, they count whole
 *   milliseconds, rounded up, and never fire inside the call that sets them.
 * - {@link FakeClock.advance} lets promise chains settle before the first timer and after each. Chains of any length
 *   that wait only for promises complete, and so does work of a few turns of the event loop (`setImmediate`). Real I/O
 *   takes longer: wait for it with `eventually`.
 * - The random numbers are the same in each run.
 *
 * @example
 * ```ts
 * import { FakeClock } from "@honeybee/honeybee/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new FakeClock();
 * let fired = false;
 * clock.timer(() => fired = true, 60_000);
 * await clock.advance(59_999);
 * assertEquals(fired, false);
 * await clock.advance(1);
 * assertEquals(fired, true);
 * ```
 */
export class FakeClock implements Clock {
  #now: number;
  /** What to add to `now()` to get the time of day. */
  #dateOffset = 0;
  #random: () => number;
  /** In the order in which they fire. */
  readonly #timers: Timer[] = [];
  #moving: Promise<void> = Promise.resolve();

  /**
   * Creates a clock that stands still.
   *
   * @throws {ConfigError} If an option cannot be used.
   */
  constructor(options: FakeClockOptions = {}) {
    checkFields("", NAMES, options);
    for (const name of ["now", "seed"] as const) {
      if (!Number.isFinite(options[name] ?? 0)) {
        throw refuseOption(name, "a finite number", options[name]);
      }
    }
    this.#now = options.now ?? 1_000_000_000_000;
    this.#random = seededRandom(options.seed ?? 1);
  }

  /** The number of timers that wait. When everything has been closed, it should be 0. */
  get pending(): number {
    return this.#timers.length;
  }

  /** The time of the next timer, in epoch milliseconds. */
  get nextAt(): number | undefined {
    return this.#timers[0]?.due;
  }

  /** Returns milliseconds, which {@link FakeClock.advance} and {@link FakeClock.tick} increase. */
  now(): number {
    return this.#now;
  }

  /** Returns the time of day in epoch milliseconds: that of `now()` unless {@link FakeClock.setDate} has set it. */
  date(): number {
    return this.#now + this.#dateOffset;
  }

  /**
   * Sets the time of day, as an operator or NTP does. It advances with the clock, and has no effect on deadlines.
   *
   * @throws {ConfigError} `invalid-argument` if `date` is not a finite number.
   */
  setDate(date: number): void {
    if (!Number.isFinite(date)) {
      throw refuseArgument("set the time", "date", "a finite number", date);
    }
    this.#dateOffset = date - this.#now;
  }

  /** Calls `callback` once, when the clock has advanced by `delay` milliseconds. */
  timer(callback: () => void, delay: number): () => void {
    const timer = {
      due: this.#now + Math.max(0, Math.ceil(delay) || 0),
      callback,
    };
    this.#timers.splice(this.#placeFor(timer.due), 0, timer);
    return () => {
      const place = this.#timers.indexOf(timer);
      if (place >= 0) this.#timers.splice(place, 1);
    };
  }

  /** Returns a number from 0 up to but not including 1, the same ones in each run. */
  random(): number {
    return this.#random();
  }

  /**
   * Replaces the random numbers: by a function, or by numbers that are repeated.
   *
   * @throws {ConfigError} `invalid-argument` if it is neither, or a number is not from 0 to 1. 1 stands for the upper
   * end, which real random numbers only come close to.
   */
  setRandom(source: readonly number[] | (() => number)): void {
    if (typeof source === "function") {
      this.#random = source;
      return;
    }
    const isList = Array.isArray(source) && source.length > 0 &&
      source.every((number) => number >= 0 && number <= 1);
    if (!isList) {
      const rule = "a function or numbers from 0 to 1";
      throw refuseArgument("set random numbers", "source", rule, source);
    }
    let drawn = 0;
    this.#random = () => source[drawn++ % source.length] ?? 0;
  }

  /**
   * Advances the clock, and fires the timers that are due on the way, without letting promises settle in between. Most
   * tests want {@link FakeClock.advance}.
   *
   * @throws {ConfigError} `invalid-argument` if `ms` is not a finite number from 0.
   * @throws What a callback throws. The clock stands at the time of that timer then.
   */
  tick(ms = 0): void {
    checkStep(ms);
    const end = this.#now + ms;
    while (this.#fireNext(end));
    this.#now = Math.max(this.#now, end);
  }

  /**
   * Advances the clock, and fires the timers that are due on the way; promise chains settle in between. With 0 it fires
   * what is due now. Calls that overlap run one after the other.
   *
   * @throws {ConfigError} `invalid-argument` if `ms` is not a finite number from 0.
   * @throws What a callback throws. The clock stands at the time of that timer then.
   */
  async advance(ms = 0): Promise<void> {
    checkStep(ms);
    await this.#inTurn(async () => {
      const end = this.#now + ms;
      await this.settle();
      while (this.#fireNext(end)) await this.settle();
      this.#now = Math.max(this.#now, end);
    });
  }

  /**
   * Advances the clock without firing timers, as when the event loop is blocked or the process is stopped. Timers that
   * became due fire late, at the next {@link FakeClock.advance} or {@link FakeClock.tick}.
   *
   * @throws {ConfigError} `invalid-argument` if `ms` is not a finite number from 0.
   */
  block(ms: number): void {
    checkStep(ms);
    this.#now += ms;
  }

  /**
   * Moves the clock from timer to timer until none is left, letting promise chains
   * settle in between.
   *
   * @param limit How many timers may fire: what sets itself again and again would never end.
   * @throws {AssertionError} When there are more.
   */
  runAll(limit = 10_000): Promise<void> {
    return this.#inTurn(async () => {
      await this.settle();
      for (let fired = 0; this.#timers.length > 0; fired++) {
        if (fired === limit) {
          throw new AssertionError(
            `Timers are still set after ${limit} have fired, ${this.pending} of them`,
          );
        }
        this.#fireNext(Infinity);
        await this.settle();
      }
    });
  }

  /** Lets promise chains settle; the clock stands still and fires nothing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  #inTurn(move: () => Promise<void>): Promise<void> {
    const moved = this.#moving.then(move);
    this.#moving = moved.catch(() => {});
    return moved;
  }

  /** Fires the next timer, if it is due by `end`. */
  #fireNext(end: number): boolean {
    const next = this.#timers[0];
    if (next === undefined || next.due > end) return false;
    this.#timers.shift();
    this.#now = Math.max(this.#now, next.due);
    next.callback();
    return true;
  }

  /** Behind all timers that are due at the same time or before. */
  #placeFor(due: number): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#timers[middle]?.due ?? Infinity) <= due) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Without this, a step of `NaN` would fire every timer, and a test would pass for the wrong reason. */
function checkStep(ms: number): void {
  if (Number.isFinite(ms) && ms >= 0) return;
  throw refuseArgument(
    "advance the clock",
    "ms",
    "a finite number of milliseconds from 0",
    ms,
  );
}
