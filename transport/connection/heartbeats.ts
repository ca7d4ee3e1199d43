import type { Clock } from "../base/clock.ts";
import { Queue } from "../base/queue.ts";
import type { ConnectionMeter } from "./options.ts";

/** A pong that answered one of our pings. */
export interface Heartbeat {
  /** When it arrived, in epoch milliseconds. */
  readonly at: number;
  /** The round trip in milliseconds, with fractions. */
  readonly latency: number;
}

/** Heartbeats that are kept for a reader that is late; older ones say nothing new. */
const KEPT = 16;

/** The heartbeats of a connection: pongs that answered our pings. */
export class Heartbeats {
  readonly #clock: Clock;
  readonly #meter: ConnectionMeter | undefined;
  /** Created when somebody asks for it, with the newest heartbeat: idle connections may be many. */
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
      const { latency, lastAt: at } = this;
      if (latency !== undefined) this.#queue.push({ at, latency });
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
    const queue = this.#queue;
    if (queue?.full) queue.shift();
    queue?.push({ at, latency });
  }
}
