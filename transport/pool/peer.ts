import { notify } from "../base/callbacks.ts";
import { PoolError, reasonOf, toError } from "../base/errors.ts";
import type { Message } from "../base/message.ts";
import { DONE, handled, rejected } from "../base/promise.ts";
import type { SendOptions } from "../connection/sending/outgoing.ts";
import type { ConnectionStats } from "../connection/stats.ts";
import type { Delivery } from "./delivery.ts";
import type { PoolEvent } from "./events.ts";
import type { TrafficCounter } from "./statistics.ts";
import type { Worker } from "./worker.ts";

/** The pool of a {@link Peer}. */
export interface PeerHome<Plugin, E extends PoolEvent> {
  /** Returns the name of a peer in logs and messages. */
  readonly nameOf: (id: string) => string;
  /** Reports an error about a peer. */
  report(id: string, error: Error): void;
  /** The worker has ended. */
  finish(peer: Peer<Plugin, E>, error: Error | undefined): void;
}

/** What makes the plugin of a {@link Peer}, and learns how its worker ended. */
export interface PeerOwner<Plugin, E extends PoolEvent> {
  /** Makes what the worker gets. */
  makePlugin(peer: Peer<Plugin, E>): Plugin;
  /**
   * Called once, when the worker has ended without being stopped and the peer is still registered, with what it threw.
   */
  ended(peer: Peer<Plugin, E>, error: Error | undefined): void;
  /** Called once when the worker has ended or was abandoned: closes what the worker has not closed. */
  release?(peer: Peer<Plugin, E>, error: Error | undefined): void;
}

/** What a {@link Peer} needs. */
export interface PeerOptions<Plugin, E extends PoolEvent> {
  readonly id: string;
  readonly home: PeerHome<Plugin, E>;
  readonly owner: PeerOwner<Plugin, E>;
  readonly worker: Worker<Plugin>;
  readonly delivery: Delivery<E>;
  /** How long the closing handshake may take, in milliseconds; 0 is no limit. */
  readonly closeTimeout: number;
}

/** A peer of a pool. All calls of its worker are made here. */
export class Peer<Plugin, E extends PoolEvent> {
  readonly id: string;
  readonly counter: TrafficCounter;
  readonly delivery: Delivery<E>;
  /** How long the closing handshake may take, in milliseconds; 0 is no limit. */
  readonly closeTimeout: number;
  /** It is no longer registered: calls of its worker have no effect. */
  retired = false;
  /** Its worker has ended or was abandoned. */
  finished = false;
  readonly #home: PeerHome<Plugin, E>;
  readonly #owner: PeerOwner<Plugin, E>;
  readonly #worker: Worker<Plugin>;
  #done: Promise<void> | undefined;
  #statsReported = false;

  /** Does nothing yet: see {@link Peer.start}. */
  constructor(options: PeerOptions<Plugin, E>) {
    this.id = options.id;
    this.counter = options.delivery.counter;
    this.delivery = options.delivery;
    this.closeTimeout = options.closeTimeout;
    this.#home = options.home;
    this.#owner = options.owner;
    this.#worker = options.worker;
  }

  /** Resolves when the worker has ended. */
  get done(): Promise<void> {
    // A worker may remove its peer in `start()`, which has not returned a promise yet.
    return this.#done ?? DONE.then(() => this.#done);
  }

