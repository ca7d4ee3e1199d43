import { PoolError, toError } from "../transport/base/errors.ts";
import { type Clock, systemClock } from "../transport/base/clock.ts";
import type { Message } from "../transport/base/message.ts";
import { DONE, onAbort, rejected } from "../transport/base/promise.ts";
import { sleep } from "../transport/base/schedule.ts";
import { Connection } from "../transport/connection/connection.ts";
import type { SendOptions } from "../transport/connection/sending/outgoing.ts";
import type { ConnectionStats } from "../transport/connection/stats.ts";
import { lossOf } from "../transport/pool/close_frames.ts";
import { CLOSE_NORMAL } from "../transport/protocol/wire/close.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import type { PeerState } from "./peer_state.ts";
import type { OutboundPlugin, OutboundWorker } from "./plugin.ts";
import { nextDelay } from "./reconnect.ts";
import { runDialer } from "./run_dialer.ts";
import {
  type EndRequest,
  REPLACE_TIMEOUT,
  Session,
  type SessionEnd,
} from "./session.ts";

/** How an attempt at a connection, or a connection, ended. */
interface Loss {
  /** How the connection ended; `undefined` if there was none. */
  readonly end: SocketEnd | undefined;
  readonly error: Error | undefined;
  /** How long the connection held, in milliseconds. */
  readonly heldFor: number;
}

/** The next dial after `reconnect`. */
const NOW = { delay: 0, attempt: 1 };

/** The default worker: dials, runs a session on each connection, and dials again when the connection has ended. */
export class DefaultOutboundWorker implements OutboundWorker {
  /** Ends the present dial or delay. There is none during a session: of idle peers each signal takes 700 bytes. */
  #present: AbortController | undefined;
  #current: Session | undefined;
  /**
   * Whether the present dial, delay or session has to end: after `reconnect` another one follows, after `stop` none.
   */
  #request: EndRequest | undefined;
  #stopped = false;
  #session = 0;
  /** The latest connection. */
  #connection: Connection | undefined;
  /** The same, from the moment on at which messages may be sent on it. */
  #open: Connection | undefined;
  #state: PeerState = { state: "connecting", attempt: 1, error: undefined };
  /** The number of the latest dial since the peer was stable. */
  #attempt = 0;
  /** Connections in a row that did not hold, and dials after which the retry policy gave up. */
  #failures = 0;
  #lastSentAt = 0;
  /** When the next dial follows if the peer is waiting, in milliseconds of the clock: the time of day may be set. */
  #dialAt = 0;
  /** When the latest connection was opened, in milliseconds of the clock. */
  #openedAt = 0;
  #clock: Clock = systemClock;

