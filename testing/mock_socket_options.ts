import type { Clock } from "../transport/base/clock.ts";
import type { Message } from "../transport/base/message.ts";
import type {
  Fragment,
  SocketCloseOptions,
  SocketReader,
} from "../transport/socket/socket.ts";
import type { PeerAddress } from "../transport/net/stream/address.ts";

/** What each method of a `MockSocket` does, where it is not the usual. */
export interface MockSocketBehaviour {
  /** Instead of handing over what has arrived. */
  start?: ((reader: SocketReader) => void) | undefined;
  /** Instead of going on with what was held back. */
  resume?: (() => void) | undefined;
  /** Gives what `write` returns. */
  write?:
    | ((data: Message, copy: boolean) => Promise<void> | undefined)
    | undefined;
  /** Instead of nothing. */
  writeFragment?: ((fragment: Fragment) => void) | undefined;
  /** Instead of nothing: the peer does not answer. */
  ping?: ((payload: Uint8Array) => void) | undefined;
  /** Instead of a peer that answers the closing handshake at once. */
  close?:
    | ((
      code: number | undefined,
      reason: string,
      options: SocketCloseOptions,
    ) => void)
    | undefined;
  /** Instead of the end, with 1006. */
  terminate?: ((error: Error | undefined) => void) | undefined;
}

/** Options of a `MockSocket`. */
export interface MockSocketOptions {
  /**
   * The URL of the socket.
   *
   * @default {"ws://mock.test"}
   */
  readonly url?: string;
  /**
   * The subprotocol.
   *
   * @default {""}
   */
  readonly protocol?: string;
  /**
   * The extensions.
   *
   * @default {""}
   */
  readonly extensions?: string;
  /**
   * The address of the peer.
   *
   * @default {undefined}
   */
  readonly remoteAddr?: PeerAddress | undefined;
  /**
   * Whether it can ping, and reports pings and pongs.
   *
   * @default {true}
   */
  readonly controlFrames?: boolean;
  /**
   * Whether a reader can pause reading.
   *
   * @default {true}
   */
  readonly flowControl?: boolean;
  /**
   * Whether written bytes stay in `bufferedAmount` until `drain` is called.
   *
   * @default {false}
   */
  readonly buffering?: boolean;
  /**
   * The clock for the time stamps of messages and for close timeouts.
   *
   * @default {the runtime's own time}
   */
  readonly clock?: Clock;
  /**
   * Functions that replace its methods.
   *
   * @default {none}
   */
  readonly behaviour?: MockSocketBehaviour;
}

/** A close that was asked for. */
export interface MockClose {
  /** The close code, if one was given. */
  readonly code: number | undefined;
  /** The reason. */
  readonly reason: string;
  /** The options. */
  readonly options: SocketCloseOptions;
}
