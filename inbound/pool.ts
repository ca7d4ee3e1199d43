import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Message } from "../transport/base/message.ts";
import { rejected } from "../transport/base/promise.ts";
import type { Queue } from "../transport/base/queue.ts";
import type { SendOptions } from "../transport/connection/outgoing.ts";
import {
  closeFrame,
  type PoolCloseOptions,
} from "../transport/pool/close_frames.ts";
import { resolvePoolOptions } from "../transport/pool/options.ts";
import type { PoolErrorRecord } from "../transport/pool/error_queue.ts";
import { PoolCore } from "../transport/pool/pool.ts";
import type { PeerStats, PoolStats } from "../transport/pool/statistics.ts";
import type { InboxMessage } from "../transport/pool/worker.ts";
import type { Incoming } from "../transport/server/incoming.ts";
import type { Socket } from "../transport/socket/socket.ts";
import {
  type PoolUpgradeNodeOptions,
  type PoolUpgradeOptions,
  upgradeInto,
  upgradeNodeInto,
} from "./admission.ts";
import {
  type InboundPoolOptions,
  resolveInboundConnection,
  resolveInboundOptions,
} from "./options.ts";
import type { InboundEvent, InboundPlugin } from "./plugin.ts";
import { Registrar } from "./registrar.ts";
import { serve, type ServeOptions } from "./serve.ts";

/**
 * Peers that connect to you.
 *
 * - {@link InboundPool.serve}, {@link InboundPool.upgrade} and {@link InboundPool.upgradeNode} take peers in;
 *   {@link InboundPool.add} takes a socket of any kind.
 * - {@link InboundPool.inbox} has the messages of all peers, in order for each.
 * - {@link InboundPool.events} has an event for each peer that has left by itself, once for each stay. The peer is gone from the
 *   registry then, and its messages are in the inbox.
 *
 * @example
 * ```ts
 * import {
 *   Connection,
 *   forEachMessage,
 *   InboundPool,
 *   listen,
 * } from "@honeybee/honeybee";
 *
 * const pool = new InboundPool("echo");
 * const listener = listen({ hostname: "127.0.0.1" });
 * await listener.ready;
 * void pool.serve(listener);
 * void forEachMessage(pool, ({ data, reply }) => reply(data));
 *
 * // A peer, to try it.
 * const peer = new Connection(`ws://127.0.0.1:${listener.port}`);
 * await peer.connect();
 * peer.trySend("hello");
 * console.log(await peer.incoming.take()); // "hello"
 * await peer.close();
 * await listener.close();
 * await pool.close();
 * ```
 */
export class InboundPool implements AsyncDisposable {
  readonly #core: PoolCore<InboundPlugin, InboundEvent>;
  readonly #registrar: Registrar;

