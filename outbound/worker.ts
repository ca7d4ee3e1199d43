import type { Clock } from "../transport/base/clock.ts";
import { Connection } from "../transport/connection/connection.ts";
import {
  ConnectionError,
  PoolError,
  toError,
} from "../transport/base/errors.ts";
import type { Message } from "../transport/base/message.ts";
import type { SendOptions } from "../transport/connection/outgoing.ts";
import { DONE, rejected } from "../transport/base/promise.ts";
import { sleep } from "../transport/base/schedule.ts";
import type { Counter, WorkerStats } from "../transport/pool/worker.ts";
import { OUTBOUND_WORKER_RULES } from "../transport/base/rules.ts";
import type { OutboundPlugin, OutboundWorker } from "./plugin.ts";
import { reconnectDelay, type ReconnectInfo } from "./reconnect.ts";
import { session, type StopRequest } from "./session.ts";

/**
 * The shipped worker: dials, runs a session on each connection, and dials again
 * when it is lost.
 */
export class DefaultOutboundWorker implements OutboundWorker {
  readonly #stop = new AbortController();
  /** The last connection. */
  #connection: Connection | undefined;
  /** The same, while it is open. */
  #open: Connection | undefined;
  #session = 0;
  /** When a message was last sent where that is the best sign of life, in milliseconds of the clock. */
  #lastSentAt = 0;
  #now: () => number = () => 0;
  #counter: Counter = { sent: 0, received: 0, dropped: 0 };

  /** Works until it is stopped, or the verdict is to stop. */
  async start(plugin: OutboundPlugin): Promise<void> {
    const { clock, counter, workerOptions } = plugin;
    this.#counter = counter;
    this.#now = () => clock.now();
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      const loss = await this.#connectOnce(plugin);
      if (signal.aborted) return;
      failures = loss.stable ? 1 : failures + 1;
      const verdict = plugin.judge({ ...loss, url: plugin.id, failures });
      if (verdict === "stop") return this.#giveUp(plugin, loss.error);
      const delay = typeof verdict === "number"
        ? spread(verdict, clock)
        : reconnectDelay(
          workerOptions.reconnectDelay,
          workerOptions.maxReconnectDelay,
          failures,
          () => clock.random(),
        );
      plugin.log?.debug("Waiting before the next dial", { delay, failures });
      await sleep(clock, delay, signal).catch(() => {});
    }
  }

  /** Ends the work. */
  stop(code: number, reason: string): void {
    const request: StopRequest = { code, reason };
    this.#stop.abort(request);
  }

  /** Sends a message on the present connection. */
  send(data: Message, options?: SendOptions): Promise<void> {
    if (this.#open === undefined) return rejected(unavailable());
    const sent = this.#open.send(data, options);
    if (sent === DONE) this.#sent();
    else sent.then(() => this.#sent(), () => {});
    return sent;
  }

  /** Sends a message on the present connection if there is room. */
  trySend(data: Message): boolean {
    if (this.#open === undefined) throw unavailable();
    const sent = this.#open.trySend(data);
    if (sent) this.#sent();
    return sent;
  }

  /** The present figures. */
  stats(): WorkerStats {
    return {
      queueDepth: 0,
      processed: this.#counter.received,
      dropped: this.#counter.dropped,
      sent: this.#counter.sent,
      connection: this.#connection?.stats(),
    };
  }

  /** Makes one connection and runs its session: gives what ended it. */
  async #connectOnce(plugin: OutboundPlugin): Promise<Loss> {
    const { signal } = this.#stop;
    const connection = new Connection(plugin.id, {
      ...plugin.connectionOptions,
      onRetry: (info) => plugin.onError(toError(info.error)),
    });
    try {
      await connection.connect({ signal });
    } catch (thrown) {
      const error = toError(toError(thrown).cause ?? thrown);
      if (!signal.aborted) plugin.onError(error);
      return {
        cause: "refused",
        error,
        closeCode: undefined,
        reason: undefined,
        stable: false,
      };
    }
    return await this.#serve(plugin, connection);
  }

  async #serve(plugin: OutboundPlugin, connection: Connection): Promise<Loss> {
    const { clock, workerOptions } = plugin;
    const openedAt = clock.now();
    const number = this.#session = plugin.nextSession();
    this.#connection = this.#open = connection;
    plugin.notify({ kind: "connected" }, number);

    void connection.closed.then(() => this.#open = undefined);
    const { end, error, silent } = await session({
      connection,
      delivery: plugin.delivery,
      session: number,
      lastSentAt: () => this.#lastSentAt,
      keepaliveTimeout: workerOptions.keepaliveTimeout ??
        (connection.controlFrames ? KEEPALIVE : 0),
      clock,
      signal: this.#stop.signal,
    });
    const cause = silent ? silenceError() : error;
    const details = { closeCode: end.code, reason: end.reason };
    plugin.notify({
      kind: "disconnected",
      ...details,
      ...(cause && { error: cause }),
    }, number);
    return {
      cause: "lost",
      ...details,
      error: cause,
      stable: clock.now() - openedAt >= workerOptions.stableAfter,
    };
  }

  #giveUp(plugin: OutboundPlugin, error: Error | undefined): void {
    plugin.notify({ kind: "stopped", ...(error && { error }) }, this.#session);
  }

  #sent(): void {
    this.#counter.sent++;
    const connection = this.#open;
    // Where nothing better is to be had, a send that was buffered is a sign of life.
    if (connection !== undefined && !connection.controlFrames) {
      this.#lastSentAt = this.#now();
    }
  }
}

/** How an attempt at a connection, or a connection, ended. */
type Loss = Omit<ReconnectInfo, "url" | "failures"> & {
  /** The connection had held for `stableAfter`. */
  readonly stable: boolean;
};

const KEEPALIVE = OUTBOUND_WORKER_RULES.keepaliveTimeout.default;

function spread(delay: number, clock: Clock): number {
  return delay * (1 + clock.random());
}

function unavailable(): PoolError {
  return new PoolError(
    "connection-unavailable",
    "Cannot send as the peer must be connected: it has no connection at present",
  );
}

function silenceError(): ConnectionError {
  return new ConnectionError(
    "read-error",
    "No heartbeat within keepaliveTimeout",
  );
}
