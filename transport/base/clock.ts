/**
 * Where the library takes time and chance from.
 *
 * Every scope takes one as its `clock` option; `testing` has a `FakeClock` that
 * a test moves by hand.
 */
export interface Clock {
  /** Epoch milliseconds. They never run backwards. */
  now(): number;
  /**
   * Calls `callback` once, `delay` milliseconds from now.
   *
   * @returns A function that cancels the call; harmless when it is too late.
   */
  timer(callback: () => void, delay: number): () => void;
  /** A number from 0 up to but not including 1. */
  random(): number;
}

/**
 * The runtime's own time and chance.
 *
 * `now()` is the time of day at which the process started plus the monotonic
 * time since: setting the machine's clock ends nobody's deadline.
 */
export const systemClock: Clock = {
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  timer: (callback, delay) => {
    const id = setTimeout(callback, delay);
    return () => clearTimeout(id);
  },
  random: Math.random,
};
