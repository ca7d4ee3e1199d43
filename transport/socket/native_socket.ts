import { type Clock, systemClock } from "../base/clock.ts";
import { numberOption } from "../base/options.ts";
import { CONNECTION_RULES, SOCKET_RULES } from "../base/rules.ts";
import { DrainWatch } from "./drain_watch.ts";
import { ConnectionError, toError } from "../base/errors.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { type Message, messageSize } from "../base/message.ts";
import {
  connectFailure,
  eventError,
  handshakeTimedOut,
} from "./native_failure.ts";
import {
  CLOSE_ABNORMAL,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
  encodeCloseBody,
  isSendableCloseCode,
} from "../protocol/close.ts";
import { Schedule, type Task } from "../base/schedule.ts";
import type {
  CloseFrame,
  Socket,
  SocketCloseOptions,
  SocketEnd,
  SocketOptions,
  SocketReader,
  SocketStartOptions,
} from "./socket.ts";
import type { PeerAddress } from "../net/address.ts";

/** What the runtime says when its idle timeout has ended a connection. */
const IDLE = "No response from ping frame.";
/** What it says when the stream has ended without a close frame, which is no error but a 1006. */
const EOF = "Unexpected EOF";
/** Milliseconds a closing handshake may take when nobody says otherwise. */
const CLOSE_TIMEOUT = 5_000;
/** Bytes of a close frame's body before the reason. */
const CODE_SIZE = 2;
const EVENTS = ["open", "message", "error", "close"] as const;

/**
 * Options of a {@link NativeSocket}. Of those of all sockets `maxMessageSize` and `clock` have a
 * meaning here: the runtime shows no frames, never compresses, and gives each binary message
 * a buffer of its own, so that every `binary` is kept.
 */
export interface NativeSocketOptions extends SocketOptions {
  /** The URL that was dialled or requested. @default the WebSocket's own */
  readonly url?: string | undefined;
  /**
   * Ours. The runtime's client is choosier about close codes than its server.
   *
   * @default "server" for a WebSocket of `Deno.upgradeWebSocket`, which has no URL
   */
  readonly role?: "client" | "server" | undefined;
  /** The subprotocol agreed on: the runtime's server side does not tell. @default the WebSocket's own */
  readonly protocol?: string | undefined;
  /** Where the peer is. @default unknown */
  readonly remoteAddr?: PeerAddress | undefined;
  /** How long a WebSocket that is not open yet may take, in milliseconds; 0 for ever. @default 10000 */
  readonly handshakeTimeout?: number | undefined;
}

/** A message that arrived before anybody read. */
interface Kept {
  readonly data: Message;
  readonly size: number;
  readonly at: number;
}

/** A close that we began. */
interface Closing {
  /** The code that goes out, none for an empty close frame. */
  readonly code: number | undefined;
  readonly reason: string;
}

/**
 * The runtime's own `WebSocket`, client or from `Deno.upgradeWebSocket`, as a {@link Socket}.
 *
 * - The end comes once and last, whatever the runtime fires or does not fire: opening and
 *   closing have deadlines here.
 * - One that is still connecting takes messages: they go out when it opens.
 * - What arrives between construction and {@link NativeSocket.start} is kept and handed over first.
 *
 * What the runtime cannot do stays undone. It answers pings by itself and shows neither pings
 * nor pongs. A peer that sends too much cannot be held back, and its message is measured only
 * once it is there (a frame of more than 64 MiB the runtime refuses). A client sends no close
 * code but 1000 and 3000 to 4999: 1000 goes out instead of others, with their reason. The peer
 * cannot be cut: after {@link NativeSocket.terminate} or a closing handshake that nobody answers
 * nothing here waits for it, but the runtime holds the TCP connection, and with it an op that
 * keeps the process alive, until the peer ends it.
 */
export class NativeSocket implements Socket {
  /** The URL that was dialled or requested. */
  readonly url: string;
  /** Where the peer is, when known. */
  readonly remoteAddr: PeerAddress | undefined;
  /** The runtime shows no pings and pongs. */
  readonly controlFrames = false;
  /** The runtime reads as fast as the peer sends. */
  readonly flowControl = false;

  readonly #ws: WebSocket;
  readonly #role: "client" | "server";
  readonly #protocol: string | undefined;
  readonly #maxMessageSize: number;
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #drains: DrainWatch;
  readonly #closed = Promise.withResolvers<SocketEnd>();
  readonly #listener = (event: Event) => this.#on(event);

  #reader: SocketReader | undefined;
  #kept: Kept[] = [];
  #opened: boolean;
  /** Messages for a peer that is not there yet. */
  #unsent: Message[] = [];
  #unsentBytes = 0;
  #sentBytes = 0;

