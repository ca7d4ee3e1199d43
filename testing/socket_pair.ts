import { type Clock, systemClock } from "../transport/base/clock.ts";
import type { Socket } from "../transport/socket/socket.ts";
import { MemorySocket, type SocketPairEndOptions } from "./memory_socket.ts";

export type { SocketPairEndOptions };

/** Options of {@link socketPair}. For an end, its own options go before the common ones. */
export interface SocketPairOptions extends SocketPairEndOptions {
  /** The URL of the socket. @default "ws://pair.test" */
  readonly url?: string;
  /** The subprotocol. @default "" */
  readonly protocol?: string;
  /** The extensions. @default "" */
  readonly extensions?: string;
  /** Options of the client's end alone. */
  readonly client?: SocketPairEndOptions;
  /** Options of the server's end alone. */
  readonly server?: SocketPairEndOptions;
  /** What arrivals are timed and closes limited by. @default the runtime's own time */
  readonly clock?: Clock;
}

/** Two sockets that are connected with each other. */
export interface SocketPair {
  /** The end that dialled. */
  readonly client: Socket;
  /** The end that was dialled. */
  readonly server: Socket;
}

/**
 * Makes two sockets that are connected with each other in memory.
 *
 * - What one writes arrives at the other, in order, each time in a later microtask, once that
 *   one has been started.
 * - Pings are answered with pongs.
 * - What the other has not read yet is `bufferedAmount`: while its reader holds back it
 *   grows, and then falls with a `drain`.
 * - Both sides take part in the closing handshake (RFC 6455, section 7). One that waits in
 *   vain is cut after its `timeout`.
 * - `terminate` loses what has not been read yet and ends the other side with 1006.
 *
 * With `controlFrames`, `flowControl` and `streaming` switched off an end is like a socket
 * of the runtime's own.
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
  const { client, server, clock = systemClock, ...common } = options;
  const clientEnd = new MemorySocket({ ...common, ...client }, clock);
  const serverEnd = new MemorySocket({ ...common, ...server }, clock);
  clientEnd.connect(serverEnd);
  serverEnd.connect(clientEnd);
  return { client: clientEnd, server: serverEnd };
}
