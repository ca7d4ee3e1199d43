import type { Message } from "../transport/base/message.ts";
import { Queue } from "../transport/base/queue.ts";
import type { SocketEnd, SocketReader } from "../transport/socket/socket.ts";

/** Options of a {@link RecordingReader}. */
export interface RecordingReaderOptions {
  /**
   * The maximum number of messages that wait to be taken before it pauses reading.
   *
   * @default {Infinity}
   */
  readonly capacity?: number;
}

/**
 * A reader for a socket without a connection that records every call: the other end of a
 * `socketPair`, for example.
 *
 * @example
 * ```ts
 * import { expectIncoming, RecordingReader, socketPair } from "@honeybee/honeybee/testing";
 *
 * const { client, server } = socketPair();
 * const reader = new RecordingReader();
 * server.start(reader);
 * client.start(new RecordingReader());
 * client.write("hello");
 * await expectIncoming(reader, "hello");
 * client.close(1000);
 * await server.closed;
 * ```
 */
export class RecordingReader implements SocketReader {
  /** Messages that arrived, taken or not. */
  readonly messages: Message[] = [];
  /** When each of the messages was read, in epoch milliseconds. */
  readonly times: number[] = [];
  /** Payloads of the pings that arrived. */
  readonly pings: Uint8Array[] = [];
  /** Payloads of the pongs that arrived. */
  readonly pongs: Uint8Array[] = [];
  /** The number of times that the peer has taken bytes. */
  drains = 0;
  /** The ends that were reported: at most one, if the socket is correct. */
  readonly ends: SocketEnd[] = [];

  readonly #untaken: Queue<Message>;

  /** Makes a reader that has read nothing. */
  constructor(options: RecordingReaderOptions = {}) {
    this.#untaken = new Queue({ capacity: options.capacity ?? Infinity });
  }

  /**
   * The next message that was not taken yet: waits until there is one.
   *
   * @returns The message, `undefined` once the socket has ended and all were taken.
   * @throws The signal's reason when it aborts.
   */
  take(
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Message | undefined> {
    return this.#untaken.take(options);
  }

  /** Keeps a message. Pauses reading when too many wait. */
  message(data: Message, _size: number, at: number): boolean {
    this.messages.push(data);
    this.times.push(at);
    return this.#untaken.push(data);
  }

  /** Keeps a ping's payload. */
  ping(payload: Uint8Array): void {
    this.pings.push(payload.slice());
  }

  /** Keeps a pong's payload. */
  pong(payload: Uint8Array): void {
    this.pongs.push(payload.slice());
  }

  /** Counts the call. */
  drain(): void {
    this.drains++;
  }

  /** Keeps the end. */
  end(end: SocketEnd): void {
    this.ends.push(end);
    this.#untaken.close();
  }
}
