import type { PeerAddress } from "../net/stream/address.ts";
import type { SocketOptions } from "./socket.ts";

/**
 * Options of a `NativeSocket`. Of the options of all sockets, only `maxMessageSize` and `clock` have an effect: the
 * runtime shows no frames, decides about compression itself, and gives each binary message a buffer of its own.
 */
export interface NativeSocketOptions extends SocketOptions {
  /**
   * The URL that was dialled or requested.
   *
   * @default {the WebSocket's own}
   */
  readonly url?: string | undefined;
  /**
   * Our role. The runtime's client can send fewer close codes than its server.
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
   * The maximum time until a WebSocket that is not open yet opens, in milliseconds; 0 for no limit.
   *
   * @default {10000}
   */
  readonly handshakeTimeout?: number | undefined;
}
