import { ConnectionError, toError } from "../transport/base/errors.ts";
import { type Message, messageSize } from "../transport/base/message.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { Payload } from "./payload.ts";
import { runTask } from "./task.ts";

/**
 * The send queue of a `WebSocket`: keeps messages in order although a `Blob` has to be read before it can be sent, and
 * counts the payload bytes that have not been sent.
 */
export class SendQueue {
  readonly #connection: Connection;
  readonly #onError: (error: ConnectionError) => void;
  #reading: Promise<void> | undefined;
  /** Bytes of messages that wait until a `Blob` has been read. */
  #waiting = 0;
  /** Bytes that were written in the present task of the event loop. They count until it has ended. */
  #fresh = 0;
  /** Bytes that were written in earlier tasks, at most. */
  #written = 0;
  /** The value of `#position` at which the last message has been written. */
  #target = 0;
  /** Bytes that are never sent. */
  #lost = 0;

  /** Makes an empty queue; `onError` is called when a message that was accepted cannot be sent. */
  constructor(
    connection: Connection,
    onError: (error: ConnectionError) => void,
  ) {
    this.#connection = connection;
    this.#onError = onError;
  }

  /**
   * Payload bytes that have not been sent. Exact within the task that sent them. After that, what the connection has
   * not written yet is estimated by the size of its frames.
   */
  get size(): number {
    return this.#lost + this.#waiting + this.#fresh + this.#unsent();
  }

  /** Sends a message behind all earlier ones. */
  push(data: Payload): void {
    const size = sizeOf(data);
    if (this.#reading === undefined && !(data instanceof Blob)) {
      return this.#write(data, size);
    }
    this.#waiting += size;
    const reading = this.#reading = this.#writeLater(data, size, this.#reading)
      .then(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
  }

  /** Counts a message that comes too late to be sent. */
  lose(data: Payload): void {
    this.#lost += sizeOf(data);
  }

  /** Resolves when all messages behind a `Blob` have been written; absent if none waits. */
  get written(): Promise<void> | undefined {
    return this.#reading;
  }

  /** Counts what has not been sent as lost: the connection has ended. */
  end(clean: boolean): void {
    if (!clean) this.#lost += this.#fresh + this.#unsent();
    this.#fresh = this.#written = 0;
  }

  #unsent(): number {
    // If nothing is being sent, the connection is not asked.
    if (this.#written === 0) return 0;
    return Math.min(
      this.#written,
      Math.max(0, this.#target - this.#position()),
    );
  }

  /**
   * How many bytes the connection has written. Not how many it still buffers: a connection that is lost drops its
   * buffer, in which that number becomes 0.
   */
  #position(): number {
    return this.#connection.activity?.writtenBytes ?? 0;
  }

  /** Writes a message once it has been read and all earlier ones have been written. Never rejects. */
  async #writeLater(
    data: Payload,
    size: number,
    earlier: Promise<void> | undefined,
  ): Promise<void> {
    const message = await read(data).catch(toError);
    await earlier;
    this.#waiting -= size;
    try {
      if (message instanceof Error) throw message;
      this.#write(message, size);
    } catch (cause) {
      this.#lost += size;
      this.#onError(
        new ConnectionError(
          "connection-closed",
          `Cannot send a queued message: ${toError(cause).message}`,
          { cause },
        ),
      );
    }
  }

  #write(message: Message, size: number): void {
    if (this.#fresh === 0) void runTask(() => this.#settle());
    // Counted first, since a callback of the user may be called meanwhile, and read the amount.
    this.#fresh += size;
    const connection = this.#connection;
    const before = this.#position();
    try {
      if (!connection.trySend(message)) throw bufferFull();
    } catch (error) {
      this.#fresh -= size;
      if (!(error instanceof ConnectionError)) throw error;
      // If the peer has closed, the event that says so is still to come.
      this.#lost += size;
      if (error.code === "unsent-overflow") this.#onError(error);
      return;
    }
    const { bufferedBytes } = connection;
    if (connection.state === "connected" || bufferedBytes > 0) {
      this.#target = this.#position() + bufferedBytes;
      return;
    }
    // A callback has ended the connection, which has dropped what it had not written.
    const lost = Math.max(0, size - (this.#position() - before));
    this.#fresh -= lost;
    this.#lost += lost;
  }

  #settle(): void {
    this.#written += this.#fresh;
    this.#fresh = 0;
    this.#written = this.#unsent();
  }
}

/** Returns a message that does not change any more, whatever the caller does. */
async function read(data: Payload): Promise<Message> {
  if (data instanceof Blob) return new Uint8Array(await data.arrayBuffer());
  // Not `slice`, which does not copy a `Buffer`.
  return typeof data === "string" ? data : new Uint8Array(data);
}

function bufferFull(): ConnectionError {
  return new ConnectionError(
    "unsent-overflow",
    "Cannot send: the buffer of the connection is full. Wait until bufferedAmount has fallen.",
  );
}

function sizeOf(data: Payload): number {
  return data instanceof Blob ? data.size : messageSize(data);
}
