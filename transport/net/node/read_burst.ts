/**
 * Lets consumers run between the reads of a burst.
 *
 * Deno reports what has arrived on all sockets of `node:net` before it runs a microtask, so that no consumer can take a
 * message meanwhile. With many busy connections, the messages of all of them are in memory at the same time then, and
 * V8 copies them during garbage collection: with 64 connections and 64 messages of 1 KiB in flight on each, an echo of
 * text that is not ASCII costs a quarter more, and one of bytes a sixth. The bytes that wait need no more memory than the
 * messages in them would. Node.js and Bun run microtasks between reads.
 *
 * @module
 */

/** How many bytes are delivered at once before the microtasks have run. */
const MAX_AT_ONCE = 1_048_576;
/** Smaller reads are always delivered at once: keeping them costs more than it saves. */
const MIN_SIZE = 4_096;

/** Bytes that were delivered since the microtasks have run. */
let delivered = 0;
/** What waits, from {@link first} on. */
const waiting: (() => void)[] = [];
let first = 0;

/** Whether bytes that have arrived are to be delivered at once, rather than by {@link deliverLater}. */
export function deliversAtOnce(size: number): boolean {
  if (size < MIN_SIZE) return true;
  if (delivered === 0) queueMicrotask(reset);
  delivered += size;
  return delivered <= MAX_AT_ONCE;
}

/** Calls `deliver`, which must not throw, when the microtasks of what was delivered before have run. */
export function deliverLater(deliver: () => void): void {
  if (waiting.push(deliver) === 1) queueMicrotask(scheduleNext);
}

function reset(): void {
  delivered = 0;
}

/** Called in a microtask: a tick runs when there are no more microtasks. */
function scheduleNext(): void {
  globalThis.process.nextTick(deliverNext);
}

function deliverNext(): void {
  const deliver = waiting[first++];
  if (first < waiting.length) queueMicrotask(scheduleNext);
  else waiting.length = first = 0;
  deliver?.();
}
