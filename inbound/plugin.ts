import type { Clock } from "../transport/base/clock.ts";
import type { Log } from "../transport/base/logging.ts";
import type { OpenConnectionOptions } from "../transport/connection/options.ts";
import type { PoolEvent } from "../transport/pool/events.ts";
import type { MessageDelivery } from "../transport/pool/delivery.ts";
import type { TrafficCounter } from "../transport/pool/statistics.ts";
import type { Worker } from "../transport/pool/worker.ts";
import type { Socket } from "../transport/socket/socket.ts";
import type { ResolvedInboundWorkerOptions } from "./worker_options.ts";

/** How the connection of an inbound peer ended, if the pool did not end it. */
export interface InboundExit {
  /**
   * How the connection ended:
   *
   * - `disconnected`: the peer closed cleanly (1000, 1001 or no code).
   * - `dropped-close`: the peer closed with another code, or without a close frame (1006).
   * - `dropped-error`: a reset, a violation of the protocol, a broken limit or a timeout.
   * - `evicted-policy`: the peer was silent for longer than `inactivityTimeout`.
   */
  readonly kind:
    | "disconnected"
    | "dropped-close"
    | "dropped-error"
    | "evicted-policy";
  /**
   * With `disconnected` and `dropped-close`: the peer's close code, 1005 for a close frame without a code, 1006 if
   * there was no close frame. With `dropped-error`: the code that we sent, such as 1009 for a message above
   * `maxMessageSize`, else the peer's.
   */
  readonly closeCode?: number;
  /** With `disconnected` and `dropped-close`: the reason in the peer's close frame. */
  readonly reason?: string;
  /** With `dropped-error`: what went wrong. */
  readonly error?: Error;
}

/** An event of an inbound pool: a peer has left, or its connection was lost. */
export interface InboundEvent extends PoolEvent, InboundExit {
  /** The number of the peer's connection that has ended, from 1. Messages have it, too. */
  readonly session: number;
}

/**
 * What the pool gives a worker: the socket of one peer, the options, and functions that report to the pool. They do
 * not use `this`. See EXTEND.md.
 */
export interface InboundPlugin {
  /** The id of the peer. */
  readonly id: string;
  /** The number of the connection, from 1: it grows when a peer with the same id comes again. */
  readonly session: number;
  /** The socket of the peer, open or about to open. The worker owns it: it has to close it. */
  readonly socket: Socket;
  /** Takes the messages of the peer to the inbox of the pool. */
  readonly delivery: MessageDelivery;
  /**
   * Reports how the connection ended. Only the first call counts. The pool then removes the peer, and its event follows
   * all messages that were delivered before.
   */
  readonly onExit: (exit: InboundExit) => void;
  /** Puts an error into the pool's `errors`. */
  readonly onError: (error: Error) => void;
  /**
   * Counts messages and bytes for the statistics of the peer and of the pool. A connection with `connectionOptions`
   * counts its own.
   */
  readonly counter: TrafficCounter;
  /** The options for `new Connection(socket, options)`. Their `meter` counts messages and bytes for the statistics. */
  readonly connectionOptions: OpenConnectionOptions;
  /** The `worker` options of the pool, with defaults filled in. */
  readonly workerOptions: ResolvedInboundWorkerOptions;
  /** The source of time and randomness. */
  readonly clock: Clock;
  /** The logger of the worker; `undefined` if nothing is logged. */
  readonly log: Log | undefined;
}

/** A worker: does everything that happens on the connection of one inbound peer. See EXTEND.md. */
export type InboundWorker = Worker<InboundPlugin>;

/** Makes the worker of a peer. If it throws, `add` throws `worker-failed`. */
export type InboundWorkerFactory = (id: string) => InboundWorker;
