import { type Clock, clockOf } from "../base/clock.ts";
import { numberOption } from "../base/options.ts";
import { CONNECTION_RULES, SOCKET_RULES } from "../base/rules.ts";
import { DrainWatch } from "./drain_watch.ts";
import { ConnectionError, toError } from "../base/errors.ts";
import {
  CLOSE_INTERNAL_ERROR,
  CLOSE_NORMAL,
  CLOSE_TOO_BIG,
} from "../protocol/wire/close.ts";
import { isLendable } from "../protocol/send/borrowed_message.ts";
import { ProtocolError } from "../protocol/wire/errors.ts";
import { type Message, messageSize } from "../base/message.ts";
import {
  closeTimedOut,
  connectFailure,
  eventError,
  handshakeTimedOut,
} from "./native_failure.ts";
import { Schedule, type Task } from "../base/schedule.ts";
import { NativeClose } from "./native_close.ts";
import { NativeReceiving } from "./native_receiving.ts";
import type { NativeSocketOptions } from "./native_options.ts";
import type {
  Socket,
  SocketCloseOptions,
  SocketEnd,
  SocketReader,
  SocketStartOptions,
} from "./socket.ts";
import type { PeerAddress } from "../net/stream/address.ts";

/** The default maximum time of a closing handshake, in milliseconds. */
const CLOSE_TIMEOUT = 5_000;
const EVENTS = ["open", "message", "error", "close"] as const;

/**
 * The runtime's own `WebSocket`, client or from `Deno.upgradeWebSocket`, as a {@link Socket}.
 *
 * - The end comes once and last, whichever events the runtime fires: opening and closing have deadlines here.
 * - A WebSocket that is still connecting accepts messages, and sends them when it opens.
 * - Messages that arrive between construction and {@link NativeSocket.start} are kept and delivered first.
 *
 * The class cannot do what the runtime cannot do:
 *
 * - The runtime answers pings automatically, and shows neither pings nor pongs.
 * - A peer that sends too fast cannot be slowed down. The size of a message is checked when it has arrived; the runtime
 *   refuses a frame of more than 64 MiB.
 * - A client sends only the close codes 1000 and 3000 to 4999. In place of every other code it sends 1000 with the same
 *   reason, and a server does so with codes that may not be sent. {@link SocketEnd.sent} is what went out.
 * - The connection cannot be ended without a close frame. After {@link NativeSocket.terminate}, or a closing handshake
 *   without an answer, the socket has ended, but the runtime keeps the TCP connection, and with it the process, alive
 *   until the peer ends it.
 *
 * Deno does not report some ends exactly:
 *
 * - Deno does not know the close code 1014. A close frame with it is reported without its reason, and Deno answers it
 *   with 1002. A peer that sends a code that must not be sent looks the same.
 * - After our own close Deno reports a ping, the end of the stream, a close frame without a code, and one with 1014 all
 *   as a clean 1005. Since peers repeat the code (RFC 6455, section 5.5.1), this is an answer only if our close frame
 *   had no code or 1014; otherwise the end is not clean.
 * - A close frame that was queued after waiting output, and that the peer did not answer, is not counted as sent.
 */
export class NativeSocket implements Socket {
  /** The URL that was dialled or requested. */
  readonly url: string;
  /** The address of the peer, if it is known. */
  readonly remoteAddr: PeerAddress | undefined;
  /** The runtime shows no pings and pongs. */
  readonly controlFrames = false;
  /** The runtime reads as fast as the peer sends. */
  readonly flowControl = false;

  /** Whether `value` is such a socket itself. A `Proxy` of one is not. */
  static owns(value: object): boolean {
    return #ws in value;
  }

  readonly #ws: WebSocket;
  readonly #role: "client" | "server";
  readonly #protocol: string | undefined;
  readonly #receiving: NativeReceiving;
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #drains: DrainWatch;
  readonly #close: NativeClose;
  readonly #closed = Promise.withResolvers<SocketEnd>();
  readonly #listener = (event: Event) => this.#on(event);

  #reader: SocketReader | undefined;
  #opened: boolean;
  /** Messages that were written before the WebSocket opened. */
  #unsent: Message[] = [];
  #unsentBytes = 0;
  #sentBytes = 0;
  /** How many of these bytes the runtime had written at the last look. */
  #takenBytes = 0;

  #openDeadline: Task | undefined;
  #closeDeadline: Task | undefined;
  #end: SocketEnd | undefined;
  #closeTimeout = CLOSE_TIMEOUT;

