import { createLog } from "../transport/base/logging.ts";
import { dialAuto } from "../transport/client/dial_auto.ts";
import { PoolError, toError } from "../transport/base/errors.ts";
import type { PoolEvent } from "../transport/pool/events.ts";
import {
  checkHeaders,
  type HeadersSource,
} from "../transport/connection/options.ts";
import {
  checkFunction,
  checkOptions,
  signalOf,
} from "../transport/base/options.ts";
import type { Message } from "../transport/base/message.ts";
import type { SendOptions } from "../transport/connection/outgoing.ts";
import {
  type Peer,
  PoolCore,
  type PoolErrorRecord,
  type PoolStats,
} from "../transport/pool/pool.ts";
import { handled, onAbort, rejected } from "../transport/base/promise.ts";
import { resolvePoolOptions } from "../transport/pool/options.ts";
import type { Queue } from "../transport/base/queue.ts";
import type { Dialer } from "../transport/client/dialer.ts";
import { normalizeUrl, urlForLog } from "../transport/base/url.ts";
import type { InboxMessage, WorkerStats } from "../transport/pool/worker.ts";
import { type OutboundPoolOptions, resolveOutboundOptions } from "./options.ts";
import type { ResolvedOutboundWorkerOptions } from "./worker_options.ts";
import { DialLimiter } from "./dial_limiter.ts";
import {
  checkVerdict,
  defaultVerdict,
  type ReconnectInfo,
  type ReconnectVerdict,
} from "./reconnect.ts";
import { DefaultOutboundWorker } from "./worker.ts";
import type {
  OutboundNotice,
  OutboundPlugin,
  OutboundWorker,
} from "./plugin.ts";

/** Something happened to the connection of an outbound peer. */
export interface OutboundEvent extends PoolEvent, OutboundNotice {}

/** Options of {@link OutboundPool.connect}. */
export interface ConnectOptions {
  /** Makes this peer's sockets. @default the pool's */
  readonly dialer?: Dialer | undefined;
  /** Headers of this peer's requests. @default the pool's */
  readonly headers?: HeadersSource | undefined;
}

type OutboundPeer = Peer<OutboundPlugin, OutboundEvent>;

/** Whether a peer has a connection, and who waits for one. */
interface Presence {
  connected: boolean;
  /** The policy has given it up. */
  stopped: PoolError | undefined;
  readonly waiting: Set<(error?: PoolError) => void>;
}

