import type { MessageSink } from "../connection/receiving.ts";
import type { Message } from "../base/message.ts";
import { PoolError } from "../base/errors.ts";
import type { Inlet } from "./backlog.ts";
import type { Backlogs } from "./backlogs.ts";
import type { PoolEvent } from "./events.ts";
import type { TrafficCounter } from "./statistics.ts";
import type { InboxMessage } from "./worker.ts";

/** What a {@link DeliverySink} needs of a connection. */
export interface MessageSource {
  /** Whether reading can be paused, because the socket has backpressure. */
  readonly flowControl: boolean;
  /** Resumes reading after {@link DeliverySink.message} returned `false`. */
  resume(): void;
}

/** Takes the messages of one connection. Made by {@link MessageDelivery.open}. */
export interface DeliverySink extends MessageSink {
  /**
   * Accepts messages that the connection has read and could not deliver, and no longer pauses it. Messages that exceed
   * the limits are dropped. Call it before you close a connection.
   */
  finish(): void;
  /**
   * The connection has ended: no message follows.
   *
   * @param dropped Messages that the connection itself dropped at its end. They are counted and reported. @default 0
   */
  end(dropped?: number): void;
}

/** Delivers the messages of one peer to the inbox: what a pool gives a worker. */
export interface MessageDelivery {
  /**
   * Makes the sink for one connection of the peer.
   *
   * - The sink adds the id, the session and the time to each message, and pauses the connection while the inbox is
   *   full.
   * - Messages that arrive while the inbox is full wait in order, also after their connection has ended. The limits
   *   `incomingBufferSize` and `incomingBufferBytes` apply to all connections of the peer together. While messages of
   *   the peer wait, its next connection is paused. Messages beyond the limits are dropped, counted and reported in
   *   `errors`.
   * - With a `maxQueueSize` above 0 a connection is never paused: the oldest waiting message is dropped instead.
   *
   * @param session The number that every message carries.
   * @param onOverflow Called at most once, when a socket without backpressure exceeds the limits. All further
   * messages of this connection are dropped, so the worker has to close it (code 1009).
   */
  open(
    session: number,
    source: MessageSource,
    onOverflow?: (error: Error) => void,
  ): DeliverySink;
}

/** Delivers the messages of one peer, of all its connections, to the inbox of its pool. */
export class Delivery<E extends PoolEvent> implements MessageDelivery {
  readonly id: string;
  readonly counter: TrafficCounter;
  readonly #backlogs: Backlogs<E>;
  /** The delivery of the previous peer with this id, until that worker has ended or a message of this peer arrives. */
  #previous: Delivery<E> | undefined;
  /** The delivery of the next peer with this id, once it was added. */
  #next: Delivery<E> | undefined;
  #present = true;
  #ended = false;

  /** Created by a pool for each peer. */
  constructor(
    id: string,
    counter: TrafficCounter,
    backlogs: Backlogs<E>,
    previous?: Delivery<E>,
  ) {
    this.id = id;
    this.counter = counter;
    this.#backlogs = backlogs;
    this.#previous = previous;
    if (previous !== undefined) {
      previous.#endPrevious();
      previous.#next = this;
    }
    backlogs.get(id)?.arrive(this);
  }

  /** Whether the peer is registered. */
  get present(): boolean {
    return this.#present;
  }

  /** The delivery of the previous peer with this id, while messages of that peer may still come. */
  get previous(): Delivery<E> | undefined {
    const previous = this.#previous;
    return previous === undefined || previous.#ended ? undefined : previous;
  }

  /** Messages that wait for space in the inbox. */
  get waiting(): number {
    return this.#backlogs.get(this.id)?.items ?? 0;
  }

  open(
    session: number,
    source: MessageSource,
    onOverflow: (error: Error) => void = () => {},
  ): DeliverySink {
    return new ConnectionSink<E>(this, session, source, onOverflow);
  }

  /** Emits an event after the messages that wait. */
  emit(event: E): void {
    const backlog = this.#backlogs.get(this.id);
    if (backlog === undefined) this.#backlogs.context.emit(event);
    else backlog.emit(event);
  }

