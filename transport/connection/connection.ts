import {
  type ConnectionOptions,
  resolveConnectionOptions,
  type ResolvedConnectionOptions,
  resolveRetry,
} from "./options.ts";
import {
  checkOptions,
  checkWord,
  numberOption,
  signalOf,
} from "../base/options.ts";
import { CONNECTION_RULES } from "../base/rules.ts";
import { checkCloseArguments } from "./close_arguments.ts";
import { classifyEnd, NEVER_OPEN } from "./end.ts";
import type { ConnectionStats, Heartbeat } from "./stats.ts";
import { dialOnce } from "./dial_once.ts";
import { ConfigError, ConnectionError, toError } from "../base/errors.ts";
import { flushAll } from "../net/flush.ts";
import { createLog, type Log } from "../base/logging.ts";
import { checkMessage, type Message, messageSize } from "../base/message.ts";
import { checkSendOptions, Outgoing, type SendOptions } from "./outgoing.ts";
import { Pinger } from "./pinger.ts";
import { DONE, handled, onAbort, rejected } from "../base/promise.ts";
import { Queue } from "../base/queue.ts";
import { retry, RetryLimitError } from "../base/retry.ts";
import { isRetryable } from "../client/retryable.ts";
import { minRetryDelay } from "../client/retry_after.ts";
import {
  checkStream,
  type MessageStream,
  type SendStreamOptions,
  STREAM_CHUNK,
  streamOut,
} from "./send_stream.ts";
import type { PeerAddress } from "../net/address.ts";
import type {
  Socket,
  SocketCloseOptions,
  SocketEnd,
  SocketReader,
} from "../socket/socket.ts";
import { normalizeUrl, urlForLog } from "../base/url.ts";

/** Where a connection is in its life. A closed one is not used again. */
export type ConnectionState =
  | "disconnected"
  | "connecting"
  | "connected"
  | "closed";

function lengthOf(message: Message): number {
  return message.length;
}

/** Which state may follow which. */
const MOVES: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  disconnected: ["connecting", "connected", "closed"],
  connecting: ["connected", "disconnected", "closed"],
  connected: ["closed"],
  closed: [],
};

/** Takes the messages of a connection in place of {@link Connection.incoming}. */
export interface MessageSink {
  /**
   * Takes a message. Must not throw.
   *
   * @param size The payload in bytes, before any compression.
   * @param at When the message was read, in epoch milliseconds.
   * @returns `false` to hold the peer back until {@link Connection.resume}. The message is taken
   * all the same. A socket without flow control goes on delivering.
   */
  message(data: Message, size: number, at: number): boolean;
  /** The connection has ended: no message follows. Called once. Must not throw. */
  end?(): void;
}

/** Heartbeats kept for a reader that is late; older ones say nothing new. */
const HEARTBEATS_KEPT = 16;

/** What a dialer's error begins with, and ours does too. */
const SAID = /^Cannot connect(?: to \S+)?(?::| as) /;

