import { PoolError } from "../base/errors.ts";
import type { Queue } from "../base/queue.ts";
import { Ring } from "../base/ring.ts";
import type { PoolEvent } from "./events.ts";
import type { InboxMessage } from "./worker.ts";

/** Limits on what waits for space in the inbox. */
export interface BacklogLimits {
  /** Messages of one peer. */
  readonly maxItems: number;
  /** Bytes of one peer's messages; a text counts its UTF-16 units. */
  readonly maxBytes: number;
  /** Above 0: messages of one peer before the oldest are dropped. */
  readonly maxQueueSize: number;
  /** Messages of all peers together that are no longer registered. */
  readonly maxDepartedItems: number;
  /** Bytes of those messages. */
  readonly maxDepartedBytes: number;
}

/** What all backlogs of a pool share. */
export interface BacklogContext<E extends PoolEvent> {
  readonly inbox: Queue<InboxMessage>;
  readonly limits: BacklogLimits;
  /** Emits an event of the pool. */
  readonly emit: (event: E) => void;
  /** Reports an error about a peer. */
  readonly report: (id: string, error: Error) => void;
}

/** The collection that a {@link Backlog} belongs to. */
export interface BacklogHome<E extends PoolEvent> {
  readonly context: BacklogContext<E>;
  /** How many messages, and bytes, of peers that are no longer registered may still be added. */
  readonly departedSpace: { readonly items: number; readonly bytes: number };
  /** Counts messages that wait. */
  countWaiting(items: number): void;
  /** Counts messages of peers that are no longer registered. */
  countDeparted(items: number, bytes: number): void;
  /** Nothing of the peer waits any more. */
  forget(backlog: Backlog<E>): void;
}

/** What a {@link Backlog} needs of a connection. */
export interface Inlet {
  /** Whether reading can be paused. */
  readonly canPause: boolean;
  /** Whether reading is paused. */
  paused: boolean;
  /** Resumes reading. */
  resume(): void;
  /** Drops a message that does not fit, and all that follow. Returns `true`. */
  refuse(error: Error): boolean;
  /** Counts messages of the peer that were dropped. */
  countDropped(count: number): void;
}

/** The peer of a {@link Backlog}. */
export interface BacklogOwner {
  readonly id: string;
  /** Whether the peer is registered. */
  readonly present: boolean;
}

/** The maximum number of events of one peer that wait. If it is exceeded, pairs of older ones are dropped. */
const MAX_EVENTS = 32;

/** The messages, events and paused connections of one peer that wait for space in the inbox, in order. */
export class Backlog<E extends PoolEvent> {
  readonly id: string;
  readonly #home: BacklogHome<E>;
  readonly #entries = new Ring<InboxMessage | E>();
  readonly #paused = new Set<Inlet>();
  /** The peer while it is registered. */
  #owner: BacklogOwner | undefined;
  #items = 0;
  #bytes = 0;
  #events = 0;
  /** The oldest messages are being dropped, and that was reported. */
  #dropping = false;

  /** Made by a {@link BacklogHome}. */
  constructor(home: BacklogHome<E>, owner: BacklogOwner) {
    this.#home = home;
    this.id = owner.id;
    this.#owner = owner.present ? owner : undefined;
  }

  /** Messages that wait. */
  get items(): number {
    return this.#items;
  }

  /** Whether no message and no event waits. */
  get empty(): boolean {
    return this.#entries.size === 0;
  }

  /** The peer is registered again. */
  arrive(owner: BacklogOwner): void {
    if (this.#owner === undefined) {
      this.#home.countDeparted(-this.#items, -this.#bytes);
    }
    this.#owner = owner;
  }

