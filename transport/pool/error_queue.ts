import type { Clock } from "../base/clock.ts";
import { Queue } from "../base/queue.ts";

/** An error that ended no peer, such as a failed dial or a callback that threw. */
export interface PoolErrorRecord {
  /** The id of the peer; `undefined` if the error concerns no peer, or none that is known yet. */
  readonly id: string | undefined;
  /** What went wrong. */
  readonly error: Error;
  /** When it happened, in epoch milliseconds. */
  readonly at: number;
}

/** The errors of a pool. If nobody reads them, the oldest are dropped. */
export class ErrorQueue extends Queue<PoolErrorRecord> {
  readonly #clock: Clock;
  readonly #onPush: (record: PoolErrorRecord) => void;
  /** Errors that were dropped. */
  dropped = 0;

  /** Makes an empty queue that holds `capacity` errors; `onPush` is called with each of them. */
  constructor(
    capacity: number,
    clock: Clock,
    onPush: (record: PoolErrorRecord) => void,
  ) {
    super({ capacity });
    this.#clock = clock;
    this.#onPush = onPush;
  }

  /** Adds an error that has just happened. */
  report(id: string | undefined, error: Error): void {
    this.push({ id, error, at: this.#clock.date() });
  }

  /** Adds an error. */
  override push(record: PoolErrorRecord): boolean {
    this.#onPush(record);
    if (this.closed) return false;
    if (this.full && this.shift() !== undefined) this.dropped++;
    return super.push(record);
  }
}
