import { notify } from "../transport/base/callbacks.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";
import { createLog } from "../transport/base/logging.ts";
import { urlForLog } from "../transport/base/url.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { Peer, PeerOwner } from "../transport/pool/peer.ts";
import type { PoolCore } from "../transport/pool/pool.ts";
import type { PeerGate } from "./dial_limiter.ts";
import { runOnConnected } from "./on_connected.ts";
import type { PeerSettings } from "./peer_settings.ts";
import type {
  OutboundEvent,
  OutboundNotice,
  OutboundPlugin,
  OutboundWorker,
} from "./plugin.ts";
import { Presence, type PresenceHost } from "./presence.ts";
import {
  judge,
  type ReconnectDecision,
  type ReconnectInfo,
} from "./reconnect.ts";

/** The core of an outbound pool. */
export type OutboundCore = PoolCore<OutboundPlugin, OutboundEvent>;
/** A peer as the core knows it. */
export type CorePeer = Peer<OutboundPlugin, OutboundEvent>;

/** What a peer is called in logs and messages: without the query of its URL, which may hold secrets. */
export function nameOf(id: string): string {
  return id.includes("://")
    ? urlForLog(id).replace(/\/\/[^/@]*@/, "//***@")
    : id;
}

/** What an {@link OutboundPeer} needs. */
export interface OutboundPeerContext {
  /** The peer's id. */
  readonly id: string;
  /** Its normalised URL. */
  readonly url: string;
  /** Whether the user gave the id, so that no other form of it stands for the peer. */
  readonly hasOwnId: boolean;
  /** The settings of the peer. */
  readonly settings: PeerSettings;
  /** Limits its dials. */
  readonly gate: PeerGate;
  /** The pool. */
  readonly core: OutboundCore;
  /**
   * Makes a worker.
   *
   * @throws {PoolError} `worker-failed`.
   */
  readonly makeWorker: (id: string, url: string) => OutboundWorker;
}

