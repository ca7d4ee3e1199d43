import { clearImmediate, setImmediate } from "node:timers";

/** The maximum number of operations that Deno completes in one turn of the event loop. */
const TURN = 128;
/** If this many reads are completed in a turn, others may be left over, since writes use a part of the operations. */
const FULL = 64;
/**
 * After this many timers in a row without a completed read, no read is left over. More than one, since the event loop
 * may have been busy with other work when the first was due.
 */
const QUIET_TIMERS = 3;

/** A stream with a read loop. */
export interface Reader {
  /** Starts the next read, if it is still wanted. Must not throw. */
  readOn(): void;
}

/**
 * Readers that wait for others. Deno completes at most {@link TURN} operations in a turn and begins with those that
 * were started last, so with more busy streams some would never be served. Therefore, after full turns in a row in
 * which twice as many reads were completed as there are streams, new reads wait until those that were started before
 * are completed.
 */
let waiting: Reader[] = [];
let isWaiting = false;
/** Streams that read. */
let readers = 0;
/** Reads completed in this turn, and in all full turns in a row. */
let count = 0;
let sum = 0;
let immediate: ReturnType<typeof setImmediate> | undefined;
let quiet: ReturnType<typeof setTimeout> | undefined;

/** Reports that a stream begins to read. */
export function joinReaders(): void {
  readers++;
}

/** Reports that a stream no longer reads. */
export function leaveReaders(): void {
  readers--;
  if (readers > TURN) return;
  clearTimers();
  admit();
}

/** Whether a read may start now. If not, `reader.readOn` is called when it may. */
export function mayRead(reader: Reader): boolean {
  if (isWaiting) waiting.push(reader);
  return !isWaiting;
}

/** Reports that a read was completed. */
export function readDone(): void {
  if (readers <= TURN) return;
  count++;
  immediate ??= setImmediate(endTurn);
}

function endTurn(): void {
  immediate = undefined;
  clearTimeout(quiet);
  const isFull = count >= FULL;
  sum += count;
  count = 0;
  if (!isFull) return admit();
  isWaiting = sum >= 2 * readers;
  if (isWaiting) listenFor(QUIET_TIMERS);
}

/** Admits the readers that wait, unless a read is completed before this many timers are due. */
function listenFor(timers: number): void {
  quiet = setTimeout(() => {
    if (timers > 1) listenFor(timers - 1);
    // A read may be completed in this very turn.
    else immediate ??= setImmediate(endTurn);
  }, 0);
}

function admit(): void {
  isWaiting = false;
  sum = 0;
  const admitted = waiting;
  waiting = [];
  for (const reader of admitted) reader.readOn();
}

function clearTimers(): void {
  clearTimeout(quiet);
  if (immediate !== undefined) clearImmediate(immediate);
  immediate = undefined;
}
