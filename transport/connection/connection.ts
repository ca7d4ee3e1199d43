/**
 * `Connection` and its parts. `lifecycle.ts` owns them: it dials (`dialling.ts`), opens, and ends (`outcome.ts`).
 * `open_connection.ts` is the reader of the socket, and exists from the opening on. Messages arrive in `receiving.ts`
 * and leave through `sending/`. `liveness/` has pings and deadlines.
 *
 * @module
 */

import type { ConnectionError } from "../base/errors.ts";
import { checkMessage, type Message } from "../base/message.ts";
import type { WaitOptions } from "../base/options.ts";
import { DONE, handled, rejected } from "../base/promise.ts";
import type { Queue } from "../base/queue.ts";
import { urlToDial } from "../client/check_dial.ts";
import type { HandshakeResponse } from "../handshake/client.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import type {
  Socket,
  SocketActivity,
  SocketCloseOptions,
  SocketEnd,
} from "../socket/socket.ts";
import { checkTarget, claim, isUrl } from "./arguments.ts";
import type { Heartbeat } from "./heartbeats.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { UnansweredPing } from "./liveness/liveness.ts";
import type { ConnectionOptions, OpenConnectionOptions } from "./options.ts";
import {
  resolveConnectionOptions,
  resolveOpenOptions,
} from "./resolve_options.ts";
import type { MessageSink } from "./receiving.ts";
import type { MessageStream } from "./sending/chunk_source.ts";
import { checkSendOptions, type SendOptions } from "./sending/outgoing.ts";
import type { SendStreamOptions } from "./sending/send_stream.ts";
import { type ConnectionState, unavailable } from "./state.ts";
import { type ConnectionStats, connectionStats } from "./stats.ts";
import { readableOf, writableOf } from "./web_streams.ts";

/**
 * One WebSocket connection, over any kind of socket.
 *
 * - {@link Connection.connect} dials until the first connection is made. When it has ended, the connection is closed and
 *   does not reconnect: use an outbound pool for that.
 * - {@link Connection.incoming} contains the messages in the order in which they arrived. Messages that arrived before
 *   the end can still be read after it.
 * - If the peer or the network ends the connection, {@link Connection.errors} gets exactly one error. Your own `close`
 *   gives none.
 * - {@link Connection.send} keeps the order of its calls, and waits while the buffer is full.
 * - A peer that answers no ping or accepts no output is disconnected: see `pingTimeout` and `writeTimeout`.
 *
 * @example
 * ```ts
 * import { Connection, upgrade } from "@honeybee/honeybee";
 *
 * const server = Deno.serve({ hostname: "127.0.0.1", port: 0 }, (request) => {
 *   const { socket, response } = upgrade(request);
 *   socket.write("welcome");
 *   socket.close(1000);
 *   return response;
 * });
 *
 * const connection = new Connection(`ws://127.0.0.1:${server.addr.port}`);
 * await connection.connect();
 * for await (const message of connection.incoming) console.log(message);
 * await server.shutdown();
 * ```
 */
export class Connection implements AsyncDisposable {
  readonly #life: Lifecycle;
  #failedSends = 0;
  #readable: ReadableStream<Message<ArrayBuffer>> | undefined;
  #writable: WritableStream<Message> | undefined;

  /** The URL to which the connection connects, or the URL of the request that was accepted. */
  readonly url: string;

  /**
   * Creates a connection. Call {@link Connection.connect} to connect it.
   *
   * @throws {ConfigError} If the URL or an option cannot be used.
   */
  constructor(target: string | URL, options?: ConnectionOptions);
  /**
   * Creates a connection over a socket that is open already, and begins to read.
   *
   * @throws {ConfigError} If an option cannot be used.
   */
  constructor(target: Socket, options?: OpenConnectionOptions);
  constructor(target: string | URL | Socket, options: ConnectionOptions = {}) {
    checkTarget(target);
    if (isUrl(target)) {
      const config = resolveConnectionOptions(options);
      this.url = urlToDial(target, options);
      this.#life = new Lifecycle(this.url, options, config);
      if (options.signal?.aborted) void this.close();
    } else {
      const config = resolveOpenOptions(options);
      claim(target);
      this.url = target.url;
      this.#life = new Lifecycle(this.url, options, config);
      this.#life.openWith(target);
    }
  }

  /** The messages in the order in which they arrived. Ends when the connection has ended. */
  get incoming(): Queue<Message<ArrayBuffer>> {
    return this.#life.receiving.incoming;
  }

