import type { PoolEvent } from "./events.ts";
import type { InboxMessage } from "./worker.ts";

interface Waiting<E> {
  readonly event: E;
  /** The number of messages that have to be taken from the inbox first. */
  readonly after: number;
}

/**
 * Puts the events of a pool between the messages of their peers.
 *
 * When an event is emitted, all earlier messages of its peer are in the inbox. Therefore it is released when as many
 * messages have been taken as were in the inbox then, or when a message of a later connection of its peer is taken.
 */
export class EventOrder<E extends PoolEvent> {
  readonly #release: (event: E) => void;
  /** The events that wait, in order. */
  #waiting: Waiting<E>[] = [];
  #taken = 0;

  /** Calls `release` with each event when it is due. */
  constructor(release: (event: E) => void) {
    this.#release = release;
  }

  /** The number of events that wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Adds an event that has just been read, while `depth` messages wait in the inbox. */
  add(event: E, depth: number): void {
    this.#waiting.push({ event, after: this.#taken + depth });
    this.#releaseIf(({ after }) => after <= this.#taken);
  }

  /** A message was taken from the inbox and has not been handed on. */
  before(message: InboxMessage): void {
    if (this.#waiting.length === 0) return;
    const { id, session } = message;
    this.#releaseIf(({ event }) =>
      event.id === id &&
      (event.session < session ||
        event.session === session && isStart(event))
    );
  }

  /** A message was taken from the inbox and handed on. */
  after(): void {
    this.#taken++;
    if (this.#waiting.length === 0) return;
    this.#releaseIf(({ after }) => after <= this.#taken);
  }

  /** No message follows. */
  end(): void {
    this.#releaseIf(() => true);
  }

  #releaseIf(isDue: (waiting: Waiting<E>) => boolean): void {
    const due = this.#waiting.filter(isDue);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !due.includes(waiting));
    for (const { event } of due) this.#release(event);
  }
}

/** Whether the messages of an event's connection come after it. */
function isStart(event: object): boolean {
  return "kind" in event && event.kind === "connected";
}
