import type { Clock } from "../transport/base/clock.ts";
import type { Message } from "../transport/base/message.ts";
import type {
  Fragment,
  SocketCloseOptions,
  SocketReader,
} from "../transport/socket/socket.ts";
import type { PeerAddress } from "../transport/net/stream/address.ts";

/** What methods of a `MockSocket` do, once they have recorded the call. */
export interface MockSocketBehaviour {
  /** Replaces `start`, which delivers what has arrived. */
  start?: ((reader: SocketReader) => void) | undefined;
  /** Replaces `resume`, which delivers what has waited. */
  resume?: (() => void) | undefined;
  /** Returns what `write` returns. */
  write?:
    | ((data: Message, copy: boolean) => Promise<void> | undefined)
    | undefined;
  /** Called by `writeFragment`, with the fragment that was written. */
  writeFragment?: ((fragment: Fragment) => void) | undefined;
  /** Called by `ping`. The peer does not answer: call `receivePong` for its pong. */
  ping?: ((payload: Uint8Array) => void) | undefined;
  /** Called by the first `close`, in place of the answer of the peer. */
  close?:
    | ((
      code: number | undefined,
      reason: string,
      options: SocketCloseOptions,
    ) => void)
    | undefined;
  /** Replaces `terminate`, which ends the socket with 1006. */
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
   * What its methods do, once they have recorded the call.
   *
   * @default {none}
   */
  readonly behaviour?: MockSocketBehaviour;
}

/** A recorded call of `close`. */
export interface MockClose {
  /** The close code, if one was given. */
  readonly code: number | undefined;
  /** The reason. */
  readonly reason: string;
  /** The options. */
  readonly options: SocketCloseOptions;
}
