import type { LoggingOptions } from "../transport/base/logging.ts";

/** Options of an inbound pool's workers. */
export interface InboundWorkerOptions extends Omit<LoggingOptions, "logger"> {
  /**
   * Disconnects a peer that gave no sign of life for this long, in milliseconds, with the event `evicted-policy`; 0
   * never does.
   *
   * Signs of life are messages, pongs that answer a ping, and bytes that arrive at 1 KiB/s or more. After half of this
   * time without one, the peer gets a ping, whatever `pingInterval` is. A slow peer to which much was sent gets the
   * time that it needs to read at 64 KiB/s, at most 72 s.
   *
   * @default {0}
   */
  readonly inactivityTimeout?: number | undefined;
  /**
   * The maximum number of a peer's messages that wait while the inbox is full, before the oldest is dropped;
   * `incomingBufferBytes` limits their bytes. With 0, no message is dropped: the pool stops reading from the peer.
   *
   * @default {0}
   */
  readonly maxQueueSize?: number | undefined;
}

/** An inbound worker's options with every default filled in. */
export interface ResolvedInboundWorkerOptions {
  /** Milliseconds; 0 never evicts. */
  readonly inactivityTimeout: number;
  /** Messages; 0 drops nothing. */
  readonly maxQueueSize: number;
}
