import { ConnectionError } from "../transport/base/errors.ts";
import { type Message, messageSize } from "../transport/base/message.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { Payload } from "./payload.ts";
import { runTask } from "./task.ts";

/**
 * The way out of a `WebSocket`: keeps messages in order although a `Blob` has to be read before it can be sent, and
 * counts the payload bytes that have not been sent.
 */
export class SendQueue {
  readonly #connection: Connection;
  readonly #onError: (error: unknown) => void;
  /** Settles when all messages behind a `Blob` have been written; absent without one. */
  #reading: Promise<void> | undefined;
  /** Bytes of messages that wait until a `Blob` has been read. */
  #waiting = 0;
  /** Bytes that were written in the present task of the event loop. They count until it has ended. */
  #fresh = 0;
  /** Bytes that were written in earlier tasks, at most. */
  #written = 0;
  /** Bytes that are never sent. */
  #lost = 0;

  /** Makes an empty queue; `onError` is called when a `Blob` cannot be read. */
  constructor(connection: Connection, onError: (error: unknown) => void) {
    this.#connection = connection;
    this.#onError = onError;
  }

  /**
   * Payload bytes that have not been sent. Exact within the task that sent them. After that, what the connection has
   * not written yet is estimated by the size of its frames.
   */
  get size(): number {
    return this.#lost + this.#waiting + this.#fresh + this.#unsent;
  }

  /** Sends a message behind all earlier ones. */
  push(data: Payload): void {
    const size = sizeOf(data);
    if (this.#reading === undefined && !(data instanceof Blob)) {
      return this.#write(data, size);
    }
    this.#waiting += size;
    const reading = this.#reading = this.#read(data, this.#reading)
      .then((message) => this.#write(message, size), this.#onError)
      .finally(() => {
        this.#waiting -= size;
        if (this.#reading === reading) this.#reading = undefined;
      });
  }

  /** Counts a message that comes too late to be sent. */
  lose(data: Payload): void {
    this.#lost += sizeOf(data);
  }

  /** Calls back when all messages have been written, at once if they have. */
  onWritten(callback: () => void): void {
    if (this.#reading === undefined) callback();
    else void this.#reading.then(callback);
  }

  /** Counts what has not been sent as lost: the connection has ended. */
  end(clean: boolean): void {
    if (!clean) this.#lost += this.#fresh + this.#written;
    this.#fresh = this.#written = 0;
  }

  get #unsent(): number {
    // If nothing is being sent, the connection is not asked.
    if (this.#written === 0) return 0;
    return Math.min(this.#written, this.#connection.stats().bufferedBytes);
  }

  async #read(
    data: Payload,
    earlier: Promise<void> | undefined,
  ): Promise<Message> {
    const message = data instanceof Blob
      ? new Uint8Array(await data.arrayBuffer())
      // The caller may change the bytes before they are written.
      : typeof data === "string"
      ? data
      : data.slice();
    await earlier;
    return message;
  }

  #write(message: Message, size: number): void {
    try {
      this.#connection.trySend(message);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      // The peer has closed, and the event that says so is still to come.
      this.#lost += size;
      return;
    }
    if (this.#fresh === 0) void runTask(() => this.#settle());
    this.#fresh += size;
  }

  #settle(): void {
    this.#written += this.#fresh;
    this.#fresh = 0;
    this.#written = this.#unsent;
  }
}

function sizeOf(data: Payload): number {
  return data instanceof Blob ? data.size : messageSize(data);
}
