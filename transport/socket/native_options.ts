import type { PeerAddress } from "../net/stream/address.ts";
import type { SocketOptions } from "./socket.ts";

/**
 * Options of a `NativeSocket`. Of those of all sockets `maxMessageSize` and `clock` have a
 * meaning here: the runtime shows no frames, never compresses, and gives each binary message
 * a buffer of its own, so that every `binary` is kept.
 */
export interface NativeSocketOptions extends SocketOptions {
  /**
   * The URL that was dialled or requested.
   *
   * @default {the WebSocket's own}
   */
  readonly url?: string | undefined;
  /**
   * Ours. The runtime's client is choosier about close codes than its server.
   *
   * @default {"server" for a WebSocket of `Deno.upgradeWebSocket`, which has no URL}
   */
  readonly role?: "client" | "server" | undefined;
  /**
   * The subprotocol that was agreed on, which the runtime's server side does not show.
   *
   * @default {the WebSocket's own}
   */
  readonly protocol?: string | undefined;
  /**
   * The address of the peer.
   *
   * @default {unknown}
   */
  readonly remoteAddr?: PeerAddress | undefined;
  /**
   * How long a WebSocket that is not open yet may take, in milliseconds; 0 for ever.
   *
   * @default {10000}
   */
  readonly handshakeTimeout?: number | undefined;
}
