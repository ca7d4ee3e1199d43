/**
 * The library's source of time and randomness.
 *
 * Every scope takes one as its `clock` option. `testing` has a `FakeClock` that a test moves by hand.
 */
export interface Clock {
  /**
   * Monotonic milliseconds since an arbitrary origin, with fractions: for deadlines and durations. Setting the
   * time of day does not change them.
   */
  now(): number;
  /** The time of day, in epoch milliseconds: for time stamps. It jumps when the time of day is set. */
  date(): number;
  /**
   * Calls `callback` once, `delay` milliseconds from now.
   *
   * @returns A function that cancels the call; harmless when it is too late.
   */
  timer(callback: () => void, delay: number): () => void;
  /** A number from 0 up to but not including 1. */
  random(): number;
}

/** The runtime's own time and randomness. Its origin is the epoch at the start of the process. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  date: Date.now,
  timer: (callback, delay) => {
    const id = setTimeout(callback, delay);
    return () => clearTimeout(id);
  },
  random: Math.random,
};
