/**
 * What the inbound and the outbound pool share: the registry of peers, events, statistics, and the interface and blocks
 * of workers. `delivery.ts` puts messages into the inbox, and `backlog.ts` keeps those for which it has no space.
 *
 * @module
 */

import { notify } from "../base/callbacks.ts";
import { PoolError } from "../base/errors.ts";
import { createLog, type Log } from "../base/logging.ts";
import type { Message } from "../base/message.ts";
import { handled, onAbort, rejected } from "../base/promise.ts";
import { Queue } from "../base/queue.ts";
import { settlesWithin } from "../base/schedule.ts";
import type { SendOptions } from "../connection/sending/outgoing.ts";
import { flushAll } from "../net/stream/flush.ts";
import { MAX_CLOSE_EXTENSION } from "../protocol/close_deadline.ts";
import { CLOSE_NORMAL } from "../protocol/wire/close.ts";
import { Backlogs } from "./backlogs.ts";
import { Delivery } from "./delivery.ts";
import { ErrorQueue } from "./error_queue.ts";
import { EventQueue, type PoolEvent } from "./events.ts";
import type { PoolOptions, ResolvedPoolOptions } from "./options.ts";
import { Peer, type PeerHome, type PeerOwner, workerFailed } from "./peer.ts";
import { Sessions } from "./sessions.ts";
import {
  type PeerStats,
  type PoolStats,
  TrafficCounter,
} from "./statistics.ts";
import type { InboxMessage, Worker } from "./worker.ts";

/** The maximum number of waiting messages of peers that have left, as a multiple of the size of the inbox. */
const DEPARTED_INBOXES = 16;

/** The time after the longest closing handshake at which a worker that does not end is abandoned, in milliseconds. */
const GRACE = 1_000;

/** What {@link PoolCore.admit} needs. */
export interface Admission<Plugin, E extends PoolEvent> {
  readonly id: string;
  readonly worker: Worker<Plugin>;
  readonly owner: PeerOwner<Plugin, E>;
  /**
   * Continues counting for a peer that gets another worker.
   *
   * @default {one that begins at 0}
   */
  readonly counter?: TrafficCounter | undefined;
  /**
   * How long the closing handshake may take, in milliseconds; 0 is no limit.
   *
   * @default {that of the pool}
   */
  readonly closeTimeout?: number | undefined;
}

