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
import type { SendOptions } from "../transport/connection/outgoing.ts";
import {
  closeFrame,
  type PoolCloseOptions,
} from "../transport/pool/close_frames.ts";
import { resolveConnectionOptions } from "../transport/connection/options.ts";
import { resolvePoolOptions } from "../transport/pool/options.ts";
import { makeWorker } from "../transport/pool/peer.ts";
import type { PoolErrorRecord } from "../transport/pool/error_queue.ts";
import { PoolCore } from "../transport/pool/pool.ts";
import type { PeerStats, PoolStats } from "../transport/pool/statistics.ts";
import type { InboxMessage } from "../transport/pool/worker.ts";
import { DialLimiter } from "./dial_limiter.ts";
import { checkOutboundOptions, type OutboundPoolOptions } from "./options.ts";
import { nameOf, type OutboundCore, OutboundPeer } from "./peer.ts";
import {
  checkConnectOptions,
  type ConnectOptions,
  type PeerSettings,
  resolvePeer,
} from "./peer_settings.ts";
import type { PeerState } from "./peer_state.ts";
import type { OutboundEvent, OutboundWorker } from "./plugin.ts";
import { DefaultOutboundWorker } from "./worker.ts";

/**
 * Peers that you connect to and that must stay connected.
 *
 * - Every peer is kept connected until it is removed: a connection that is lost is dialled again.
 * - A peer is known by its id: the one given to {@link OutboundPool.connect}, else its normalised URL, in place of
 *   which every other form of that URL is accepted.
 * - {@link OutboundPool.inbox} has the messages of all peers, in order for each.
 * - {@link OutboundPool.events}: `connected` and `disconnected` alternate strictly for each peer, and stand behind
 *   the messages that arrived before. {@link OutboundPool.isConnected} and {@link OutboundPool.peerState} tell how
 *   it is now.
 * - {@link OutboundPool.errors} has the dials that failed.
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
  readonly #options: OutboundPoolOptions;
  /** What holds for peers without options of their own. */
  readonly #settings: PeerSettings;
  readonly #limiter: DialLimiter;
  readonly #peers = new Map<string, OutboundPeer>();

  /**
   * Creates an empty pool.
   *
   * @param id The name of the pool, on every log record. Not empty.
   * @throws {ConfigError} If the id or an option cannot be used.
   */
  constructor(id: string, options: OutboundPoolOptions = {}) {
    const maxConcurrentDials = checkOutboundOptions(options);
    const resolved = resolvePoolOptions(
      id,
      options,
      (connection) => resolveConnectionOptions(connection, "connection."),
    );
    this.#settings = resolvePeer(options, {});
    const { maxQueueSize } = this.#settings.worker;
    this.#core = new PoolCore("outbound", id, options, {
      ...resolved,
      maxQueueSize,
    }, nameOf);
    this.#options = options;
    this.#limiter = new DialLimiter(maxConcurrentDials);
    this.#core.follow(options.signal, () => void this.close());
  }

  /** The name of the pool. */
  get id(): string {
    return this.#core.id;
  }

  /** The messages of all peers, in order for each. Peers are held back while it is full. */
  get inbox(): Queue<InboxMessage> {
    return this.#core.inbox;
  }

  /** What happens to connections. If nobody reads, a peer's older events give way to its newest. */
  get events(): Queue<OutboundEvent> {
    return this.#core.events.queue;
  }

  /** Dials that failed, and other errors. If nobody reads, the oldest are dropped. */
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

  /** Whether `send` and `trySend` reach the peer now; `false` for an unknown one. */
  isConnected(id: string | URL): boolean {
    return this.#peers.get(this.#find(id))?.presence.connected ?? false;
  }

  /**
   * Returns what the peer is doing now.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   */
  peerState(id: string | URL): PeerState {
    return this.#peer("tell the state", id).presence.state;
  }

  /**
   * Adds a peer and keeps it connected from now on.
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
    const settings = Object.keys(own).length === 0
      ? this.#settings
      : resolvePeer(this.#options, own);
    if (this.#peers.has(id)) {
      throw new PoolError(
        "peer-exists",
        `Cannot connect: ${this.#core.label} has a peer ${
          JSON.stringify(nameOf(id))
        } already. Give another id to connect to the same URL again.`,
      );
    }
    const peer = new OutboundPeer({
      id,
      url: normalized,
      hasOwnId: options.id !== undefined,
      settings,
      gate: this.#limiter.gate(),
      core: this.#core,
      makeWorker: () => this.#makeWorker(id, normalized),
    });
    this.#peers.set(id, peer);
    this.#core.log?.debug("Peer added", { peer_id: nameOf(id) });
    peer.start();
    return id;
  }

  /**
   * Drops the peer's connection, dial or delay, and dials at once; also after `stopped`. Its attempts are counted
   * from 1 again. A present connection gets 50 ms for the closing handshake, with code 1000.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `worker-failed`.
   * @throws {ConfigError} `unsupported` if the peer's worker cannot do that.
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
      const { code, reason } = closeFrame(options, 1000, "");
      const peer = this.#peer("remove", id);
      this.#peers.delete(peer.id);
      return peer.remove(code, reason);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Sends a message to a peer and resolves as soon as it is buffered and the buffer has room for more.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `connection-unavailable`.
   * @throws {ConnectionError} `connection-closed`, `send-timeout`, `write-timeout`.
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
   * Sends a message to a peer if there is room for it now.
   *
   * @returns `false` if the buffer is full.
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `connection-unavailable`.
   */
  trySend(id: string | URL, data: Message): boolean {
    return this.#core.trySend(this.#find(id), data);
  }

  /**
   * Waits for the peer's next connection, or for the present one: {@link OutboundPool.isConnected} is true when it
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

  /** Returns the present figures. */
  stats(): PoolStats {
    return this.#core.stats();
  }

  /**
   * Returns the present figures of a peer.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   */
  peerStats(id: string | URL): PeerStats {
    return this.#core.peerStats(this.#find(id));
  }

  /**
   * Closes the pool: sends every peer a close frame, waits for the closing handshakes for at most `closeTimeout`,
   * then cuts. Never waits for a consumer. Calling it again is safe and waits, too.
   *
   * @param options The close frame. Native sockets send 1000 instead of 1001. Default: 1001.
   * @throws {ConfigError} `invalid-argument` if the code or the reason may not be sent.
   */
  close(options: PoolCloseOptions = {}): Promise<void> {
    try {
      const { code, reason } = closeFrame(options, 1001, "The pool is closing");
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

  /** Closes the pool, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Returns the id under which a peer is known. For an id in that very form this is one look-up. */
  #find(id: string | URL): string {
    if (typeof id === "string" && this.#peers.has(id)) return id;
    if (typeof id !== "string" && !(id instanceof URL)) {
      throw refuseArgument("find a peer", "id", "a string or a URL", id);
    }
    const url = tryNormalize(id);
    return url === undefined || this.#peers.get(url)?.hasOwnId
      ? String(id)
      : url;
  }

  #peer(action: string, id: string | URL): OutboundPeer {
    const known = this.#find(id);
    const peer = this.#peers.get(known);
    if (peer === undefined) throw this.#core.notFound(action, known);
    return peer;
  }

  #makeWorker(id: string, url: string): OutboundWorker {
    const { workerFactory } = this.#options;
    if (workerFactory === undefined) return new DefaultOutboundWorker();
    return makeWorker(() => workerFactory(id, url), id, nameOf(id));
  }
}

function tryNormalize(url: string | URL): string | undefined {
  try {
    return normalizeUrl(url);
  } catch {
    return undefined;
  }
}
