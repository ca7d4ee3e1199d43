import type { ConnectionMeter } from "../connection/options.ts";
import type { ConnectionStats } from "../connection/stats.ts";

/** Counters of one peer or of a whole pool. They never fall. */
export interface TrafficStats {
  /**
   * The number of messages that arrived. Those that arrived while the connection was closing, and for which there was no
   * space, count only as dropped.
   */
  readonly receivedMessages: number;
  /** The number of payload bytes that arrived, before compression. */
  readonly receivedBytes: number;
  /**
   * The number of messages that arrived and were dropped, because too many waited: see `maxQueueSize` and
   * `incomingBufferSize`.
   */
  readonly droppedMessages: number;
  /** The number of messages that were buffered for sending. */
  readonly sentMessages: number;
  /** The number of payload bytes that were buffered for sending, before compression. */
  readonly sentBytes: number;
  /**
   * The number of calls of `send` and `trySend` that rejected or threw. Does not count `trySend` that returned `false`.
   */
  readonly failedSends: number;
  /** The number of pongs that answered our pings. */
  readonly heartbeats: number;
  /** The number of connections that were made. */
  readonly connections: number;
  /** The number of connections that ended without a call of `remove`, `replace` or `close`. */
  readonly lostConnections: number;
  /** The number of dials that failed (outbound pools only). */
  readonly failedDials: number;
}

/** The figures of a pool. Counters include peers that have left. */
export interface PoolStats extends TrafficStats {
  /** The number of peers. */
  readonly peerCount: number;
  /** The number of messages that wait in the inbox. */
  readonly inboxDepth: number;
  /**
   * The number of messages that wait for space in the inbox, without those that a connection holds which is not read:
   * these are in `connection.incomingDepth` of {@link PeerStats}.
   */
  readonly waitingMessages: number;
  /** The number of events that wait to be read. */
  readonly eventsDepth: number;
  /** The number of errors that wait to be read. */
  readonly errorsDepth: number;
  /** The number of errors that were dropped in favour of newer ones. */
  readonly droppedErrors: number;
  /** The number of events that were dropped in favour of newer ones. */
  readonly missedEvents: number;
}

/** The figures of one peer since it was added. */
export interface PeerStats extends TrafficStats {
  /**
   * The number of messages that wait for space in the inbox, without those that a connection holds which is not read:
   * these are in `connection.incomingDepth` of {@link PeerStats}.
   */
  readonly waitingMessages: number;
  /** The figures of the present connection, or of the latest one. */
  readonly connection: ConnectionStats | undefined;
}

/** Counts for one peer or one pool. What a peer counts, its pool counts too. */
export class TrafficCounter implements TrafficStats, ConnectionMeter {
  receivedMessages = 0;
  receivedBytes = 0;
  droppedMessages = 0;
  sentMessages = 0;
  sentBytes = 0;
  failedSends = 0;
  heartbeats = 0;
  connections = 0;
  lostConnections = 0;
  failedDials = 0;
  readonly #pool: TrafficCounter | undefined;

  /** Begins at 0. */
  constructor(pool?: TrafficCounter) {
    this.#pool = pool;
  }

  /** A message has arrived. */
  received(bytes: number): void {
    this.receivedMessages++;
    this.receivedBytes += bytes;
    // Not a call of the same method: this runs for each message.
    const pool = this.#pool;
    if (pool === undefined) return;
    pool.receivedMessages++;
    pool.receivedBytes += bytes;
  }

  /** Bytes were buffered for sending, which completed so many messages. */
  sent(messages: number, bytes: number): void {
    this.sentMessages += messages;
    this.sentBytes += bytes;
    const pool = this.#pool;
    if (pool === undefined) return;
    pool.sentMessages += messages;
    pool.sentBytes += bytes;
  }

  /** A pong has answered a ping. */
  heartbeat(): void {
    this.heartbeats++;
    this.#pool?.heartbeat();
  }

  /** Messages were dropped. */
  dropped(messages: number): void {
    this.droppedMessages += messages;
    this.#pool?.dropped(messages);
  }

  /** A call of `send` or `trySend` has failed. */
  failedSend(): void {
    this.failedSends++;
    this.#pool?.failedSend();
  }

  /** A connection was made. */
  connected(): void {
    this.connections++;
    this.#pool?.connected();
  }

  /** A connection was lost. */
  lost(): void {
    this.lostConnections++;
    this.#pool?.lost();
  }

  /** A dial has failed. */
  failedDial(): void {
    this.failedDials++;
    this.#pool?.failedDial();
  }

  /** The present figures. */
  snapshot(): TrafficStats {
    return { ...this };
  }
}
