/**
 * `Connection` and what only a connection needs: dialling with retries, sending in order, receiving, closing. Pings and deadlines are in
 * `liveness/`.
 *
 * @module
 */

import { ConnectionError } from "../base/errors.ts";
import { checkMessage, type Message } from "../base/message.ts";
import { signalOf, type WaitOptions } from "../base/options.ts";
import { DONE, handled, rejected } from "../base/promise.ts";
import type { Queue } from "../base/queue.ts";
import { normalizeUrl } from "../base/url.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import type {
  Socket,
  SocketActivity,
  SocketCloseOptions,
  SocketEnd,
  SocketResponse,
} from "../socket/socket.ts";
import { checkStream, type MessageStream } from "./chunk_source.ts";
import {
  checkCloseArguments,
  checkTarget,
  closeTimeoutOf,
  isUrl,
  NO_CODE,
} from "./arguments.ts";
import type { UnansweredPing } from "./liveness/liveness.ts";
import { type ConnectionState, Lifecycle } from "./lifecycle.ts";
import {
  type ConnectionOptions,
  type OpenConnectionOptions,
  resolveConnectionOptions,
  resolveOpenOptions,
} from "./options.ts";
import type { MessageSink } from "./receiving.ts";
import { checkSendOptions, type SendOptions } from "./outgoing.ts";
import {
  checkSendStreamOptions,
  type SendStreamOptions,
  streamOut,
} from "./send_stream.ts";
import type { ConnectionStats, Heartbeat } from "./stats.ts";
import { readableOf, writableOf } from "./web_streams.ts";

/**
 * One WebSocket connection, over whatever kind of socket.
 *
 * - Messages arrive in order in {@link Connection.incoming}; those that came before a
 *   close are still delivered after it.
 * - The end because of the peer or the network gives exactly one error in
 *   {@link Connection.errors}; the user's own close gives none.
 * - {@link Connection.send} keeps the order of its calls, and waits while the buffer is full.
 * - A peer that answers no ping, or takes no output, is cut: see `pingTimeout` and `writeTimeout`.
 *
 * @example
 * ```ts
 * import { Connection, upgrade } from "@honeybee/honeybee";
 *
 * // Something to talk to.
 * const server = Deno.serve({ hostname: "127.0.0.1", port: 0 }, (request) => {
 *   const { socket, response } = upgrade(request);
 *   socket.write("welcome");
 *   socket.close(1000);
 *   return response;
 * });
 *
 * const connection = new Connection(`ws://127.0.0.1:${server.addr.port}`);
 * await connection.connect();
 * connection.trySend("hello");
 * for await (const message of connection.incoming) console.log(message);
 * await connection.close();
 * await server.shutdown();
 * ```
 */
export class Connection implements AsyncDisposable {
  readonly #closeTimeout: number;
  readonly #life: Lifecycle;
  #failedSends = 0;
  #readable: ReadableStream<Message> | undefined;
  #writable: WritableStream<Message> | undefined;

  /** The URL it connects to, or that of the request that was accepted. */
  readonly url: string;

  /**
   * Makes a connection that is not connected yet.
   *
   * @throws {ConfigError} If the URL or an option cannot be used.
   */
  constructor(target: string | URL, options?: ConnectionOptions);
  /**
   * Makes a connection of a socket that is open already. It begins to read at once.
   *
   * @throws {ConfigError} If an option cannot be used.
   */
  constructor(target: Socket, options?: OpenConnectionOptions);
  constructor(target: string | URL | Socket, options: ConnectionOptions = {}) {
    checkTarget(target);
    const config = isUrl(target)
      ? resolveConnectionOptions(options)
      : resolveOpenOptions(options);
    this.#closeTimeout = config.closeTimeout;
    this.url = isUrl(target) ? normalizeUrl(target) : target.url;
    this.#life = new Lifecycle(this.url, options, config);
    if (!isUrl(target)) this.#life.openWith(target);
    else if (options.signal?.aborted) void this.close();
  }

  /** Makes a connection of a socket that is open already. It begins to read at once. */
  static fromSocket(
    socket: Socket,
    options?: OpenConnectionOptions,
  ): Connection {
    return new Connection(socket, options);
  }

  /** Messages in the order in which they arrived. Ends when the connection has. */
  get incoming(): Queue<Message> {
    return this.#life.receiving.incoming;
  }

  /** Pongs that answered our pings. If nobody reads them the oldest are dropped. */
  get heartbeats(): Queue<Heartbeat> {
    return this.#life.heartbeats.queue;
  }

  /** At most one classified error, then the end. */
  get errors(): Queue<ConnectionError> {
    return this.#life.errors;
  }

  /** Where it is in its life. */
  get state(): ConnectionState {
    return this.#life.state;
  }

