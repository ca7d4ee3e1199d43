import { setImmediate } from "node:timers";

/**
 * Most writes in one turn of the event loop. The runtime lets a turn do 128 operations at once, reads
 * too. What is above that waits, the newest first, so that under load the middle of a long line waits for ever;
 * a line of our own is fair.
 */
const MOST_WRITES = 100;

/** Something whose output waits to be written. */
export interface Flushable {
  /** Writes what waits. Must not throw. */
  flush(): void;
}

/**
 * Who has output that waits, first come first served. It goes out when a reader finds its
 * queue empty (all that came in has been answered), or else when the event loop comes round:
 * many small messages become one write.
 */
let waiting: Flushable[] = [];
/** How many of them have been served. */
let served = 0;
/** Writes since the event loop came round. */
let writes = 0;
let armed = false;

/** Has `target` flushed soon. Once for each time that it becomes dirty. */
export function flushSoon(target: Flushable): void {
  waiting.push(target);
  arm();
}

/** Flushes all that waits, now; only what is too much for one turn waits for the next. */
export function flushAll(): void {
  while (served < waiting.length) {
    if (writes === MOST_WRITES) return;
    writes++;
    waiting[served++]?.flush();
  }
  waiting = [];
  served = 0;
}

function arm(): void {
  if (armed) return;
  armed = true;
  setImmediate(turn);
}

function turn(): void {
  writes = 0;
  flushAll();
  armed = waiting.length > 0;
  // Not at once: the runtime serves no operations while it is given other work again and again.
  if (armed) setTimeout(turn, 0);
}
