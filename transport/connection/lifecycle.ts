import { notify } from "../base/callbacks.ts";
import { ConnectionError, toError } from "../base/errors.ts";
import { createLog, type Log } from "../base/logging.ts";
import { signalOf, type WaitOptions } from "../base/options.ts";
import { onAbort } from "../base/promise.ts";
import { urlForLog } from "../base/url.ts";
import { CLOSE_NO_STATUS, CLOSE_NORMAL } from "../protocol/wire/close.ts";
import { cutEnd } from "../socket/cut_end.ts";
import { guardSocket } from "../socket/guarded_socket.ts";
import type {
  CloseFrame,
  Socket,
  SocketCloseOptions,
  SocketEnd,
} from "../socket/socket.ts";
import { checkCloseArguments, closeTimeoutOf } from "./arguments.ts";
import { cutUnused } from "./dial_once.ts";
import { dial } from "./dialling.ts";
import {
  cannotSend,
  classifyEnd,
  describeFailure,
  streamAborted,
  tooManyWaiting,
} from "./end.ts";
import { Heartbeats } from "./heartbeats.ts";
import { OpenConnection, type OpenConnectionHost } from "./open_connection.ts";
import type {
  ConnectionOptions,
  ResolvedConnectionOptions,
} from "./options.ts";
import { Outcome } from "./outcome.ts";
import { Receiving, type ReceivingHost } from "./receiving.ts";
import { checkStream, type MessageStream } from "./sending/chunk_source.ts";
import {
  checkSendStreamOptions,
  type SendStreamOptions,
  streamOut,
} from "./sending/send_stream.ts";
import { checkMove, type ConnectionState, unavailable } from "./state.ts";

const OPENED: ConnectionOptions = {};

/** The life of one connection: it dials, opens, and ends exactly once. Owns the parts of the connection. */
export class Lifecycle implements OpenConnectionHost, ReceivingHost {
  readonly #url: string;
  readonly #config: ResolvedConnectionOptions;
  /** Until the opening. What is needed after it is in `#config`, which connections share. */
  #options: ConnectionOptions;
  #state: ConnectionState = "disconnected";
  #dialling: AbortController | undefined;
  #unfollow: (() => void) | undefined;
  #closedByUser = false;
  /** Why we ended the connection ourselves, if we did. */
  #failure: ConnectionError | undefined;

  readonly log: Log | undefined;
  readonly receiving: Receiving;
  readonly heartbeats: Heartbeats;
  readonly outcome = new Outcome();
  /** Present from the opening on, also after the end. */
  opened: OpenConnection | undefined;

