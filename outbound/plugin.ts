import type { Clock } from "../transport/base/clock.ts";
import type { Log } from "../transport/base/logging.ts";
import type { ConnectionOptions } from "../transport/connection/options.ts";
import type { MessageDelivery } from "../transport/pool/delivery.ts";
import type { Counter, Worker } from "../transport/pool/worker.ts";
import type { ReconnectInfo, ReconnectVerdict } from "./reconnect.ts";
import type { ResolvedOutboundWorkerOptions } from "./worker_options.ts";

/** What an outbound worker tells of its peer. `connected` and `disconnected` alternate strictly. */
export interface OutboundNotice {
  /**
   * - `connected`: a connection was made.
   * - `disconnected`: it was lost, whatever the cause.
   * - `stopped`: the policy has given the peer up.
   */
  readonly kind: "connected" | "disconnected" | "stopped";
  /** With `disconnected`: the close code, 1006 when there was no close frame. */
  readonly closeCode?: number;
  /** With `disconnected`: the peer's reason. */
  readonly reason?: string;
  /** With `disconnected` and `stopped`: what went wrong, where something did. */
  readonly error?: Error;
}

/** What the pool gives an outbound worker. */
export interface OutboundPlugin {
  /** The peer's normalised URL. */
  readonly id: string;
  /** Where the peer's messages go: opens the way into the pool's inbox for a connection. */
  readonly delivery: MessageDelivery;
  /** Puts an event into the pool's `events`. */
  notify(notice: OutboundNotice, session: number): void;
  /** Puts an error, such as a failed dial, into the pool's `errors`. */
  onError(error: Error): void;
  /** The number of the peer's next connection. */
  nextSession(): number;
  /** The verdict on a loss or a refusal. */
  judge(info: ReconnectInfo): ReconnectVerdict;
  /** What the worker counts for the pool. */
  readonly counter: Counter;
  /** Options of connections. Their `dialGate` has them wait for their turn among all dials of the pool. */
  readonly connectionOptions: ConnectionOptions;
  /** The pool's `worker` options. */
  readonly workerOptions: ResolvedOutboundWorkerOptions;
  /** Where time and chance come from. */
  readonly clock: Clock;
  /** The worker's own logger; absent where nothing is logged. */
  readonly log: Log | undefined;
}

/** A worker for one outbound peer. */
export type OutboundWorker = Worker<OutboundPlugin>;

/** Makes the worker for a peer. What it throws is thrown by `connect`. */
export type OutboundWorkerFactory = (url: string) => OutboundWorker;