  /** The peer is no longer registered. Its connections may still bring messages until {@link Delivery.end}. */
  leave(): void {
    this.#present = false;
    this.#drop(this.#backlogs.get(this.id)?.depart(this) ?? 0);
  }

  /** Drops all further messages. */
  end(): void {
    this.#ended = true;
  }

  /** Takes a message of a connection. Returns `false` to pause the connection. */
  take(
    sink: ConnectionSink<E>,
    data: Message<ArrayBuffer>,
    at: number,
  ): boolean {
    // Messages of a previous peer with this id never come after those of the present one.
    if (this.#previous !== undefined) this.#endPrevious();
    const backlogs = this.#backlogs;
    if (this.#ended || sink.refuses || backlogs.closed) return sink.drop();
    const { id } = this;
    const { session } = sink;
    const message: InboxMessage = { id, data, receivedAt: at, session };
    const { inbox } = backlogs.context;
    // Most of the time nothing waits.
    const backlog = backlogs.size === 0 ? undefined : backlogs.get(id);
    if (!inbox.full && (backlog === undefined || backlog.empty)) {
      return inbox.push(message) || !sink.canPause ||
        backlogs.make(this.#newest()).pause(sink);
    }
    return (backlog ?? backlogs.make(this.#newest())).wait(sink, message);
  }

  /** A connection has ended, of which messages were dropped. */
  connectionEnded(sink: ConnectionSink<E>, dropped: number): void {
    const trimmed = this.#backlogs.get(this.id)?.release(sink) ?? 0;
    this.counter.dropped(trimmed);
    this.#report(dropped + trimmed);
  }

  /** Whether connections are never paused: the oldest messages are dropped instead. */
  get dropsOldest(): boolean {
    return this.#backlogs.context.limits.maxQueueSize > 0;
  }

  /** The delivery of the newest peer with this id: what waits is counted as that of this peer. */
  #newest(): Delivery<E> {
    return this.#next === undefined ? this : this.#next.#newest();
  }

  #endPrevious(): void {
    this.#previous?.end();
    this.#previous = undefined;
  }

  #drop(count: number): void {
    this.counter.dropped(count);
    this.#report(count);
  }

  #report(count: number): void {
    if (count === 0) return;
    const error = new PoolError(
      "messages-dropped",
      `Cannot deliver ${count} messages of a connection that has ended: more of them wait for the inbox than allowed. ` +
        "Read the inbox faster, or raise incomingBufferSize or incomingBufferBytes.",
    );
    this.#backlogs.context.report(this.id, error);
  }
}

/** The sink of one connection. */
class ConnectionSink<E extends PoolEvent> implements DeliverySink, Inlet {
  readonly session: number;
  paused = false;
  /** A message was dropped. All later ones are dropped, too, since nothing would show the gap. */
  refuses = false;
  readonly #delivery: Delivery<E>;
  readonly #source: MessageSource;
  readonly #onOverflow: (error: Error) => void;
  #finishing = false;
  #ended = false;
  #dropped = 0;

  constructor(
    delivery: Delivery<E>,
    session: number,
    source: MessageSource,
    onOverflow: (error: Error) => void,
  ) {
    this.#delivery = delivery;
    this.session = session;
    this.#source = source;
    this.#onOverflow = onOverflow;
  }

  get canPause(): boolean {
    return !this.#finishing && this.#source.flowControl &&
      !this.#delivery.dropsOldest;
  }

  message(data: Message<ArrayBuffer>, _size: number, at: number): boolean {
    return this.#delivery.take(this, data, at);
  }

  drop(): true {
    this.#dropped++;
    this.countDropped(1);
    return true;
  }

  refuse(error: Error): true {
    this.refuses = true;
    if (!this.#finishing) this.#onOverflow(error);
    return this.drop();
  }

  countDropped(count: number): void {
    this.#delivery.counter.dropped(count);
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#source.resume();
  }

  finish(): void {
    this.#finishing = true;
    this.resume();
  }

  end(dropped = 0): void {
    if (this.#ended) return;
    this.countDropped(dropped);
    this.#dropped += dropped;
    this.#ended = this.refuses = true;
    this.paused = false;
    this.#delivery.connectionEnded(this, this.#dropped);
  }
}