/**
 * One WebSocket connection, over whatever kind of socket.
 *
 * - Messages arrive in order in {@link Connection.incoming}; those that came before a
 *   close are still delivered after it.
 * - The end because of the peer or the network gives exactly one error in
 *   {@link Connection.errors}; the user's own close gives none.
 * - {@link Connection.send} keeps the order of its calls and waits for room.
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
  /** Takes what the socket hands on. A class, since there is one for each connection. */
  static readonly #Reader = class implements SocketReader {
    readonly #connection: Connection;
    readonly #socket: Socket;

    constructor(connection: Connection, socket: Socket) {
      this.#connection = connection;
      this.#socket = socket;
    }

    message(data: Message, size: number, at: number): boolean {
      return this.#connection.#receive(this.#socket, data, size, at);
    }

    ping(payload: Uint8Array): void {
      const connection = this.#connection;
      connection.#tell(connection.#options.onPing, payload);
    }

    pong(payload: Uint8Array, at: number): void {
      const connection = this.#connection;
      connection.#pinger?.pong(payload, at);
      connection.#tell(connection.#options.onPong, payload);
    }

    drain(): void {
      this.#connection.#outgoing?.drain();
    }

    end(end: SocketEnd): void {
      this.#connection.#end(end);
    }
  };

  readonly #options: ConnectionOptions;
  readonly #config: ResolvedConnectionOptions;
  readonly #log: Log | undefined;
  readonly #closed = Promise.withResolvers<SocketEnd>();

  #state: ConnectionState = "disconnected";
  #removeListener = () => {};
  #socket: Socket | undefined;
  #outgoing: Outgoing | undefined;
  #pinger: Pinger | undefined;
  #dial: AbortController | undefined;
  #closedByUser = false;
  #heldUntil = 0;
  #sink: MessageSink | undefined;
  #heldBySink = false;
  /** Messages of `incoming` are being handed to the sink. */
  #pumping = false;
  /** Why we cut the connection ourselves, where we did. */
  #failure: ConnectionError | undefined;

  #lastHeardAt = 0;
  #lastMessageAt = 0;
  #receivedMessages = 0;
  #receivedBytes = 0;
  #heartbeatCount = 0;
  #latency: number | undefined;
  #failedSends = 0;
  #errors: Queue<ConnectionError> | undefined;

  /** The URL it connects to, or that of the request that was accepted. */
  readonly url: string;
  /** Messages in the order in which they arrived. Ends when the connection has. */
  readonly incoming: Queue<Message>;
  /** Pongs that answered our pings. When nobody reads them the oldest go. */
  readonly heartbeats: Queue<Heartbeat>;

  /**
   * Makes a connection that is not connected yet, or one of a socket that is
   * open already.
   *
   * @throws {ConfigError} When the URL or an option cannot be used.
   */
  constructor(target: string | URL | Socket, options: ConnectionOptions = {}) {
    this.#config = resolveConnectionOptions(options);
    this.#options = options;
    checkTarget(target);
    const socket = typeof target === "string" || target instanceof URL
      ? undefined
      : target;
    this.url = typeof target === "string" || target instanceof URL
      ? normalizeUrl(target)
      : target.url;
    this.#log = createLog(options, {
      component: "connection",
      url: urlForLog(this.url),
      ...options.logAttributes,
    });
    this.incoming = new Queue({
      capacity: this.#config.incomingBufferSize,
      maxWeight: this.#config.incomingBufferBytes,
      weigh: lengthOf,
      onIdle: flushAll,
    });
    this.heartbeats = new Queue({ capacity: HEARTBEATS_KEPT });
    if (socket !== undefined) this.#open(socket);
    if (options.signal?.aborted) void this.close();
    // A socket that had ended already has closed it.
    else if (this.#state !== "closed") {
      this.#removeListener = onAbort(options.signal, () => void this.close());
    }
  }

  /** A connection of a socket that is open already. It begins to read at once. */
  static fromSocket(socket: Socket, options?: ConnectionOptions): Connection {
    return new Connection(socket, options);
  }

  /** At most one classified error, then the end. */
  get errors(): Queue<ConnectionError> {
    return this.#errors ??= new Queue({
      capacity: this.#config.errorsBufferSize,
    });
  }

  /** Where it is in its life. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** The subprotocol agreed on, "" without one. */
  get protocol(): string {
    return this.#socket?.protocol ?? "";
  }

  /** The extensions agreed on, "" without any. */
  get extensions(): string {
    return this.#socket?.extensions ?? "";
  }

  /** Where the peer is, when known. */
  get remoteAddr(): PeerAddress | undefined {
    return this.#socket?.remoteAddr;
  }

  /** Whether it can ping, and sees pings and pongs. */
  get controlFrames(): boolean {
    return this.#socket?.controlFrames ?? false;
  }

  /** Whether the peer can be held back. */
  get flowControl(): boolean {
    return this.#socket?.flowControl ?? false;
  }

  /**
   * Until when the peer was held back last: `Infinity` while it is, 0 when it never was. A
   * peer that is held back cannot be blamed for its silence.
   */
  get heldUntil(): number {
    return this.#heldBySink ? Infinity : this.#heldUntil;
  }

  /** When the last message or heartbeat was read, in epoch milliseconds; 0 before the first. */
  get lastHeardAt(): number {
    return this.#lastHeardAt;
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<SocketEnd> {
    return this.#closed.promise;
  }

  /**
   * Dials under the retry policy until there is a connection.
   *
   * @throws {ConnectionError} `invalid-state` when it is connecting, connected or closed;
   * `dial-failed` when the policy gives up or retrying cannot mend it; `connection-closed` when it
   * is closed meanwhile.
   * @throws The signal's reason when it aborts. It is disconnected then, and may try again.
   */
  connect(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#state !== "disconnected") {
      return rejected(
        new ConnectionError(
          "invalid-state",
          `Cannot connect as the state must be disconnected: current value is ${this.#state}`,
        ),
      );
    }
    let signal: AbortSignal | undefined;
    try {
      signal = signalOf(options);
      signal?.throwIfAborted();
    } catch (error) {
      return rejected(error);
    }
    return handled(this.#connect(signal));
  }

  /**
   * Sends a message: resolves as soon as it is buffered, with room for more.
   *
   * The bytes are the caller's again when it has resolved. Binary messages of 64 KiB and more are sent
   * from the caller's memory, and it resolves when they are out; with a signal or a timeout they are copied.
   * What waits for room is withdrawn by the signal or the timeout, and the connection lives on.
   *
   * @throws {ConnectionError} `not-connected`, `connection-closed`, `send-timeout`, `write-timeout`.
   * @throws {ConfigError} `invalid-argument` when it is not a message.
   * @throws The signal's reason when it aborts.
   */
  send(data: Message, options?: SendOptions): Promise<void> {
    const outgoing = this.#outgoing;
    try {
      checkMessage(data);
      if (options !== undefined) checkSendOptions(options);
      if (outgoing === undefined) throw this.#unavailable("send");
    } catch (error) {
      return this.#failedSend(error);
    }
    const sent = outgoing.send(data, options);
    if (sent !== DONE) this.#watchSend(sent);
    return sent;
  }

  /**
   * Sends a message if there is room for it now. The bytes are the caller's again at once.
   *
   * @returns `false` when the buffer is full, or others wait for room.
   * @throws {ConnectionError} `not-connected`, `connection-closed`.
   * @throws {ConfigError} `invalid-argument` when it is not a message.
   */
  trySend(data: Message): boolean {
    checkMessage(data);
    if (this.#outgoing === undefined) throw this.#unavailable("send");
    return this.#outgoing.trySend(data);
  }

  /**
   * Sends a message of unknown length in fragments (RFC 6455, section 5.4), each as soon as there
   * is room. Other sends wait behind it, control frames do not. A socket that cannot
   * stream gathers the message and sends it whole.
   *
   * Once the first fragment is out a message cannot be withdrawn: when the stream
   * fails or the signal aborts after that, the connection ends.
   *
   * @throws {ConnectionError} `not-connected`, `connection-closed`, `write-timeout`.
   * @throws {ConfigError} `invalid-argument` when the stream holds what cannot be sent.
   * @throws What the stream threw, or the signal's reason.
   */
  sendStream(
    stream: MessageStream,
    options: SendStreamOptions = {},
  ): Promise<void> {
    return handled(
      this.#sendStream(stream, options).catch((error) => {
        this.#failedSend(error);
        throw error;
      }),
    );
  }

  /**
   * Sends a ping and waits for its pong (RFC 6455, section 5.5.2): gives the round
   * trip in milliseconds.
   *
   * @throws {ConnectionError} `ping-unsupported` on a socket that cannot ping,
   * `not-connected`, `connection-closed`.
   * @throws The signal's reason when it aborts.
   */
  ping(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    let signal: AbortSignal | undefined;
    try {
      signal = signalOf(options);
    } catch (error) {
      return rejected(error);
    }
    if (this.#pinger === undefined || this.#state !== "connected") {
      return rejected(this.#unavailable("ping"));
    }
    if (!this.controlFrames) {
      return rejected(
        new ConnectionError(
          "ping-unsupported",
          "Cannot ping as this kind of socket shows no control frames",
        ),
      );
    }
    return handled(this.#pinger.ping(signal));
  }

  /**
   * Closes: the closing handshake (RFC 6455, section 7.1.2), after `closeTimeout` a cut. What has
   * arrived can still be read, what still arrives is dropped. Closing twice is
   * safe, and both calls wait for the end.
   *
   * @param code A code that may be sent. @default 1000
   * @param reason At most 123 bytes of UTF-8. @default ""
   * @param options How long the handshake may take, where not `closeTimeout`.
   * @throws {ConfigError} `invalid-argument` when the code or the reason may not be sent.
   */
  close(
    code = 1000,
    reason = "",
    options: SocketCloseOptions = {},
  ): Promise<SocketEnd> {
    let timeout = this.#config.closeTimeout;
    try {
      checkCloseArguments(code, reason);
      checkOptions("options", options);
      timeout = numberOption(
        "timeout",
        { ...CONNECTION_RULES.closeTimeout, default: timeout },
        options.timeout,
      );
    } catch (error) {
      return rejected(error);
    }
    if (this.#state === "closed") return this.closed;
    const socket = this.#socket;
    this.#closedByUser = true;
    this.#shut();
    this.#dial?.abort(this.#unavailable("connect"));
    if (socket === undefined) this.#end(NEVER_OPEN);
    else socket.close(code, reason, { timeout });
    return this.closed;
  }

  /** Cuts the connection at once. What was sent and is still buffered is lost. */
  terminate(): void {
    if (this.#socket === undefined) return void this.close();
    if (this.#state !== "closed") {
      this.#closedByUser = true;
      this.#shut();
    }
    this.#socket.terminate();
  }

  /** The present figures. */
  stats(): ConnectionStats {
    return {
      receivedMessages: this.#receivedMessages,
      receivedBytes: this.#receivedBytes,
      sentMessages: this.#outgoing?.sentMessages ?? 0,
      sentBytes: this.#socket?.sentBytes ?? 0,
      heartbeats: this.#heartbeatCount,
      latency: this.#latency,
      incomingDepth: this.incoming.size,
      errorsDepth: this.#errors?.size ?? 0,
      bufferedBytes: this.#socket?.bufferedAmount ?? 0,
      failedSends: this.#failedSends,
    };
  }

  /**
   * Hands every message to `sink` inside the call that read it, without a queue in between.
   *
   * Messages that wait in {@link Connection.incoming} are handed over first, as far as the sink has
   * room, and all of them when the connection ends. From then on `incoming` gets no message and
   * only tells the end. A second call replaces the sink.
   */
  deliverTo(sink: MessageSink): void {
    this.#sink = sink;
    if (this.#heldBySink) this.resume();
    else this.#pump();
    // It has ended already.
    if (this.incoming.closed) sink.end?.();
  }

  /** Reads on after the sink of {@link Connection.deliverTo} answered `false`. Harmless otherwise. */
  resume(): void {
    if (!this.#heldBySink) return;
    this.#heldBySink = false;
    this.#heldUntil = this.#config.clock.now();
    this.#pump();
    if (!this.#heldBySink && this.#state === "connected") {
      this.#socket?.resume();
    }
  }

  /** Closes, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #connect(signal: AbortSignal | undefined): Promise<void> {
    this.#move("connecting");
    const { clock, handshakeTimeout } = this.#config;
    const dial = this.#dial = new AbortController();
    const onError = (error: Error) =>
      this.#log?.error("A callback of the dial failed", { error });
    const bounds = { clock, handshakeTimeout, signal: dial.signal, onError };
    const removeListener = onAbort(signal, () => dial.abort(signal?.reason));
    try {
      const socket = await retry(
        () => dialOnce(this.url, this.#options, bounds),
        resolveRetry(this.#options.retry, clock),
        {
          signal: dial.signal,
          clock,
          minDelay: minRetryDelay(clock),
          isRetryable,
          onError,
          onRetry: (info) => {
            // Who is told of it sees to its record.
            if (this.#options.onRetry !== undefined) {
              this.#tell(this.#options.onRetry, info);
            } else this.#log?.debug("Dial failed, trying again", { ...info });
          },
        },
      );
      if (dial.signal.aborted) {
        socket.terminate();
        throw dial.signal.reason;
      }
      this.#open(socket);
    } catch (thrown) {
      if (this.#state === "connecting") this.#move("disconnected");
      throw dial.signal.aborted ? dial.signal.reason : this.#dialFailed(thrown);
    } finally {
      this.#dial = undefined;
      removeListener();
    }
  }

  #dialFailed(thrown: unknown): ConnectionError {
    const cause = thrown instanceof RetryLimitError ? thrown.cause : thrown;
    const error = new ConnectionError(
      "dial-failed",
      `Cannot connect to ${urlForLog(this.url)}: ${
        toError(cause).message.replace(SAID, "")
      }`,
      { cause },
    );
    this.#log?.warn("Gave up dialling", { error });
    return error;
  }

  #open(socket: Socket): void {
    this.#socket = socket;
    this.#move("connected");
    this.#outgoing = new Outgoing({
      socket,
      clock: this.#config.clock,
      highWaterMark: this.#config.highWaterMark,
      writeTimeout: this.#config.writeTimeout,
      onTimeout: () => this.#writeTimedOut(socket),
    });
    this.#pinger = new Pinger({
      socket,
      clock: this.#config.clock,
      interval: this.#config.pingInterval,
      onAnswer: (latency, at) => this.#beat(latency, at),
    });
    const { closeTimeout } = this.#config;
    socket.start(new Connection.#Reader(this, socket), { closeTimeout });
  }

  #receive(socket: Socket, data: Message, size: number, at: number): boolean {
    if (this.#state !== "connected") return true;
    this.#receivedMessages++;
    this.#receivedBytes += size;
    this.#lastHeardAt = this.#lastMessageAt = at;
    const sink = this.#sink;
    if (sink !== undefined && !this.#pumping && this.incoming.size === 0) {
      return this.#hand(sink, data, size, at);
    }
    if (this.incoming.push(data) || !socket.flowControl) return true;
    this.#holdBack(socket);
    return false;
  }

  /** Hands over what waits in `incoming`. Taking it out may let the peer go on: what that brings goes behind it. */
  #pump(): void {
    const sink = this.#sink;
    if (sink === undefined || this.#pumping) return;
    this.#pumping = true;
    while (!this.#heldBySink || this.incoming.closed) {
      const data = this.incoming.shift();
      if (data === undefined) break;
      this.#hand(sink, data, messageSize(data), this.#lastMessageAt);
    }
    this.#pumping = false;
  }

  /** Hands a message to the sink. Returns whether the peer may go on. */
  #hand(sink: MessageSink, data: Message, size: number, at: number): boolean {
    // Set before the call, in which the sink may resume.
    this.#heldBySink = true;
    if (sink.message(data, size, at) || !this.flowControl) {
      this.#heldBySink = false;
    }
    return !this.#heldBySink;
  }

  /** Has the peer wait until `incoming` has room. */
  #holdBack(socket: Socket): void {
    this.#heldUntil = Infinity;
    this.incoming.onSpace(() => {
      this.#heldUntil = this.#config.clock.now();
      socket.resume();
    });
  }

  #beat(latency: number, at: number): void {
    this.#heartbeatCount++;
    this.#latency = latency;
    this.#lastHeardAt = at;
    if (this.heartbeats.full) this.heartbeats.shift();
    this.heartbeats.push({ at, latency });
  }

  #writeTimedOut(socket: Socket): void {
    const error = new ConnectionError(
      "write-timeout",
      `The peer took nothing for ${this.#config.writeTimeout} ms`,
    );
    this.#failure = error;
    this.#outgoing?.fail(error);
    socket.terminate(error);
  }

  async #sendStream(
    stream: MessageStream,
    options: SendStreamOptions,
  ): Promise<void> {
    checkStream(stream);
    const signal = signalOf(options);
    const { type = "binary" } = options;
    checkWord("type", ["text", "binary"], type);
    const chunkSize = numberOption(
      "chunkSize",
      STREAM_CHUNK,
      options.chunkSize,
    );
    const socket = this.#socket;
    const outgoing = this.#outgoing;
    if (socket === undefined || outgoing === undefined) {
      throw this.#unavailable("send");
    }
    await streamOut(socket, outgoing, stream, {
      type,
      chunkSize,
      signal,
      onBroken: (cause) => this.#streamBroke(socket, cause),
    });
  }

  /** The message can neither be completed nor taken back (RFC 6455, section 5.4): the connection ends. */
  #streamBroke(socket: Socket, cause: unknown): void {
    if (this.#state === "closed") return;
    this.#failure = new ConnectionError(
      "stream-aborted",
      "A streamed message broke off in the middle",
      { cause },
    );
    this.#shut();
    socket.close(1011, "A streamed message broke off", {
      timeout: this.#config.closeTimeout,
    });
  }

  /** No more sends and pings; what waits is told. */
  #shut(): void {
    this.#move("closed");
    this.#pinger?.stop();
    this.#outgoing?.fail(this.#failure ?? this.#unavailable("send"));
  }

  #end(end: SocketEnd): void {
    if (this.#state !== "closed") this.#shut();
    this.#removeListener();
    const error = this.#closedByUser
      ? undefined
      : classifyEnd(end, this.#failure);
    this.#log?.info("Closed", {
      code: end.code,
      reason: end.reason,
      clean: end.clean,
      initiator: end.initiator,
      ...(error === undefined ? undefined : { error }),
    });
    if (end.received !== undefined) {
      const { code, reason } = end.received;
      this.#tell(this.#options.closeHandler, code, reason);
    }
    this.incoming.close();
    this.#pump();
    this.#sink?.end?.();
    if (error !== undefined) this.errors.push(error);
    this.errors.close();
    this.heartbeats.close();
    this.#closed.resolve(end);
  }

  /** The one place where the state changes. */
  #move(to: ConnectionState): void {
    if (!MOVES[this.#state].includes(to)) {
      throw new ConnectionError(
        "invalid-state",
        `Cannot go from ${this.#state} to ${to}`,
      );
    }
    this.#state = to;
    if (to === "connected") this.#log?.info("Connected");
    else if (to !== "closed") this.#log?.debug(`Now ${to}`);
  }

  /** Calls a user's function; what it throws is logged. */
  #tell<A extends unknown[]>(
    callback: ((...args: A) => void) | undefined,
    ...args: A
  ): void {
    try {
      callback?.(...args);
    } catch (error) {
      this.#log?.error("A callback threw", { error });
    }
  }

  /** Not in `send` itself: a function in it would cost every call its surroundings. */
  #watchSend(sent: Promise<void>): void {
    sent.catch((error) => void this.#failedSend(error));
  }

  #failedSend(error: unknown): Promise<never> {
    this.#failedSends++;
    this.#log?.debug("Send failed", { error });
    return rejected(error);
  }

  /** Why something cannot be done now. */
  #unavailable(action: string): ConnectionError {
    const closed = this.#state === "closed";
    return new ConnectionError(
      closed ? "connection-closed" : "not-connected",
      `Cannot ${action} as the state must be connected: current value is ${this.#state}`,
    );
  }
}

/** @throws {ConfigError} `invalid-argument` for what is neither a URL nor a socket. */
function checkTarget(target: unknown): void {
  if (typeof target === "string" || target instanceof URL) return;
  if (
    typeof target === "object" && target !== null &&
    typeof Reflect.get(target, "url") === "string" &&
    typeof Reflect.get(target, "start") === "function"
  ) return;
  throw new ConfigError(
    "invalid-argument",
    "url",
    `Cannot make a connection as its first argument must be a URL or a Socket: current value is ${
      target instanceof WebSocket ? "a bare WebSocket" : String(target)
    }`,
  );
}
