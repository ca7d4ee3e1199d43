import { PoolError } from "../transport/base/errors.ts";
import {
  refuseArgument,
  signalOf,
  type WaitOptions,
} from "../transport/base/options.ts";
import type { Message } from "../transport/base/message.ts";
import { rejected } from "../transport/base/promise.ts";
import type { Queue } from "../transport/base/queue.ts";
import { normalizeUrl } from "../transport/base/url.ts";
import { checkDialTarget } from "../transport/client/check_dial.ts";
import type { SendOptions } from "../transport/connection/sending/outgoing.ts";
import {
  closeFrame,
  type PoolCloseOptions,
} from "../transport/pool/close_frames.ts";
import { resolveConnectionOptions } from "../transport/connection/resolve_options.ts";
import { resolvePoolOptions } from "../transport/pool/options.ts";
import { makeWorker } from "../transport/pool/peer.ts";
import type { PoolErrorRecord } from "../transport/pool/error_queue.ts";
import { PoolCore } from "../transport/pool/pool.ts";
import type { PeerStats, PoolStats } from "../transport/pool/statistics.ts";
import type { InboxMessage } from "../transport/pool/worker.ts";
import {
  CLOSE_GOING_AWAY,
  CLOSE_NORMAL,
} from "../transport/protocol/wire/close.ts";
import { DialLimiter } from "./dial_limiter.ts";
import { checkOutboundOptions, type OutboundPoolOptions } from "./options.ts";
import {
  nameOf,
  type OutboundCore,
  OutboundPeer,
  type OutboundPeerContext,
} from "./peer.ts";
import {
  checkConnectOptions,
  type ConnectOptions,
  SharedSettings,
} from "./peer_settings.ts";
import type { PeerState } from "./peer_state.ts";
import type { OutboundEvent } from "./plugin.ts";
import { DefaultOutboundWorker } from "./worker.ts";

/**
 * A pool of the peers that you connect to and that are kept connected.
 *
 * - The pool dials a peer again whenever its connection is lost, until you remove the peer.
 * - Each peer has an id: the one given to {@link OutboundPool.connect}, or else its normalised URL. Methods that take
 *   an id accept every form of that URL.
 * - {@link OutboundPool.inbox} contains the messages of all peers. The messages of each peer are in order.
 * - {@link OutboundPool.events}: `connected` and `disconnected` alternate for each peer. An event comes after the
 *   messages that arrived before it. {@link OutboundPool.isConnected} and {@link OutboundPool.peerState} return the
 *   present state.
 * - {@link OutboundPool.errors} contains every dial that failed.
 *
 * @example
 * ```ts
 * import { OutboundPool } from "@honeybee/honeybee";
 * import { MockDialer, MockSocket } from "@honeybee/honeybee/testing";
 *
 * const relay = new MockSocket(); // Stands in for the network.
 * const pool = new OutboundPool("relays", {
 *   dialer: new MockDialer([relay]).dial,
 *   onConnected: (peer) => peer.send("subscribe"),
 * });
 * const id = pool.connect("wss://relay.example");
 * await pool.whenConnected(id);
 * pool.trySend(id, "hello");
 *
 * relay.receive("welcome");
 * for await (const { id, data } of pool.inbox) {
 *   console.log(id, data);
 *   break;
 * }
 * relay.receiveClose(1000);
 * await pool.close();
 * ```
 */
export class OutboundPool implements AsyncDisposable {
  readonly #core: OutboundCore;
  readonly #settings: SharedSettings;
  readonly #limiter: DialLimiter;
  readonly #peers = new Map<string, OutboundPeer>();
  readonly #makeWorker: OutboundPeerContext["makeWorker"];