/**
 * Peers that you connect to and that must stay connected.
 *
 * - Every peer is kept connected until it is removed; what is lost is dialled again.
 * - {@link OutboundPool.inbox} has the messages of all peers, in order for each. It never drops.
 * - {@link OutboundPool.events}: `connected` and `disconnected` alternate strictly for each peer.
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
 * });
 * const url = pool.connect("wss://relay.example");
 * await pool.whenConnected(url);
 * pool.trySend(url, "hello");
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
  readonly #core: PoolCore<OutboundPlugin, OutboundEvent>;
  readonly #options: OutboundPoolOptions;
  readonly #workerOptions: ResolvedOutboundWorkerOptions;
  readonly #limiter: DialLimiter;
  readonly #presences = new Map<OutboundPeer, Presence>();

  /**
   * Makes an empty pool.
   *
   * @param id Its name, on every log record. Not empty.
   * @throws {ConfigError} When the id or an option cannot be used.
   */
  constructor(id: string, options: OutboundPoolOptions = {}) {
    const resolved = resolvePoolOptions(id, options);
    const { maxConcurrentDials, ...worker } = resolveOutboundOptions(options);
    const { maxQueueSize } = worker;
    this.#core = new PoolCore("outbound", id, options, {
      ...resolved,
      maxQueueSize,
    }, urlForLog);
    this.#workerOptions = worker;
    this.#options = options;
    this.#limiter = new DialLimiter(maxConcurrentDials);
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

  /** What happens to connections. When nobody reads, a peer's older events give way to its newest. */
  get events(): Queue<OutboundEvent> {
    return this.#core.events.queue;
  }

  /** Dials that failed, and other errors. When nobody reads, the oldest go. */
  get errors(): Queue<PoolErrorRecord> {
    return this.#core.errors;
  }

  /** The normalised URLs of the peers it knows. */
  get peers(): string[] {
    return [...this.#core.peers.keys()];
  }

  /** Resolves when it has closed. */
  get closed(): Promise<void> {
    return this.#core.closed;
  }

  /** Whether it knows a peer; any form of its URL will do. */
  has(url: string | URL): boolean {
    return this.#core.peers.has(normalizeUrl(url));
  }

  /**
   * Whether a peer has a connection now, as the events tell it; not when it is unknown. Any form of its
   * URL will do.
   */
  isConnected(url: string | URL): boolean {
    const peer = this.#core.peers.get(this.#known(url));
    return peer !== undefined &&
      (this.#presences.get(peer)?.connected ?? false);
  }

  /**
   * Takes a peer in and keeps it connected from now on.
   *
   * @returns The normalised URL, by which the peer is known.
   * @throws {PoolError} `peer-exists`, `pool-closed`, `worker-failed`.
   * @throws {ConfigError} When the URL or an option cannot be used.
   */
  connect(url: string | URL, options: ConnectOptions = {}): string {
    this.#core.checkOpen("connect");
    const id = normalizeUrl(url);
    checkOptions("options", options);
    checkFunction("dialer", options.dialer);
    checkHeaders("headers", options.headers);
    if (this.#core.peers.has(id)) {
      throw new PoolError(
        "peer-exists",
        `Cannot connect as the peer must be unknown: ${this.#core.label} has a peer ${
          urlForLog(id)
        }`,
      );
    }
    this.#admit(id, this.#worker(id), options);
    return id;
  }

  /**
   * Takes a peer out at once, closes its connection with 1000 and waits for the end. No event.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`.
   */
  remove(url: string | URL): Promise<void> {
    let peer: OutboundPeer;
    try {
      peer = this.#peer("remove", url);
    } catch (error) {
      return rejected(error);
    }
    this.#forget(
      peer,
      new PoolError(
        "peer-removed",
        `The peer ${urlForLog(peer.id)} was removed`,
      ),
    );
    return this.#core.dismiss(peer, 1000, "");
  }

  /**
   * Sends a message to a peer: resolves as soon as it is buffered, with room for more.
   *
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `connection-unavailable`.
   * @throws {ConnectionError} `connection-closed`, `send-timeout`, `write-timeout`.
   * @throws The signal's reason when it aborts.
   */
  send(
    url: string | URL,
    data: Message,
    options?: SendOptions,
  ): Promise<void> {
    let id: string;
    try {
      id = this.#known(url);
    } catch (error) {
      return rejected(error);
    }
    return this.#core.send(id, data, options);
  }

  /**
   * Sends a message to a peer if there is room for it now.
   *
   * @returns `false` when the buffer is full.
   * @throws {PoolError} `peer-not-found`, `pool-closed`, `connection-unavailable`.
   */
  trySend(url: string | URL, data: Message): boolean {
    return this.#core.trySend(this.#known(url), data);
  }

  /**
   * Waits for the peer's next connection, or for the present one.
   *
   * @throws {PoolError} `peer-not-found`, `peer-removed`, `peer-stopped`, `pool-closed`.
   * @throws The signal's reason when it aborts.
   */
  whenConnected(
    url: string | URL,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    let signal: AbortSignal | undefined;
    let presence: Presence | undefined;
    try {
      signal = signalOf(options);
      signal?.throwIfAborted();
      presence = this.#presences.get(this.#peer("wait", url));
    } catch (error) {
      return rejected(error);
    }
    if (presence === undefined || presence.connected) return Promise.resolve();
    if (presence.stopped !== undefined) return rejected(presence.stopped);
    const { waiting } = presence;
    return handled(
      new Promise((resolve, reject) => {
        const settle = (error?: PoolError) => {
          removeListener();
          waiting.delete(settle);
          if (error === undefined) resolve();
          else reject(error);
        };
        const removeListener = onAbort(signal, () => {
          waiting.delete(settle);
          reject(signal?.reason);
        });
        waiting.add(settle);
      }),
    );
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
  peerStats(url: string | URL): WorkerStats {
    return this.#core.peerStats(this.#known(url));
  }

  /**
   * Closes: says 1001 to every peer (1000 where the socket is the runtime's), waits for the closing
   * handshakes for at most `closeTimeout`, then cuts. Never waits for a consumer. Safe to call twice.
   */
  close(): Promise<void> {
    const error = new PoolError(
      "pool-closed",
      `The ${this.#core.label} is closed`,
    );
    for (const peer of this.#presences.keys()) this.#forget(peer, error);
    return this.#core.close();
  }

  /** Closes, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A URL in the form by which peers are known; one that is in that form already costs nothing. */
  #known(url: string | URL): string {
    return typeof url === "string" && this.#core.peers.has(url)
      ? url
      : normalizeUrl(url);
  }

  #peer(action: string, url: string | URL): OutboundPeer {
    return this.#core.peer(action, this.#known(url));
  }

  #worker(id: string): OutboundWorker {
    const { workerFactory } = this.#options;
    if (workerFactory === undefined) return new DefaultOutboundWorker();
    try {
      return workerFactory(id);
    } catch (error) {
      throw this.#core.workerFailed(id, error);
    }
  }

  #admit(id: string, worker: OutboundWorker, options: ConnectOptions): void {
    const core = this.#core;
    const { clock } = core.options;
    const { logger, connection, ...pool } = this.#options;
    const attributes = { pool_id: this.id, peer_id: urlForLog(id) };
    const dialer = options.dialer ?? pool.dialer ?? dialAuto;
    const log = createLog({ logger, ...pool.worker }, {
      component: "outbound_worker",
      ...attributes,
    });
    core.log?.debug("Peer added", { peer_id: urlForLog(id) });
    core.admit(id, worker, (peer) => {
      this.#presences.set(peer, {
        connected: false,
        stopped: undefined,
        waiting: new Set(),
      });
      return {
        id,
        delivery: peer.delivery,
        notify: (notice, session) => this.#notify(peer, notice, session),
        onError: (error) => core.report(id, error),
        nextSession: () => core.sessions.next(id),
        judge: (info) => this.#judge(info),
        counter: peer.counter,
        connectionOptions: {
          logger,
          headers: options.headers ?? pool.headers,
          ...connection,
          clock,
          dialer,
          dialGate: this.#limiter.gate(),
          logAttributes: attributes,
        },
        workerOptions: this.#workerOptions,
        clock,
        log,
      };
    }, (peer, error) => {
      const presence = this.#presences.get(peer);
      if (presence === undefined || presence.stopped !== undefined) return;
      const cause = error ?? new Error("It ended by itself");
      this.#notify(peer, {
        kind: "stopped",
        error: core.workerFailed(id, cause),
      }, 0);
    });
  }

  #notify(
    peer: OutboundPeer,
    notice: OutboundNotice,
    session: number,
  ): void {
    const presence = this.#presences.get(peer);
    if (presence === undefined || peer.retired || presence.stopped) return;
    if (!follows(presence, notice)) return;
    presence.connected = notice.kind === "connected";
    if (notice.kind === "stopped") {
      presence.stopped = new PoolError(
        "peer-stopped",
        `The peer ${urlForLog(peer.id)} was given up`,
        { cause: notice.error },
      );
    }
    const { clock } = this.#core.options;
    this.#core.log?.info(`Peer ${notice.kind}`, {
      peer_id: urlForLog(peer.id),
      session,
      ...notice,
    });
    this.#core.emit(peer, {
      id: peer.id,
      at: clock.date(),
      session,
      ...notice,
    });
    if (notice.kind === "disconnected") return;
    for (const settle of presence.waiting) settle(presence.stopped);
  }

  #judge(info: ReconnectInfo): ReconnectVerdict {
    try {
      const verdict = this.#options.shouldReconnect?.(info);
      return verdict === undefined
        ? defaultVerdict(info)
        : checkVerdict(verdict);
    } catch (error) {
      this.#core.report(info.url, toError(error));
      return defaultVerdict(info);
    }
  }

  #forget(peer: OutboundPeer, error: PoolError): void {
    const presence = this.#presences.get(peer);
    this.#presences.delete(peer);
    for (const settle of presence?.waiting ?? []) settle(error);
  }
}

/** Whether an event may follow what is: `connected` and `disconnected` alternate strictly. */
function follows(presence: Presence, notice: OutboundNotice): boolean {
  switch (notice.kind) {
    case "connected":
      return !presence.connected;
    case "disconnected":
      return presence.connected;
    case "stopped":
      return true;
  }
}