  /** Begins disconnected. */
  constructor(
    url: string,
    options: ConnectionOptions,
    config: ResolvedConnectionOptions,
  ) {
    this.#url = url;
    this.#options = options;
    this.#config = config;
    this.log = createLog(options, {
      component: "connection",
      url: urlForLog(url),
      ...options.logAttributes,
    });
    this.receiving = new Receiving(config, options.meter, this);
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

  /** When the last message or heartbeat arrived, in epoch milliseconds. */
  get lastHeardAt(): number {
    return Math.max(this.receiving.lastAt, this.heartbeats.lastAt);
  }

  /** The same in milliseconds of the clock. */
  get lastSignAt(): number {
    return Math.max(this.receiving.lastClockAt, this.heartbeats.lastClockAt);
  }

  /**
   * Dials until there is a socket, and opens with it.
   *
   * @throws {ConnectionError} `invalid-state`, `dial-failed`, `connection-closed`.
   * @throws {ConfigError} `invalid-option`.
   * @throws The signal's reason when it aborts.
   */
  async connect(options: WaitOptions): Promise<void> {
    if (this.state !== "disconnected") {
      throw new ConnectionError(
        "invalid-state",
        `Cannot connect: the connection is ${this.#state}. Only a disconnected connection can connect.`,
      );
    }
    const signal = signalOf(options);
    signal?.throwIfAborted();
    const { clock, handshakeTimeout } = this.#config;
    // Before the move, which is logged: a logger may close the connection.
    const dialling = this.#dialling = new AbortController();
    this.#move("connecting");
    const removeListener = onAbort(
      signal,
      () => dialling.abort(signal?.reason),
    );
    // Not in the constructor: a connection that is never connected must leave no listener behind.
    this.#follow(this.#options.signal);
    try {
      const socket = await dial(this.#url, this.#options, {
        clock,
        handshakeTimeout,
        log: this.log,
        signal: dialling.signal,
      });
      if (dialling.signal.aborted) {
        cutUnused(socket);
        throw dialling.signal.reason;
      }
      this.#start(socket);
    } catch (error) {
      if (this.#state === "connecting") {
        this.#unfollow?.();
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
    const { signal } = this.#options;
    this.#start(socket);
    // If the socket had ended already, the connection is closed now.
    if (this.#state !== "closed") this.#follow(signal);
  }

  /** See `Connection.sendStream`. */
  async sendStream(
    stream: MessageStream,
    options: SendStreamOptions,
  ): Promise<void> {
    checkStream(stream);
    const checked = checkSendStreamOptions(options);
    if (this.opened === undefined) throw unavailable("send", this.#state);
    const { socket, outgoing } = this.opened;
    const onBroken = (cause: unknown) => {
      const error = streamAborted(cause);
      this.#fail(error, error.message);
    };
    await streamOut(socket, outgoing, stream, { ...checked, onBroken });
  }

  /** See `Connection.ping`. */
  ping(options: WaitOptions): Promise<number> {
    const signal = signalOf(options);
    if (this.opened === undefined || this.#state !== "connected") {
      throw unavailable("ping", this.#state);
    }
    const { socket, liveness } = this.opened;
    if (socket.controlFrames) return liveness.ping(signal);
    throw new ConnectionError(
      "ping-unsupported",
      "Cannot ping: this kind of socket has no control frames. Use a raw socket.",
    );
  }

  /** See `Connection.close`. A second call can still shorten the closing handshake. */
  close(code: number, reason: string, options: SocketCloseOptions = {}): void {
    checkCloseArguments(code, reason);
    const timeout = closeTimeoutOf(options, this.#config.closeTimeout);
    const sent = code === CLOSE_NO_STATUS ? undefined : code;
    this.#endForUser((socket) => socket.close(sent, reason, { timeout }));
  }

  /** See `Connection.terminate`. */
  terminate(): void {
    this.#endForUser((socket) => socket.terminate());
  }

  #endForUser(end: (socket: Socket) => void): void {
    if (this.#state !== "closed") {
      this.#closedByUser = true;
      this.#shut();
      this.#dialling?.abort(unavailable("connect", this.#state));
    }
    this.#endSocket(end);
  }

  /** Closes when the signal of the options aborts. */
  #follow(signal: AbortSignal | undefined): void {
    this.#unfollow = onAbort(signal, () => this.close(CLOSE_NORMAL, ""));
  }

  #start(given: Socket): void {
    const { clock, closeTimeout } = this.#config;
    const socket = guardSocket(given, clock);
    this.#move("connected");
    const { meter } = this.#options;
    this.#options = OPENED;
    const opened = new OpenConnection(socket, this.#config, meter, this);
    this.receiving.open(socket, opened.activity);
    this.opened = opened;
    try {
      socket.start(opened, { closeTimeout });
    } catch (error) {
      this.dead(toError(error));
    }
    // A logger may close the connection, which has a socket only now.
    if (this.#state === "connected") this.log?.info("Connected");
  }

  /** Nothing can be sent any more. The end follows. */
  closing(received: CloseFrame | undefined): void {
    if (this.#state !== "closed") this.#shut(received && cannotSend(received));
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
  #shut(error?: ConnectionError): void {
    this.#move("closed");
    this.opened?.stop(
      this.#failure ?? error ?? unavailable("send", this.#state),
    );
  }

  /** Ends the socket. A custom socket that throws counts as ended. */
  #endSocket(end: (socket: Socket) => void): void {
    if (this.opened === undefined) return this.ended(cutEnd());
    try {
      end(this.opened.socket);
    } catch (thrown) {
      const error = toError(thrown);
      this.log?.error("The socket failed to end", { error });
      this.ended(cutEnd(error));
    }
  }

  /** The socket has ended. */
  ended(socketEnd: SocketEnd): void {
    if (this.outcome.known) return;
    // Our reason to close counts, even if the peer answered our close frame.
    const failure = this.#failure ?? socketEnd.error;
    const end: SocketEnd = { ...socketEnd, error: failure };
    const error = this.#closedByUser
      ? undefined
      : classifyEnd(end, this.#failure);
    this.outcome.settle(end, error);
    if (this.#state !== "closed") {
      this.#shut(error && cannotSend(end.received, error));
    } else if (error !== undefined && end.received === undefined) {
      this.opened?.outgoing.explain(cannotSend(undefined, error));
    }
    this.#unfollow?.();
    this.log?.info("Closed", {
      code: end.code,
      reason: end.reason,
      clean: end.clean,
      initiator: end.initiator,
      ...(error === undefined ? undefined : { error }),
    });
    if (end.received !== undefined) {
      const { code, reason } = end.received;
      notify(this.#config.onClose, this.callbackFailed, code, reason);
    }
    this.receiving.close(end.dropped);
    this.heartbeats.close();
    this.outcome.report();
  }

  /** The one place where the state changes. */
  #move(to: ConnectionState): void {
    checkMove(this.#state, to);
    this.#state = to;
    if (to === "connecting" || to === "disconnected") {
      this.log?.debug(`Now ${to}`);
    }
  }
}
