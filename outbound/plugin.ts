import type { Clock } from "../transport/base/clock.ts";
import type { Log } from "../transport/base/logging.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { ConnectionOptions } from "../transport/connection/options.ts";
import type { MessageDelivery } from "../transport/pool/delivery.ts";
import type { PoolEvent } from "../transport/pool/events.ts";
import type { TrafficCounter } from "../transport/pool/statistics.ts";
import type { Worker } from "../transport/pool/worker.ts";
import type { PeerState } from "./peer_state.ts";
import type { ReconnectDecision, ReconnectInfo } from "./reconnect.ts";
import type { ResolvedOutboundWorkerOptions } from "./worker_options.ts";

/** What an outbound worker reports about its peer. `connected` and `disconnected` alternate. */
export interface OutboundNotice {
  /**
   * What happened:
   *
   * - `connected`: a connection was made.
   * - `disconnected`: the connection was lost, for any reason.
   * - `stopped`: the peer is no longer dialled, because `shouldReconnect` or the retry policy decided so. The default
   *   policy stops only after errors that cannot heal, such as a wrong option.
   */
  readonly kind: "connected" | "disconnected" | "stopped";
  /** With `disconnected`: the close code, 1006 if there was no close frame. */
  readonly closeCode?: number;
  /** With `disconnected`: the reason in the close frame of the peer. */
  readonly reason?: string;
  /** With `disconnected` and `stopped`: what went wrong. Absent after a close without an error. */
  readonly error?: Error;
  /** With `disconnected`: the time until the next dial, in milliseconds. Absent if none follows. */
  readonly delay?: number;
  /**
   * With `disconnected`: the number of the next dial since the peer was last stable, from 1. Absent if none follows.
   */
  readonly attempt?: number;
}

/**
 * An event of an outbound pool: a peer was connected, lost its connection, or is no longer dialled. `connected` and
 * `disconnected` alternate for each peer, and `stopped` is the last event of a peer until `reconnect(id)`.
 */
export interface OutboundEvent extends PoolEvent, OutboundNotice {
  /** The number of the peer's connection that the event is about, from 1; 0 if there was none yet. */
  readonly session: number;
}

/**
 * What the pool gives a worker: the URL of one peer, the options, and functions that report to the pool. See EXTEND.md.
 */
export interface OutboundPlugin {
  /** The peer's id in the pool. */
  readonly id: string;
  /** The peer's normalised URL. */
  readonly url: string;
  /** Takes the messages of the peer to the inbox of the pool. */
  readonly delivery: MessageDelivery;
  /** Puts an event into the pool's `events`, after the messages of the peer that arrived before it. */
  notify(notice: OutboundNotice, session: number): void;
  /** Puts an error, such as a failed dial, into the pool's `errors`. */
  onError(error: Error): void;
  /** Returns the number of the peer's next connection. */
  nextSession(): number;
  /**
   * Calls `onConnected` for a new connection. Call it before anything else is sent on the connection, and before the
   * notice `connected`.
   *
   * @returns A promise to wait for before the connection is used, or `undefined`. It never rejects.
   */
  prepare(connection: Connection, session: number): Promise<void> | undefined;
  /**
   * Decides what to do after a connection was lost or could not be made: asks `shouldReconnect`, or takes the default
   * decision.
   */
  judge(info: ReconnectInfo): ReconnectDecision;
  /** Counts for the statistics of the peer and of the pool. */
  readonly counter: TrafficCounter;
  /** The options for connections. Their `dialGate` limits the dials of the whole pool (`maxConcurrentDials`). */
  readonly connectionOptions: ConnectionOptions;
  /** The `worker` options of the pool and the peer. */
  readonly workerOptions: ResolvedOutboundWorkerOptions;
  /** The source of time and randomness. */
  readonly clock: Clock;
  /** The worker's own logger; absent if nothing is logged. */
  readonly log: Log | undefined;
}

/** A worker: dials one outbound peer, and does everything that happens on its connections. See EXTEND.md. */
export interface OutboundWorker extends Worker<OutboundPlugin> {
  /**
   * Whether `send` and `trySend` reach the peer now. If it is absent, the pool uses the worker's notices.
   */
  readonly connected?: boolean;
  /** Returns what the peer is doing. If it is absent, the pool uses the worker's notices. */
  state?(): PeerState;
  /**
   * Drops the present connection, dial or delay, and dials at once; also after `stopped`, while `start` has not
   * resolved.
   */
  reconnect?(): void;
}

/** Makes the worker of a peer. If it throws, `connect` throws `worker-failed`. */
export type OutboundWorkerFactory = (id: string, url: string) => OutboundWorker;
