import type { ConnectionMeter, ConnectionStats } from "../connection/stats.ts";

/** What is counted for one peer, and for a whole pool. The counters never fall. */
export interface TrafficStats {
  /** Messages that arrived. */
  readonly receivedMessages: number;
  /** Payload bytes that arrived, before compression. */
  readonly receivedBytes: number;
  /** Messages that arrived and were dropped, since they did not fit: see `maxQueueSize` and `incomingBufferSize`. */
  readonly droppedMessages: number;
  /** Messages that were buffered for sending. */
  readonly sentMessages: number;
  /** Payload bytes that were buffered for sending, before compression. */
  readonly sentBytes: number;
  /** Calls of `send` and `trySend` that failed. */
  readonly failedSends: number;
  /** Pongs that answered our pings. */
  readonly heartbeats: number;
  /** Connections that were made. */
  readonly connections: number;
  /** Connections of these that ended without our `remove`, `replace` or `close`. */
  readonly lostConnections: number;
  /** Dials that failed. Only outbound. */
  readonly failedDials: number;
}

/** Figures of a pool. Counters include all peers that there ever were. */
export interface PoolStats extends TrafficStats {
  /** Peers that are registered. */
  readonly peerCount: number;
  /** Messages that wait in the inbox. */
  readonly inboxDepth: number;
  /** Messages that wait for space in the inbox. */
  readonly waitingMessages: number;
  /** Events that wait to be read. */
  readonly eventsDepth: number;
  /** Errors that wait to be read. */
  readonly errorsDepth: number;
  /** Errors that were dropped in favour of newer ones. */
  readonly droppedErrors: number;
  /** Events that were dropped in favour of newer ones. */
  readonly missedEvents: number;
}

/** Figures of a peer, since it was added. */
export interface PeerStats extends TrafficStats {
  /** Messages that wait for space in the inbox. */
  readonly waitingMessages: number;
  /** Figures of the present connection, or of the last one. */
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
    if (this.#pool !== undefined) this.#pool.received(bytes);
  }

  /** Bytes were buffered for sending, which completed so many messages. */
  sent(messages: number, bytes: number): void {
    this.sentMessages += messages;
    this.sentBytes += bytes;
    if (this.#pool !== undefined) this.#pool.sent(messages, bytes);
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
    const {
      receivedMessages,
      receivedBytes,
      droppedMessages,
      sentMessages,
      sentBytes,
      failedSends,
      heartbeats,
      connections,
      lostConnections,
      failedDials,
    } = this;
    return {
      receivedMessages,
      receivedBytes,
      droppedMessages,
      sentMessages,
      sentBytes,
      failedSends,
      heartbeats,
      connections,
      lostConnections,
      failedDials,
    };
  }
}