/** What both pools have in common: registry, inbox, events, errors, statistics and lifetime. */
export class PoolCore<Plugin, E extends PoolEvent>
  implements PeerHome<Plugin, E> {
  readonly id: string;
  readonly options: ResolvedPoolOptions;
  readonly log: Log | undefined;
  readonly inbox: Queue<InboxMessage>;
  readonly events: EventQueue<E>;
  readonly errors: ErrorQueue;
  readonly sessions: Sessions = new Sessions();
  readonly peers: Map<string, Peer<Plugin, E>> = new Map();
  /** Returns the name of a peer in logs and messages: its URL without the query, which may contain secrets. */
  readonly nameOf: (id: string) => string;

  readonly #backlogs: Backlogs<E>;
  readonly #counter = new TrafficCounter();
  readonly #onEvent: ((event: E) => unknown) | undefined;
  /** Peers that are no longer registered and whose workers have not ended. */
  readonly #leaving = new Set<Peer<Plugin, E>>();
  /** The deliveries of the latest of these under each id. */
  readonly #lastLeaving = new Map<string, Delivery<E>>();
  /** The peer that was looked up last, while it is registered. */
  #lastPeer: Peer<Plugin, E> | undefined;
  readonly #closed = Promise.withResolvers<void>();
  #removeListener = () => {};
  #closing = false;

  constructor(
    component: string,
    id: string,
    options: PoolOptions<E, unknown>,
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
    this.#onEvent = options.onEvent;
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
    this.errors = new ErrorQueue(
      resolved.errorsBufferSize,
      resolved.clock,
      ({ id, error }) =>
        this.log?.warn("Error", {
          ...(id !== undefined && { peer_id: this.nameOf(id) }),
          error,
        }),
    );
    this.#backlogs = new Backlogs({
      inbox: this.inbox,
      limits: {
        maxItems: resolved.incomingBufferSize,
        maxBytes: resolved.incomingBufferBytes,
        maxQueueSize: resolved.maxQueueSize,
        // Of all peers that have left together: the bytes of an inbox, and at least those that one peer may have.
        maxDepartedItems: DEPARTED_INBOXES * Math.max(
          inboxBufferSize,
          resolved.incomingBufferSize,
        ),
        maxDepartedBytes: Math.max(
          inboxBufferBytes,
          resolved.incomingBufferBytes,
        ),
      },
      emit: (event) => this.#emit(event),
      report: (peer, error) => this.report(peer, error),
    });
  }

  /** Calls `close`, that of the pool, when the signal aborts. Called at the end of the pool's constructor. */
  follow(signal: AbortSignal | undefined, close: () => void): void {
    this.#removeListener = onAbort(signal, close);
  }

  /** The name of the pool in error messages. */
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

  /** Whether `id` is that of the peer that was looked up last. */
  isLast(id: string): boolean {
    return this.#lastPeer?.id === id;
  }

  /** @throws {PoolError} `peer-not-found`, `pool-closed`. */
  peer(action: string, id: string): Peer<Plugin, E> {
    // Messages of one peer often follow each other, and so do their answers.
    const last = this.#lastPeer;
    if (last !== undefined && last.id === id) return last;
    const peer = this.peers.get(id);
    if (peer !== undefined) return this.#lastPeer = peer;
    throw this.notFound(action, id);
  }

  /** Returns the error for an id that the pool does not know, or no longer knows since it is closed. */
  notFound(action: string, id: string): PoolError {
    return this.#closing ? this.#poolClosed(action) : new PoolError(
      "peer-not-found",
      `Cannot ${action}: ${this.label} has no peer ${
        JSON.stringify(this.nameOf(id))
      }.`,
    );
  }

  /** Returns the error for a worker, or its factory, that failed. */
  workerFailed(id: string, cause: unknown): PoolError {
    return workerFailed(this.nameOf(id), cause);
  }

  /** Registers a peer, in place of a peer with the same id, and starts its worker. */
  admit(admission: Admission<Plugin, E>): Peer<Plugin, E> {
    const { id, worker, owner } = admission;
    const counter = admission.counter ?? new TrafficCounter(this.#counter);
    // A callback may have added a peer with this id since the id was checked.
    const replaced = this.peers.get(id);
    if (replaced !== undefined) this.retire(replaced);
    const previous = this.#lastLeaving.get(id);
    const peer = new Peer<Plugin, E>({
      id,
      home: this,
      owner,
      worker,
      delivery: new Delivery(id, counter, this.#backlogs, previous),
      closeTimeout: admission.closeTimeout ?? this.options.closeTimeout,
    });
    this.peers.set(id, peer);
    // After the id is taken, since this calls callbacks.
    if (replaced !== undefined) {
      void this.dismiss(replaced, CLOSE_NORMAL, "Replaced");
    }
    // A callback of the handshake may have closed the pool since that was checked.
    if (this.#closing) this.retire(peer);
    peer.start();
    return peer;
  }

  /** The peer is no longer registered. Further calls of its worker have no effect. */
  retire(peer: Peer<Plugin, E>): void {
    peer.retired = true;
    if (this.#lastPeer === peer) this.#lastPeer = undefined;
    if (this.peers.get(peer.id) === peer) this.peers.delete(peer.id);
    if (peer.finished) return;
    this.#leaving.add(peer);
    this.#lastLeaving.set(peer.id, peer.delivery);
  }

  /** A peer has left: its event comes after its messages. */
  leave(peer: Peer<Plugin, E>, event: E): void {
    this.retire(peer);
    peer.delivery.leave();
    peer.delivery.emit(event);
  }

  /** Emits an event of a peer, after its messages. */
  emit(peer: Peer<Plugin, E>, event: E): void {
    peer.delivery.emit(event);
  }

  /**
   * Removes a peer, stops its worker, and waits until the worker has ended or is abandoned. If a peer with the same id
   * was added already, the messages that wait are those of this peer.
   */
  async dismiss(
    peer: Peer<Plugin, E>,
    code: number,
    reason: string,
  ): Promise<void> {
    this.retire(peer);
    this.log?.debug("Peer removed", { peer_id: this.nameOf(peer.id) });
    this.events.forget(peer.id);
    peer.stop(code, reason);
    peer.delivery.leave();
    await this.#ended(peer);
  }

  /** Puts an error into `errors`. */
  report(id: string | undefined, error: Error): void {
    this.errors.report(id, error);
  }

  send(id: string, data: Message, options?: SendOptions): Promise<void> {
    let peer: Peer<Plugin, E>;
    try {
      peer = this.peer("send", id);
    } catch (error) {
      this.#counter.failedSend();
      this.log?.debug("Send failed", { peer_id: this.nameOf(id), error });
      return rejected(error);
    }
    return peer.send(data, options);
  }

  trySend(id: string, data: Message): boolean {
    let peer: Peer<Plugin, E>;
    try {
      peer = this.peer("send", id);
    } catch (error) {
      this.#counter.failedSend();
      throw error;
    }
    return peer.trySend(data);
  }

  peerStats(id: string): PeerStats {
    const peer = this.peer("give statistics", id);
    return {
      ...peer.counter.snapshot(),
      waitingMessages: peer.delivery.waiting,
      connection: peer.stats(),
    };
  }

  stats(): PoolStats {
    return {
      peerCount: this.peers.size,
      ...this.#counter.snapshot(),
      inboxDepth: this.inbox.size,
      waitingMessages: this.#backlogs.waiting,
      eventsDepth: this.events.queue.size,
      errorsDepth: this.errors.size,
      droppedErrors: this.errors.dropped,
      missedEvents: this.events.missed,
    };
  }

  /** Closes. The first call counts. */
  close(code: number, reason: string): Promise<void> {
    if (this.#closing) return this.closed;
    this.#closing = true;
    this.#removeListener();
    this.log?.info("Closing", { peers: this.peers.size });
    handled(this.#close(code, reason));
    return this.closed;
  }

  async #close(code: number, reason: string): Promise<void> {
    for (const peer of this.peers.values()) this.retire(peer);
    // Workers of peers that have left are stopped, too: a worker may go on after it has reported the exit.
    const leaving = [...this.#leaving];
    for (const peer of leaving) peer.stop(code, reason);
    await Promise.all(leaving.map((peer) => this.#ended(peer)));
    this.#backlogs.close();
    this.inbox.close();
    this.events.queue.close();
    this.errors.close();
    this.log?.info("Closed");
    this.#closed.resolve();
  }

  /** Waits until a worker has ended. A worker that does not end is abandoned. */
  async #ended(peer: Peer<Plugin, E>): Promise<void> {
    const { clock } = this.options;
    const { closeTimeout } = peer;
    if (closeTimeout === 0) return await peer.done;
    const limit = MAX_CLOSE_EXTENSION * closeTimeout + GRACE;
    if (await settlesWithin(clock, limit, peer.done)) return;
    // Both `remove` and `close` may wait for this worker.
    if (peer.finished) return;
    const error = new Error(
      `it did not end within ${limit} ms after stop() was called.`,
    );
    this.finish(peer, error);
    this.report(peer.id, peer.workerFailed(error));
  }

  /** The worker of a peer has ended or was abandoned. */
  finish(peer: Peer<Plugin, E>, error: Error | undefined): void {
    peer.finish(error);
    this.#leaving.delete(peer);
    const { id, delivery } = peer;
    if (this.#lastLeaving.get(id) !== delivery) return;
    const { previous } = delivery;
    if (previous === undefined) this.#lastLeaving.delete(id);
    else this.#lastLeaving.set(id, previous);
  }

  #emit(event: E): void {
    this.events.push(event);
    notify(
      this.#onEvent,
      (error) => this.report(event.id, error),
      event,
    );
  }

  #poolClosed(action: string): PoolError {
    return new PoolError(
      "pool-closed",
      `Cannot ${action}: ${this.label} is closed.`,
    );
  }
}