  /** Works until it is stopped. */
  async start(plugin: OutboundPlugin): Promise<void> {
    this.#clock = plugin.clock;
    while (!this.#stopped) {
      this.#request = undefined;
      const dialled = await this.#dial(plugin);
      const loss = dialled instanceof Connection
        ? this.#lost(await this.#serve(plugin, dialled))
        : dialled;
      if (this.#request === undefined) await this.#pause(plugin, loss);
      // After `stop`, the pool ignores this notice.
      else this.#notifyLoss(plugin, loss, NOW);
    }
  }

  /** Ends the work. */
  stop(code: number, reason: string): void {
    this.#stopped = true;
    this.#end({ code, reason });
  }

  /** Drops the present connection, dial or delay, and dials at once. */
  reconnect(): void {
    this.#attempt = this.#failures = 0;
    const { state, error } = this.#state;
    if (state !== "connected") {
      this.#state = { state: "connecting", attempt: 1, error };
    }
    this.#end({ code: CLOSE_NORMAL, reason: "", timeout: REPLACE_TIMEOUT });
  }

  /** Whether messages can be sent now. */
  get connected(): boolean {
    return this.#open?.state === "connected";
  }

  /** Returns what the peer is doing. */
  state(): PeerState {
    const current = this.#state;
    const now = this.#clock.date();
    if (current.state === "waiting") {
      const left = Math.max(0, this.#dialAt - this.#clock.now());
      return { ...current, until: now + left };
    }
    if (current.state !== "connected" || this.connected) return current;
    // The closing handshake is under way.
    const { error } = current;
    return { state: "waiting", until: now, attempt: this.#attempt + 1, error };
  }

  /** Sends a message on the present connection. */
  send(data: Message, options?: SendOptions): Promise<void> {
    const connection = this.#open;
    if (connection?.state !== "connected") return rejected(unavailable());
    const sent = connection.send(data, options);
    if (sent === DONE) this.#sent(connection);
    else sent.then(() => this.#sent(connection), () => {});
    return sent;
  }

  /**
   * Sends a message on the present connection unless its buffer is full.
   *
   * @throws {PoolError} `connection-unavailable` if there is no connection.
   */
  trySend(data: Message): boolean {
    const connection = this.#open;
    if (connection?.state !== "connected") throw unavailable();
    const sent = connection.trySend(data);
    if (sent) this.#sent(connection);
    return sent;
  }

  /** Returns the figures of the present connection, or of the latest one. */
  stats(): ConnectionStats | undefined {
    return this.#connection?.stats();
  }

  #end(request: EndRequest): void {
    if (this.#request !== undefined) return;
    this.#request = request;
    this.#present?.abort(request);
    this.#current?.end(request);
  }

  /** Makes one connection. */
  async #dial(plugin: OutboundPlugin): Promise<Connection | Loss> {
    const { signal } = this.#present = new AbortController();
    try {
      return await runDialer({
        ...plugin,
        signal,
        onAttempt: () => this.#dialling(),
        onFailure: ({ error, delay }) => {
          plugin.counter.failedDial();
          plugin.onError(error);
          this.#waiting(delay, error);
        },
      });
    } catch (thrown) {
      const error = toError(thrown);
      if (!signal.aborted) {
        plugin.counter.failedDial();
        plugin.onError(error);
      }
      return { end: undefined, error, heldFor: 0 };
    } finally {
      this.#present = undefined;
    }
  }

  /** Runs the session of a connection. Not an asynchronous function: see {@link Session}. */
  #serve(plugin: OutboundPlugin, connection: Connection): Promise<SessionEnd> {
    const { clock, connectionOptions, delivery, prepare, workerOptions } =
      plugin;
    this.#openedAt = clock.now();
    const session = this.#session = plugin.nextSession();
    this.#connection = connection;
    const options = {
      clock,
      connection,
      connectionOptions,
      delivery,
      // The request may have come in the moment in which the connection was opened.
      prepare: this.#request === undefined ? prepare : () => undefined,
      session,
      workerOptions,
      lastSentAt: connection.controlFrames ? undefined : this.#whenSent(),
      onOpen: () => {
        this.#open = connection;
        const { error } = this.#state;
        this.#state = { state: "connected", session, error };
        plugin.notify({ kind: "connected" }, session);
      },
    };
    const current = this.#current = new Session(options);
    if (this.#request !== undefined) current.end(this.#request);
    return current.run(options);
  }

  /** A connection has ended. */
  #lost({ end, error }: SessionEnd): Loss {
    this.#current = undefined;
    const heldFor = this.#clock.now() - this.#openedAt;
    return { end, error, heldFor };
  }

  /** Returns a function that returns when a message was last sent. */
  #whenSent(): () => number {
    return () => this.#lastSentAt;
  }

  /** Waits for the time of the next dial, or for `reconnect` if none follows. */
  async #pause(
    plugin: OutboundPlugin,
    loss: Loss,
  ): Promise<void> {
    const { signal } = this.#present = new AbortController();
    const { end, error, heldFor } = loss;
    const close = end === undefined ? undefined : lossOf(end, error);
    const { clock, workerOptions, id, url } = plugin;
    const stable = end !== undefined && heldFor >= workerOptions.stableAfter;
    if (stable) this.#attempt = 0;
    const failures = this.#failures = stable ? 1 : this.#failures + 1;
    const decision = plugin.judge({
      id,
      url,
      cause: end === undefined ? "refused" : "lost",
      closeCode: close?.closeCode,
      reason: close?.reason,
      error,
      failures,
    });
    // `shouldReconnect` may have called `reconnect`, and so may `onEvent` when it gets the loss.
    if (this.#request !== undefined) return this.#notifyLoss(plugin, loss, NOW);
    if (decision === "stop") {
      this.#notifyLoss(plugin, loss);
      if (this.#request !== undefined) return;
      this.#state = { state: "stopped", error };
      plugin.notify(
        { kind: "stopped", ...(error && { error }) },
        this.#session,
      );
      return await aborted(signal);
    }
    const delay = nextDelay({
      decision,
      failures,
      error,
      heldFor,
      workerOptions,
      clock,
    });
    const attempt = this.#attempt + 1;
    this.#notifyLoss(plugin, loss, { delay, attempt });
    if (this.#request !== undefined) return;
    plugin.log?.debug("Waiting before the next dial", { delay, attempt });
    this.#waiting(delay, error);
    await sleep(clock, delay, signal).catch(() => {});
  }

  #notifyLoss(
    plugin: OutboundPlugin,
    { end, error }: Loss,
    next?: { readonly delay: number; readonly attempt: number },
  ): void {
    if (end === undefined) return;
    plugin.notify({
      kind: "disconnected",
      ...lossOf(end, error),
      ...(error && { error }),
      ...next,
    }, this.#session);
  }

  #dialling(): void {
    const attempt = ++this.#attempt;
    const { error } = this.#state;
    this.#state = { state: "connecting", attempt, error };
  }

  #waiting(delay: number, error = this.#state.error): void {
    this.#dialAt = this.#clock.now() + delay;
    this.#state = {
      state: "waiting",
      until: this.#clock.date() + delay,
      attempt: this.#attempt + 1,
      error,
    };
  }

  #sent(connection: Connection): void {
    // If the socket cannot ping, a message that was buffered counts as a sign of life.
    if (!connection.controlFrames) this.#lastSentAt = this.#clock.now();
  }
}

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => void onAbort(signal, resolve));
}

function unavailable(): PoolError {
  return new PoolError(
    "connection-unavailable",
    "Cannot send: the peer has no connection at present. Call whenConnected() to wait for one.",
  );
}
