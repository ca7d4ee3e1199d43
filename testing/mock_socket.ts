import { type Clock, systemClock } from "../transport/base/clock.ts";
import { checkOptions } from "../transport/base/options.ts";
import { ConnectionError } from "../transport/base/errors.ts";
import { type Message, messageSize } from "../transport/base/message.ts";
import { Queue } from "../transport/base/queue.ts";
import type {
  CloseFrame,
  Fragment,
  Socket,
  SocketCloseOptions,
  SocketEnd,
  SocketReader,
} from "../transport/socket/socket.ts";
import type { PeerAddress } from "../transport/net/address.ts";
import { Arrivals } from "./arrivals.ts";
import { Fragments } from "./fragments.ts";
import type {
  MockClose,
  MockSocketBehaviour,
  MockSocketOptions,
} from "./mock_socket_options.ts";
import { socketEnd } from "./socket_end.ts";

/**
 * A socket without a network: it notes what is done to it, and the test speaks for the peer.
 *
 * - What the test says (`receive`, `end`, ...) is handed over inside the call, or waits while
 *   the socket has not been started or its reader holds the peer back.
 * - Every call is noted, and then does the usual, or what
 *   {@link MockSocket.behaviour} has for it.
 * - A close is answered by the peer at once, in a microtask; `terminate` ends it inside
 *   the call.
 *
 * @example
 * ```ts
 * import { expectWrite, MockSocket } from "@honeybee/honeybee/testing";
 *
 * const socket = new MockSocket();
 * socket.write("hello");
 * await expectWrite(socket, "hello");
 * ```
 */
export class MockSocket implements Socket {
  /** The URL. */
  readonly url: string;
  /** The subprotocol. */
  readonly protocol: string;
  /** The extensions. */
  readonly extensions: string;
  /** Where the peer is. */
  readonly remoteAddr: PeerAddress | undefined;
  /** Whether it can ping. */
  readonly controlFrames: boolean;
  /** Whether the peer can be held back. */
  readonly flowControl: boolean;

  /** What its methods do; may be changed at any time. */
  readonly behaviour: MockSocketBehaviour;
  /** Bytes that the peer has not taken; see {@link MockSocket.drain}. */
  bufferedAmount = 0;
  /** Messages that were written, streamed ones when they were whole. */
  readonly written: Message[] = [];
  /** Fragments that were written. */
  readonly fragments: Fragment[] = [];
  /** Payloads of the pings that were sent. */
  readonly pings: Uint8Array[] = [];
  /** Payloads of the pongs that answered {@link MockSocket.receivePing}. */
  readonly pongs: Uint8Array[] = [];
  /** Every close that was asked for. */
  readonly closes: MockClose[] = [];
  /** The errors that `terminate` was called with. */
  readonly terminations: (Error | undefined)[] = [];
  /** How often `resume` was called. */
  resumed = 0;
  /** How often `giveBack` was called. */
  gaveBack = 0;

  readonly #buffering: boolean;
  readonly #clock: Clock;
  readonly #closed = Promise.withResolvers<SocketEnd>();
  readonly #untaken = new Queue<Message>({ capacity: Infinity });
  readonly #arrivals: Arrivals<(reader: SocketReader) => boolean>;
  readonly #gathered = new Fragments();
  #reader: SocketReader | undefined;
  #sentBytes = 0;
  #sent: CloseFrame | undefined;
  #end: SocketEnd | undefined;

