import type { HeadersInput } from "../handshake/headers.ts";
import type { OpenOptions } from "../net/open_options.ts";
import type { Socket, SocketOptions } from "../socket/socket.ts";

/** Options of a dial. */
export interface DialOptions extends SocketOptions, OpenOptions {
  /** Ends the dial. */
  readonly signal?: AbortSignal | undefined;
  /** Subprotocols to offer, the preferred one first. @default none */
  readonly protocols?: string | readonly string[] | undefined;
  /** Headers of the request. @default none */
  readonly headers?: HeadersInput | undefined;
  /** How long connecting may take, the TLS and WebSocket handshakes included, in milliseconds. @default 10000 */
  readonly handshakeTimeout?: number | undefined;
  /** How often the connection will ping, in milliseconds: `dialAuto` dials raw where it is not 0. @default 20000 */
  readonly pingInterval?: number | undefined;
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

/** Limits how many dials are in flight at the same time. */
export interface DialGate {
  /**
   * Waits until the caller may dial. `handshakeTimeout` does not bound this wait.
   *
   * @returns A function that the caller calls when its dial has ended, with whether it gave a socket.
   * @throws The signal's reason, as soon as it aborts.
   */
  enter(signal: AbortSignal): Promise<(connected: boolean) => void>;
}
