import { setImmediate } from "node:timers";

/** Something whose output waits to be written. */
export interface Flushable {
  /** Writes what waits. Must not throw. */
  flush(): void;
}

/**
 * Who has output that waits. It goes out when a reader finds its queue empty (all
 * that came in has been answered), or else when the event loop comes round:
 * many small messages become one write.
 */
let waiting: Flushable[] = [];
let armed = false;

/** Has `target` flushed soon. Once for each time that it becomes dirty. */
export function flushSoon(target: Flushable): void {
  waiting.push(target);
  if (armed) return;
  armed = true;
  setImmediate(() => {
    armed = false;
    flushAll();
  });
}

/** Flushes all that waits, now. */
export function flushAll(): void {
  if (waiting.length === 0) return;
  const now = waiting;
  waiting = [];
  for (const target of now) target.flush();
}
