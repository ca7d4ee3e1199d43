import type { LoggingOptions } from "../transport/base/logging.ts";

/** Options of an inbound pool's workers. */
export interface InboundWorkerOptions extends Omit<LoggingOptions, "logger"> {
  /** Evict a peer that was silent for this long, in milliseconds: no message, no pong. 0 never. @default 0 */
  readonly inactivityTimeout?: number | undefined;
  /**
   * Messages that may wait between a peer's reader and the inbox before the oldest one
   * goes. 0 drops nothing: the peer is held back where it can be, else they pile up. @default 0
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