/** One peer of an outbound pool. */
export class OutboundPeer
  implements PeerOwner<OutboundPlugin, OutboundEvent>, PresenceHost {
  readonly id: string;
  /** Whether the user gave the id, so that no other form of it stands for the peer. */
  readonly hasOwnId: boolean;
  readonly #url: string;
  readonly #settings: PeerSettings;
  readonly #gate: PeerGate;
  readonly #core: OutboundCore;
  readonly #makeWorker: OutboundPeerContext["makeWorker"];
  #worker: OutboundWorker;
  #presence: Presence;
  #peer: CorePeer | undefined;

  /**
   * Makes a peer with a worker that has not been started.
   *
   * @throws {PoolError} `worker-failed`.
   */
  constructor(options: OutboundPeerContext) {
    this.id = options.id;
    this.hasOwnId = options.hasOwnId;
    this.#url = options.url;
    this.#settings = options.settings;
    this.#gate = options.gate;
    this.#core = options.core;
    this.#makeWorker = options.makeWorker;
    this.#worker = options.makeWorker(options.id, options.url);
    this.#presence = new Presence(this.#worker, this);
  }

  /** Whether it is connected, and the calls that wait for that. */
  get presence(): Presence {
    return this.#presence;
  }

  /** Its name in logs and messages. */
  get name(): string {
    return nameOf(this.id);
  }

  /** Reports a fault of the worker. */
  workerFailed(error: Error): void {
    this.#report(this.#core.workerFailed(this.id, error));
  }

  /** Starts the worker. */
  start(): void {
    this.#core.admit({
      id: this.id,
      worker: this.#worker,
      owner: this,
      // Figures of a peer never fall, also if it gets another worker.
      counter: this.#peer?.counter,
      closeTimeout: this.#settings.closeTimeout,
    });
  }

  /** The worker has ended without being stopped. */
  ended(peer: CorePeer, error: Error | undefined): void {
    const cause = error ?? new Error("it ended before stop() was called.");
    this.#notify(peer, {
      kind: "stopped",
      error: this.#core.workerFailed(this.id, cause),
    }, 0);
  }

  /** Makes the worker dial at once, or starts a new worker if it has ended. */
  reconnect(): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    this.#gate.prefer();
    if (peer.finished) {
      const worker = this.#makeWorker(this.id, this.#url);
      // The factory may have called `reconnect`.
      if (this.#peer !== peer) return;
      // It may have removed the peer, or closed the pool.
      if (peer.retired) throw this.#core.notFound("reconnect", this.id);
      this.#worker = worker;
      this.#presence = new Presence(worker, this);
      this.#core.retire(peer);
      this.start();
      return;
    }
    if (this.#worker.reconnect === undefined) {
      throw new ConfigError(
        "unsupported",
        "workerFactory",
        `Cannot reconnect: the worker of ${this.name} has no method reconnect(). Add one, or remove the peer and connect again.`,
      );
    }
    this.#presence.revive();
    let result: unknown;
    try {
      result = this.#worker.reconnect();
    } catch (error) {
      throw this.#core.workerFailed(this.id, error);
    }
    // An asynchronous method may reject.
    notify(() => result, (error) => this.workerFailed(error));
  }

  /** Removes the peer from the pool and waits for the end of its worker. */
  async remove(code: number, reason: string): Promise<void> {
    this.#presence.end(
      new PoolError(
        "peer-removed",
        `Cannot wait for the peer ${this.name}: it was removed.`,
      ),
    );
    if (this.#peer === undefined) return;
    await this.#core.dismiss(this.#peer, code, reason);
  }

  /** Makes what the worker gets. */
  makePlugin(peer: CorePeer): OutboundPlugin {
    this.#peer = peer;
    const core = this.#core;
    const settings = this.#settings;
    const { clock } = core.options;
    const attributes = { pool_id: core.id, peer_id: this.name };
    return {
      id: this.id,
      url: this.#url,
      delivery: peer.delivery,
      notify: (notice, session) => this.#notify(peer, notice, session),
      onError: (error) => this.#report(error),
      nextSession: () => this.#core.sessions.next(this.id),
      prepare: (connection, session) => this.#prepare(connection, session),
      judge: (info) => this.#judge(info),
      counter: peer.counter,
      connectionOptions: {
        ...settings.connection,
        clock,
        dialGate: this.#gate,
        meter: peer.counter,
        logAttributes: attributes,
      },
      workerOptions: settings.worker,
      clock,
      log: createLog(settings.workerLogging, {
        component: "outbound_worker",
        ...attributes,
      }),
    };
  }

  #report(error: Error): void {
    this.#core.report(this.id, error);
  }

  #prepare(connection: Connection, session: number): Promise<void> | undefined {
    const { onConnected, handshakeTimeout } = this.#settings;
    return onConnected &&
      runOnConnected(onConnected, connection, session, {
        id: this.id,
        url: this.#url,
        timeout: handshakeTimeout,
        clock: this.#core.options.clock,
        onError: (error) => this.#report(error),
      });
  }

  #judge(info: ReconnectInfo): ReconnectDecision {
    const { shouldReconnect } = this.#settings;
    return judge(shouldReconnect, info, (error) => this.#report(error));
  }

  #notify(peer: CorePeer, notice: OutboundNotice, session: number): void {
    const { id } = this;
    const core = this.#core;
    if (peer.retired) return;
    if (!isNotice(notice)) {
      const rule =
        "notify must be given an object whose kind is connected, disconnected or stopped.";
      return this.workerFailed(new TypeError(rule));
    }
    if (!this.#presence.notice(notice, session)) return;
    if (notice.kind === "connected") peer.counter.connected();
    if (notice.kind === "disconnected") peer.counter.lost();
    core.emit(peer, { id, at: core.options.clock.date(), session, ...notice });
    core.log?.info(`Peer ${notice.kind}`, {
      peer_id: nameOf(id),
      session,
      ...notice,
    });
  }
}

function isNotice(value: unknown): value is OutboundNotice {
  return typeof value === "object" && value !== null && "kind" in value &&
    typeof value.kind === "string" && Object.hasOwn(NOTICES, value.kind);
}

const NOTICES: Readonly<Record<OutboundNotice["kind"], true>> = {
  connected: true,
  disconnected: true,
  stopped: true,
};
