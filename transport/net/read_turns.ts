import { setImmediate } from "node:timers";

/** Operations that the runtime lets come back in one turn of the event loop. */
const TURN = 128;
/** Reads in one turn from which on others may wait: writes have their share of the turn. */
const FULL = 64;
/**
 * Timers in a row without a read that comes back, after which none waits in the runtime. Not one: it may
 * be due when the event loop has been busy, and the runtime had no time for reads.
 */
const QUIET_TIMERS = 3;

/** Something that reads again and again. */
export interface Readable {
  /** Begins the next read, if it is still wanted. Must not throw. */
  readOn(): void;
}

/**
 * The runtime lets 128 operations at once come back in a turn, and serves those that have just begun
 * before those that wait: with thousands of busy sockets some would never have their turn. So when twice as
 * many reads have come back as there are sockets, and there were always more, the next ones
 * wait until those that were begun before have been served.
 */
let waiting: Readable[] = [];
let waits = false;
/** Sockets that read. */
let sockets = 0;
/** Reads that came back since the event loop came round. */
let count = 0;
/** Reads that came back since there were no more of them. */
let sum = 0;
let armed = false;
let quiet: ReturnType<typeof setTimeout> | undefined;

/** Tells that a socket begins to read. */
export function joinReaders(): void {
  sockets++;
}

/** Tells that a socket reads no more. */
export function leaveReaders(): void {
  sockets--;
}

/** Whether a read may begin now; else `target` is told when it may. */
export function mayRead(target: Readable): boolean {
  if (waits) waiting.push(target);
  return !waits;
}

/** Tells that a read has come back. */
export function readDone(): void {
  if (sockets <= TURN) return;
  count++;
  if (armed) return;
  armed = true;
  setImmediate(turn);
}

function turn(): void {
  armed = false;
  clearTimeout(quiet);
  const more = count >= FULL;
  sum += count;
  count = 0;
  if (!more) return admit();
  waits = sum >= 2 * sockets;
  if (waits) listenFor(QUIET_TIMERS);
}

/** Admits the next ones, unless something comes back before so many timers are over. */
function listenFor(timers: number): void {
  quiet = setTimeout(() => {
    if (timers > 1) listenFor(timers - 1);
    // Something may come back in this very turn.
    else setImmediate(() => armed || admit());
  }, 0);
}

function admit(): void {
  waits = false;
  sum = 0;
  const now = waiting;
  waiting = [];
  for (const target of now) target.readOn();
}