  /**
   * The pongs that answered our pings: the newest before the first use of this queue, and all that follow. If you do
   * not read them, the oldest are dropped.
   */
  get heartbeats(): Queue<Heartbeat> {
    return this.#life.heartbeats.queue;
  }

  /** Contains at most one error: the reason why the connection ended, unless you closed it. */
  get errors(): Queue<ConnectionError> {
    return this.#life.outcome.errors;
  }

  /** The state of the connection. */
  get state(): ConnectionState {
    return this.#life.state;
  }

  /** The subprotocol that was agreed on, "" if there is none. */
  get protocol(): string {
    return this.#life.opened?.socket.protocol ?? "";
  }

  /** The extensions that were agreed on, "" if there are none. */
  get extensions(): string {
    return this.#life.opened?.socket.extensions ?? "";
  }

  /** The response of the server to the opening handshake, on the client's side, if it is known. */
  get response(): HandshakeResponse | undefined {
    return this.#life.opened?.socket.response;
  }

  /** The address of the peer, if it is known. */
  get remoteAddr(): PeerAddress | undefined {
    return this.#life.opened?.socket.remoteAddr;
  }

  /** Whether the connection can ping, and sees pings and pongs. */
  get controlFrames(): boolean {
    return this.#life.opened?.socket.controlFrames ?? false;
  }

  /** Whether reading from the peer can be paused, so that a fast peer has to wait. */
  get flowControl(): boolean {
    return this.#life.opened?.socket.flowControl ?? false;
  }

  /**
   * The number of bytes that passed through the socket, and when; estimated from the messages if the socket does not
   * count. `undefined` before the connection is connected.
   */
  get activity(): SocketActivity | undefined {
    return this.#life.opened?.activity;
  }

  /**
   * The time at which reading was last resumed, in milliseconds of the clock: `Infinity` while it is paused, 0 if it
   * never was. Silence does not count while nothing is read.
   */
  get resumedAt(): number {
    return this.#life.receiving.resumedAt;
  }

  /** The oldest of our pings after which no byte has arrived from the peer. */
  get unanswered(): UnansweredPing | undefined {
    return this.#life.opened?.liveness.unanswered;
  }

  /** The time at which the last message or heartbeat arrived, in epoch milliseconds; 0 before the first. */
  get lastHeardAt(): number {
    return this.#life.lastHeardAt;
  }

  /** The time at which the last message or heartbeat arrived, in milliseconds of the clock; 0 before the first. */
  get lastSignAt(): number {
    return this.#life.lastSignAt;
  }

  /** The number of bytes that wait to be sent; 0 before the connection is connected. */
  get bufferedBytes(): number {
    return this.#life.opened?.socket.bufferedAmount ?? 0;
  }

  /** Resolves with how the connection ended: close codes, reasons, which side began, and the error. Never rejects. */
  get closed(): Promise<SocketEnd> {
    return this.#life.outcome.closed;
  }