  /** Starts the worker, unless a callback has removed the peer before. */
  start(): void {
    if (this.retired) return this.#home.finish(this, undefined);
    // Not an asynchronous function: idle peers are many, and each of these takes 500 to 700 bytes.
    const failed = (thrown: unknown) => this.#ended(toError(thrown));
    try {
      const plugin = this.#owner.makePlugin(this);
      this.#done = Promise.resolve(this.#worker.start(plugin))
        .then(() => this.#ended(undefined), failed);
    } catch (thrown) {
      this.#done = Promise.reject(thrown).catch(failed);
    }
  }

  /** Stops the worker. */
  stop(code: number, reason: string): void {
    notify(
      () => this.#worker.stop(code, reason),
      (error) => this.#report("stop", error),
    );
  }

  /** The worker has ended or is abandoned: what it still delivers is dropped. */
  finish(error: Error | undefined): void {
    if (this.finished) return;
    this.finished = true;
    this.delivery.end();
    this.#owner.release?.(this, error);
  }

  /** Sends a message. */
  send(data: Message, options?: SendOptions): Promise<void> {
    let sent: unknown;
    try {
      sent = this.#worker.send(data, options);
    } catch (error) {
      this.counter.failedSend();
      return rejected(error);
    }
    if (sent === DONE) return DONE;
    return this.#watchSend(sent);
  }

  /** Sends a message if there is space in the buffer. */
  trySend(data: Message): boolean {
    const worker = this.#worker;
    if (worker.trySend === undefined) return false;
    let sent: unknown;
    try {
      sent = worker.trySend(data);
    } catch (error) {
      this.counter.failedSend();
      throw error;
    }
    return sent === true || sent !== false && this.#wrongTrySend(sent);
  }

  /** Figures of the connection. */
  stats(): ConnectionStats | undefined {
    try {
      const stats: unknown = this.#worker.stats?.();
      if (stats === undefined) return undefined;
      if (isStats(stats)) return stats;
      // An asynchronous method may reject.
      notify(() => stats, () => {});
      this.#wrongStats(wrong(stats, "figures of a connection, or undefined"));
    } catch (error) {
      this.#wrongStats(toError(error));
    }
    return undefined;
  }

  /** Returns the error for a worker that failed. */
  workerFailed(cause: unknown): PoolError {
    return workerFailed(this.#home.nameOf(this.id), cause);
  }

  #ended(error: Error | undefined): void {
    this.#home.finish(this, error);
    if (!this.retired) this.#owner.ended(this, error);
  }

  /** A separate method: a closure in `send` would allocate a context on every call. */
  #watchSend(sent: unknown): Promise<void> {
    if (!(sent instanceof Promise)) {
      if (sent === undefined) return DONE;
      const error = wrong(sent, "a promise");
      this.#report("send", error);
      return Promise.resolve(sent).then(() => {});
    }
    handled(sent).catch(() => this.counter.failedSend());
    return sent;
  }

  #wrongTrySend(sent: unknown): false {
    this.#report("trySend", wrong(sent, "true or false"));
    // An asynchronous method may reject: reported already.
    notify(() => sent, () => {});
    return false;
  }

  /** Reported once, since statistics may be read often. */
  #wrongStats(error: Error): void {
    if (this.#statsReported) return;
    this.#statsReported = true;
    this.#report("stats", error);
  }

  #report(method: string, cause: Error): void {
    const name = this.#home.nameOf(this.id);
    this.#home.report(this.id, workerFailed(name, cause, ` in ${method}`));
  }
}

/** Returns the error for a worker, or its factory, that failed. */
export function workerFailed(
  name: string,
  cause: unknown,
  where = "",
): PoolError {
  return new PoolError(
    "worker-failed",
    `Cannot use the worker of ${name}: it failed${where}: ${reasonOf(cause)}`,
    { cause },
  );
}

/**
 * Makes a worker.
 *
 * @throws {PoolError} `worker-failed` if the factory throws, or returns something that is not a worker.
 */
export function makeWorker<Plugin>(
  factory: (id: string) => Worker<Plugin>,
  id: string,
  name: string,
): Worker<Plugin> {
  let worker: unknown;
  try {
    worker = factory(id);
    if (isWorker<Plugin>(worker)) return worker;
  } catch (error) {
    throw workerFailed(name, error);
  }
  // An asynchronous factory may reject.
  notify(() => worker, () => {});
  throw workerFailed(
    name,
    wrong(worker, "a worker with start(), stop() and send()", "workerFactory"),
  );
}

function isWorker<Plugin>(value: unknown): value is Worker<Plugin> {
  return typeof value === "object" && value !== null &&
    ["start", "stop", "send"].every((name) =>
      typeof Reflect.get(value, name) === "function"
    );
}

function isStats(value: unknown): value is ConnectionStats {
  return typeof value === "object" && value !== null && "sentMessages" in value;
}

function wrong(value: unknown, rule: string, what = "The result"): TypeError {
  return new TypeError(
    `${what} must be ${rule}, and is ${
      value instanceof Promise ? "a promise" : String(value)
    }.`,
  );
}