  /**
   * Makes an empty pool.
   *
   * @param id Its name, on every log record. Not empty.
   * @throws {ConfigError} When the id or an option cannot be used.
   */
  constructor(id: string, options: InboundPoolOptions = {}) {
    const resolved = resolvePoolOptions(
      id,
      options,
      resolveInboundConnection,
    );
    const own = resolveInboundOptions(options);
    const { maxQueueSize } = own.worker;
    this.#core = new PoolCore("inbound", id, options, {
      ...resolved,
      maxQueueSize,
    });
    this.#registrar = new Registrar(this.#core, options, own);
    this.#core.follow(options.signal, () => void this.close());
  }

  /** Its name. */
  get id(): string {
    return this.#core.id;
  }

  /**
   * The messages of all peers, in order for each. While it is full (`inboxBufferSize`, `inboxBufferBytes`), peers are
   * paused.
   */
  get inbox(): Queue<InboxMessage> {
    return this.#core.inbox;
  }

  /** Peers that have left by themselves. If nobody reads, older events of a peer are dropped in favour of its newest. */
  get events(): Queue<InboundEvent> {
    return this.#core.events.queue;
  }

  /** What went wrong without ending a peer's stay. If nobody reads, the oldest are dropped. */
  get errors(): Queue<PoolErrorRecord> {
    return this.#core.errors;
  }

  /** The ids of the peers that are registered. */
  get peers(): string[] {
    return [...this.#core.peers.keys()];
  }

  /** Resolves when it has closed. */
  get closed(): Promise<void> {
    return this.#core.closed;
  }

  /** Whether a peer is registered. */
  has(id: string): boolean {
    return this.#core.peers.has(id);
  }

  /**
   * Takes a peer in. The pool owns the socket from now on.
   *
   * A bare `WebSocket` may be given too, even before it is open. Messages that it received before are lost, so
   * prefer {@link InboundPool.upgrade}.
   *
   * @throws {PoolError} `peer-exists`, `pool-full`, `pool-closed`, `worker-failed`. The socket is untouched then: the
   * caller has to close it.
   * @throws {ConfigError} When the id is empty, or the socket is not one, or was given to a pool before.
   */
  add(id: string, socket: Socket | WebSocket): void {
    this.#registrar.checkSocket("add", id, socket);
    this.#registrar.reserve("add", id, false)(socket);
  }

  /**
   * Puts a new socket in the place of a registered peer's. The old connection is closed with 1000, without an event.
   * Messages that were read from it come before those of the new one; what it still brings after the first message
   * of the new one is dropped.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `worker-failed`. Nothing has changed then.
   * @throws {ConfigError} When the id is empty, or the socket is not one, or was given to a pool before.
   */
  replace(id: string, socket: Socket | WebSocket): void {
    this.#registrar.checkSocket("replace", id, socket);
    this.#core.peer("replace", id);
    this.#registrar.reserve("replace", id, true)(socket);
  }

  /**
   * Takes a request of `Deno.serve` in as a peer, and makes the response to it.
   *
   * Every request gets the right response, and nothing stays open: 426 or 400 for one that is not an opening
   * handshake (RFC 6455, section 4.2), 403 for an origin that is not allowed, 409 for an id that is taken, 503 when the
   * pool is full or closed, 500 when `workerFactory` fails (reported in `errors`).
   *
   * @example
   * ```ts
   * import { InboundPool } from "@honeybee/honeybee";
   *
   * const pool = new InboundPool("chat");
   * const server = Deno.serve(
   *   { hostname: "127.0.0.1", port: 0 },
   *   (request, { remoteAddr }) =>
   *     pool.upgrade(request, { id: crypto.randomUUID(), remoteAddr }),
   * );
   * await pool.close();
   * await server.shutdown();
   * ```
   *
   * @throws {ConfigError} When an option cannot be used, or the request is not one of `Deno.serve` or was used up.
   */
  upgrade(request: Request, options: PoolUpgradeOptions): Response {
    return upgradeInto(this.#registrar, request, options);
  }

  /**
   * Takes the request of an `upgrade` event of `node:http` or `node:https` in as a peer.
   *
   * A request that cannot be taken in is answered with the right status, as by {@link InboundPool.upgrade}, and its
   * connection ends.
   *
   * @example
   * ```ts
   * import { createServer } from "node:http";
   * import { InboundPool } from "@honeybee/honeybee";
   *
   * const pool = new InboundPool("chat");
   * const server = createServer((_, response) => response.end("hello"));
   * server.on("upgrade", (request, socket, head) => {
   *   pool.upgradeNode(request, socket, head, { id: crypto.randomUUID() });
   * });
   * await pool.close();
   * ```
   *
   * @param head What came right behind the request.
   * @returns Whether the peer was taken in.
   * @throws {ConfigError} When an option cannot be used. The answer is 500 then.
   */
  upgradeNode(
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    options: PoolUpgradeNodeOptions,
  ): boolean {
    return upgradeNodeInto(this.#registrar, [request, socket, head], options);
  }

  /**
   * Takes everyone that a listener brings in as a peer, or refuses them with the status that `accept` returned.
   *
   * A peer that leaves meanwhile, and a callback that throws, rejects or never settles, costs that peer alone. While
   * the pool is full or closed, peers are refused with 503, and with 409 if their id is taken.
   *
   * @example Peers with a token in their URL
   * ```ts
   * import { InboundPool, listen } from "@honeybee/honeybee";
   *
   * const pool = new InboundPool("chat");
   * const listener = listen({ hostname: "127.0.0.1" });
   * const serving = pool.serve(listener, {
   *   accept: ({ request }) => {
   *     const token = new URL(request.url).searchParams.get("token");
   *     return token === "secret" || 401;
   *   },
   * });
   * await listener.close();
   * await serving;
   * await pool.close();
   * ```
   *
   * @returns A promise that resolves when the listener has ended.
   * @throws {ConfigError} At once, when an option cannot be used.
   * @throws What the listener threw. It is in `errors` as well.
   */
  serve(
    listener: AsyncIterable<Incoming>,
    options: ServeOptions = {},
  ): Promise<void> {
    const { log, options: { clock } } = this.#core;
    return serve({ registrar: this.#registrar, clock, log }, listener, options);
  }

  /**
   * Takes a peer out at once, closes its connection and waits for the end. No event.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   * @throws {ConfigError} When the code or the reason cannot be sent.
   */
  remove(id: string, options: PoolCloseOptions = {}): Promise<void> {
    try {
      const { code, reason } = closeFrame(options, 1000, "");
      const peer = this.#core.peer("remove", id);
      return this.#core.dismiss(peer, code, reason);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Sends a message to a peer: see {@link Connection.send}.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   * @throws {ConnectionError} `connection-closed`, `send-timeout`, `write-timeout`.
   * @throws The signal's reason when it aborts.
   */
  send(id: string, data: Message, options?: SendOptions): Promise<void> {
    return this.#core.send(id, data, options);
  }

  /**
   * Sends a message to a peer if there is space for it in the buffer now.
   *
   * @returns `false` when the buffer is full.
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   * @throws {ConnectionError} `connection-closed`.
   */
  trySend(id: string, data: Message): boolean {
    return this.#core.trySend(id, data);
  }

  /** The present figures. Taking them costs the same for one peer and for ten thousand. */
  stats(): PoolStats {
    return this.#core.stats();
  }

  /**
   * The present figures of a peer, since it was added.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   */
  peerStats(id: string): PeerStats {
    return this.#core.peerStats(id);
  }

  /**
   * Closes: sends every peer a close frame, waits for the closing handshakes for at most `closeTimeout`, then cuts.
   * Does not wait for a consumer: what has arrived can be read afterwards. The first call counts.
   *
   * @throws {ConfigError} When the code or the reason cannot be sent.
   */
  close(options: PoolCloseOptions = {}): Promise<void> {
    try {
      const { code, reason } = closeFrame(options, 1001, "The pool is closing");
      return this.#core.close(code, reason);
    } catch (error) {
      return rejected(error);
    }
  }

  /** Closes, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
