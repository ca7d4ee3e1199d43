/**
 * Dialling: opens a byte stream, performs the client's handshake and gives a socket. `dial_raw.ts`, `dial_native.ts`,
 * `dial_auto.ts` and `dial_upgrade.ts` hold one dialer each; the other files contain what they share, such as the
 * decision about retries.
 *
 * @module
 */

import type { HeadersInput } from "../handshake/headers.ts";
import type { OptionHomes, OptionNames } from "../base/options.ts";
import type { ByteStream } from "../net/stream/byte_stream.ts";
import type { OpenOptions } from "../net/stream/stream_options.ts";
import type { Socket, SocketOptions } from "../socket/socket.ts";

/** Options of a dial. */
export interface DialOptions extends SocketOptions, OpenOptions {
  /**
   * Ends the dial.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Subprotocols to offer, the preferred one first.
   *
   * @default {none}
   */
  readonly protocols?: string | readonly string[] | undefined;
  /**
   * Headers of the request.
   *
   * @default {none}
   */
  readonly headers?: HeadersInput | undefined;
  /**
   * The maximum time for connecting, including the TLS and WebSocket handshakes, in milliseconds; 0 for no limit.
   *
   * @default {10000}
   */
  readonly handshakeTimeout?: number | undefined;
  /**
   * The time between pings of the connection, in milliseconds. `dialAuto` uses raw sockets unless it is 0. Other
   * dialers do not need it: a connection gives it to every dialer.
   *
   * @default {20000}
   */
  readonly pingInterval?: number | undefined;
}

/** Options of {@link dialRaw}. */
export interface DialRawOptions extends DialOptions {
  /**
   * A stream over which the handshake is performed, for example a tunnel, instead of opening one to the host of the
   * URL. It must be new: nothing was read from it, and nothing else uses it. It belongs to the dialer, which destroys
   * it if the dial fails. TLS has to be inside the stream, also for `wss:` URLs. `proxy`, `unix`, `caCerts`, `cert` and
   * `key` must be left out.
   *
   * @default {none}
   */
  readonly stream?: ByteStream | undefined;
}

/** The options that {@link DialOptions} has. */
export const DIAL_NAMES: OptionNames<DialOptions> = {
  binary: true,
  caCerts: true,
  cert: true,
  clock: true,
  compression: true,
  fragmentSize: true,
  handshakeTimeout: true,
  headers: true,
  key: true,
  maxFragments: true,
  maxFrameSize: true,
  maxMessageSize: true,
  pingInterval: true,
  protocols: true,
  proxy: true,
  signal: true,
  unix: true,
};

const OF_CONNECTION = "a connection";
/** Where options belong that are often given to a dialer. */
export const DIAL_HOMES: OptionHomes = {
  stream: "dialRaw() and dialUpgrade()",
  closeTimeout: OF_CONNECTION,
  dialer: OF_CONNECTION,
  highWaterMark: OF_CONNECTION,
  incomingBufferBytes: OF_CONNECTION,
  incomingBufferSize: OF_CONNECTION,
  onRetry: OF_CONNECTION,
  pingTimeout: OF_CONNECTION,
  retry: OF_CONNECTION,
  writeTimeout: OF_CONNECTION,
};

/** Returns those options of a connection that a dialer takes. */
export function pickDialOptions<T extends DialOptions>(
  options: T,
): Pick<T, keyof T & keyof DialOptions> {
  const picked = { ...options };
  for (const name of Object.keys(picked)) {
    if (!Object.hasOwn(DIAL_NAMES, name)) Reflect.deleteProperty(picked, name);
  }
  return picked;
}

/**
 * Opens a socket.
 *
 * @throws {HandshakeError} If the handshake failed or was refused.
 * @throws {ConnectionError} `dial-failed` if no connection could be made.
 * @throws {ConfigError} If the URL or an option cannot be used.
 * @throws The signal's reason if it aborts.
 */
export type Dialer = (url: string, options: DialOptions) => Promise<Socket>;

/** Limits how many dials are in progress at the same time. */
export interface DialGate {
  /**
   * Waits until the caller may dial. This wait does not count for `handshakeTimeout`.
   *
   * @returns A function that the caller calls when its dial has ended, with whether it gave a socket.
   * @throws The signal's reason, as soon as it aborts.
   */
  enter(signal: AbortSignal): Promise<(connected: boolean) => void>;
}
