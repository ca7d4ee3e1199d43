import type { ConnectionError } from "../transport/base/errors.ts";
import type { Message } from "../transport/base/message.ts";
import type { Connection } from "../transport/connection/connection.ts";
import { tooManyWaiting } from "../transport/connection/end.ts";
import type { MessageSink } from "../transport/connection/receiving.ts";
import { runTask } from "./task.ts";

/** What a {@link Delivery} needs of its `WebSocket`. */
export interface DeliveryHost {
  /** Dispatches the event of a message. */
  receive(message: Message): void;
  /** More messages wait than may, on a connection whose reading cannot be paused. */
  overflowed(error: ConnectionError): void;
}

/** How many messages and bytes may wait. */
export interface DeliveryLimits {
  readonly incomingBufferSize: number;
  readonly incomingBufferBytes: number;
}

/** Hands over the messages of a connection, each in a task of its own. Pauses reading while too many wait. */
export class Delivery implements MessageSink {
  readonly #connection: Connection;
  readonly #limits: DeliveryLimits;
  readonly #host: DeliveryHost;
  /** Messages that arrived before the event `open`; absent after it. */
  #early: Message[] | undefined = [];
  #waiting = 0;
  #bytes = 0;
  #paused = false;

  /** Takes the messages from now on, and hands them over from {@link Delivery.start} on. */
  constructor(
    connection: Connection,
    limits: DeliveryLimits,
    host: DeliveryHost,
  ) {
    this.#connection = connection;
    this.#limits = limits;
    this.#host = host;
    connection.deliverTo(this);
  }

  /** Begins to hand over messages. */
  start(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) this.#handOver(message);
  }

  /** Takes a message. */
  message(data: Message): boolean {
    const mustPause = this.#connection.flowControl;
    if (this.#isFull() && !mustPause) {
      this.#host.overflowed(tooManyWaiting(this.#limits));
      return true;
    }
    this.#waiting++;
    this.#bytes += data.length;
    if (this.#early === undefined) this.#handOver(data);
    else this.#early.push(data);
    this.#paused = this.#isFull();
    return !this.#paused;
  }

  /** Whether listeners may still send: those of `open`, or of messages that wait. */
  answering(): boolean {
    return this.#early !== undefined || this.#waiting > 0;
  }

  #isFull(): boolean {
    return this.#waiting >= this.#limits.incomingBufferSize ||
      this.#bytes >= this.#limits.incomingBufferBytes;
  }

  #handOver(message: Message): void {
    void runTask(() => {
      try {
        this.#host.receive(message);
      } finally {
        this.#handedOver(message);
      }
    });
  }

  #handedOver(message: Message): void {
    this.#waiting--;
    this.#bytes -= message.length;
    if (this.#waiting > 0 || !this.#paused) return;
    this.#paused = false;
    this.#connection.resume();
  }
}
