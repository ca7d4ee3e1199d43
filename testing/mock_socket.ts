import { type Clock, systemClock } from "../transport/base/clock.ts";
import { type Message, messageSize } from "../transport/base/message.ts";
import { Queue } from "../transport/base/queue.ts";
import type { PeerAddress } from "../transport/net/stream/address.ts";
import { EndpointDriver } from "../transport/socket/endpoint_driver.ts";
import type {
  Fragment,
  Socket,
  SocketActivity,
  SocketCloseOptions,
  SocketEnd,
  SocketReader,
  SocketStartOptions,
} from "../transport/socket/socket.ts";
import { checkPing, limitReader } from "./limited_socket.ts";
import {
  checkEnd,
  checkLeft,
  checkMockOptions,
  checkPayload,
  checkReceived,
  checkReceivedClose,
} from "./mock_arguments.ts";
import { MockPeer } from "./mock_peer.ts";
import type {
  MockClose,
  MockSocketBehaviour,
  MockSocketOptions,
} from "./mock_socket_options.ts";
import { socketEnd } from "./socket_end.ts";

/**
 * A socket without a network. It records what is done to it, and the test plays the peer.
 *
 * - It behaves like a raw socket: what it sends, in which order, and how it ends.
 * - What the peer does (`receive`, `end`, ...) is delivered synchronously, or waits until the socket is started or its
 *   reader resumes.
 * - Every call is recorded, and then does the usual, or what {@link MockSocket.behaviour} has for it.
 * - The peer answers a close at once, in a microtask. `terminate` ends the socket synchronously.
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
  /** The address of the peer. */
  readonly remoteAddr: PeerAddress | undefined;
  /** Whether it can ping. */
  readonly controlFrames: boolean;
  /** Whether reading can be paused. */
  readonly flowControl: boolean;

  /** How many bytes passed, and when. */
  readonly activity: SocketActivity;
  /** What its methods do; may be changed at any time. */
  readonly behaviour: MockSocketBehaviour;
  /** Bytes that the peer has not taken; see {@link MockSocket.drain}. */
  bufferedAmount = 0;
  /** Messages that the peer received, streamed ones when they were whole. */
  readonly written: Message[] = [];
  /** Fragments that were written. */
  readonly fragments: Fragment[] = [];
  /** Payloads of the pings that were sent. */
  readonly pings: Uint8Array[] = [];
  /** Payloads of the pongs that answered {@link MockSocket.receivePing}. */
  readonly pongs: Uint8Array[] = [];
  /** The calls of `close`. */
  readonly closes: MockClose[] = [];
  /** The errors that `terminate` was called with. */
  readonly terminations: (Error | undefined)[] = [];
  /** The number of calls of `resume`. */
  resumed = 0;

  readonly #buffering: boolean;
  readonly #closed = Promise.withResolvers<SocketEnd>();
  readonly #untaken = new Queue<Message>({ capacity: Infinity });
  readonly #peer: MockPeer;
  readonly #driver: EndpointDriver;
  #reader: SocketReader | undefined;
  /** Whether the peer has sent a close frame, and has received ours. */
  #peerClosed = false;
  #closeArrived = false;
  /** The end that the test wants. */
  #wanted: SocketEnd | undefined;
  #end: SocketEnd | undefined;

  /**
   * Creates a socket that is open and not started.
   *
   * @throws {ConfigError} If an option cannot be used.
   */
  constructor(options: MockSocketOptions = {}) {
    checkMockOptions(options);
    this.url = options.url ?? "ws://mock.test";
    this.protocol = options.protocol ?? "";
    this.extensions = options.extensions ?? "";
    this.remoteAddr = options.remoteAddr;
    this.controlFrames = options.controlFrames ?? true;
    this.flowControl = options.flowControl ?? true;
    this.behaviour = { ...options.behaviour };
    this.#buffering = options.buffering ?? false;
    const clock: Clock = options.clock ?? systemClock;
    this.#peer = new MockPeer({
      message: (data) => this.#note(data),
      pong: (payload) => void this.pongs.push(payload),
      close: (code) => this.#answerClose(code),
    });
    this.#driver = new EndpointDriver(this.#peer, {
      role: "client",
      maxMessageSize: 0,
      maxFrameSize: 0,
      maxFragments: 0,
      binary: "copy",
    }, {
      clock,
      flushSoon: (target) => target.flush(),
      onEnd: (end) => this.#finish({ ...end, inactive: false }),
    });
    this.activity = this.#driver.endpoint.activity;
  }

  /** Payload bytes of all that was written. */
  get sentBytes(): number {
    return this.#driver.endpoint.sentBytes;
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

  /** Whether the reader has paused reading. */
  get paused(): boolean {
    return this.#driver.endpoint.end === undefined &&
      !this.#driver.endpoint.reading;
  }

  /** Delivers what has arrived, and from now on what arrives. */
  start(reader: SocketReader, options: SocketStartOptions = {}): void {
    this.#reader = reader;
    if (this.behaviour.start !== undefined) return this.behaviour.start(reader);
    if (this.#end !== undefined) reader.end(this.#end);
    else {
      // The peer takes everything at once: only the test says when it takes what is buffered.
      const silent = { ...limitReader(reader, this), drain: () => {} };
      this.#driver.start(silent, options);
    }
  }

  /** Resumes after the reader paused reading. */
  resume(): void {
    this.resumed++;
    if (this.behaviour.resume !== undefined) return this.behaviour.resume();
    this.#driver.resume();
  }

  /**
   * Records a message.
   *
   * @throws {ConnectionError} `connection-closed` after a close or the end.
   */
  write(data: Message, copy = false): Promise<void> | undefined {
    this.#driver.send(data);
    this.#wrote(messageSize(data));
    return this.behaviour.write?.(data, copy);
  }

  /**
   * Records a fragment, and the message after its last one.
   *
   * @throws {ConnectionError} `connection-closed` after a close or the end.
   */
  writeFragment(fragment: Fragment): void {
    const { payload } = fragment;
    this.#driver.sendFragment(fragment);
    this.#wrote(payload.length);
    this.fragments.push({ ...fragment, payload: new Uint8Array(payload) });
    this.behaviour.writeFragment?.(fragment);
  }

  /**
   * Records a ping.
   *
   * @throws {ConnectionError} `ping-unsupported` without `controlFrames`, `connection-closed` after a close or the end.
   */
  ping(payload: Uint8Array): void {
    checkPing(this);
    this.#driver.sendPing(payload);
    this.pings.push(new Uint8Array(payload));
    this.behaviour.ping?.(payload);
  }

  /** Records a close, which the peer answers at once. */
  close(code?: number, reason = "", options: SocketCloseOptions = {}): void {
    this.closes.push({ code, reason, options });
    const { endpoint } = this.#driver;
    const begins = endpoint.state === "open";
    const { timeout = endpoint.closeTimeout } = options;
    this.#driver.close(code, reason, timeout);
    if (begins) this.behaviour.close?.(code, reason, options);
  }

  /** Records the call, and ends the socket. */
  terminate(error?: Error): void {
    this.terminations.push(error);
    if (this.#end !== undefined) return;
    if (this.behaviour.terminate !== undefined) {
      return this.behaviour.terminate(error);
    }
    this.#driver.terminate(error);
  }

  /**
   * The peer sends a message.
   *
   * @throws {ConfigError} `invalid-argument` if it is neither a string nor bytes.
   */
  receive(data: Message): void {
    checkReceived(data);
    this.#peer.message(data);
  }

  /**
   * The peer pings. The ping is answered, and reported if there are `controlFrames`.
   *
   * @throws {ConfigError} `invalid-argument` if the payload is not bytes.
   */
  receivePing(payload: Uint8Array = new Uint8Array(0)): void {
    checkPayload(payload);
    this.#peer.ping(payload);
  }

  /**
   * The peer sends a pong: without a payload, one that answers the last ping.
   *
   * @throws {ConfigError} `invalid-argument` if the payload is not bytes.
   */
  receivePong(payload?: Uint8Array): void {
    const sent = payload ?? this.pings.at(-1) ?? new Uint8Array(0);
    checkPayload(sent);
    this.#peer.pong(sent);
  }

  /**
   * The peer closes behind what it has sent before, and leaves once the socket has closed as well: a clean end. 1005
   * stands for a close frame without a code.
   *
   * @throws {ConfigError} `invalid-argument` if the code or the reason cannot be in a close frame. For a peer that
   * leaves without one (1006), use {@link MockSocket.end}.
   */
  receiveClose(code = 1000, reason = ""): void {
    checkReceivedClose(code, reason);
    this.#peerClosed = true;
    this.#peer.close(code, reason);
    if (this.#closeArrived) this.#peer.leave();
  }

  /**
   * The peer takes bytes until `left` remain.
   *
   * @throws {ConfigError} `invalid-argument` if `left` is not a number from 0.
   */
  drain(left = 0): void {
    checkLeft(left);
    this.bufferedAmount = left;
    if (this.#end === undefined) this.#reader?.drain();
  }

  /**
   * Ends the socket, behind what the peer has sent before. Fields that are left out are as after a reset by the peer:
   * 1006, not clean. After a `close`, `initiator` is `"local"` and `sent` what was closed with.
   *
   * @throws {ConfigError} `unknown-option` for a field that an end does not have.
   */
  end(end: Partial<SocketEnd> = {}): void {
    checkEnd(end);
    const { state } = this.#driver.endpoint;
    const [close] = this.closes;
    const sent = close && { code: close.code ?? 1005, reason: close.reason };
    const whole = socketEnd({
      ...(sent && { initiator: "local", sent }),
      ...end,
    });
    const finish = () => {
      this.#wanted ??= whole;
      this.#driver.terminate();
    };
    // A socket that closes reads on.
    if (state === "open" && this.#end === undefined) this.#peer.act(finish);
    else finish();
  }

  /** Returns the next message that was written and that was not taken before, waiting until there is one. */
  takeWritten(
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Message | undefined> {
    return this.#untaken.take(options);
  }

  #wrote(bytes: number): void {
    if (this.#buffering) this.bufferedAmount += bytes;
  }

  #note(message: Message): void {
    this.written.push(message);
    this.#untaken.push(message);
  }

  #answerClose(code: number): void {
    this.#closeArrived = true;
    if (this.#peerClosed) return this.#peer.leave();
    if (this.behaviour.close !== undefined) return;
    const reason = this.closes[0]?.reason ?? "";
    this.#peerClosed = true;
    queueMicrotask(() => {
      this.#peer.close(code, reason);
      this.#peer.leave();
    });
  }

  #finish(end: SocketEnd): void {
    if (this.#end !== undefined) return;
    this.#end = this.#wanted ?? end;
    this.bufferedAmount = 0;
    this.#untaken.close();
    this.#reader?.end(this.#end);
    this.#closed.resolve(this.#end);
  }
}
