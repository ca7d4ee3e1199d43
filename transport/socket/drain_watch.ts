import type { Clock } from "../base/clock.ts";
import { Schedule, type Task } from "../base/schedule.ts";

/** Milliseconds to the first look at a buffer. */
const FIRST_LOOK = 5;
/** Most milliseconds between two looks at a buffer that does not move. */
const LAST_LOOK = 50;

/** What a {@link DrainWatch} looks at. */
export interface Drained {
  /** Bytes that wait. */
  readonly bufferedAmount: number;
  /** Bytes that were ever written: tells new ones from those that still wait. */
  readonly sentBytes: number;
}

/**
 * Notices that a buffer empties, where nothing tells of it: looks at it from time
 * to time, but only while there is something in it.
 */
export class DrainWatch {
  readonly #watched: Drained;
  readonly #schedule: Schedule;
  readonly #onDrain: () => void;
  #task: Task | undefined;
  #pause = FIRST_LOOK;
  #taken = 0;

  /** Looks at nothing yet. `onDrain` is called when something has been taken; it must not throw. */
  constructor(watched: Drained, clock: Clock, onDrain: () => void) {
    this.#watched = watched;
    this.#schedule = Schedule.of(clock);
    this.#onDrain = onDrain;
  }

  /** Something may wait from now on. Cheap when it is looking already. */
  start(): void {
    if (this.#task !== undefined) return;
    if (this.#watched.bufferedAmount === 0) return;
    this.#taken = this.#countTaken();
    this.#pause = FIRST_LOOK;
    this.#lookLater();
  }

  /** Looks no more until the next `start`. */
  stop(): void {
    this.#schedule.cancel(this.#task);
    this.#task = undefined;
  }

  #countTaken(): number {
    return this.#watched.sentBytes - this.#watched.bufferedAmount;
  }

  #lookLater(): void {
    this.#task = this.#schedule.after(this.#pause, () => this.#look());
  }

  #look(): void {
    this.#task = undefined;
    const taken = this.#countTaken();
    const moved = taken > this.#taken;
    this.#taken = taken;
    this.#pause = moved ? FIRST_LOOK : Math.min(2 * this.#pause, LAST_LOOK);
    if (this.#watched.bufferedAmount > 0) this.#lookLater();
    // Last, since the one who is told may write, or end it all.
    if (moved) this.#onDrain();
  }
}