  /**
   * Creates an empty pool.
   *
   * @param id The name of the pool, which every log record has. Must not be empty.
   * @throws {ConfigError} If the id or an option cannot be used.
   */
  constructor(id: string, options: OutboundPoolOptions = {}) {
    const maxConcurrentDials = checkOutboundOptions(options);
    const resolved = resolvePoolOptions(
      id,
      options,
      (connection) => resolveConnectionOptions(connection, "connection."),
    );
    this.#settings = new SharedSettings(options);
    const { maxQueueSize } = this.#settings;
    this.#core = new PoolCore("outbound", id, options, {
      ...resolved,
      maxQueueSize,
    }, nameOf);
    this.#limiter = new DialLimiter(maxConcurrentDials);
    const { workerFactory } = options;
    this.#makeWorker = (id, url) =>
      workerFactory === undefined
        ? new DefaultOutboundWorker()
        : makeWorker(() => workerFactory(id, url), id, nameOf(id));
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
   * What happens to the connections of all peers. If you do not read them, old ones are dropped (`eventsBufferSize`).
   */
  get events(): Queue<OutboundEvent> {
    return this.#core.events.queue;
  }

  /**
   * Dials that failed, and errors that ended no connection, such as callbacks that threw. If you do not read them, the
   * oldest are dropped (`errorsBufferSize`).
   */
  get errors(): Queue<PoolErrorRecord> {
    return this.#core.errors;
  }

  /** The ids of all peers. */
  get peers(): string[] {
    return [...this.#peers.keys()];
  }

  /** Resolves when the pool has closed. Never rejects. */
  get closed(): Promise<void> {
    return this.#core.closed;
  }

  /** Whether the pool has the peer. */
  has(id: string | URL): boolean {
    return this.#peers.has(this.#find(id));
  }

  /** Whether `send` and `trySend` reach the peer now; `false` for a peer that the pool does not have. */
  isConnected(id: string | URL): boolean {
    return this.#peers.get(this.#find(id))?.presence.connected ?? false;
  }

  /**
   * Returns what the peer is doing now.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   */
  peerState(id: string | URL): PeerState {
    return this.#peer("read the state", id).presence.state;
  }

  /**
   * Adds a peer and keeps it connected until it is removed. Returns at once: {@link OutboundPool.whenConnected} waits
   * for the connection.
   *
   * @returns Its id: `options.id`, or the normalised URL.
   * @throws {PoolError} `peer-exists`, `pool-closed`, `worker-failed`.
   * @throws {ConfigError} If the URL or an option cannot be used.
   */
  connect(url: string | URL, options: ConnectOptions = {}): string {
    this.#core.checkOpen("connect");
    const normalized = normalizeUrl(url);
    checkConnectOptions(options);
    const { id = normalized, ...own } = options;
    const settings = this.#settings.of(normalized, own);
    checkDialTarget(normalized, settings.connection, "connection.");
    this.#checkFree(id);
    const peer = new OutboundPeer({
      id,
      url: normalized,
      hasOwnId: options.id !== undefined,
      settings,
      gate: this.#limiter.gate(),
      core: this.#core,
      makeWorker: this.#makeWorker,
    });
    // `workerFactory` may have closed the pool, or connected to the same peer.
    this.#core.checkOpen("connect");
    this.#checkFree(id);
    this.#peers.set(id, peer);
    peer.start();
    this.#core.log?.debug("Peer added", { peer_id: nameOf(id) });
    return id;
  }

  /**
   * Drops the present connection, dial or delay of a peer, and dials at once; also after `stopped`. The attempts are
   * counted from 1 again. A present connection gets 50 ms for the closing handshake, with code 1000.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `worker-failed`.
   * @throws {ConfigError} `unsupported` if the worker of the peer has no method `reconnect`.
   */
  reconnect(id: string | URL): void {
    this.#peer("reconnect", id).reconnect();
  }

  /**
   * Removes a peer at once, closes its connection and waits for the end. No event follows.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   * @throws {ConfigError} `invalid-argument` if the code or the reason may not be sent.
   */
  remove(id: string | URL, options: PoolCloseOptions = {}): Promise<void> {
    try {
      const { code, reason } = closeFrame(options, CLOSE_NORMAL, "");
      const peer = this.#peer("remove", id);
      this.#peers.delete(peer.id);
      return peer.remove(code, reason);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Sends a message to a peer. Resolves when the message is buffered and the buffer is below `highWaterMark`: see
   * {@link Connection.send}. Messages are not queued for a peer that has no connection.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `connection-unavailable`.
   * @throws {ConnectionError} As {@link Connection.send}.
   * @throws {ConfigError} `invalid-argument` if it is not a message.
   * @throws The signal's reason when it aborts.
   */
  send(
    id: string | URL,
    data: Message,
    options?: SendOptions,
  ): Promise<void> {
    let known: string;
    try {
      known = this.#find(id);
    } catch (error) {
      return rejected(error);
    }
    return this.#core.send(known, data, options);
  }

  /**
   * Sends a message to a peer unless its buffer is full. Never waits.
   *
   * @returns `false` if the buffer is full: the message is not sent then.
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `connection-unavailable`.
   * @throws {ConnectionError} As {@link Connection.trySend}.
   * @throws {ConfigError} `invalid-argument` if it is not a message.
   */
  trySend(id: string | URL, data: Message): boolean {
    return this.#core.trySend(this.#find(id), data);
  }

  /**
   * Waits until the peer is connected; resolves at once if it is. {@link OutboundPool.isConnected} is `true` when it
   * resolves.
   *
   * @throws {PoolError} `peer-not-found`, `peer-removed`, `peer-stopped`, `pool-closed`.
   * @throws The signal's reason when it aborts.
   */
  whenConnected(
    id: string | URL,
    options: WaitOptions = {},
  ): Promise<void> {
    try {
      const signal = signalOf(options);
      signal?.throwIfAborted();
      return this.#peer("wait", id).presence.wait(signal);
    } catch (error) {
      return rejected(error);
    }
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
  peerStats(id: string | URL): PeerStats {
    return this.#core.peerStats(this.#find(id));
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
      const error = new PoolError(
        "pool-closed",
        `Cannot wait for a peer: ${this.#core.label} is closed.`,
      );
      for (const peer of this.#peers.values()) peer.presence.end(error);
      this.#peers.clear();
      return this.#core.close(code, reason);
    } catch (error) {
      return rejected(error);
    }
  }

  /** Closes the pool and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Returns the id under which a peer is known. For an id in that very form this is one look-up. */
  #find(id: string | URL): string {
    if (
      typeof id === "string" && (this.#core.isLast(id) || this.#peers.has(id))
    ) return id;
    if (typeof id !== "string" && !(id instanceof URL)) {
      throw refuseArgument("find a peer", "id", "a string or a URL", id);
    }
    const url = tryNormalize(id);
    return url === undefined || this.#peers.get(url)?.hasOwnId
      ? String(id)
      : url;
  }

  /** @throws {PoolError} `peer-exists`. */
  #checkFree(id: string): void {
    if (!this.#peers.has(id)) return;
    throw new PoolError(
      "peer-exists",
      `Cannot connect: ${this.#core.label} has a peer ${
        JSON.stringify(nameOf(id))
      } already. Give another id to connect to the same URL again.`,
    );
  }

  #peer(action: string, id: string | URL): OutboundPeer {
    const known = this.#find(id);
    const peer = this.#peers.get(known);
    if (peer === undefined) throw this.#core.notFound(action, known);
    return peer;
  }
}

function tryNormalize(url: string | URL): string | undefined {
  try {
    return normalizeUrl(url);
  } catch {
    return undefined;
  }
}
