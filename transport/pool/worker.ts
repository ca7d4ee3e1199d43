import type { ConnectionStats } from "../connection/stats.ts";
import type { Message } from "../base/message.ts";
import type { SendOptions } from "../connection/outgoing.ts";

/** A message in a pool's inbox. */
export interface InboxMessage {
  /** The peer that sent it: its id, or its normalised URL. */
  readonly id: string;
  /** The message: a string is a text, a `Uint8Array` a binary one. */
  readonly data: Message;
  /** When it was read, in epoch milliseconds. */
  readonly receivedAt: number;
  /** Counts the peer's stays (inbound) or its connections (outbound), from 1. */
  readonly session: number;
}

/** Figures of a worker. The counters only grow. */
export interface WorkerStats {
  /** Messages that wait for room in the inbox. */
  readonly queueDepth: number;
  /** Messages that arrived. */
  readonly processed: number;
  /** Messages of these that were dropped: see `maxQueueSize` and `incomingBufferSize`. */
  readonly dropped: number;
  /** Messages that were sent. */
  readonly sent: number;
  /** Figures of the present connection, or of the last one. */
  readonly connection: ConnectionStats | undefined;
}

/** What is counted for one peer. */
export interface Counter {
  /** Messages that were sent. */
  sent: number;
  /** Messages that arrived. Counted by the delivery. */
  received: number;
  /** Messages of these that were dropped. Counted by the delivery. */
  dropped: number;
}

/**
 * What happens on the wire for one peer. The pool owns registration, inbox, events
 * and lifetime; the worker owns the rest.
 */
export interface Worker<Plugin> {
  /** Works until the peer is done with, or until it is stopped; then resolves. */
  start(plugin: Plugin): Promise<void>;
  /** Ends the work: the peer gets a close frame. May be called more than once. */
  stop(code: number, reason: string): void;
  /** Sends a message: see {@link Connection.send}. */
  send(data: Message, options?: SendOptions): Promise<void>;
  /** Sends a message if there is room: see {@link Connection.trySend}. Without it the pool's `trySend` says `false`. */
  trySend?(data: Message): boolean;
  /** The present figures. Must not wait. */
  stats(): WorkerStats;
}
