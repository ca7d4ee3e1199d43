import type { ConnectionOptions } from "../transport/connection/options.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";
import type { PoolEvent } from "../transport/pool/events.ts";
import { createLog } from "../transport/base/logging.ts";
import type { Message } from "../transport/base/message.ts";
import { NativeSocket } from "../transport/socket/native_socket.ts";
import type { SendOptions } from "../transport/connection/outgoing.ts";
import {
  type Peer,
  PoolCore,
  type PoolErrorRecord,
  type PoolStats,
} from "../transport/pool/pool.ts";
import { checkId, resolvePoolOptions } from "../transport/pool/options.ts";
import { rejected } from "../transport/base/promise.ts";
import type { Queue } from "../transport/base/queue.ts";
import type { Socket } from "../transport/socket/socket.ts";
import type { InboxMessage, WorkerStats } from "../transport/pool/worker.ts";
import { type InboundPoolOptions, resolveInboundOptions } from "./options.ts";
import type { ResolvedInboundWorkerOptions } from "./worker_options.ts";
import { DefaultInboundWorker } from "./worker.ts";
import type { InboundExit, InboundPlugin, InboundWorker } from "./plugin.ts";

/** An inbound peer has left by itself. */
export interface InboundEvent extends PoolEvent, InboundExit {}

type InboundPeer = Peer<InboundPlugin, InboundEvent>;

/**
 * Peers that connect to you.
 *
 * - {@link InboundPool.inbox} has the messages of all peers, in order for each. It never drops.
 * - {@link InboundPool.events} tells who has left by itself, once for each stay. When it is seen the
 *   peer is gone from the registry, and all that it had sent is in the inbox.
 *
 * @example
 * ```ts
 * import { Connection, InboundPool, upgrade } from "@honeybee/honeybee";
 *
 * const pool = new InboundPool("relay");
 * const server = Deno.serve({ hostname: "127.0.0.1", port: 0 }, (request) => {
 *   const { socket, response } = upgrade(request);
 *   pool.add(crypto.randomUUID(), socket);
 *   return response;
 * });
 *
 * // A peer, to try it.
 * const peer = new Connection(`ws://127.0.0.1:${server.addr.port}`);
 * await peer.connect();
 * peer.trySend("hello");
 * for await (const { id, data } of pool.inbox) {
 *   pool.trySend(id, data);
 *   break;
 * }
 * console.log(await peer.incoming.take());
 * await peer.close();
 * await pool.close();
 * await server.shutdown();
 * ```
 */
export class InboundPool implements AsyncDisposable {
  readonly #core: PoolCore<InboundPlugin, InboundEvent>;
  readonly #options: InboundPoolOptions;
  readonly #workerOptions: ResolvedInboundWorkerOptions;
  readonly #connectionOptions: ConnectionOptions;

