import {
  Backlog,
  type BacklogContext,
  type BacklogHome,
  type BacklogOwner,
} from "./backlog.ts";
import type { PoolEvent } from "./events.ts";

/**
 * Everything that waits for space in the inbox of one pool. A peer has a {@link Backlog} only while something of it
 * waits.
 */
export class Backlogs<E extends PoolEvent> implements BacklogHome<E> {
  readonly context: BacklogContext<E>;
  /** In the order in which they are served. */
  readonly #backlogs = new Map<string, Backlog<E>>();
  /** The inbox will call back. */
  #waitsForSpace = false;
  #waiting = 0;
  #departedItems = 0;
  #departedBytes = 0;
  #closed = false;

  /** Begins empty. */
  constructor(context: BacklogContext<E>) {
    this.context = context;
  }

  /** The number of peers of which something waits. */
  get size(): number {
    return this.#backlogs.size;
  }

  /** Whether {@link Backlogs.close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** How many messages, and bytes, of peers that are no longer registered may still be added. */
  get departedSpace(): { readonly items: number; readonly bytes: number } {
    const { maxDepartedItems, maxDepartedBytes } = this.context.limits;
    return {
      items: maxDepartedItems - this.#departedItems,
      bytes: maxDepartedBytes - this.#departedBytes,
    };
  }

  /** Returns what waits of a peer. */
  get(id: string): Backlog<E> | undefined {
    return this.#backlogs.get(id);
  }

  /** Returns what waits of a peer; an empty backlog if nothing waits yet. */
  make(owner: BacklogOwner): Backlog<E> {
    let backlog = this.#backlogs.get(owner.id);
    if (backlog === undefined) {
      backlog = new Backlog<E>(this, owner);
      this.#backlogs.set(owner.id, backlog);
    }
    this.#awaitSpace();
    return backlog;
  }

  /** Messages that wait, of all peers. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Counts messages that wait. */
  countWaiting(items: number): void {
    this.#waiting += items;
  }

  /** Counts messages of peers that are no longer registered. */
  countDeparted(items: number, bytes: number): void {
    this.#departedItems += items;
    this.#departedBytes += bytes;
  }

  /** Nothing of the peer waits any more. */
  forget(backlog: Backlog<E>): void {
    // A callback may have removed the peer and added it again, so that the id has another backlog.
    if (this.#backlogs.get(backlog.id) === backlog) {
      this.#backlogs.delete(backlog.id);
    }
  }

  /** Moves everything into the inbox, even beyond the limits of the inbox. */
  close(): void {
    this.#closed = true;
    for (const backlog of [...this.#backlogs.values()]) backlog.flush();
  }

  /** Asks the inbox for one callback for all peers, so that peers that leave do not leave callbacks behind. */
  #awaitSpace(): void {
    if (this.#waitsForSpace) return;
    this.#waitsForSpace = true;
    this.context.inbox.onSpace(() => {
      this.#waitsForSpace = false;
      this.#advance();
    });
  }

  #advance(): void {
    const { inbox } = this.context;
    for (const backlog of this.#backlogs.values()) {
      if (inbox.full) break;
      if (backlog.advance()) continue;
      // The other peers come first next time.
      this.#backlogs.delete(backlog.id);
      this.#backlogs.set(backlog.id, backlog);
    }
    if (this.#backlogs.size > 0) this.#awaitSpace();
  }
}
