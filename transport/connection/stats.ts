/** A pong that answered one of our pings. */
export interface Heartbeat {
  /** When it arrived, in epoch milliseconds. */
  readonly at: number;
  /** The round trip in milliseconds. */
  readonly latency: number;
}

/** Figures of a connection. The counters only grow. */
export interface ConnectionStats {
  /** Messages that arrived. */
  readonly receivedMessages: number;
  /** Payload bytes that arrived, before compression. */
  readonly receivedBytes: number;
  /** Messages that were buffered for sending, streamed ones when they are whole. */
  readonly sentMessages: number;
  /** Payload bytes that were buffered for sending, before compression. */
  readonly sentBytes: number;
  /** Pongs that answered our pings. */
  readonly heartbeats: number;
  /** The last round trip in milliseconds. */
  readonly latency: number | undefined;
  /** Messages that wait in `incoming`. */
  readonly incomingDepth: number;
  /** Errors that wait in `errors`. */
  readonly errorsDepth: number;
  /** Bytes that were sent and that the peer's side has not taken yet. */
  readonly bufferedBytes: number;
  /** Sends that failed, withdrawn ones too. */
  readonly failedSends: number;
}