  #closing: Closing | undefined;
  /** Our close frame, once the runtime has it. */
  #sent: CloseFrame | undefined;
  #error: Error | undefined;
  #cut = false;
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
    this.#maxMessageSize = numberOption(
      "maxMessageSize",
      SOCKET_RULES.maxMessageSize,
      options.maxMessageSize,
    );
    const timeout = numberOption(
      "handshakeTimeout",
      CONNECTION_RULES.handshakeTimeout,
      options.handshakeTimeout,
    );
    this.url = options.url ?? ws.url;
    this.remoteAddr = options.remoteAddr;
    this.#ws = ws;
    this.#role = options.role ?? (ws.url === "" ? "server" : "client");
    this.#protocol = options.protocol;
    this.#clock = options.clock ?? systemClock;
    this.#schedule = Schedule.of(this.#clock);
    this.#drains = new DrainWatch(this, this.#clock, () => this.#drained());
    this.#opened = ws.readyState !== WebSocket.CONNECTING;
    ws.binaryType = "arraybuffer";
    for (const type of EVENTS) ws.addEventListener(type, this.#listener);
    if (!this.#opened && timeout > 0) {
      this.#openDeadline = this.#schedule.deadline(
        timeout,
        () => this.terminate(handshakeTimedOut(timeout)),
      );
    } else if (ws.readyState === WebSocket.CLOSING) {
      this.#awaitClose(CLOSE_TIMEOUT);
    } else if (ws.readyState === WebSocket.CLOSED) this.#finish();
  }

  /** The subprotocol agreed on, "" without one. */
  get protocol(): string {
    return this.#protocol ?? this.#ws.protocol;
  }

  /** The extensions agreed on: the runtime offers and takes none. */
  get extensions(): string {
    return this.#ws.extensions;
  }

  /** Bytes that wait. Once the closing handshake has begun the runtime says 0. */
  get bufferedAmount(): number {
    if (this.#end !== undefined) return 0;
    return this.#opened ? this.#ws.bufferedAmount : this.#unsentBytes;
  }

  /** Payload bytes of all messages written so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<SocketEnd> {
    return this.#closed.promise;
  }

  /** Begins to hand over what arrives, and what has arrived. */
  start(reader: SocketReader, options: SocketStartOptions = {}): void {
    this.#closeTimeout = options.closeTimeout ?? CLOSE_TIMEOUT;
    const kept = this.#kept;
    const ended = this.#end;
    this.#kept = [];
    this.#reader = reader;
    for (const { data, size, at } of kept) {
      // A reader that ended the socket has been told so, and the end is the last.
      if (this.#end !== ended) return;
      this.#hand(data, size, at);
    }
    if (ended !== undefined) this.#tellEnd(ended);
  }

  /** Nothing to do: nothing is held back. */
  resume(): void {}

  /** Buffers a message. The caller may reuse the bytes at once. */
  write(data: Message): undefined {
    if (this.#end !== undefined || this.#closing !== undefined) return;
    const size = messageSize(data);
    this.#sentBytes += size;
    if (this.#opened) {
      this.#send(data);
      this.#drains.start();
    } else {
      this.#unsent.push(typeof data === "string" ? data : data.slice());
      this.#unsentBytes += size;
    }
  }

  /**
   * There is no way to.
   *
   * @throws {ConnectionError} `ping-unsupported`, always.
   */
  ping(_payload: Uint8Array): never {
    throw new ConnectionError(
      "ping-unsupported",
      "Cannot ping as the runtime's WebSocket has no way to",
    );
  }

  /**
   * Begins the closing handshake behind what is buffered. Of a client that is still connecting
   * and has nothing to say the dial ends.
   *
   * @param code Where it may not be sent, 1000 goes out.
   * @param reason Is cut behind 123 bytes of UTF-8.
   */
  close(
    code?: number,
    reason = "",
    { timeout = this.#closeTimeout }: SocketCloseOptions = {},
  ): void {
    if (this.#end !== undefined || this.#closing !== undefined) return;
    this.#closing = this.#allowed(code, reason);
    this.#drains.stop();
    this.#awaitClose(timeout);
    if (this.#opened) this.#sayClose(this.#closing);
    else if (this.#role === "client" && this.#unsent.length === 0) {
      this.terminate();
    }
  }

  /** Ends it for us at once; the peer is told as far as the runtime goes. */
  terminate(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#error ??= error;
    this.#cut = true;
    this.#letGo();
    this.#finish();
  }

  #on(event: Event): void {
    // What escapes from here ends the process.
    try {
      if (event instanceof MessageEvent) this.#onMessage(event.data);
      else if (isClose(event)) this.#onClose(event);
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
    this.#drains.start();
    if (this.#closing !== undefined) this.#sayClose(this.#closing);
  }

  #onMessage(payload: unknown): void {
    if (this.#closing !== undefined) return;
    const data = toMessage(payload);
    const size = messageSize(data);
    if (this.#maxMessageSize > 0 && size > this.#maxMessageSize) {
      return this.#fail(
        new ProtocolError(
          "message-too-large",
          `message has ${size} bytes where at most ${this.#maxMessageSize} are allowed`,
        ),
      );
    }
    this.#hand(data, size, this.#clock.date());
  }

  #hand(data: Message, size: number, at: number): void {
    if (this.#reader === undefined) this.#kept.push({ data, size, at });
    else this.#reader.message(data, size, at);
  }

  #onError(error: Error): void {
    if (this.#opened) this.#error ??= error;
    else if (this.#closing === undefined) this.#error ??= connectFailure(error);
  }

  #onClose({ code, reason, wasClean }: CloseEvent): void {
    if (this.#error?.message === IDLE) {
      this.#sent ??= { code, reason };
      return this.#finish(undefined, true);
    }
    if (this.#error?.message === EOF) this.#error = undefined;
    // Once it closes, a client takes a ping or the end of the stream for a clean 1005. A real
    // answer repeats the code (RFC 6455, section 5.5.1).
    const unanswered = this.#sent !== undefined && code === CLOSE_NO_STATUS &&
      this.#sent.code !== CLOSE_NO_STATUS;
    const received = wasClean && !unanswered ? { code, reason } : undefined;
    this.#finish(received);
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
        typeof data === "string" || isUnshared(data) ? data : data.slice(),
      );
    } catch (thrown) {
      // The message is lost, and what comes behind must not pass for what comes next.
      this.terminate(toError(thrown));
    }
  }

  /** The peer broke a limit of ours: it is told so, and nobody waits for its answer. */
  #fail(error: ProtocolError): void {
    this.#error = error;
    this.#sayClose(this.#allowed(error.closeCode, error.message));
    this.#finish();
  }

  #awaitClose(timeout: number): void {
    if (timeout <= 0) return;
    this.#closeDeadline = this.#schedule.deadline(
      timeout,
      () => this.terminate(),
    );
  }

  #sayClose({ code, reason }: Closing): void {
    if (this.#ws.readyState !== WebSocket.OPEN) return;
    if (code === undefined) this.#ws.close();
    else this.#ws.close(code, reason);
    this.#sent = { code: code ?? CLOSE_NO_STATUS, reason };
  }

  /** A close that the runtime will send. */
  #allowed(code: number | undefined, reason: string): Closing {
    if (code === undefined) return { code, reason: "" };
    const may = isSendableCloseCode(code, this.#role) &&
      (this.#role === "server" || code === CLOSE_NORMAL || code >= 3000);
    const body = encodeCloseBody(CLOSE_NORMAL, reason);
    return {
      code: may ? code : CLOSE_NORMAL,
      reason: new TextDecoder().decode(body.subarray(CODE_SIZE)),
    };
  }

  #letGo(): void {
    const ws = this.#ws;
    if (ws.readyState === WebSocket.CONNECTING && this.#role === "server") {
      // The runtime forgets a close from before the response is out.
      ws.addEventListener("open", () => ws.close(), { once: true });
    }
    ws.close();
  }

  #finish(received?: CloseFrame, inactive = false): void {
    if (this.#end !== undefined) return;
    // A close frame is answered with its own (RFC 6455, section 5.5.1).
    const sent = this.#sent ?? received;
    const local = this.#cut || this.#closing !== undefined ||
      this.#sent !== undefined;
    const end: SocketEnd = this.#end = {
      code: received?.code ?? CLOSE_ABNORMAL,
      reason: received?.reason ?? "",
      clean: received !== undefined,
      initiator: local ? "local" : "peer",
      received,
      sent,
      error: received === undefined ? this.#error : undefined,
      inactive,
    };
    for (const type of EVENTS) {
      this.#ws.removeEventListener(type, this.#listener);
    }
    this.#schedule.cancel(this.#openDeadline);
    this.#schedule.cancel(this.#closeDeadline);
    this.#drains.stop();
    this.#unsent = [];
    this.#closed.resolve(end);
    if (this.#reader !== undefined) this.#tellEnd(end);
  }

  #tellEnd(end: SocketEnd): void {
    try {
      this.#reader?.end(end);
    } catch {
      // There is nobody left to tell.
    }
  }
}

function toMessage(payload: unknown): Message {
  if (typeof payload === "string") return payload;
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload);
  throw new TypeError("The WebSocket's binaryType was changed");
}

function isUnshared(data: Uint8Array): data is Uint8Array<ArrayBuffer> {
  return data.buffer instanceof ArrayBuffer;
}

/** Node 22 has such events, and no name for them. */
function isClose(event: Event): event is CloseEvent {
  return event.type === "close";
}
