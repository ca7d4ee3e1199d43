import type { LoggingOptions } from "../transport/base/logging.ts";

/** Options of an outbound pool's workers. */
export interface OutboundWorkerOptions extends Omit<LoggingOptions, "logger"> {
  /**
   * Replace the connection when there was no heartbeat for this long, in milliseconds; 0 never.
   *
   * A heartbeat is a message, or a pong that answered a ping. On native sockets a send that was
   * buffered counts too, since nothing better is to be had.
   *
   * @default 60000 where control frames are seen, else 0
   */
  readonly keepaliveTimeout?: number | undefined;
  /**
   * How long to wait after a loss before dialling, in milliseconds, spread from one to two times
   * its length. It doubles while the peer flaps, 0 from 100 on. @default 2000
   */
  readonly reconnectDelay?: number | undefined;
  /** Where the doubling of `reconnectDelay` ends, in milliseconds, before the spread. @default 60000 */
  readonly maxReconnectDelay?: number | undefined;
  /** How long a connection must hold before the peer counts as stable again, in milliseconds. @default 30000 */
  readonly stableAfter?: number | undefined;
  /** As for inbound workers. @default 0 */
  readonly maxQueueSize?: number | undefined;
}

/** An outbound worker's options with every default filled in. */
export interface ResolvedOutboundWorkerOptions {
  /** `undefined`: 60 s where control frames are seen, else off. */
  readonly keepaliveTimeout: number | undefined;
  /** Milliseconds, before the spread. */
  readonly reconnectDelay: number;
  /** Milliseconds, before the spread. */
  readonly maxReconnectDelay: number;
  /** Milliseconds. */
  readonly stableAfter: number;
  /** Messages; 0 drops nothing. */
  readonly maxQueueSize: number;
}
