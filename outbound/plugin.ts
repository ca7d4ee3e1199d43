import type { Clock } from "../transport/base/clock.ts";
import type { Log } from "../transport/base/logging.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { ConnectionOptions } from "../transport/connection/options.ts";
import type { MessageDelivery } from "../transport/pool/delivery.ts";
import type { PoolEvent } from "../transport/pool/events.ts";
import type { TrafficCounter } from "../transport/pool/statistics.ts";
import type { Worker } from "../transport/pool/worker.ts";
import type { PeerState } from "./peer_state.ts";
import type { ReconnectInfo, ReconnectVerdict } from "./reconnect.ts";
import type { ResolvedOutboundWorkerOptions } from "./worker_options.ts";

/** What an outbound worker tells the pool about its peer. `connected` and `disconnected` alternate strictly. */
export interface OutboundNotice {
  /**
   * - `connected`: a connection was made.
   * - `disconnected`: it was lost, whatever the cause.
   * - `stopped`: the peer is not dialled any more, by decision of `shouldReconnect` or the retry policy. The
   *   default policy gives up only for errors that cannot heal, such as a wrong option.
   */
  readonly kind: "connected" | "disconnected" | "stopped";
  /** With `disconnected`: the close code, 1006 if there was no close frame. */
  readonly closeCode?: number;
  /** With `disconnected`: the peer's reason. */
  readonly reason?: string;
  /** With `disconnected` and `stopped`: what went wrong, if something did. */
  readonly error?: Error;
  /** With `disconnected`: milliseconds until the next dial. Absent if none follows. */
  readonly delay?: number;
  /** With `disconnected`: the number of the next dial, from 1, since the peer was last stable. Absent if none follows. */
  readonly attempt?: number;
}

/** An event of an outbound pool: something happened to the connection of a peer. */
export interface OutboundEvent extends PoolEvent, OutboundNotice {}

/** What the pool gives an outbound worker. */
export interface OutboundPlugin {
  /** The peer's id in the pool. */
  readonly id: string;
  /** The peer's normalised URL. */
  readonly url: string;
  /** Where the peer's messages go: opens the way into the pool's inbox for a connection. */
  readonly delivery: MessageDelivery;
  /** Puts an event into the pool's `events`, behind the messages of the peer that arrived before it. */
  notify(notice: OutboundNotice, session: number): void;
  /** Puts an error, such as a failed dial, into the pool's `errors`. */
  onError(error: Error): void;
  /** Returns the number of the peer's next connection. */
  nextSession(): number;
  /**
   * Calls the user's `onConnected` for a new connection. To be called before anything else is sent on it and before
   * the notice `connected`.
   *
   * @returns A promise to wait for before the connection is used, or `undefined`. It never rejects.
   */
  prepare(connection: Connection, session: number): Promise<void> | undefined;
  /** Returns the decision after a loss or a refusal. */
  judge(info: ReconnectInfo): ReconnectVerdict;
  /** Counts for the peer and its pool. */
  readonly counter: TrafficCounter;
  /** Options of connections. Their `dialGate` has them wait for their turn among all dials of the pool. */
  readonly connectionOptions: ConnectionOptions;
  /** The `worker` options of the pool and the peer. */
  readonly workerOptions: ResolvedOutboundWorkerOptions;
  /** The source of time and randomness. */
  readonly clock: Clock;
  /** The worker's own logger; absent if nothing is logged. */
  readonly log: Log | undefined;
}

/** A worker for one outbound peer. */
export interface OutboundWorker extends Worker<OutboundPlugin> {
  /**
   * Whether `send` and `trySend` reach the peer now. Without it the pool goes by the worker's notices.
   */
  readonly connected?: boolean;
  /** Returns what the peer is doing. Without it the pool goes by the worker's notices. */
  state?(): PeerState;
  /** Drops the present connection, dial or delay, and dials at once; also after `stopped`, while `start` has not resolved. */
  reconnect?(): void;
}

/** Makes the worker for a peer. What it throws is thrown by `connect`. */
export type OutboundWorkerFactory = (id: string, url: string) => OutboundWorker;
