import { isArrayBuffer } from "node:util/types";
import { ConnectionError } from "../base/errors.ts";
import { type Message, messageSize } from "../base/message.ts";
import { ProtocolError } from "../protocol/wire/errors.ts";
import type { SocketReader } from "./socket.ts";

/** The maximum number of messages that are kept before the socket is started, and of their bytes. */
const MAX_KEPT = 1_024;
const MAX_KEPT_BYTES = 4_194_304;

/** A message that arrived before the socket was started. */
interface Kept {
  readonly data: Message<ArrayBuffer>;
  readonly size: number;
  readonly at: number;
}

/** Delivers the messages of a {@link NativeSocket}, whose reading cannot be paused. */
export class NativeReceiving {
  readonly #maxMessageSize: number;
  #reader: SocketReader | undefined;
  #kept: Kept[] = [];
  #keptBytes = 0;
  /** Our side has closed: once the reader has returned `false`, messages are dropped. */
  #closing = false;
  #held = false;

  /** Messages that were dropped. */
  dropped = 0;

  /** @param maxMessageSize The maximum size of a message in bytes; 0 for no limit. */
  constructor(maxMessageSize: number) {
    this.#maxMessageSize = maxMessageSize;
  }

  /**
   * Takes a message from the runtime.
   *
   * @throws {ProtocolError} `message-too-large`.
   * @throws {ConnectionError} `unread-overflow` if too much waits for a reader.
   * @throws {TypeError} If the WebSocket's `binaryType` was changed.
   */
  receive(payload: unknown, at: number): void {
    const data = toMessage(payload);
    const size = messageSize(data);
    if (this.#maxMessageSize > 0 && size > this.#maxMessageSize) {
      throw new ProtocolError(
        "message-too-large",
        `Cannot receive: the message has ${size} bytes, more than maxMessageSize (${this.#maxMessageSize} bytes).`,
      );
    }
    if (this.#reader !== undefined) this.#deliver(data, size, at);
    else this.#keep({ data, size, at });
  }

  /** Delivers what has arrived, and from now on what arrives, while `isOpen`. */
  start(reader: SocketReader, isOpen: () => boolean): void {
    const kept = this.#kept;
    this.#reader = reader;
    this.#kept = [];
    for (const message of kept) {
      // A reader that ends the socket gets nothing more.
      if (!isOpen()) return;
      this.#deliver(message.data, message.size, message.at);
    }
  }

  /** The reader accepts messages again. */
  resume(): void {
    this.#held = false;
  }

  /** Drops messages from now on, once the reader has returned `false`. */
  close(): void {
    this.#closing = true;
  }

  #deliver(data: Message<ArrayBuffer>, size: number, at: number): void {
    // Once a message was dropped, all later ones are dropped, so that there is no gap.
    if (this.#closing && (this.#held || this.dropped > 0)) this.dropped++;
    else this.#held = this.#reader?.message(data, size, at) === false;
  }

  #keep(message: Kept): void {
    if (this.#closing) {
      this.dropped++;
      return;
    }
    this.#keptBytes += message.size;
    if (this.#kept.length === MAX_KEPT || this.#keptBytes > MAX_KEPT_BYTES) {
      throw new ConnectionError(
        "unread-overflow",
        `Cannot keep more messages: ${this.#kept.length} messages arrived on a native socket before it was started. Start it earlier.`,
        { closeCode: 1009 },
      );
    }
    this.#kept.push(message);
  }
}

function toMessage(payload: unknown): Message<ArrayBuffer> {
  if (typeof payload === "string") return payload;
  // Under jsdom, the global type is of another realm than the buffers of the runtime.
  if (payload instanceof ArrayBuffer || isArrayBuffer(payload)) {
    return new Uint8Array(payload);
  }
  throw new TypeError(
    'Cannot receive a message: the WebSocket\'s binaryType was changed. It must stay "arraybuffer".',
  );
}
