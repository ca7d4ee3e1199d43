import { flushAll } from "../net/flush.ts";
import { ConnectionError, PoolError, toError } from "../base/errors.ts";
import { Backlogs } from "./backlogs.ts";
import { Delivery } from "./delivery.ts";
import { EventQueue, type PoolEvent } from "./events.ts";
import { createLog, type Log } from "../base/logging.ts";
import type { Message } from "../base/message.ts";
import type { SendOptions } from "../connection/outgoing.ts";
import type { PoolOptions, ResolvedPoolOptions } from "./options.ts";
import { DONE, handled, onAbort, rejected } from "../base/promise.ts";
import { Queue } from "../base/queue.ts";
import { sleep } from "../base/schedule.ts";
import { Sessions } from "./sessions.ts";
import type { Counter, InboxMessage, Worker, WorkerStats } from "./worker.ts";

/** Milliseconds beyond `closeTimeout` after which a worker that does not end is given up. */
const GRACE = 1_000;

/** An error that did not end anything by itself, such as a failed dial. */
export interface PoolErrorRecord {
  /** The peer. */
  readonly id: string;
  /** What went wrong. */
  readonly error: Error;
  /** When, in epoch milliseconds. */
  readonly at: number;
}

/** Figures of a pool. The counters only grow. */
export interface PoolStats {
  /** Peers that it knows. */
  readonly peerCount: number;
  /** Messages that went into the inbox, of all peers there ever were. */
  readonly totalReceived: number;
  /** Messages that were sent, to all peers there ever were. */
  readonly totalSent: number;
  /** Sends that failed. */
  readonly failedSends: number;
  /** Messages that wait in the inbox. */
  readonly inboxDepth: number;
  /** Events that wait. */
  readonly eventsDepth: number;
  /** Errors that wait. */
  readonly errorsDepth: number;
  /** Errors that gave way to newer ones. */
  readonly droppedErrors: number;
  /** Events that gave way to newer ones. */
  readonly missedEvents: number;
  /** One entry for each peer that it knows. */
  readonly peers: Readonly<Record<string, WorkerStats>>;
}

/** A peer as its pool knows it. */
export interface Peer<Plugin, E extends PoolEvent> {
  readonly id: string;
  readonly worker: Worker<Plugin>;
  readonly counter: Counter;
  readonly delivery: Delivery<E>;
  /** How long the closing handshake of its connection may take, in milliseconds; 0 is no limit. */
  closeTimeout: number;
  /** Resolves when the worker has ended, or was given up. */
  done: Promise<void>;
  /** It was removed, has left, or was given up: what its worker does changes nothing any more. */
  retired: boolean;
  /** Its worker has ended, or was given up. */
  finished: boolean;
  /** Lets go of what the worker was given; it may have left it open. */
  readonly release: (error: Error | undefined) => void;
}

/** What is the same in both pools: registry, inbox, events, errors and lifetime. */
export class PoolCore<Plugin, E extends PoolEvent> {
  readonly id: string;
  readonly options: ResolvedPoolOptions;
  readonly log: Log | undefined;
  readonly inbox: Queue<InboxMessage>;
  readonly events: EventQueue<E>;
  readonly errors: Queue<PoolErrorRecord>;
  readonly sessions: Sessions = new Sessions();
  readonly peers: Map<string, Peer<Plugin, E>> = new Map();
  /** What a peer is called in logs and messages: its URL without the query, which may hold secrets. */
  readonly nameOf: (id: string) => string;

  readonly #backlogs: Backlogs<E>;
  /** Peers that are registered no more and whose workers have not ended. */
  readonly #leaving = new Set<Peer<Plugin, E>>();
  /** The latest of these under each id. */
  readonly #lastLeaving = new Map<string, Peer<Plugin, E>>();
  /** The peer that was looked up last, while it is known. */
  #lastPeer: Peer<Plugin, E> | undefined;
  readonly #closed = Promise.withResolvers<void>();
  #removeListener = () => {};
  #closing = false;
  /** What peers that are gone had sent and received. */
  readonly #past: Counter = { sent: 0, received: 0, dropped: 0 };
  #failedSends = 0;
  #droppedErrors = 0;

