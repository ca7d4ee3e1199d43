import { Queue } from "../base/queue.ts";

/** The fields that the events of both pools have. */
export interface PoolEvent {
  /** The id of the peer. */
  readonly id: string;
  /** When it happened, in epoch milliseconds. */
  readonly at: number;
  /** The number of the peer's connection that the event is about, from 1. */
  readonly session: number;
  /** The number of older events of this peer that were dropped, since `events` was full. Absent if none was. */
  readonly missed?: number;
}

/**
 * A queue of events whose producer never waits. If it is full, older events of a peer are dropped in favour of its
 * newest, which says how many were dropped. If the queue contains none of the peer, the oldest event of all is dropped.
 */
export class EventQueue<E extends PoolEvent> {
  readonly #queue: Queue<E>;
  readonly #known: (id: string) => boolean;
  /** Dropped events of known peers, to be counted in the next event of each. */
  readonly #owed = new Map<string, number>();
  /** Events that were dropped, of all peers. */
  missed = 0;

  /** Makes an empty queue that holds `capacity` events; `known` returns whether a peer may have further events. */
  constructor(capacity: number, known: (id: string) => boolean) {
    this.#known = known;
    this.#queue = new Queue({ capacity });
  }

  /** The queue that users read. */
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

  /** Forgets the dropped events of a peer that has no further events. */
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
