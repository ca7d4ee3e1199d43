import type { Clock } from "../base/clock.ts";
import { Queue } from "../base/queue.ts";

/** A pong that answered one of our pings. */
export interface Heartbeat {
  /** When it arrived, in epoch milliseconds. */
  readonly at: number;
  /** The round trip in milliseconds, with fractions. */
  readonly latency: number;
}

/** Figures of a connection. The counters only grow. */
export interface ConnectionStats {
  /** Messages that arrived. */
  readonly receivedMessages: number;
  /** Payload bytes that arrived, before compression. */
  readonly receivedBytes: number;
  /**
   * Messages that were dropped, since `incoming` was full and reading could not be paused, as with sockets without backpressure and
   * while the connection is closing.
   */
  readonly droppedMessages: number;
  /** Messages that were buffered for sending, streamed ones when they are whole. */
  readonly sentMessages: number;
  /** Payload bytes that were buffered for sending, before compression. */
  readonly sentBytes: number;
  /** Pongs that answered our pings. */
  readonly heartbeats: number;
  /** The last round trip in milliseconds, with fractions. */
  readonly latency: number | undefined;
  /** Messages that wait in `incoming`. */
  readonly incomingDepth: number;
  /** Errors that wait in `errors`. */
  readonly errorsDepth: number;
  /** Bytes that were sent and that the peer's side has not taken yet. */
  readonly bufferedBytes: number;
  /** Sends that failed, withdrawn ones too. */
  readonly failedSends: number;
}

/** Heartbeats that are kept for a reader that is late; older ones say nothing new. */
const KEPT = 16;

/** Counts what passes through a connection, or through several together. Its methods must not throw. */
export interface ConnectionMeter {
  /** A message has arrived, of so many payload bytes before compression. */
  received(bytes: number): void;
  /** Payload bytes, before compression, were buffered for sending; with them, so many messages are complete. */
  sent(messages: number, bytes: number): void;
  /** A pong has answered one of our pings. */
  heartbeat(): void;
}

/** The heartbeats of a connection: pongs that answered our pings. */
export class Heartbeats {
  readonly #clock: Clock;
  readonly #meter: ConnectionMeter | undefined;
  /** Created on demand: idle connections may be many. */
  #queue: Queue<Heartbeat> | undefined;
  #ended = false;
  /** How many there were. */
  count = 0;
  /** The last round trip in milliseconds. */
  latency: number | undefined;
  /** When the last one arrived, in epoch milliseconds; 0 before the first. */
  lastAt = 0;
  /** The same in milliseconds of the clock. */
  lastClockAt = 0;

  /** Begins without one. */
  constructor(clock: Clock, meter: ConnectionMeter | undefined) {
    this.#clock = clock;
    this.#meter = meter;
  }

  /** The newest ones. */
  get queue(): Queue<Heartbeat> {
    if (this.#queue === undefined) {
      this.#queue = new Queue({ capacity: KEPT });
      if (this.#ended) this.#queue.close();
    }
    return this.#queue;
  }

  /** No more will come. */
  close(): void {
    this.#ended = true;
    this.#queue?.close();
  }

  /** A heartbeat has arrived. */
  add(latency: number, at: number): void {
    this.count++;
    this.#meter?.heartbeat();
    this.latency = latency;
    this.lastAt = at;
    this.lastClockAt = this.#clock.now();
    if (this.queue.full) this.queue.shift();
    this.queue.push({ at, latency });
  }
}