  /**
   * The peer is no longer registered: its waiting messages share the space for all such peers.
   *
   * @returns How many messages did not fit, and were dropped.
   */
  depart(owner: BacklogOwner): number {
    if (this.#owner !== owner) return 0;
    const { items, bytes } = this.#home.departedSpace;
    const dropped = this.#trim(items, bytes);
    this.#owner = undefined;
    this.#home.countDeparted(this.#items, this.#bytes);
    this.#settle();
    return dropped;
  }

  /**
   * A connection has ended: what waits has to fit within the limits.
   *
   * @returns How many messages did not fit, and were dropped.
   */
  release(inlet: Inlet): number {
    const { maxItems, maxBytes } = this.#home.context.limits;
    const dropped = this.#trim(maxItems, maxBytes);
    this.#paused.delete(inlet);
    this.#settle();
    return dropped;
  }

  /** Pauses a connection until there is space, if it can be paused. Returns whether it may continue. */
  pause(inlet: Inlet): boolean {
    if (!inlet.canPause) return true;
    inlet.paused = true;
    this.#paused.add(inlet);
    return false;
  }

  /** Takes a message that the inbox has no space for. Returns whether the connection may continue. */
  wait(inlet: Inlet, message: InboxMessage): boolean {
    const { maxQueueSize } = this.#home.context.limits;
    if (this.#owner !== undefined && maxQueueSize > 0) {
      this.#add(message);
      this.#dropOldest(inlet);
      return true;
    }
    // A connection that can be paused delivers no second message: its first one is never dropped.
    const first = this.#owner !== undefined && inlet.canPause && !inlet.paused;
    if (!first && !this.#fits()) return inlet.refuse(this.#overflow());
    this.#add(message);
    return this.pause(inlet);
  }

  /** Emits an event after what waits. */
  emit(event: E): void {
    if (this.empty) return this.#home.context.emit(event);
    this.#entries.push(event);
    if (++this.#events > MAX_EVENTS) this.#mergeEvents();
  }

  /** Moves what waits into the inbox while there is space. Returns whether nothing is left. */
  advance(): boolean {
    const { inbox, emit } = this.#home.context;
    for (
      let entry = this.#entries.peek();
      entry !== undefined;
      entry = this.#entries.peek()
    ) {
      if (isMessage(entry) && inbox.full) return false;
      this.#shift();
      if (isMessage(entry)) inbox.push(entry);
      else emit(entry);
    }
    if (inbox.full && this.#paused.size > 0) return false;
    this.#end();
    return true;
  }

  /** Moves everything into the inbox, even beyond the limits of the inbox. */
  flush(): void {
    const { inbox, emit } = this.#home.context;
    for (
      let entry = this.#shift();
      entry !== undefined;
      entry = this.#shift()
    ) {
      if (isMessage(entry)) inbox.push(entry);
      else emit(entry);
    }
    this.#end();
  }

  #fits(): boolean {
    const { maxItems, maxBytes } = this.#home.context.limits;
    if (this.#items >= maxItems || this.#bytes >= maxBytes) return false;
    if (this.#owner !== undefined) return true;
    const { items, bytes } = this.#home.departedSpace;
    return items > 0 && bytes > 0;
  }

  #add(message: InboxMessage): void {
    this.#entries.push(message);
    this.#count(1, message.data.length);
  }

  #shift(): InboxMessage | E | undefined {
    const entry = this.#entries.shift();
    if (entry === undefined) return undefined;
    if (!isMessage(entry)) this.#events--;
    // A message whose memory was transferred is shorter than before.
    else if (this.#items === 1) this.#count(-1, -this.#bytes);
    else this.#count(-1, -entry.data.length);
    return entry;
  }

  #count(items: number, bytes: number): void {
    this.#items += items;
    this.#bytes += bytes;
    this.#home.countWaiting(items);
    if (this.#owner === undefined) this.#home.countDeparted(items, bytes);
  }

  /** Nothing waits any more: paused connections may continue. */
  #end(): void {
    this.#home.forget(this);
    for (const inlet of this.#paused) inlet.resume();
  }

  /** Messages were dropped, or a connection has ended: events may be first now, or nothing waits any more. */
  #settle(): void {
    for (
      let entry = this.#entries.peek();
      entry !== undefined && !isMessage(entry);
      entry = this.#entries.peek()
    ) {
      this.#shift();
      this.#home.context.emit(entry);
    }
    if (this.empty && this.#paused.size === 0) this.#home.forget(this);
  }

  #dropOldest(inlet: Inlet): void {
    const { limits, report } = this.#home.context;
    while (
      this.#items > limits.maxQueueSize ||
      (this.#bytes > limits.maxBytes && this.#items > 1)
    ) {
      this.#shift();
      this.#settle();
      inlet.countDropped(1);
      if (this.#dropping) continue;
      this.#dropping = true;
      report(this.id, this.#overflow());
    }
  }

  /** Drops the newest messages that do not fit. Returns how many. */
  #trim(maxItems: number, maxBytes: number): number {
    if (this.#items <= maxItems && this.#bytes <= maxBytes) return 0;
    let items = 0;
    let bytes = 0;
    let dropped = 0;
    for (const entry of this.#takeAll()) {
      if (isMessage(entry)) {
        // If one does not fit, no later one does: nothing would show the gap.
        if (items >= maxItems || bytes >= maxBytes) {
          dropped++;
          this.#count(-1, -entry.data.length);
          continue;
        }
        items++;
        bytes += entry.data.length;
      }
      this.#entries.push(entry);
    }
    return dropped;
  }

  /** Drops the two events after the oldest one, so that `connected` and `disconnected` still alternate. */
  #mergeEvents(): void {
    let place = 0;
    let missed = 0;
    for (const entry of this.#takeAll()) {
      if (!isMessage(entry)) place++;
      if (isMessage(entry) || place === 1 || place > 4) {
        this.#entries.push(entry);
      } else if (place < 4) missed += 1 + (entry.missed ?? 0);
      else {
        missed += entry.missed ?? 0;
        this.#entries.push({ ...entry, missed });
      }
    }
    this.#events -= 2;
  }

  #takeAll(): (InboxMessage | E)[] {
    const entries: (InboxMessage | E)[] = [];
    this.#entries.drainTo(entries);
    return entries;
  }

  #overflow(): PoolError {
    const { maxItems, maxBytes, maxQueueSize } = this.#home.context.limits;
    const limit = maxQueueSize > 0
      ? `maxQueueSize (${maxQueueSize})`
      : `incomingBufferSize (${maxItems})`;
    return new PoolError(
      "messages-dropped",
      `Cannot keep all messages: the inbox is full, and the messages that wait for it exceed ${limit} or ` +
        `incomingBufferBytes (${maxBytes}). Read the inbox faster, or raise the limit.`,
    );
  }
}

function isMessage(
  entry: InboxMessage | PoolEvent,
): entry is InboxMessage {
  return "data" in entry;
}
