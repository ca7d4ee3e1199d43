import type { Clock } from "../base/clock.ts";
import type { Flushable } from "../net/stream/flush.ts";
import type { EndpointEnd } from "../protocol/endpoint_types.ts";

/** Options of an `EndpointDriver`. */
export interface DriverOptions {
  /** Where time comes from. */
  readonly clock: Clock;
  /**
   * Bytes that came right after the handshake.
   *
   * @default {none}
   */
  readonly early?: Uint8Array | undefined;
  /**
   * Called to have output written soon.
   *
   * @default {together with that of other sockets, see `flush.ts`}
   */
  readonly flushSoon?: ((target: Flushable) => void) | undefined;
  /** Called once, at the end. The owner reports the end to the reader. */
  readonly onEnd: (end: EndpointEnd) => void;
}
