import type { LoggingOptions } from "../transport/base/logging.ts";

/** Options of an outbound pool's workers. */
export interface OutboundWorkerOptions extends Omit<LoggingOptions, "logger"> {
  /**
   * Replaces the connection if the peer gave no sign of life for this long, in milliseconds; 0 never does.
   *
   * Signs of life are messages, pongs that answer a ping, and bytes that arrive at 1 KiB/s or more. After half of this
   * time without one, the peer gets a ping, whatever `pingInterval` is. A slow peer to which much was sent gets the
   * time that it needs to read at 64 KiB/s, at most 72 s. Native sockets cannot ping: there, a message that was sent
   * counts as well.
   *
   * @default {60000 for sockets that ping (see `pingInterval`), else 0}
   */
  readonly keepaliveTimeout?: number | undefined;
  /**
   * Replaces the connection if no message arrived for this long, in milliseconds, although the peer answers pings; 0
   * never does. A message that is arriving at 1 KiB/s or more counts.
   *
   * @default {0}
   */
  readonly messageTimeout?: number | undefined;
  /**
   * The delay before the first dial after a loss, in milliseconds, times a random number from 1 to 2. Doubles
   * after each connection shorter than `stableAfter`. With 0, the first dial follows at once and the next
   * delays start at 100 ms.
   *
   * @default {2000}
   */
  readonly reconnectDelay?: number | undefined;
  /**
   * The longest such delay, in milliseconds, before the random factor.
   *
   * @default {60000}
   */
  readonly maxReconnectDelay?: number | undefined;
  /**
   * How long a connection has to last until earlier losses no longer count, in milliseconds.
   *
   * @default {30000}
   */
  readonly stableAfter?: number | undefined;
  /**
   * The maximum number of a peer's messages that wait while the inbox is full, before the oldest is dropped;
   * `incomingBufferBytes` limits their bytes. With 0, no message is dropped: the pool stops reading from the peer.
   *
   * @default {0}
   */
  readonly maxQueueSize?: number | undefined;
}

/** An outbound worker's options with every default filled in. */
export interface ResolvedOutboundWorkerOptions {
  /** Milliseconds. `undefined`: 60 s for sockets that ping, else off. */
  readonly keepaliveTimeout: number | undefined;
  /** Milliseconds; 0 never. */
  readonly messageTimeout: number;
  /** Milliseconds, before the random factor. */
  readonly reconnectDelay: number;
  /** Milliseconds, before the random factor. */
  readonly maxReconnectDelay: number;
  /** Milliseconds. */
  readonly stableAfter: number;
  /** Messages; 0 drops nothing. */
  readonly maxQueueSize: number;
}
