import { notify } from "../base/callbacks.ts";
import { ConnectionError, toError } from "../base/errors.ts";
import { createLog, type Log } from "../base/logging.ts";
import { signalOf } from "../base/options.ts";
import { onAbort } from "../base/promise.ts";
import { Queue } from "../base/queue.ts";
import { urlForLog } from "../base/url.ts";
import { guardSocket } from "../socket/guarded_socket.ts";
import type { Socket, SocketActivity, SocketEnd } from "../socket/socket.ts";
import { ObservedActivity } from "./liveness/activity.ts";
import { dial } from "./dialling.ts";
import {
  classifyEnd,
  describeFailure,
  NEVER_OPEN,
  streamAborted,
  tooManyWaiting,
} from "./end.ts";
import { Liveness, type LivenessHost } from "./liveness/liveness.ts";
import type {
  ConnectionOptions,
  ResolvedConnectionOptions,
} from "./options.ts";
import { Outgoing } from "./sending/outgoing.ts";
import { ConnectionReader, type ReaderHost } from "./reader.ts";
import { Receiving, type ReceivingHost } from "./receiving.ts";
import { type ConnectionStats, Heartbeats } from "./stats.ts";

/** The state of a connection. A closed connection is not used again. */
export type ConnectionState =
  | "disconnected"
  | "connecting"
  | "connected"
  | "closed";

/** Which state may follow which. */
const MOVES: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  disconnected: ["connecting", "connected", "closed"],
  connecting: ["connected", "disconnected", "closed"],
  connected: ["closed"],
  closed: [],
};

/** The life of one connection: dials, opens, and ends, exactly once. Owns the parts that live only in between. */
export class Lifecycle implements LivenessHost, ReaderHost, ReceivingHost {
  readonly #url: string;
  readonly #config: ResolvedConnectionOptions;
  /** Created on demand. */
  #closed: Promise<SocketEnd> | undefined;
  #resolveClosed: ((end: SocketEnd) => void) | undefined;
  #end: SocketEnd | undefined;
  #state: ConnectionState = "disconnected";
  #dialling: AbortController | undefined;
  #unfollow = () => {};
  #closedByUser = false;
  /** Why we ended the connection ourselves, if we did. */
  #failure: ConnectionError | undefined;
  #errors: Queue<ConnectionError> | undefined;
  #endError: ConnectionError | undefined;

  readonly options: ConnectionOptions;
  readonly log: Log | undefined;
  readonly receiving: Receiving;
  readonly heartbeats: Heartbeats;
  // Set from the opening on, also after the end.
  socket: Socket | undefined;
  activity: SocketActivity | undefined;
  outgoing: Outgoing | undefined;
  liveness: Liveness | undefined;

  /** Begins disconnected. */
  constructor(
    url: string,
    options: ConnectionOptions,
    config: ResolvedConnectionOptions,
  ) {
    this.#url = url;
    this.options = options;
    this.#config = config;
    this.log = createLog(options, {
      component: "connection",
      url: urlForLog(url),
      ...options.logAttributes,
    });
    this.receiving = new Receiving({
      clock: config.clock,
      maxItems: config.incomingBufferSize,
      maxBytes: config.incomingBufferBytes,
      meter: options.meter,
    }, this);
    this.heartbeats = new Heartbeats(config.clock, options.meter);
  }

  /** A callback of the user threw or rejected. */
  get callbackFailed(): (error: Error) => void {
    return (error) => this.log?.error("A callback failed", { error });
  }

  /** The present state. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<SocketEnd> {
    return this.#closed ??= this.#end === undefined
      ? new Promise((resolve) => this.#resolveClosed = resolve)
      : Promise.resolve(this.#end);
  }

  /** When reading was last resumed: `Infinity` while it is paused, 0 if it never was. */
  get pausedUntil(): number {
    return this.receiving.pausedUntil;
  }

  /** Whether a caller waits for the peer to take output. */
  get sendWaits(): boolean {
    return this.outgoing?.waits ?? false;
  }

