import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Message } from "../transport/base/message.ts";
import { rejected } from "../transport/base/promise.ts";
import type { Queue } from "../transport/base/queue.ts";
import type { SendOptions } from "../transport/connection/sending/outgoing.ts";
import {
  closeFrame,
  type PoolCloseOptions,
} from "../transport/pool/close_frames.ts";
import { resolvePoolOptions } from "../transport/pool/options.ts";
import type { PoolErrorRecord } from "../transport/pool/error_queue.ts";
import { PoolCore } from "../transport/pool/pool.ts";
import type { PeerStats, PoolStats } from "../transport/pool/statistics.ts";
import type { InboxMessage } from "../transport/pool/worker.ts";
import {
  CLOSE_GOING_AWAY,
  CLOSE_NORMAL,
} from "../transport/protocol/wire/close.ts";
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
 * A pool of the peers that connect to you.
 *
 * - {@link InboundPool.serve}, {@link InboundPool.upgrade} and {@link InboundPool.upgradeNode} accept peers;
 *   {@link InboundPool.add} adds a socket of any kind.
 * - {@link InboundPool.inbox} contains the messages of all peers. The messages of each peer are in order.
 * - {@link InboundPool.events} gets one event for each connection that ended, unless you ended it. The peer is no
 *   longer in the pool then, and all of its messages are in the inbox.
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
   * Creates an empty pool.
   *
   * @param id The name of the pool, which every log record has. Must not be empty.
   * @throws {ConfigError} If the id or an option cannot be used.
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

  /** The name of the pool. */
  get id(): string {
    return this.#core.id;
  }

  /**
   * The messages of all peers; those of each peer are in order. While it is full (`inboxBufferSize`,
   * `inboxBufferBytes`), the pool does not read from peers that send.
   */
  get inbox(): Queue<InboxMessage> {
    return this.#core.inbox;
  }

  /**
   * One event for each connection that ended, unless you ended it. If you do not read them, old ones are dropped
   * (`eventsBufferSize`).
   */
  get events(): Queue<InboundEvent> {
    return this.#core.events.queue;
  }

  /**
   * Errors that ended no connection, such as callbacks that threw. If you do not read them, the oldest are dropped
   * (`errorsBufferSize`).
   */
  get errors(): Queue<PoolErrorRecord> {
    return this.#core.errors;
  }

  /** The ids of all peers. */
  get peers(): string[] {
    return [...this.#core.peers.keys()];
  }

  /** Resolves when the pool has closed. Never rejects. */
  get closed(): Promise<void> {
    return this.#core.closed;
  }

  /** Whether the pool has the peer. */
  has(id: string): boolean {
    return this.#core.peers.has(id);
  }

  /**
   * Adds a peer. The pool owns the socket from now on.
   *
   * The runtime's `WebSocket` may be given as well, even before it is open. Messages that it received before are lost,
   * so prefer {@link InboundPool.upgrade}.
   *
   * @throws {PoolError} `peer-exists`, `pool-full`, `pool-closed`, `worker-failed`. The caller still owns the socket
   * then, and has to close it.
   * @throws {ConfigError} If the id is empty, or if the socket cannot be used or was given to a pool before.
   */
  add(id: string, socket: Socket | WebSocket): void {
    this.#registrar.checkSocket("add", id, socket);
    this.#registrar.reserve("add", id, false)(socket);
  }

  /**
   * Gives a peer a new socket. The old connection is closed with code 1000, without an event. Messages that were read
   * from it stay before those of the new connection. Messages that it delivers after the first one of the new
   * connection are dropped.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `worker-failed`. Nothing has changed then.
   * @throws {ConfigError} If the id is empty, or if the socket cannot be used or was given to a pool before.
   */
  replace(id: string, socket: Socket | WebSocket): void {
    this.#registrar.checkSocket("replace", id, socket);
    this.#core.peer("replace", id);
    this.#registrar.reserve("replace", id, true)(socket);
  }

  /**
   * Accepts a request of `Deno.serve` as a WebSocket, adds the peer, and returns the response for the request.
   *
   * If the peer cannot be accepted, returns a response with the right status: 400 or 426 if the request is not an
   * opening handshake (RFC 6455, section 4.2), 403 if its origin is not allowed, 409 if the id is in use, 503 if the
   * pool is full or closed, 500 if `workerFactory` failed (see `errors`). Nothing stays open then.
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
   * @throws {ConfigError} When an option cannot be used, or the request is not the one of `Deno.serve`, is a copy of
   * it, or was used up.
   */
  upgrade(request: Request, options: PoolUpgradeOptions): Response {
    return upgradeInto(this.#registrar, request, options);
  }

  /**
   * Accepts a request of an `upgrade` event of `node:http` or `node:https` as a WebSocket, and adds the peer.
   *
   * If the peer cannot be accepted, answers with the right status, as {@link InboundPool.upgrade} does, and closes the
   * connection.
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
   * @param head The first bytes after the request, as the event gives them.
   * @returns Whether the peer was accepted.
   * @throws {ConfigError} If an option cannot be used. The peer gets status 500 then.
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
   * Accepts every peer of a listener, or refuses it with the status that the option `accept` returns.
   *
   * A peer that leaves meanwhile, and a callback that throws, rejects or never settles, does not affect other peers.
   * While the pool is full or closed, peers are refused with 503; a peer whose id is in use is refused with 409.
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
   * @returns A promise that resolves when the listener has closed.
   * @throws {ConfigError} If an option cannot be used.
   * @throws The error of the listener. It is in `errors` as well.
   */
  serve(
    listener: AsyncIterable<Incoming>,
    options: ServeOptions = {},
  ): Promise<void> {
    const { log, options: { clock } } = this.#core;
    return serve({ registrar: this.#registrar, clock, log }, listener, options);
  }

  /**
   * Removes a peer at once, closes its connection and waits for the end. No event follows.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   * @throws {ConfigError} `invalid-argument` if the code or the reason may not be sent.
   */
  remove(id: string, options: PoolCloseOptions = {}): Promise<void> {
    try {
      const { code, reason } = closeFrame(options, CLOSE_NORMAL, "");
      const peer = this.#core.peer("remove", id);
      return this.#core.dismiss(peer, code, reason);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Sends a message to a peer. Resolves when the message is buffered and the buffer is below `highWaterMark`: see
   * {@link Connection.send}.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   * @throws {ConnectionError} As {@link Connection.send}.
   * @throws {ConfigError} `invalid-argument` if it is not a message.
   * @throws The signal's reason when it aborts.
   */
  send(id: string, data: Message, options?: SendOptions): Promise<void> {
    return this.#core.send(id, data, options);
  }

  /**
   * Sends a message to a peer unless its buffer is full. Never waits.
   *
   * @returns `false` if the buffer is full: the message is not sent then.
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   * @throws {ConnectionError} As {@link Connection.trySend}.
   * @throws {ConfigError} `invalid-argument` if it is not a message.
   */
  trySend(id: string, data: Message): boolean {
    return this.#core.trySend(id, data);
  }

  /** Returns the totals of the pool. They never fall, and cost the same for one peer and for ten thousand. */
  stats(): PoolStats {
    return this.#core.stats();
  }

  /**
   * Returns the figures of one peer since it was added.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   */
  peerStats(id: string): PeerStats {
    return this.#core.peerStats(id);
  }

  /**
   * Closes the pool: sends every peer what is buffered and a close frame, and waits until the connections have ended.
   * A connection is terminated after `closeTimeout`, or up to four times that if the peer keeps taking what is buffered.
   * Does not wait until the inbox is read. Calling it again is safe and waits, too; only the first call sets the code.
   *
   * @param options The close frame. Default: 1001, "The pool is closing". Native sockets send 1000 instead of 1001.
   * @throws {ConfigError} `invalid-argument` if the code or the reason may not be sent.
   */
  close(options: PoolCloseOptions = {}): Promise<void> {
    try {
      const { code, reason } = closeFrame(
        options,
        CLOSE_GOING_AWAY,
        "The pool is closing",
      );
      return this.#core.close(code, reason);
    } catch (error) {
      return rejected(error);
    }
  }

  /** Closes the pool and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
