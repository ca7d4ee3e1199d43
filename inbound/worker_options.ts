import type { LoggingOptions } from "../transport/base/logging.ts";

/** Options of an inbound pool's workers. */
export interface InboundWorkerOptions extends Omit<LoggingOptions, "logger"> {
  /**
   * Evicts a peer that gave no sign of life for this long, in milliseconds; 0 never does.
   *
   * Signs of life are messages, pongs that answer a ping, and bytes that arrive at 1 KiB/s or more. After half of this
   * time without one the peer gets a ping, whatever `pingInterval` is. A slow peer to which much was sent gets the
   * time to read it at 64 KiB/s, at most 72 s.
   *
   * @default {0}
   */
  readonly inactivityTimeout?: number | undefined;
  /**
   * Messages that may wait between a peer's reader and the inbox before the oldest one
   * goes. 0 drops nothing: the peer is held back where it can be, else they pile up.
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
