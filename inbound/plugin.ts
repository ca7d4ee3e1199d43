import type { Clock } from "../transport/base/clock.ts";
import type { Log } from "../transport/base/logging.ts";
import type { OpenConnectionOptions } from "../transport/connection/options.ts";
import type { PoolEvent } from "../transport/pool/events.ts";
import type { MessageDelivery } from "../transport/pool/delivery.ts";
import type { TrafficCounter } from "../transport/pool/statistics.ts";
import type { Worker } from "../transport/pool/worker.ts";
import type { Socket } from "../transport/socket/socket.ts";
import type { ResolvedInboundWorkerOptions } from "./worker_options.ts";

/** How an inbound peer's stay ended by itself. */
export interface InboundExit {
  /**
   * - `disconnected`: the peer closed cleanly (1000, 1001 or no code).
   * - `dropped-close`: it closed with another code, or without a close frame (1006).
   * - `dropped-error`: a reset, a protocol violation or a timeout.
   * - `evicted-policy`: it was silent for longer than is allowed.
   */
  readonly kind:
    | "disconnected"
    | "dropped-close"
    | "dropped-error"
    | "evicted-policy";
  /**
   * With `disconnected` and `dropped-close`: the peer's close code, 1005 for a close frame without a code, 1006 if there
   * was no close frame. With `dropped-error`: the code that we sent, such as 1009 for a message above
   * `maxMessageSize`, else the peer's.
   */
  readonly closeCode?: number;
  /** With `disconnected` and `dropped-close`: the reason in the peer's close frame. */
  readonly reason?: string;
  /** With `dropped-error`: what went wrong. */
  readonly error?: Error;
}

/** An inbound peer has left by itself. */
export interface InboundEvent extends PoolEvent, InboundExit {}

/** What the pool gives an inbound worker. */
export interface InboundPlugin {
  /** The peer. */
  readonly id: string;
  /** The number of this stay. */
  readonly session: number;
  /** The peer's socket, open or about to be; the worker owns it from now on. */
  readonly socket: Socket;
  /** Where the peer's messages go: opens the way into the pool's inbox for a connection. */
  readonly delivery: MessageDelivery;
  /**
   * Says how the stay ended. Counted once; after it the peer is gone from the registry. Its event comes
   * behind all messages that were delivered before.
   */
  onExit(exit: InboundExit): void;
  /** Puts an error into the pool's `errors`. */
  onError(error: Error): void;
  /** Counts for the peer and its pool. Connections with `connectionOptions` are counted already. */
  readonly counter: TrafficCounter;
  /** Options of the connection that the worker makes of the socket. Their `meter` counts what passes through it. */
  readonly connectionOptions: OpenConnectionOptions;
  /** The pool's `worker` options. */
  readonly workerOptions: ResolvedInboundWorkerOptions;
  /** Where time and chance come from. */
  readonly clock: Clock;
  /** The worker's own logger; absent where nothing is logged. */
  readonly log: Log | undefined;
}

/** A worker for one inbound peer. */
export type InboundWorker = Worker<InboundPlugin>;

/** Makes the worker for a peer. What it throws is thrown by `add`. */
export type InboundWorkerFactory = (id: string) => InboundWorker;
