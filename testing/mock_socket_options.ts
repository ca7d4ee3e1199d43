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
   * Where the peer is.
   *
   * @default {undefined}
   */
  readonly remoteAddr?: PeerAddress | undefined;
  /**
   * Whether it can ping, and shows pings and pongs.
   *
   * @default {true}
   */
  readonly controlFrames?: boolean;
  /**
   * Whether a reader can hold the peer back.
   *
   * @default {true}
   */
  readonly flowControl?: boolean;
  /**
   * Whether what is written stays in `bufferedAmount` until `drain`.
   *
   * @default {false}
   */
  readonly buffering?: boolean;
  /**
   * What the arrival of messages is timed by.
   *
   * @default {the runtime's own time}
   */
  readonly clock?: Clock;
  /**
   * What its methods do.
   *
   * @default {the usual}
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