  /**
   * The messages of {@link Connection.incoming} as a stream, with backpressure. It closes with the connection, or
   * fails with the error that ended it. Cancelling it closes the connection.
   */
  get readable(): ReadableStream<Message<ArrayBuffer>> {
    return this.#readable ??= readableOf(
      this,
      () => this.#life.outcome.failure,
    );
  }

  /**
   * A stream that sends messages, with the backpressure of {@link Connection.send}. It fails when the connection ends.
   * Closing it closes the connection, and aborting it closes it with code 1011.
   */
  get writable(): WritableStream<Message> {
    return this.#writable ??= writableOf(
      this,
      () => this.#life.outcome.failure,
    );
  }

  /**
   * Dials until there is a connection, as the option `retry` says.
   *
   * @throws {ConnectionError} `invalid-state` if it is connecting, connected or closed; `dial-failed` if the retry
   * policy gives up or a retry cannot help; `connection-closed` if it is closed meanwhile.
   * @throws The signal's reason when it aborts. The connection is disconnected then, and can connect again.
   */
  connect(options: WaitOptions = {}): Promise<void> {
    return handled(this.#life.connect(options));
  }

  /**
   * Sends a message. Resolves when the message is buffered and the buffer is below `highWaterMark`, which is usually at
   * once. A caller that awaits each call never sends faster than the peer reads.
   *
   * - The bytes belong to the caller again when the promise has resolved. Binary messages of more than 64 KiB are
   *   sent from the caller's memory and resolve when they are written, unless a signal or a timeout is given.
   * - The signal and the timeout end the wait. A message that is not buffered yet is not sent then.
   * - If both sides await `send` in the loop in which they read, both may wait until `writeTimeout` ends the
   *   connection.
   *
   * @throws {ConnectionError} `not-connected`, `connection-closed`, `send-timeout`. If this side has ended the
   * connection, the error that ended it: `write-timeout`, `ping-timeout`, `read-error` or `stream-aborted`. Its
   * `delivered` is `"unknown"` if the message was buffered.
   * @throws {ConfigError} `invalid-argument` if it is not a message.
   * @throws The signal's reason when it aborts.
   */
  send(data: Message, options?: SendOptions): Promise<void> {
    const outgoing = this.#life.opened?.outgoing;
    try {
      checkMessage(data);
      if (options !== undefined) checkSendOptions(options);
      if (outgoing === undefined) throw unavailable("send", this.state);
    } catch (error) {
      return this.#sendFailed(error);
    }
    const sent = outgoing.send(data, options);
    if (sent !== DONE) this.#watchSend(sent);
    return sent;
  }

  /**
   * Sends a message unless the buffer is full. Never waits. The bytes belong to the caller again at once.
   *
   * @returns `false` if the buffer is full or other messages wait: the message is not sent then.
   * @throws {ConnectionError} As {@link Connection.send}, without `send-timeout`.
   * @throws {ConfigError} `invalid-argument` if it is not a message.
   */
  trySend(data: Message): boolean {
    checkMessage(data);
    try {
      const outgoing = this.#life.opened?.outgoing;
      if (outgoing === undefined) throw unavailable("send", this.state);
      return outgoing.trySend(data);
    } catch (error) {
      this.#failedSends++;
      throw error;
    }
  }

  /**
   * Sends a message of unknown length in fragments of `chunkSize` bytes (RFC 6455, section 5.4), each as soon as it is
   * full and the buffer has space. Other messages wait until the stream has ended; control frames do not. A socket that
   * cannot stream sends the collected message.
   *
   * After the first fragment a message cannot be withdrawn: if the stream fails or the signal aborts then, the
   * connection ends. Whenever the call fails or the connection ends, the stream is cancelled.
   *
   * @throws {ConnectionError} As {@link Connection.send}, without `send-timeout`.
   * @throws {ConfigError} `invalid-argument` if the stream contains something that cannot be sent.
   * @throws What the stream threw, or the signal's reason.
   */
  sendStream(
    stream: MessageStream,
    options: SendStreamOptions = {},
  ): Promise<void> {
    const sent = handled(this.#life.sendStream(stream, options));
    this.#watchSend(sent);
    return sent;
  }

  /**
   * Sends a ping and waits for its pong (RFC 6455, section 5.5.2).
   *
   * @returns The round trip in milliseconds.
   * @throws {ConnectionError} `ping-unsupported` on a socket that cannot ping, `not-connected`, `connection-closed`.
   * @throws The signal's reason when it aborts.
   */
  ping(options: WaitOptions = {}): Promise<number> {
    try {
      return handled(this.#life.ping(options));
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Sends what is buffered and a close frame, and waits for the close frame of the peer (RFC 6455, section 7.1.2). The
   * connection is terminated after `closeTimeout`, or up to four times that if the peer keeps taking what is buffered.
   * Messages that have arrived can still be read. Closing twice is safe, and both calls wait for the end.
   *
   * A connection of `dialNative` sends 1000 in place of codes other than 1000 and 3000 to 4999: see `sent` of
   * {@link SocketEnd}.
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
    this.#life.close(code, reason, options);
    return this.closed;
  }

  /** Ends the connection at once, without a closing handshake. Messages that are still buffered are lost. */
  terminate(): void {
    this.#life.terminate();
  }

  /** Returns the present figures. */
  stats(): ConnectionStats {
    return connectionStats(this.#life, this.#failedSends);
  }

  /**
   * Gives every message to `sink` synchronously, without a queue; first those that wait in {@link Connection.incoming},
   * as far as the sink has space. `incoming` gets no more messages, and ends with the connection. A second call
   * replaces the sink.
   */
  deliverTo(sink: MessageSink): void {
    this.#life.receiving.deliverTo(sink);
  }

  /** Resumes reading after the sink of {@link Connection.deliverTo} returned `false`. Has no effect otherwise. */
  resume(): void {
    this.#life.receiving.resume();
  }

  /** Closes the connection and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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
