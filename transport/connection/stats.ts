import type { Heartbeats } from "./heartbeats.ts";
import type { OpenConnection } from "./open_connection.ts";
import type { Outcome } from "./outcome.ts";
import type { Receiving } from "./receiving.ts";

/** The figures of a connection. Counters never fall. */
export interface ConnectionStats {
  /**
   * The number of messages that arrived. Those that arrived while the connection was closing, and for which there was no
   * space, count only as dropped.
   */
  readonly receivedMessages: number;
  /** The number of payload bytes that arrived, before compression. */
  readonly receivedBytes: number;
  /**
   * The number of messages that were dropped, because `incoming` was full and reading could not be paused: on sockets
   * without backpressure, and while the connection is closing.
   */
  readonly droppedMessages: number;
  /** The number of messages that were buffered for sending. Streamed messages count when they are complete. */
  readonly sentMessages: number;
  /** The number of payload bytes that were buffered for sending, before compression. */
  readonly sentBytes: number;
  /** The number of pongs that answered our pings. */
  readonly heartbeats: number;
  /** The latest round trip in milliseconds, with fractions. */
  readonly latency: number | undefined;
  /** The number of messages that wait in `incoming`. */
  readonly incomingDepth: number;
  /** The number of errors that wait in `errors`. */
  readonly errorsDepth: number;
  /** The number of bytes that wait to be sent. */
  readonly bufferedBytes: number;
  /** The number of sends that failed or were withdrawn. Does not count `trySend` that returned `false`. */
  readonly failedSends: number;
}

/** The parts of a connection that count. */
export interface StatsSources {
  readonly receiving: Receiving;
  readonly heartbeats: Heartbeats;
  readonly outcome: Outcome;
  /** Absent before the opening. */
  readonly opened: OpenConnection | undefined;
}

/** Returns the present figures of a connection. */
export function connectionStats(
  { receiving, heartbeats, outcome, opened }: StatsSources,
  failedSends: number,
): ConnectionStats {
  return {
    receivedMessages: receiving.messages,
    receivedBytes: receiving.bytes,
    droppedMessages: receiving.dropped,
    sentMessages: opened?.outgoing.sentMessages ?? 0,
    sentBytes: opened?.socket.sentBytes ?? 0,
    heartbeats: heartbeats.count,
    latency: heartbeats.latency,
    incomingDepth: receiving.depth,
    errorsDepth: outcome.errorsDepth,
    bufferedBytes: opened?.socket.bufferedAmount ?? 0,
    failedSends,
  };
}
