import type { ConnectionStats } from "../connection/stats.ts";
import type { Message } from "../base/message.ts";
import type { SendOptions } from "../connection/outgoing.ts";

/** A message in a pool's inbox. */
export interface InboxMessage {
  /** The id of the peer that sent it. */
  readonly id: string;
  /** The message: a string is a text, a `Uint8Array` a binary one. */
  readonly data: Message;
  /** When it was read, in epoch milliseconds. */
  readonly receivedAt: number;
  /** Counts the peer's stays (inbound) or its connections (outbound), from 1. */
  readonly session: number;
}

/**
 * What happens on the wire for one peer. The pool owns registration, inbox, events and lifetime; the worker owns
 * the rest.
 *
 * A method that throws, rejects, never settles or returns something else than described is reported in the pool's
 * `errors`, and other peers notice nothing. EXTEND.md has the outcome of each.
 */
export interface Worker<Plugin> {
  /** Works until the peer has ended, or until it is stopped; then resolves. Called once. */
  start(plugin: Plugin): Promise<void>;
  /** Ends the work: the peer gets a close frame. May be called more than once, also before `start`. */
  stop(code: number, reason: string): void;
  /** Sends a message: see {@link Connection.send}. */
  send(data: Message, options?: SendOptions): Promise<void>;
  /** Sends a message if there is space in the buffer: see {@link Connection.trySend}. Without it the pool's `trySend` returns `false`. */
  trySend?(data: Message): boolean;
  /**
   * Figures of the present connection, or of the last one. Must not wait.
   *
   * @default {undefined}
   */
  stats?(): ConnectionStats | undefined;
}