  /** The subprotocol that was agreed on, "" without one. */
  get protocol(): string {
    return this.#life.socket?.protocol ?? "";
  }

  /** The extensions that were agreed on, "" without any. */
  get extensions(): string {
    return this.#life.socket?.extensions ?? "";
  }

  /** The server's response to the opening handshake, if this is the client's side and it is known. */
  get response(): SocketResponse | undefined {
    return this.#life.socket?.response;
  }

  /** Where the peer is, if that is known. */
  get remoteAddr(): PeerAddress | undefined {
    return this.#life.socket?.remoteAddr;
  }

  /** Whether it can ping, and sees pings and pongs. */
  get controlFrames(): boolean {
    return this.#life.socket?.controlFrames ?? false;
  }

  /** Whether reading from the peer can be paused, so that the peer has to wait. */
  get flowControl(): boolean {
    return this.#life.socket?.flowControl ?? false;
  }

  /**
   * How many bytes passed through the socket, and when. Estimated from the messages if the socket does not count.
   * `undefined` before it is connected.
   */
  get activity(): SocketActivity | undefined {
    return this.#life.activity;
  }

  /**
   * When reading from the peer was last resumed, in milliseconds of the clock: `Infinity` while it is paused, 0 if it
   * never was. A peer that is not read is not to blame for its silence.
   */
  get pausedUntil(): number {
    return this.#life.receiving.pausedUntil;
  }

  /** The oldest of our pings that no byte of the peer has followed. */
  get unanswered(): UnansweredPing | undefined {
    return this.#life.liveness?.unanswered;
  }

  /** When the last message or heartbeat arrived, in epoch milliseconds; 0 before the first. */
  get lastHeardAt(): number {
    return this.#life.lastHeardAt;
  }

