import { perform } from "../transport/base/callbacks.ts";
import type { Clock } from "../transport/base/clock.ts";
import { PoolError } from "../transport/base/errors.ts";
import type { Message } from "../transport/base/message.ts";
import { Schedule } from "../transport/base/schedule.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { SendOptions } from "../transport/connection/sending/outgoing.ts";

/** The argument of `onConnected`: a peer that has just been connected. It is bound to this one connection. */
export interface ConnectedPeer {
  /** The peer's id in the pool. */
  readonly id: string;
  /** Its normalised URL. */
  readonly url: string;
  /** The number of the connection, from 1. Messages and events have it, too. */
  readonly session: number;
  /** The subprotocol that was agreed on, "" if there is none. */
  readonly protocol: string;
  /** Sends a message on this connection: see `Connection.send`. */
  send(data: Message, options?: SendOptions): Promise<void>;
  /** Sends a message on this connection unless the buffer is full: see `Connection.trySend`. */
  trySend(data: Message): boolean;
}

/**
 * Called for each new connection, before the event `connected` and before anything else is sent on it: what it sends
 * goes out first (authentication, subscriptions).
 *
 * It may be async. Until its promise settles, the peer does not count as connected: `send` and `trySend` of the pool
 * fail with `connection-unavailable`, and `whenConnected` waits. Messages of the peer arrive in the inbox meanwhile. It
 * may take `handshakeTimeout` at most. If it throws, rejects or takes longer, the error is in `errors`, and the peer
 * counts as connected all the same.
 */
export type OnConnected = (peer: ConnectedPeer) => unknown;

/** What {@link runOnConnected} needs. */
export interface OnConnectedContext {
  /** The peer. */
  readonly id: string;
  /** Its normalised URL. */
  readonly url: string;
  /** The maximum time of an async callback, in milliseconds; 0 for no limit. */
  readonly timeout: number;
  /** The clock that measures the time. */
  readonly clock: Clock;
  /** Receives the errors of the callback, and an error if it takes too long. */
  readonly onError: (error: Error) => void;
}

/**
 * Calls the user's function for a new connection. Never throws or rejects.
 *
 * @returns `undefined` if there is nothing to wait for, else a promise that resolves when the callback has
 * settled, when `timeout` has passed, or when the connection has ended.
 */
export function runOnConnected(
  callback: OnConnected,
  connection: Connection,
  session: number,
  context: OnConnectedContext,
): Promise<void> | undefined {
  const settled = perform(
    callback,
    context.onError,
    describe(connection, session, context),
  );
  return settled && bounded(settled, connection, context);
}

function describe(
  connection: Connection,
  session: number,
  { id, url }: OnConnectedContext,
): ConnectedPeer {
  return {
    id,
    url,
    session,
    protocol: connection.protocol,
    send: (data, options) => connection.send(data, options),
    trySend: (data) => connection.trySend(data),
  };
}

function bounded(
  settled: Promise<void>,
  connection: Connection,
  { timeout, clock, onError }: OnConnectedContext,
): Promise<void> {
  return new Promise((resolve) => {
    const schedule = Schedule.of(clock);
    const task = timeout === 0 ? undefined : schedule.deadline(timeout, () => {
      onError(
        new PoolError(
          "callback-timeout",
          `Cannot wait longer for onConnected: it did not settle within handshakeTimeout (${timeout} ms).`,
        ),
      );
      resolve();
    });
    void Promise.race([settled, connection.closed]).then(() => {
      schedule.cancel(task);
      resolve();
    });
  });
}
