/** What a model of two pools knows: what has to come of what was done to them. */

import type { InboundEvent } from "../../inbound/plugin.ts";
import { countListeners } from "../../transport/base/_support/signals.ts";
import type { InboxMessage } from "../../transport/pool/worker.ts";

/** What one pool reported. */
export class Report<E> {
  readonly messages: InboxMessage[] = [];
  /** The events that were read from `events`. */
  readonly events: E[] = [];
  /** Messages and events in the order in which `forEachMessage` hands them over. */
  readonly handled: (InboxMessage | E)[] = [];
  /** The events that `onEvent` got. */
  readonly seen: E[] = [];
  /** Messages that the sockets of this side dropped while they were closing: these do not count as received. */
  unread = 0;
}

/** One connection of an inbound peer. */
export interface Stay {
  readonly id: string;
  readonly session: number;
  /** How it ended; `undefined` while it lasts, and until its event comes. */
  end: "event" | "removed" | "closed" | undefined;
  /** Whether its socket has ended. */
  cut: boolean;
}

/** The connections of all inbound peers. */
export class Stays {
  readonly all: Stay[] = [];
  readonly #faults: unknown[];

  /** What must not happen is put into `faults`. */
  constructor(faults: unknown[]) {
    this.#faults = faults;
  }

  /** A peer is added. */
  begin(id: string): Stay {
    const session = 1 + this.all.filter((stay) => stay.id === id).length;
    const stay: Stay = { id, session, end: undefined, cut: false };
    this.all.push(stay);
    return stay;
  }

  /** A present peer is ended by the caller: no event follows. */
  end(id: string, end: Stay["end"]): void {
    const stay = this.all.findLast((stay) => stay.id === id);
    if (stay !== undefined && stay.end === undefined) stay.end = end;
    else this.#faults.push(new Error(`${id} is there after ${stay?.end}`));
  }

  /** The event of a peer that has left has come. */
  left({ id, session }: InboundEvent): void {
    const stay = this.all.find((stay) =>
      stay.id === id && stay.session === session
    );
    if (stay !== undefined && stay.end === undefined) stay.end = "event";
    else this.#faults.push(new Error(`${id} ${session} left: ${stay?.end}`));
  }
}

/** The numbers that are sent as messages, counted for each sender and peer. */
export class Numbers {
  readonly #last = new Map<string, number>();
  readonly #failed = new Map<string, Set<number>>();

  /** Takes the next number if `send` returns `true`. */
  try(key: string, send: (number: string) => boolean): void {
    const next = this.#next(key);
    if (send(String(next))) this.#last.set(key, next);
  }

  /** Takes the next number. It may be missing if `send` rejects. */
  take(key: string, send: (number: string) => Promise<void>): Promise<void> {
    const next = this.#next(key);
    this.#last.set(key, next);
    const sent = send(String(next));
    sent.catch(() => {
      const failed = this.#failed.get(key) ?? new Set();
      this.#failed.set(key, failed.add(next));
    });
    return sent;
  }

  /** Whether the send of a number has failed. */
  failed(key: string, number: number): boolean {
    return this.#failed.get(key)?.has(number) ?? false;
  }

  #next(key: string): number {
    return (this.#last.get(key) ?? 0) + 1;
  }
}

/** An abort signal whose listeners are counted. */
export class Stop {
  readonly #controller = new AbortController();
  readonly #count = countListeners(this.#controller.signal);

  /** The signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Listeners that were left on it. An abort removes them. */
  get left(): number {
    return this.signal.aborted ? 0 : this.#count();
  }

  /** Aborts the signal. */
  abort(): void {
    this.#controller.abort(new DOMException("stop", "AbortError"));
  }
}