  /** At most one classified error, then the end. */
  get errors(): Queue<ConnectionError> {
    return this.#errors ??= new Queue({
      capacity: this.#config.errorsBufferSize,
    });
  }

  /** When the last message or heartbeat arrived, in epoch milliseconds. */
  get lastHeardAt(): number {
    return Math.max(this.receiving.lastAt, this.heartbeats.lastAt);
  }

  /** The same in milliseconds of the clock. */
  get lastSignAt(): number {
    return Math.max(this.receiving.lastClockAt, this.heartbeats.lastClockAt);
  }

  /** The present figures. */
  stats(): Omit<ConnectionStats, "failedSends"> {
    const { messages, bytes, dropped, depth } = this.receiving;
    const { count, latency } = this.heartbeats;
    return {
      receivedMessages: messages,
      receivedBytes: bytes,
      droppedMessages: dropped,
      sentMessages: this.outgoing?.sentMessages ?? 0,
      sentBytes: this.socket?.sentBytes ?? 0,
      heartbeats: count,
      latency,
      incomingDepth: depth,
      errorsDepth: this.#errors?.size ?? 0,
      bufferedBytes: this.socket?.bufferedAmount ?? 0,
    };
  }

  /** The error that ended it, unless the user ended it or the peer closed cleanly. */
  get endError(): ConnectionError | undefined {
    return this.#endError?.code === "peer-closed-clean"
      ? undefined
      : this.#endError;
  }

  /**
   * Dials until there is a socket, and opens with it.
   *
   * @throws {ConnectionError} `invalid-state`, `dial-failed`, `connection-closed`.
   * @throws {ConfigError} `invalid-option`.
   * @throws The signal's reason when it aborts.
   */
  async connect(
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (this.state !== "disconnected") {
      throw new ConnectionError(
        "invalid-state",
        `Cannot connect: the connection is ${this.#state}. Only a disconnected connection can connect.`,
      );
    }
    const signal = signalOf(options);
    signal?.throwIfAborted();
    this.#move("connecting");
    const { clock, handshakeTimeout } = this.#config;
    const dialling = this.#dialling = new AbortController();
    const removeListener = onAbort(
      signal,
      () => dialling.abort(signal?.reason),
    );
    // Not before: a connection that is never connected must leave no listener behind.
    this.#follow();
    try {
      const socket = await dial(this.#url, this.options, {
        clock,
        handshakeTimeout,
        log: this.log,
        signal: dialling.signal,
      });
      this.#start(socket);
    } catch (error) {
      if (this.#state === "connecting") {
        this.#unfollow();
        this.#move("disconnected");
      }
      throw error;
    } finally {
      this.#dialling = undefined;
      removeListener();
    }
  }

  /** Opens with a socket that is open already. */
  openWith(socket: Socket): void {
    this.#start(socket);
    // A socket that had ended has closed it.
    if (this.#state !== "closed") this.#follow();
  }

  /** Closes because the user asked for it. */
  close(code: number | undefined, reason: string, timeout: number): void {
    if (this.#state === "closed") {
      // If the handshake has begun, the socket can still shorten it.
      if (this.socket === undefined) return;
      return this.#endSocket((socket) =>
        socket.close(code, reason, { timeout })
      );
    }
    this.#closedByUser = true;
    this.#shut();
    this.#dialling?.abort(this.unavailable("connect"));
    this.#endSocket((socket) => socket.close(code, reason, { timeout }));
  }

  /** Cuts because the user asked for it. */
  terminate(): void {
    if (this.socket === undefined) return this.close(undefined, "", 0);
    if (this.#state !== "closed") {
      this.#closedByUser = true;
      this.#shut();
    }
    this.#endSocket((socket) => socket.terminate());
  }

  /** A streamed message can neither be completed nor taken back (RFC 6455, section 5.4). */
  streamBroke(cause: unknown): void {
    const error = streamAborted(cause);
    this.#fail(error, error.message);
  }

  /** Returns the error for a call that is not possible in this state. */
  unavailable(action: string): ConnectionError {
    const closed = this.#state === "closed";
    return new ConnectionError(
      closed ? "connection-closed" : "not-connected",
      `Cannot ${action}: the connection is ${this.#state}.${
        closed ? "" : " Call connect() and wait for it."
      }`,
    );
  }

  /** Closes when the signal of the options aborts. */
  #follow(): void {
    this.#unfollow = onAbort(
      this.options.signal,
      () => this.close(1000, "", this.#config.closeTimeout),
    );
  }

  #start(given: Socket): void {
    const { clock, closeTimeout, highWaterMark } = this.#config;
    const socket = guardSocket(given, clock);
    this.#move("connected");
    const { meter } = this.options;
    const activity = socket.activity ?? new ObservedActivity(socket, clock);
    const outgoing = new Outgoing({ socket, clock, highWaterMark, meter });
    const liveness = new Liveness(socket, activity, this.#config, this);
    outgoing.watcher = liveness;
    this.receiving.open(socket, activity);
    this.socket = socket;
    this.activity = activity;
    this.outgoing = outgoing;
    this.liveness = liveness;
    const observed = activity instanceof ObservedActivity
      ? activity
      : undefined;
    const reader = new ConnectionReader(this, outgoing, liveness, observed);
    try {
      socket.start(reader, { closeTimeout });
    } catch (error) {
      this.dead(toError(error));
    }
  }

  /** A heartbeat has arrived, `at` epoch milliseconds. */
  heartbeat(latency: number, at: number): void {
    this.heartbeats.add(latency, at);
  }

  /** One side has begun to close, or our side of the stream broke. The end follows. */
  closing(sends: boolean): void {
    if (this.#state === "closed") return;
    if (!sends) return this.#shut();
    // Answers to what the peer had asked can still be sent, pings and fragments cannot.
    this.liveness?.stop();
    this.outgoing?.stopStreams(
      new ConnectionError(
        "connection-closed",
        "Cannot send the message: the peer is closing the connection.",
      ),
    );
  }

  /** The peer is dead: a close frame would not arrive. */
  dead(thrown: Error): void {
    const error = thrown instanceof ConnectionError
      ? thrown
      : new ConnectionError("read-error", describeFailure(thrown), {
        cause: thrown,
      });
    this.#failure ??= error;
    if (this.#state !== "closed") this.#shut();
    this.#endSocket((socket) => socket.terminate(error));
  }

  /** Closes because of a fault on our side or a broken limit, with the code of the error. */
  #fail(error: ConnectionError, reason: string): void {
    if (this.#state === "closed") return;
    this.#failure = error;
    this.#shut();
    const { closeCode } = error;
    const timeout = this.#config.closeTimeout;
    this.#endSocket((socket) => socket.close(closeCode, reason, { timeout }));
  }

  /** More messages have arrived than may wait, on a socket whose reading cannot be paused. */
  overflowed(): void {
    this.#fail(tooManyWaiting(this.#config), "Too many messages wait");
  }

  /** Nothing is sent any more, and pending calls fail. */
  #shut(): void {
    this.#move("closed");
    this.liveness?.stop();
    this.outgoing?.fail(this.#failure ?? this.unavailable("send"));
  }

  /** Ends the socket. A custom socket that throws counts as ended. */
  #endSocket(end: (socket: Socket) => void): void {
    if (this.socket === undefined) return this.ended(NEVER_OPEN);
    try {
      end(this.socket);
    } catch (thrown) {
      const error = toError(thrown);
      this.log?.error("The socket failed to end", { error });
      this.ended({ ...NEVER_OPEN, error });
    }
  }

  /** The socket has ended. */
  ended(socketEnd: SocketEnd): void {
    if (this.#end !== undefined) return;
    // What made us close, even if the peer answered our close frame.
    const failure = this.#failure ?? socketEnd.error;
    const end: SocketEnd = { ...socketEnd, error: failure };
    this.#end = end;
    if (this.#state !== "closed") this.#shut();
    this.#unfollow();
    const error = this.#closedByUser
      ? undefined
      : classifyEnd(end, this.#failure);
    this.#endError = error;
    this.log?.info("Closed", {
      code: end.code,
      reason: end.reason,
      clean: end.clean,
      initiator: end.initiator,
      ...(error === undefined ? undefined : { error }),
    });
    if (end.received !== undefined) {
      const { code, reason } = end.received;
      notify(this.options.onClose, this.callbackFailed, code, reason);
    }
    this.receiving.close(end.dropped);
    if (error !== undefined) this.errors.push(error);
    this.errors.close();
    this.heartbeats.close();
    this.#resolveClosed?.(end);
  }

  /** The one place where the state changes. */
  #move(to: ConnectionState): void {
    if (!MOVES[this.#state].includes(to)) {
      throw new ConnectionError(
        "invalid-state",
        `Cannot go from state "${this.#state}" to "${to}": this is a fault of the library.`,
      );
    }
    this.#state = to;
    if (to === "connected") this.log?.info("Connected");
    else if (to !== "closed") this.log?.debug(`Now ${to}`);
  }
}
