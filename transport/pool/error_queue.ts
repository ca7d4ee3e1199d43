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
  readonly #onPush: (record: PoolErrorRecord) => void;
  /** Errors that were dropped. */
  dropped = 0;

  /** Makes an empty queue that holds `capacity` errors; `onPush` is called with each of them. */
  constructor(capacity: number, onPush: (record: PoolErrorRecord) => void) {
    super({ capacity });
    this.#onPush = onPush;
  }

  /** Adds an error. */
  override push(record: PoolErrorRecord): boolean {
    this.#onPush(record);
    if (this.full && this.shift() !== undefined) this.dropped++;
    return super.push(record);
  }
}