  /**
   * Takes over a WebSocket, open or still connecting. Nothing else should read from it,
   * write to it or close it.
   *
   * @throws {ConfigError} `invalid-option` when an option is out of its range.
   */
  constructor(ws: WebSocket, options: NativeSocketOptions = {}) {
    this.#receiving = new NativeReceiving(numberOption(
      "maxMessageSize",
      SOCKET_RULES.maxMessageSize,
      options.maxMessageSize,
    ));
    const timeout = numberOption(
      "handshakeTimeout",
      CONNECTION_RULES.handshakeTimeout,
      options.handshakeTimeout,
    );
    this.url = options.url ?? ws.url;
    this.remoteAddr = options.remoteAddr;
    this.#ws = ws;
    this.#role = options.role ?? (ws.url === "" ? "server" : "client");
    this.#close = new NativeClose(ws, this.#role);
    this.#protocol = options.protocol;
    this.#clock = clockOf(options.clock);
    this.#schedule = Schedule.of(this.#clock);
    this.#drains = new DrainWatch(this, this.#clock, () => this.#drained());
    this.#opened = ws.readyState !== WebSocket.CONNECTING;
    ws.binaryType = "arraybuffer";
    for (const type of EVENTS) ws.addEventListener(type, this.#listener);
    if (!this.#opened && timeout > 0) {
      this.#openDeadline = this.#schedule.deadline(
        timeout,
        () => this.terminate(handshakeTimedOut(timeout, this.#role)),
      );
    } else if (ws.readyState === WebSocket.CLOSING) {
      this.#awaitClose(CLOSE_TIMEOUT);
    } else if (ws.readyState === WebSocket.CLOSED) this.#finish();
  }

  /** The subprotocol agreed on, "" without one. */
  get protocol(): string {
    return this.#protocol ?? this.#ws.protocol;
  }

  /** The extensions agreed on. Deno offers and accepts none; Node.js and Bun offer permessage-deflate. */
  get extensions(): string {
    return this.#ws.extensions;
  }

  /** Bytes that wait. Once the closing handshake has begun, the runtime returns 0. */
  get bufferedAmount(): number {
    if (this.#end !== undefined) return 0;
    return this.#opened ? this.#ws.bufferedAmount : this.#unsentBytes;
  }

  /** Whether fewer bytes than `limit` wait. Asks the runtime only if its last answer does not show that already. */
  hasSpace(limit: number): boolean {
    // An upper bound: the runtime may have written more since the last look.
    if (this.#sentBytes - this.#takenBytes < limit) return true;
    const waiting = this.bufferedAmount;
    this.#takenBytes = this.#sentBytes - waiting;
    if (waiting < limit) return true;
    this.#drains.hurry();
    return false;
  }

  /** Payload bytes of all messages written so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<SocketEnd> {
    return this.#closed.promise;
  }

  /** Begins to deliver what arrives, and what has arrived. */
  start(reader: SocketReader, options: SocketStartOptions = {}): void {
    this.#closeTimeout = options.closeTimeout ?? CLOSE_TIMEOUT;
    this.#reader = reader;
    const ended = this.#end;
    this.#receiving.start(reader, () => this.#end === ended);
    if (ended !== undefined) this.#reportEnd(ended);
  }

  /** Reading was never paused. After {@link NativeSocket.close}, messages are delivered again if none was dropped. */
  resume(): void {
    this.#receiving.resume();
  }

  /**
   * Queues a message. The caller may change the bytes at once.
   *
   * @throws {ConnectionError} `connection-closed` if the message can no longer be sent.
   */
  write(data: Message): undefined {
    if (this.#end !== undefined || this.#close.begun) {
      throw new ConnectionError(
        "connection-closed",
        `Cannot send a message: the connection ${
          this.#end === undefined ? "is closing" : "has ended"
        }.`,
      );
    }
    const size = messageSize(data);
    this.#sentBytes += size;
    if (this.#opened) {
      this.#send(data);
      this.#drains.start();
    } else {
      // Not `slice`, which does not copy a `Buffer`.
      this.#unsent.push(typeof data === "string" ? data : new Uint8Array(data));
      this.#unsentBytes += size;
    }
  }

  /**
   * Throws: the runtime's WebSocket cannot ping.
   *
   * @throws {ConnectionError} `ping-unsupported`, always.
   */
  ping(_payload: Uint8Array): never {
    throw new ConnectionError(
      "ping-unsupported",
      "Cannot ping: the runtime's WebSocket cannot send pings. Use a raw socket.",
    );
  }

  /**
   * Begins the closing handshake after everything that is buffered. A client that is still connecting and has nothing
   * to send ends the dial.
   *
   * @param code If the runtime cannot send it, 1000 goes out: see {@link SocketEnd.sent}.
   * @param reason Is cut to at most 123 bytes of UTF-8, after a whole character.
   */
  close(
    code?: number,
    reason = "",
    { timeout = this.#closeTimeout }: SocketCloseOptions = {},
  ): void {
    if (this.#end !== undefined || this.#close.begun) return;
    this.#close.begin(code, reason);
    this.#receiving.close();
    this.#drains.stop();
    this.#awaitClose(timeout);
    if (this.#opened) this.#close.send();
    else if (this.#role === "client" && this.#unsent.length === 0) {
      return this.terminate();
    }
    this.#reader?.closing?.(false);
  }

  /** Ends the socket at once; whether the peer gets a close frame depends on the runtime. */
  terminate(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#close.cut(error);
    this.#finish();
  }

  /** Closes with code 1000 and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close(CLOSE_NORMAL);
    await this.closed;
  }

  #on(event: Event): void {
    // An error that escapes from here would end the process.
    try {
      if (event instanceof MessageEvent) this.#onMessage(event.data);
      else if (isClose(event)) this.#finish(event);
      else if (event.type === "open") this.#onOpen();
      else this.#onError(eventError(event));
    } catch (thrown) {
      this.terminate(toError(thrown));
    }
  }

  #onOpen(): void {
    this.#opened = true;
    this.#schedule.cancel(this.#openDeadline);
    const unsent = this.#unsent;
    this.#unsent = [];
    this.#unsentBytes = 0;
    for (const data of unsent) this.#send(data);
    if (unsent.length > 0) this.#drains.start();
    this.#close.send();
  }

  #onMessage(payload: unknown): void {
    try {
      this.#receiving.receive(payload, this.#clock.date());
    } catch (thrown) {
      this.#fail(toError(thrown));
    }
  }

  #onError(error: Error): void {
    if (this.#opened) this.#close.fail(error);
    else if (!this.#close.begun) this.#close.fail(connectFailure(error));
  }

  #drained(): void {
    try {
      this.#reader?.drain();
    } catch (thrown) {
      this.terminate(toError(thrown));
    }
  }

  #send(data: Message): void {
    try {
      this.#ws.send(
        typeof data === "string" || isPlain(data) ? data : new Uint8Array(data),
      );
    } catch (thrown) {
      // The message is lost. A later one must not arrive as if nothing were missing.
      this.terminate(toError(thrown));
    }
  }

  /** Ends the connection because of a fault: sends a close frame, and does not wait for the answer. */
  #fail(error: Error): void {
    if (this.#end !== undefined) return;
    const code = error instanceof ProtocolError
      ? error.closeCode
      : error instanceof ConnectionError
      ? CLOSE_TOO_BIG
      : CLOSE_INTERNAL_ERROR;
    this.#close.fail(error);
    this.#close.begin(code, error.message);
    this.#close.send();
    this.#finish();
  }

  #awaitClose(timeout: number): void {
    if (timeout <= 0) return;
    this.#closeDeadline = this.#schedule.deadline(
      timeout,
      () => this.terminate(closeTimedOut(timeout)),
    );
  }

  #finish(event?: CloseEvent): void {
    if (this.#end !== undefined) return;
    const end = this.#end = this.#close.end(event, this.#receiving.dropped);
    for (const type of EVENTS) {
      this.#ws.removeEventListener(type, this.#listener);
    }
    this.#schedule.cancel(this.#openDeadline);
    this.#schedule.cancel(this.#closeDeadline);
    this.#drains.stop();
    this.#unsent = [];
    this.#closed.resolve(end);
    if (this.#reader !== undefined) this.#reportEnd(end);
  }

  #reportEnd(end: SocketEnd): void {
    try {
      this.#reader?.end(end);
    } catch {
      // There is nothing left to report to.
    }
  }
}

/** Runtimes refuse shared memory, and Node.js and Bun resizable memory too. */
function isPlain(data: Uint8Array): data is Uint8Array<ArrayBuffer> {
  return isLendable(data);
}

/** Node.js 22 has such events, but no global `CloseEvent`. */
function isClose(event: Event): event is CloseEvent {
  return event.type === "close";
}