  /** Makes a socket that is open and not started. */
  constructor(options: MockSocketOptions = {}) {
    checkOptions("options", options);
    this.url = options.url ?? "ws://mock.test";
    this.protocol = options.protocol ?? "";
    this.extensions = options.extensions ?? "";
    this.remoteAddr = options.remoteAddr;
    this.controlFrames = options.controlFrames ?? true;
    this.flowControl = options.flowControl ?? true;
    this.behaviour = { ...options.behaviour };
    this.#buffering = options.buffering ?? false;
    this.#clock = options.clock ?? systemClock;
    this.#arrivals = new Arrivals((arrival) =>
      this.#reader === undefined || arrival(this.#reader) || !this.flowControl
    );
  }

  /** Payload bytes of all that was written. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** How it ended. */
  get closed(): Promise<SocketEnd> {
    return this.#closed.promise;
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Whether `start` was called. */
  get started(): boolean {
    return this.#reader !== undefined;
  }

  /** Whether the reader holds the peer back. */
  get heldBack(): boolean {
    return this.#arrivals.held;
  }

  /** Hands over what has arrived, and from now on what arrives. */
  start(reader: SocketReader): void {
    this.#reader = reader;
    if (this.behaviour.start !== undefined) return this.behaviour.start(reader);
    this.#arrivals.open();
    if (this.#end !== undefined) reader.end(this.#end);
    else this.#arrivals.deliver();
  }

  /** Goes on after the reader held the peer back. */
  resume(): void {
    this.resumed++;
    if (this.behaviour.resume !== undefined) return this.behaviour.resume();
    this.#arrivals.resume();
    this.#arrivals.deliver();
  }

  /** Notes that a borrowed message was given back. */
  giveBack(): void {
    this.gaveBack++;
    this.behaviour.giveBack?.();
  }

  /** Notes a message. After a close or the end it does nothing. */
  write(data: Message, copy = false): Promise<void> | undefined {
    if (this.#silent) return undefined;
    this.#wrote(messageSize(data));
    this.#note(typeof data === "string" ? data : data.slice());
    return this.behaviour.write?.(data, copy);
  }

  /** Notes a fragment, and the message when it was the last one. */
  writeFragment(fragment: Fragment): void {
    if (this.#silent) return;
    this.#wrote(fragment.payload.length);
    this.fragments.push({ ...fragment, payload: fragment.payload.slice() });
    const whole = this.#gathered.add(fragment);
    if (whole !== undefined) this.#note(whole);
    this.behaviour.writeFragment?.(fragment);
  }

  /**
   * Notes a ping.
   *
   * @throws {ConnectionError} `ping-unsupported` without `controlFrames`: nobody should have called it.
   */
  ping(payload: Uint8Array): void {
    if (!this.controlFrames) {
      throw new ConnectionError(
        "ping-unsupported",
        "Cannot ping as the mock socket has no control frames",
      );
    }
    if (this.#silent) return;
    this.pings.push(payload.slice());
    this.behaviour.ping?.(payload);
  }

  /** Notes a close, which the peer answers at once. */
  close(code?: number, reason = "", options: SocketCloseOptions = {}): void {
    this.closes.push({ code, reason, options });
    if (this.#silent) return;
    const sent = { code: code ?? 1005, reason };
    this.#sent = sent;
    this.#arrivals.clear();
    if (this.behaviour.close !== undefined) {
      return this.behaviour.close(code, reason, options);
    }
    queueMicrotask(() => this.#finish(this.#cleanEnd(sent)));
  }

  /** Notes a cut, and ends. */
  terminate(error?: Error): void {
    this.terminations.push(error);
    if (this.#end !== undefined) return;
    if (this.behaviour.terminate !== undefined) {
      return this.behaviour.terminate(error);
    }
    this.#finish(socketEnd({ initiator: "local", sent: this.#sent, error }));
  }

  /** The peer sends a message. */
  receive(data: Message): void {
    this.#arrive((reader) =>
      reader.message(data, messageSize(data), this.#clock.date())
    );
  }

  /** The peer pings. It is answered, and shown where there are `controlFrames`. */
  receivePing(payload: Uint8Array = new Uint8Array(0)): void {
    this.#arrive((reader) => {
      this.pongs.push(payload.slice());
      if (this.controlFrames) reader.ping(payload);
      return true;
    });
  }

  /** The peer sends a pong: without a payload, one that answers the last ping. */
  receivePong(payload?: Uint8Array): void {
    const answer = payload ?? this.pings.at(-1) ?? new Uint8Array(0);
    this.#arrive((reader) => {
      if (this.controlFrames) reader.pong(answer, this.#clock.date());
      return true;
    });
  }

  /** The peer closes, and the socket answers: a clean end behind what it has sent before. */
  receiveClose(code = 1000, reason = ""): void {
    this.end(this.#cleanEnd({ code, reason }));
  }

  /** The peer takes bytes until `left` remain. */
  drain(left = 0): void {
    this.bufferedAmount = left;
    if (this.#end === undefined) this.#reader?.drain();
  }

  /**
   * Ends the socket, behind what the peer has sent before. What is left out is as after a
   * cut by the peer: 1006, not clean.
   */
  end(end: Partial<SocketEnd> = {}): void {
    const whole = socketEnd({
      ...(this.#sent && { initiator: "local", sent: this.#sent }),
      ...end,
    });
    // A closing socket reads and drops what arrives, and is held back no more.
    if (this.#sent !== undefined) return this.#finish(whole);
    this.#arrive(() => {
      this.#finish(whole);
      return true;
    });
  }

  /** The next message that was written and that was not taken before: waits until there is one. */
  takeWritten(
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Message | undefined> {
    return this.#untaken.take(options);
  }

  /** Whether nothing goes out any more. */
  get #silent(): boolean {
    return this.#sent !== undefined || this.#end !== undefined;
  }

  #wrote(bytes: number): void {
    this.#sentBytes += bytes;
    if (this.#buffering) this.bufferedAmount += bytes;
  }

  #note(message: Message): void {
    this.written.push(message);
    this.#untaken.push(message);
  }

  #arrive(arrival: (reader: SocketReader) => boolean): void {
    if (this.#silent) return;
    this.#arrivals.push(arrival);
    this.#arrivals.deliver();
  }

  #cleanEnd(received: CloseFrame): SocketEnd {
    return socketEnd({
      ...received,
      clean: true,
      initiator: this.#sent === undefined ? "peer" : "local",
      received,
      sent: this.#sent ?? received,
    });
  }

  #finish(end: SocketEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#arrivals.clear();
    this.bufferedAmount = 0;
    this.#untaken.close();
    this.#reader?.end(end);
    this.#closed.resolve(end);
  }
}
