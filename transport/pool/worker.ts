import type { ConnectionStats } from "../connection/stats.ts";
import type { Message } from "../base/message.ts";
import type { SendOptions } from "../connection/sending/outgoing.ts";

/** A message in the inbox of a pool. */
export interface InboxMessage {
  /** The id of the peer that sent it. */
  readonly id: string;
  /** The message: a string is a text, a `Uint8Array` a binary one. */
  readonly data: Message<ArrayBuffer>;
  /** When it was read, in epoch milliseconds. */
  readonly receivedAt: number;
  /** The number of the peer's connection on which the message arrived, from 1. */
  readonly session: number;
}

/**
 * Does everything that happens on the connections of one peer. The pool keeps the list of peers, the inbox and the
 * events.
 *
 * If a method throws, rejects, never settles or returns something else than described, the error is in `errors` of the
 * pool, and other peers are not affected. EXTEND.md describes the outcome of each.
 */
export interface Worker<Plugin> {
  /** Works until the peer has ended or `stop` is called, and resolves then. Called once. */
  start(plugin: Plugin): Promise<void>;
  /**
   * Ends the work: closes the connection with this code and reason. May be called more than once, also before `start`.
   */
  stop(code: number, reason: string): void;
  /** Sends a message: see {@link Connection.send}. */
  send(data: Message, options?: SendOptions): Promise<void>;
  /**
   * Sends a message unless the buffer is full: see {@link Connection.trySend}. If the worker does not have it,
   * `trySend` of the pool returns `false`.
   */
  trySend?(data: Message): boolean;
  /** Returns the figures of the present connection, or of the latest one. Must not wait. */
  stats?(): ConnectionStats | undefined;
}
