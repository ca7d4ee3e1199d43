import { type Clock, systemClock } from "../transport/base/clock.ts";
import { checkFields, type OptionNames } from "../transport/base/options.ts";
import type { PeerAddress } from "../transport/net/stream/address.ts";
import { memoryStreams } from "../transport/net/stream/memory_stream.ts";
import { RawSocket } from "../transport/socket/raw_socket.ts";
import type { Socket } from "../transport/socket/socket.ts";
import { LimitedSocket } from "./limited_socket.ts";

/** Options of one end of a pair. */
export interface SocketPairEndOptions {
  /**
   * Whether this end can ping, and reports pings and pongs. It answers pings in any case.
   *
   * @default {true}
   */
  readonly controlFrames?: boolean;
  /**
   * Whether its reader can pause reading.
   *
   * @default {true}
   */
  readonly flowControl?: boolean;
  /**
   * Whether it has `writeFragment`.
   *
   * @default {true}
   */
  readonly streaming?: boolean;
  /**
   * The address of its peer.
   *
   * @default {undefined}
   */
  readonly remoteAddr?: PeerAddress | undefined;
}

/** Options of {@link socketPair}. Those of an end take precedence over the common ones. */
export interface SocketPairOptions extends SocketPairEndOptions {
  /**
   * The URL of the socket.
   *
   * @default {"ws://pair.test"}
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
   * Options of the client's end only.
   *
   * @default {the common ones}
   */
  readonly client?: SocketPairEndOptions;
  /**
   * Options of the server's end only.
   *
   * @default {the common ones}
   */
  readonly server?: SocketPairEndOptions;
  /**
   * The clock for the time stamps of messages and for close timeouts.
   *
   * @default {the runtime's own}
   */
  readonly clock?: Clock;
}

const END_NAMES: OptionNames<SocketPairEndOptions> = {
  controlFrames: true,
  flowControl: true,
  streaming: true,
  remoteAddr: true,
};
const NAMES: OptionNames<SocketPairOptions> = {
  ...END_NAMES,
  url: true,
  protocol: true,
  extensions: true,
  client: true,
  server: true,
  clock: true,
};

/** Two sockets that are connected with each other. */
export interface SocketPair {
  /** The end that dialled. */
  readonly client: Socket;
  /** The end that was dialled. */
  readonly server: Socket;
}

/**
 * Creates two sockets that are connected with each other in memory: raw sockets, with all that they do, and no network
 * between them.
 *
 * - What one end writes arrives at the other end in order, after a turn of the event loop, once that end has been
 *   started.
 * - What the other end has not read yet stays in `bufferedAmount`: it grows while its reader has paused reading, and
 *   falls with a `drain` later.
 * - Both ends take part in the closing handshake (RFC 6455, section 7), with its timeouts.
 * - `terminate` loses what has not been read yet and ends the other side with 1006.
 *
 * With `controlFrames`, `flowControl` and `streaming` switched off an end is like a socket of the runtime's own.
 *
 * @example
 * ```ts
 * import { RecordingReader, socketPair } from "@honeybee/honeybee/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const { client, server } = socketPair({ server: { controlFrames: false } });
 * client.start(new RecordingReader());
 * server.start(new RecordingReader());
 * server.close(1000, "bye");
 * assertEquals((await client.closed).reason, "bye");
 * ```
 */
export function socketPair(options: SocketPairOptions = {}): SocketPair {
  checkFields("", NAMES, options);
  checkFields("client.", END_NAMES, options.client);
  checkFields("server.", END_NAMES, options.server);
  const { client, server, clock = systemClock, ...common } = options;
  const { url = "ws://pair.test", protocol, extensions } = common;
  // A capacity of 0: a write is complete when the other end has read it.
  const [clientStream, serverStream] = memoryStreams(0);
  const base = { url, protocol, extensions, clock, maxMessageSize: 0 };
  const clientOptions = { ...common, ...client };
  const serverOptions = { ...common, ...server };
  return {
    client: limit(
      new RawSocket(clientStream, {
        ...base,
        role: "client",
        remoteAddr: clientOptions.remoteAddr,
      }),
      clientOptions,
    ),
    server: limit(
      new RawSocket(serverStream, {
        ...base,
        role: "server",
        remoteAddr: serverOptions.remoteAddr,
      }),
      serverOptions,
    ),
  };
}

function limit(socket: RawSocket, options: SocketPairEndOptions): Socket {
  const { controlFrames = true, flowControl = true, streaming = true } =
    options;
  return controlFrames && flowControl && streaming
    ? socket
    : new LimitedSocket(socket, options, streaming);
}
