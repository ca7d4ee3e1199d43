import { clearImmediate, setImmediate } from "node:timers";

/** Something whose output waits to be written. */
export interface Flushable {
  /** Writes what waits. Must not throw. */
  flush(): void;
}

/** The targets that have output, in the order in which they got it. */
let waiting: Flushable[] = [];
let immediate: ReturnType<typeof setImmediate> | undefined;

/**
 * Flushes `target` soon, once for each call: many small messages become one write. Call it when the target gets its
 * first output.
 *
 * The flush takes place when a reader finds its queue empty, since everything that has arrived was answered then, or
 * in the next turn of the event loop.
 */
export function flushSoon(target: Flushable): void {
  waiting.push(target);
  immediate ??= setImmediate(flushAll);
}

/**
 * Flushes all targets that wait, at once. Targets that get output meanwhile are flushed in the next turn of the event
 * loop.
 */
export function flushAll(): void {
  if (immediate === undefined) return;
  // An immediate that is left armed costs 0.3 us in each turn.
  clearImmediate(immediate);
  immediate = undefined;
  const dirty = waiting;
  waiting = [];
  for (const target of dirty) target.flush();
}
