import type { Message } from "../transport/base/message.ts";
import type {
  ByteStream,
  ByteStreamHandler,
} from "../transport/net/stream/byte_stream.ts";
import { Receiver } from "../transport/protocol/receive/receiver.ts";
import { Sender } from "../transport/protocol/send/sender.ts";

/** What a {@link MockPeer} received from the socket. */
export interface MockPeerHandler {
  message(data: Message): void;
  pong(payload: Uint8Array): void;
  /** The socket's close frame came. */
  close(code: number): void;
}

/**
 * The server at the other end of a mock socket, and the byte stream to it.
 *
 * It does what a test says, inside the call. What it sends waits while the socket does not read. What the socket
 * writes, it reads at once. Unlike a real stream, it reports what waits inside of `resume`.
 */
export class MockPeer implements ByteStream {
  readonly #sender = new Sender({ role: "server" });
  readonly #receiver: Receiver;
  #handler: ByteStreamHandler | undefined;
  /** What the peer has done and the socket has not read yet. */
  #actions: ((handler: ByteStreamHandler) => void)[] = [];
  #paused = true;
  #delivering = false;
  #ended = false;
  #destroyed = false;

  readonly writing = false;

  /** Creates a peer that gives `handler` what the socket sends. */
  constructor(handler: MockPeerHandler) {
    this.#receiver = new Receiver({
      message: (data) => {
        handler.message(data);
        return true;
      },
      ping: () => {},
      pong: (payload) => handler.pong(payload),
      close: (code) => handler.close(code),
    }, {
      role: "server",
      maxMessageSize: 0,
      maxFrameSize: 0,
      maxFragments: 0,
      binary: "copy",
    });
  }

  /** Whether the socket does not read. */
  get paused(): boolean {
    return this.#paused;
  }

  get writable(): boolean {
    return !this.#ended && !this.#destroyed;
  }

  /** Sends a message. */
  message(data: Message): void {
    this.#sender.message(data);
    this.#send();
  }

  /** Sends a ping. */
  ping(payload: Uint8Array): void {
    this.#sender.ping(payload);
    this.#send();
  }

  /** Sends a pong. */
  pong(payload: Uint8Array): void {
    this.#sender.pong(payload);
    this.#send();
  }

  /** Sends a close frame. */
  close(code: number, reason: string): void {
    this.#sender.close(code, reason);
    this.#send();
  }

  /** Ends the stream. */
  leave(): void {
    this.act((handler) => handler.end());
  }

  /** Does something behind all that was done before. */
  act(action: (handler: ByteStreamHandler) => void): void {
    this.#actions.push(action);
    this.#deliver();
  }

  attach(handler: ByteStreamHandler): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    if (!this.writable) return false;
    // A copy, since it is unmasked in place.
    this.#receiver.push(bytes.slice());
    return true;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  end(): void {
    this.#ended = true;
  }

  destroy(): void {
    this.#destroyed = true;
    this.#handler = undefined;
    this.#actions = [];
  }

  #send(): void {
    for (
      let piece = this.#sender.take();
      piece !== undefined;
      piece = this.#sender.take()
    ) {
      const bytes = piece.slice();
      // Before the call, in which the test may let the peer send more.
      this.#sender.release();
      this.act((handler) => handler.data(bytes, false));
    }
  }

  #deliver(): void {
    // The socket may pause, resume or write meanwhile.
    if (this.#delivering) return;
    this.#delivering = true;
    while (!this.#paused && this.#handler !== undefined) {
      const action = this.#actions.shift();
      if (action === undefined) break;
      action(this.#handler);
    }
    this.#delivering = false;
  }
}