  constructor(
    component: string,
    id: string,
    options: PoolOptions,
    resolved: ResolvedPoolOptions,
    nameOf: (id: string) => string = (id) => id,
  ) {
    this.nameOf = nameOf;
    this.options = resolved;
    this.id = id;
    this.log = createLog(options, {
      component: `${component}_pool`,
      pool_id: id,
    });
    const { inboxBufferSize, inboxBufferBytes } = resolved;
    this.inbox = new Queue({
      capacity: inboxBufferSize,
      maxWeight: inboxBufferBytes,
      weigh: (message) => message.data.length,
      onIdle: flushAll,
    });
    this.events = new EventQueue(
      resolved.eventsBufferSize,
      (peer) => this.peers.has(peer),
    );
    this.errors = new Queue({ capacity: resolved.errorsBufferSize });
    this.#backlogs = new Backlogs({
      inbox: this.inbox,
      limits: {
        maxItems: resolved.incomingBufferSize,
        maxBytes: resolved.incomingBufferBytes,
        maxQueueSize: resolved.maxQueueSize,
        // All peers that are gone together: as much again as the inbox, at least what one peer may have.
        maxDepartedItems: Math.max(
          inboxBufferSize,
          resolved.incomingBufferSize,
        ),
        maxDepartedBytes: Math.max(
          inboxBufferBytes,
          resolved.incomingBufferBytes,
        ),
      },
      emit: (event) => this.events.push(event),
      report: (peer, error) => this.report(peer, error),
    });
  }

  /** Closes when the signal aborts, by the pool's own `close`. Called once the pool is whole. */
  follow(signal: AbortSignal | undefined, close: () => void): void {
    this.#removeListener = onAbort(signal, close);
    if (this.#closing) this.#removeListener();
  }

  /** The pool in messages to people. */
  get label(): string {
    return `pool ${JSON.stringify(this.id)}`;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** @throws {PoolError} `pool-closed`. */
  checkOpen(action: string): void {
    if (this.#closing) throw this.#poolClosed(action);
  }

  #poolClosed(action: string): PoolError {
    return new PoolError(
      "pool-closed",
      `Cannot ${action} as the pool must be open: ${this.label} is closed`,
    );
  }

  /** @throws {PoolError} `peer-not-found`, `pool-closed`. */
  peer(action: string, id: string): Peer<Plugin, E> {
    // Messages of one peer come in a row, and so do their answers.
    if (this.#lastPeer?.id === id) return this.#lastPeer;
    const peer = this.peers.get(id);
    if (peer !== undefined) return this.#lastPeer = peer;
    throw this.notFound(action, id);
  }

  /** An error for an id that the pool does not know, or does not know any more since it is closed. */
  notFound(action: string, id: string): PoolError {
    return this.#closing ? this.#poolClosed(action) : new PoolError(
      "peer-not-found",
      `Cannot ${action} as the peer must be known: ${this.label} has no peer ${
        JSON.stringify(this.nameOf(id))
      }`,
    );
  }

  /**
   * Takes a peer in and starts its worker.
   *
   * @param ended Called once when the worker has ended by itself, with what it threw.
   * @param release Called when the worker has ended in whatever way, or was given up.
   */
  admit(
    id: string,
    worker: Worker<Plugin>,
    makePlugin: (peer: Peer<Plugin, E>) => Plugin,
    ended: (peer: Peer<Plugin, E>, error: Error | undefined) => void,
    release: (error: Error | undefined) => void = () => {},
  ): Peer<Plugin, E> {
    const counter: Counter = { sent: 0, received: 0, dropped: 0 };
    const peer: Peer<Plugin, E> = {
      id,
      worker,
      counter,
      delivery: new Delivery(
        id,
        counter,
        this.#backlogs,
        this.#lastLeaving.get(id)?.delivery,
      ),
      closeTimeout: this.options.closeTimeout,
      done: DONE,
      retired: false,
      finished: false,
      release,
    };
    this.peers.set(id, peer);
    const finish = (error: Error | undefined) => {
      this.#finish(peer);
      this.#past.sent += peer.counter.sent;
      this.#past.received += peer.counter.received;
      peer.counter.sent = peer.counter.received = 0;
      peer.release(error);
      if (!peer.retired) ended(peer, error);
    };
    const fail = (thrown: unknown) => finish(toError(thrown));
    try {
      const plugin = makePlugin(peer);
      peer.done = Promise.resolve(worker.start(plugin)).then(
        () => finish(undefined),
        fail,
      );
    } catch (thrown) {
      peer.done = Promise.reject(thrown).catch(fail);
    }
    return peer;
  }

  /** The peer is known no more. What its worker still does changes nothing. */
  retire(peer: Peer<Plugin, E>): void {
    peer.retired = true;
    if (this.#lastPeer === peer) this.#lastPeer = undefined;
    if (this.peers.get(peer.id) === peer) this.peers.delete(peer.id);
    if (peer.finished) return;
    this.#leaving.add(peer);
    this.#lastLeaving.set(peer.id, peer);
  }

  /** A peer has left by itself: its event comes behind its messages. */
  leave(peer: Peer<Plugin, E>, event: E): void {
    this.retire(peer);
    peer.delivery.leave();
    peer.delivery.emit(event);
  }

  /** Emits an event of a peer, behind its messages. */
  emit(peer: Peer<Plugin, E>, event: E): void {
    peer.delivery.emit(event);
  }

  /**
   * Takes a peer out and has its worker stopped; waits for the end, within bounds.
   *
   * @param replaced The peer is admitted again at once, and its messages keep their room.
   */
  async dismiss(
    peer: Peer<Plugin, E>,
    code: number,
    reason: string,
    replaced = false,
  ): Promise<void> {
    this.retire(peer);
    this.log?.debug("Peer removed", { peer_id: this.nameOf(peer.id) });
    this.events.forget(peer.id);
    this.stop(peer, code, reason);
    if (!replaced) peer.delivery.leave();
    await this.#ended(peer);
  }

  /** Stops a worker; one that throws hurts nobody. */
  stop(peer: Peer<Plugin, E>, code: number, reason: string): void {
    try {
      peer.worker.stop(code, reason);
    } catch (error) {
      this.report(peer.id, this.workerFailed(peer.id, error));
    }
  }

  /** An error for a worker, or its factory, that threw. */
  workerFailed(id: string, cause: unknown): PoolError {
    return new PoolError(
      "worker-failed",
      `The worker of ${this.nameOf(id)} failed: ${toError(cause).message}`,
      { cause },
    );
  }

  /** Puts an error where users read them. */
  report(id: string, error: Error): void {
    if (this.errors.full) {
      this.errors.shift();
      this.#droppedErrors++;
    }
    this.errors.push({ id, error, at: this.options.clock.date() });
    this.log?.warn("Error", { peer_id: this.nameOf(id), error });
  }

  send(id: string, data: Message, options?: SendOptions): Promise<void> {
    let sent: Promise<void>;
    try {
      sent = this.peer("send", id).worker.send(data, options);
    } catch (error) {
      this.#sendFailed(id, error);
      return rejected(error);
    }
    if (sent !== DONE) this.#watchSend(id, sent);
    return sent;
  }

  trySend(id: string, data: Message): boolean {
    return this.peer("send", id).worker.trySend?.(data) ?? false;
  }

  peerStats(id: string): WorkerStats {
    return this.#statsOf(this.peer("give statistics", id));
  }

  stats(): PoolStats {
    let { sent, received } = this.#past;
    for (const peer of [...this.peers.values(), ...this.#leaving]) {
      sent += peer.counter.sent;
      received += peer.counter.received;
    }
    // Entries, since an id may be of any kind, `__proto__` too.
    const peers = Object.fromEntries(
      [...this.peers].map(([id, peer]) => [id, this.#statsOf(peer)]),
    );
    return {
      peerCount: this.peers.size,
      totalReceived: received,
      totalSent: sent,
      failedSends: this.#failedSends,
      inboxDepth: this.inbox.size,
      eventsDepth: this.events.queue.size,
      errorsDepth: this.errors.size,
      droppedErrors: this.#droppedErrors,
      missedEvents: this.events.missed,
      peers,
    };
  }

  close(code = 1001, reason = "The pool is closing"): Promise<void> {
    if (this.#closing) return this.closed;
    this.#closing = true;
    this.#removeListener();
    this.log?.info("Closing", { peers: this.peers.size });
    handled(this.#close(code, reason));
    return this.closed;
  }

  async #close(code: number, reason: string): Promise<void> {
    for (const peer of this.peers.values()) this.retire(peer);
    // Those that left before are told too: a worker may go on after it has said that it is done.
    for (const peer of [...this.#leaving]) {
      this.stop(peer, code, reason);
    }
    await Promise.all([...this.#leaving].map((peer) => this.#ended(peer)));
    this.#backlogs.close();
    this.inbox.close();
    this.events.queue.close();
    this.errors.close();
    this.log?.info("Closed");
    this.#closed.resolve();
  }

  /** Waits until a worker has ended; one that does not is given up. */
  async #ended(peer: Peer<Plugin, E>): Promise<void> {
    const { clock } = this.options;
    const { closeTimeout } = peer;
    if (closeTimeout === 0) return await peer.done;
    const stop = new AbortController();
    const late = sleep(clock, closeTimeout + GRACE, stop.signal).then(() => {
      const error = new Error("It did not end when stopped");
      this.#finish(peer);
      peer.release(error);
      this.report(peer.id, this.workerFailed(peer.id, error));
    });
    await Promise.race([peer.done, handled(late)]);
    stop.abort();
  }

  /** The worker has ended, or was given up: what it still brings is dropped. */
  #finish(peer: Peer<Plugin, E>): void {
    peer.finished = true;
    peer.delivery.end();
    this.#leaving.delete(peer);
    if (this.#lastLeaving.get(peer.id) === peer) {
      this.#lastLeaving.delete(peer.id);
    }
  }

  #statsOf(peer: Peer<Plugin, E>): WorkerStats {
    try {
      const stats = peer.worker.stats();
      return { ...stats, queueDepth: peer.delivery.waiting };
    } catch (error) {
      this.log?.error("A worker's stats() threw", {
        peer_id: this.nameOf(peer.id),
        error,
      });
      const { sent, received, dropped } = peer.counter;
      return {
        queueDepth: peer.delivery.waiting,
        processed: received,
        dropped,
        sent,
        connection: undefined,
      };
    }
  }

  /** Not in `send` itself: a function in it would cost every call its surroundings. */
  #watchSend(id: string, sent: Promise<void>): void {
    handled(sent).catch((error) => this.#sendFailed(id, error));
  }

  #sendFailed(id: string, error: unknown): void {
    this.#failedSends++;
    // What a connection refuses it logs itself.
    if (error instanceof ConnectionError) return;
    this.log?.debug("Send failed", { peer_id: this.nameOf(id), error });
  }
}
