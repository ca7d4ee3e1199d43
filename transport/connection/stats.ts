import type { Clock } from "../base/clock.ts";
import { Queue } from "../base/queue.ts";

/** A pong that answered one of our pings. */
export interface Heartbeat {
  /** When it arrived, in epoch milliseconds. */
  readonly at: number;
  /** The round trip in milliseconds, with fractions. */
  readonly latency: number;
}

/** The figures of a connection. Counters never fall. */
export interface ConnectionStats {
  /** The number of messages that arrived. */
  readonly receivedMessages: number;
  /** The number of payload bytes that arrived, before compression. */
  readonly receivedBytes: number;
  /**
   * The number of messages that were dropped, because `incoming` was full and reading could not be paused: on sockets
   * without backpressure, and while the connection is closing.
   */
  readonly droppedMessages: number;
  /** The number of messages that were buffered for sending. Streamed messages count when they are complete. */
  readonly sentMessages: number;
  /** The number of payload bytes that were buffered for sending, before compression. */
  readonly sentBytes: number;
  /** The number of pongs that answered our pings. */
  readonly heartbeats: number;
  /** The latest round trip in milliseconds, with fractions. */
  readonly latency: number | undefined;
  /** The number of messages that wait in `incoming`. */
  readonly incomingDepth: number;
  /** The number of errors that wait in `errors`. */
  readonly errorsDepth: number;
  /** The number of bytes that wait to be sent. */
  readonly bufferedBytes: number;
  /** The number of sends that failed, including those that were withdrawn. */
  readonly failedSends: number;
}

/** Heartbeats that are kept for a reader that is late; older ones say nothing new. */
const KEPT = 16;

/** Counts what passes through a connection, or through several connections. Its methods must not throw. */
export interface ConnectionMeter {
  /** Called for each message that arrived, with its payload size in bytes before compression. */
  received(bytes: number): void;
  /**
   * Called when payload bytes were buffered for sending, with the number of messages that are complete with them and
   * the number of bytes before compression.
   */
  sent(messages: number, bytes: number): void;
  /** Called for each pong that answered one of our pings. */
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
