import { Queue } from "../base/queue.ts";

/** What every event of a pool has. */
export interface PoolEvent {
  /** The peer. */
  readonly id: string;
  /** When it happened, in epoch milliseconds. */
  readonly at: number;
  /** The peer's session that it is about. */
  readonly session: number;
  /** How many older events of this peer gave way, when nobody read them. */
  readonly missed?: number;
}

/**
 * Events that never hold anything up: when nobody reads and the buffer is full, a
 * peer's older events give way to its newest, which says how many were missed.
 * Where the peer has none there, the oldest event of all goes.
 */
export class EventQueue<E extends PoolEvent> {
  readonly #queue: Queue<E>;
  readonly #known: (id: string) => boolean;
  /** Missed events of known peers, to be counted in their next one. */
  readonly #owed = new Map<string, number>();
  /** Events that nobody read, of all peers. */
  missed = 0;

  /** Makes an empty queue that holds `capacity` events; `known` returns whether there may be another one of a peer. */
  constructor(capacity: number, known: (id: string) => boolean) {
    this.#known = known;
    this.#queue = new Queue({ capacity });
  }

  /** What users read. */
  get queue(): Queue<E> {
    return this.#queue;
  }

  /** Adds an event. */
  push(event: E): void {
    let missed = event.missed ?? 0;
    if (this.#queue.full) {
      const gone = this.#queue.extract((other) => other.id === event.id);
      if (gone.length === 0) this.#dropOldest();
      this.missed += gone.length;
      for (const other of gone) missed += 1 + (other.missed ?? 0);
    }
    missed += this.#owed.get(event.id) ?? 0;
    this.#owed.delete(event.id);
    this.#queue.push(missed === 0 ? event : { ...event, missed });
  }

  /** The peer is gone for good: nobody is owed anything about it. */
  forget(id: string): void {
    this.#owed.delete(id);
  }

  #dropOldest(): void {
    const oldest = this.#queue.shift();
    if (oldest === undefined) return;
    this.missed++;
    if (!this.#known(oldest.id)) return;
    const owed = this.#owed.get(oldest.id) ?? 0;
    this.#owed.set(oldest.id, owed + 1 + (oldest.missed ?? 0));
  }
}