  /**
   * Makes an empty pool.
   *
   * @param id Its name, on every log record. Not empty.
   * @throws {ConfigError} When the id or an option cannot be used.
   */
  constructor(id: string, options: InboundPoolOptions = {}) {
    const resolved = resolvePoolOptions(id, options);
    const worker = this.#workerOptions = resolveInboundOptions(options);
    const { maxQueueSize } = worker;
    this.#core = new PoolCore("inbound", id, options, {
      ...resolved,
      maxQueueSize,
    });
    this.#options = options;
    this.#connectionOptions = {
      logger: options.logger,
      ...options.connection,
      clock: this.#core.options.clock,
    };
    this.#core.follow(options.signal, () => void this.close());
  }

  /** Its name. */
  get id(): string {
    return this.#core.id;
  }

  /** The messages of all peers, in order for each. Never drops: peers are held back instead. */
  get inbox(): Queue<InboxMessage> {
    return this.#core.inbox;
  }

  /** Who has left by itself. When nobody reads, a peer's older events give way to its newest. */
  get events(): Queue<InboundEvent> {
    return this.#core.events.queue;
  }

  /** What went wrong without ending a peer's stay. When nobody reads, the oldest go. */
  get errors(): Queue<PoolErrorRecord> {
    return this.#core.errors;
  }

  /** The ids of the peers it knows. */
  get peers(): string[] {
    return [...this.#core.peers.keys()];
  }

  /** Resolves when it has closed. */
  get closed(): Promise<void> {
    return this.#core.closed;
  }

  /** Whether it knows a peer. */
  has(id: string): boolean {
    return this.#core.peers.has(id);
  }

  /**
   * Takes a peer in. The socket is the pool's from now on.
   *
   * A bare `WebSocket` may be given too, even before it is open; what it had received is
   * lost then, so prefer `upgrade`.
   *
   * @throws {PoolError} `peer-exists`, `pool-closed`, `worker-failed`. The socket is untouched then.
   * @throws {ConfigError} When the id is empty, or the socket is none or was given to a pool before.
   */
  add(id: string, socket: Socket | WebSocket): void {
    this.#check("add", id, socket);
    if (this.has(id)) {
      throw new PoolError(
        "peer-exists",
        `Cannot add as the peer must be unknown: ${this.#core.label} has a peer ${
          JSON.stringify(id)
        }`,
      );
    }
    this.#admit(id, this.#worker(id), socket);
  }

  /**
   * Puts a new socket in the place of a known peer's. The old one is closed with 1000, without an
   * event; what it had sent is in the inbox before anything of the new one.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `worker-failed`. Nothing has changed then.
   * @throws {ConfigError} When the id is empty, or the socket is none or was given to a pool before.
   */
  replace(id: string, socket: Socket | WebSocket): void {
    this.#check("replace", id, socket);
    const old = this.#core.peer("replace", id);
    const worker = this.#worker(id);
    void this.#core.dismiss(old, 1000, "Replaced", true);
    this.#admit(id, worker, socket);
  }

  /**
   * Takes a peer out at once, closes its connection with 1000 and waits for the end. No event.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   */
  remove(id: string): Promise<void> {
    let peer: InboundPeer;
    try {
      peer = this.#core.peer("remove", id);
    } catch (error) {
      return rejected(error);
    }
    return this.#core.dismiss(peer, 1000, "");
  }

  /**
   * Sends a message to a peer: resolves as soon as it is buffered, with room for more.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   * @throws {ConnectionError} `connection-closed`, `send-timeout`, `write-timeout`.
   * @throws The signal's reason when it aborts.
   */
  send(id: string, data: Message, options?: SendOptions): Promise<void> {
    return this.#core.send(id, data, options);
  }

  /**
   * Sends a message to a peer if there is room for it now.
   *
   * @returns `false` when the buffer is full.
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   * @throws {ConnectionError} `connection-closed`.
   */
  trySend(id: string, data: Message): boolean {
    return this.#core.trySend(id, data);
  }

  /** The present figures. Taking them never waits. */
  stats(): PoolStats {
    return this.#core.stats();
  }

  /**
   * The present figures of a peer.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   */
  peerStats(id: string): WorkerStats {
    return this.#core.peerStats(id);
  }

  /**
   * Closes: says 1001 to every peer, waits for the closing handshakes for at most `closeTimeout`, then
   * cuts. Never waits for a consumer: what has arrived can be read afterwards. Safe to call twice.
   */
  close(): Promise<void> {
    return this.#core.close();
  }

  /** Closes, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #check(action: string, id: string, socket: unknown): void {
    this.#core.checkOpen(action);
    checkId("id", id);
    if (isSocket(socket)) {
      if (!taken.has(socket)) return;
      throw new ConfigError(
        "invalid-argument",
        "socket",
        `Cannot ${action} as socket must be one that no pool has taken: current value is in use, or was`,
      );
    }
    throw new ConfigError(
      "invalid-argument",
      "socket",
      `Cannot ${action} as socket must be a Socket or a WebSocket: current value is ${
        String(socket)
      }`,
    );
  }

  #worker(id: string): InboundWorker {
    const { workerFactory } = this.#options;
    if (workerFactory === undefined) return new DefaultInboundWorker();
    try {
      return workerFactory(id);
    } catch (error) {
      throw this.#core.workerFailed(id, error);
    }
  }

  #admit(id: string, worker: InboundWorker, given: Socket | WebSocket): void {
    const core = this.#core;
    const { clock } = core.options;
    const session = core.sessions.next(id);
    const socket = given instanceof WebSocket
      ? new NativeSocket(given, { ...this.#options.connection, clock })
      : given;
    core.log?.debug("Peer added", { peer_id: id, session });
    core.admit(id, worker, (peer) => ({
      id,
      session,
      socket,
      delivery: peer.delivery,
      onExit: (exit) => this.#leave(peer, session, exit),
      onError: (error) => core.report(id, error),
      counter: peer.counter,
      connectionOptions: this.#optionsOf(id),
      workerOptions: this.#workerOptions,
      clock,
      log: createLog({
        logger: this.#options.logger,
        ...this.#options.worker,
      }, { component: "inbound_worker", pool_id: this.id, peer_id: id }),
    }), (peer, error) => {
      if (error === undefined) return this.#leave(peer, session, GONE);
      this.#leave(peer, session, {
        kind: "dropped-error",
        error: core.workerFailed(id, error),
      });
    }, (error) => socket.terminate(error));
    taken.add(given);
  }

  /** The same for all peers where nothing is logged: an object each would be a part of what a peer costs. */
  #optionsOf(id: string): ConnectionOptions {
    const options = this.#connectionOptions;
    return options.logger === undefined
      ? options
      : { ...options, logAttributes: { pool_id: this.id, peer_id: id } };
  }

  #leave(
    peer: InboundPeer,
    session: number,
    exit: InboundExit,
  ): void {
    if (peer.retired) return;
    const { id } = peer;
    const at = this.#core.options.clock.date();
    this.#core.log?.info("Peer left", { peer_id: id, session, ...exit });
    this.#core.leave(peer, { id, at, session, ...exit });
  }
}

const GONE: InboundExit = { kind: "disconnected" };

/** Sockets that a pool has taken, to tell who gives one twice. */
const taken = new WeakSet<object>();

function isSocket(value: unknown): value is object {
  if (value instanceof WebSocket) return true;
  return typeof value === "object" && value !== null &&
    typeof Reflect.get(value, "start") === "function" &&
    typeof Reflect.get(value, "write") === "function" &&
    typeof Reflect.get(value, "terminate") === "function";
}