  /** When the last message or heartbeat arrived, in milliseconds of the clock; 0 before the first. */
  get lastSignAt(): number {
    return this.#life.lastSignAt;
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<SocketEnd> {
    return this.#life.closed;
  }

  /**
   * The messages of {@link Connection.incoming} as a stream, with backpressure. It closes with the connection, or
   * fails with the error that ended it. Cancelling it closes the connection.
   */
  get readable(): ReadableStream<Message> {
    return this.#readable ??= readableOf(this, () => this.#life.endError);
  }

  /**
   * Sends what is written to it, with the backpressure of {@link Connection.send}. It fails when the connection
   * ends. Closing it closes the connection; aborting it closes the connection with 1011.
   */
  get writable(): WritableStream<Message> {
    return this.#writable ??= writableOf(this, () => this.#life.endError);
  }

  /**
   * Dials under the retry policy until there is a connection.
   *
   * @throws {ConnectionError} `invalid-state` if it is connecting, connected or closed; `dial-failed` if the policy
   * gives up or another attempt cannot help; `connection-closed` if it is closed meanwhile.
   * @throws The signal's reason when it aborts. It is disconnected then, and may try again.
   */
  connect(options: WaitOptions = {}): Promise<void> {
    return handled(this.#life.connect(options));
  }

  /**
   * Sends a message. Resolves when the message is buffered and the buffer is below `highWaterMark`, which is mostly
   * at once: to await it is enough to keep to the peer's pace.
   *
   * - The bytes belong to the caller again when it has resolved. Binary messages of 64 KiB and more are sent from
   *   the caller's memory and resolve when they are written, unless a signal or a timeout is given.
   * - The signal and the timeout end the wait. A message that is not buffered yet is not sent then.
   * - If both sides await `send` in the loop in which they read, and both send more than the buffers hold, neither
   *   reads any more, until `writeTimeout` ends the connection.
   *
   * @throws {ConnectionError} `not-connected`, `connection-closed`, `send-timeout`, `write-timeout`,
   * `ping-timeout`. Its `delivered` is `"unknown"` if the message was buffered.
   * @throws {ConfigError} `invalid-argument` if it is not a message.
   * @throws The signal's reason when it aborts.
   */
  send(data: Message, options?: SendOptions): Promise<void> {
    const outgoing = this.#life.outgoing;
    try {
      checkMessage(data);
      if (options !== undefined) checkSendOptions(options);
      if (outgoing === undefined) throw this.#life.unavailable("send");
    } catch (error) {
      return this.#sendFailed(error);
    }
    const sent = outgoing.send(data, options);
    if (sent !== DONE) this.#watchSend(sent);
    return sent;
  }

  /**
   * Sends a message if the buffer is not full. The bytes belong to the caller again at once.
   *
   * @returns `false` if the buffer is full, or other messages wait.
   * @throws {ConnectionError} `not-connected`, `connection-closed`.
   * @throws {ConfigError} `invalid-argument` if it is not a message.
   */
  trySend(data: Message): boolean {
    checkMessage(data);
    try {
      const outgoing = this.#life.outgoing;
      if (outgoing === undefined) throw this.#life.unavailable("send");
      return outgoing.trySend(data);
    } catch (error) {
      this.#failedSends++;
      throw error;
    }
  }

  /**
   * Sends a message of unknown length in fragments (RFC 6455, section 5.4) of `chunkSize` bytes, each as soon as it
   * is full and the buffer has room. Other sends wait behind it, control frames do not. On a socket that cannot stream
   * the message is gathered and sent whole.
   *
   * Once the first fragment is out a message cannot be withdrawn: if the stream fails or the signal aborts after
   * that, the connection ends. However the call fails, and as soon as the connection ends, the stream is cancelled.
   *
   * @throws {ConnectionError} `not-connected`, `connection-closed`, `write-timeout`, `ping-timeout`.
   * @throws {ConfigError} `invalid-argument` if the stream contains something that cannot be sent.
   * @throws What the stream threw, or the signal's reason.
   */
  sendStream(
    stream: MessageStream,
    options: SendStreamOptions = {},
  ): Promise<void> {
    const sent = handled(this.#sendStream(stream, options));
    this.#watchSend(sent);
    return sent;
  }

  /**
   * Sends a ping and waits for its pong (RFC 6455, section 5.5.2): gives the round trip in milliseconds.
   *
   * @throws {ConnectionError} `ping-unsupported` on a socket that cannot ping, `not-connected`, `connection-closed`.
   * @throws The signal's reason when it aborts.
   */
  ping(options: WaitOptions = {}): Promise<number> {
    try {
      const signal = signalOf(options);
      const liveness = this.#life.liveness;
      if (liveness === undefined || this.state !== "connected") {
        throw this.#life.unavailable("ping");
      }
      if (this.controlFrames) return handled(liveness.ping(signal));
      throw new ConnectionError(
        "ping-unsupported",
        "Cannot ping: this kind of socket has no control frames. Use a raw socket.",
      );
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Closes: the closing handshake (RFC 6455, section 7.1.2), after `closeTimeout` a cut. What has arrived can still
   * be read. Closing twice is safe, and both calls wait for the end.
   *
   * A connection of `dialNative` can send only 1000 and 3000 to 4999: it sends 1000 in place of other codes. `sent` in the
   * {@link SocketEnd} is the close frame that went out.
   *
   * @param code A code that may be sent, or 1005 for a close frame without a code. Default: 1000.
   * @param reason At most 123 bytes of UTF-8. Default: "".
   * @param options How long the handshake may take, if not `closeTimeout`.
   * @throws {ConfigError} `invalid-argument` if the code or the reason cannot be sent. It is thrown by the call
   * itself, so that a call that is not awaited does not hide it.
   */
  close(
    code = 1000,
    reason = "",
    options: SocketCloseOptions = {},
  ): Promise<SocketEnd> {
    checkCloseArguments(code, reason);
    const timeout = closeTimeoutOf(options, this.#closeTimeout);
    this.#life.close(code === NO_CODE ? undefined : code, reason, timeout);
    return this.closed;
  }

  /** Cuts the connection at once. What was sent and is still buffered is lost. */
  terminate(): void {
    this.#life.terminate();
  }

  /** The present figures. */
  stats(): ConnectionStats {
    return { ...this.#life.stats(), failedSends: this.#failedSends };
  }

  /**
   * Hands every message to `sink` inside the call that read it, without a queue in between.
   *
   * Messages that wait in {@link Connection.incoming} are handed over first, as far as the sink has room, and all
   * of them when the connection ends. From then on `incoming` gets no message and only ends with the connection. A second call
   * replaces the sink.
   */
  deliverTo(sink: MessageSink): void {
    this.#life.receiving.deliverTo(sink);
  }

  /** Reads on after the sink of {@link Connection.deliverTo} answered `false`. Harmless otherwise. */
  resume(): void {
    this.#life.receiving.resume();
  }

  /** Closes, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #sendStream(
    stream: MessageStream,
    options: SendStreamOptions,
  ): Promise<void> {
    checkStream(stream);
    const checked = checkSendStreamOptions(options);
    const life = this.#life;
    const { socket, outgoing } = life;
    if (socket === undefined || outgoing === undefined) {
      throw life.unavailable("send");
    }
    await streamOut(socket, outgoing, stream, {
      ...checked,
      onBroken: (cause) => life.streamBroke(cause),
    });
  }

  /** A separate method: a closure in `send` would allocate a context on every call. */
  #watchSend(sent: Promise<unknown>): void {
    sent.catch((error) => void this.#sendFailed(error));
  }

  #sendFailed(error: unknown): Promise<never> {
    this.#failedSends++;
    this.#life.log?.debug("Send failed", { error });
    return rejected(error);
  }
}
