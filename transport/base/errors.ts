/**
 * The errors of Honeybee above the protocol core. Every one carries a stable `code`, and what caused it in `cause`.
 *
 * The other files of this folder contain what every layer may use and what needs none of them: clock and schedule,
 * promises, queues, callbacks, options and their rules, retry policies, logging, URLs, messages.
 *
 * @module
 */

/**
 * The codes of a {@link ConnectionError}.
 *
 * - `connection-closed`: the connection is closed, or was closed while the call waited.
 * - `not-connected`: `connect()` was not called, or has not finished.
 * - `invalid-state`: `connect()` was called on a connection that is connecting, connected or closed; or a stream was read
 *   or written while another read or write was under way.
 * - `dial-failed`: no connection could be made. The last failure is the `cause`.
 * - `listen-failed`: the listener cannot listen, or can no longer listen. The error of the system is the `cause`.
 * - `peer-closed-clean`: the peer closed with code 1000, 1001 or without a code (1005).
 * - `peer-closed-unexpected`: the peer closed with any other code, or without a close frame (1006).
 * - `read-error`: a reset, a violation of the protocol, a broken limit or a fault of the socket ended the connection.
 * - `write-timeout`: the peer accepted none of our output for `writeTimeout`.
 * - `ping-timeout`: nothing arrived from the peer within `pingTimeout` after a ping.
 * - `keepalive-timeout`: an outbound peer gave no sign of life for `keepaliveTimeout`.
 * - `message-timeout`: an outbound peer sent no message for `messageTimeout`.
 * - `send-timeout`: the message could not be buffered within the `timeout` of the call.
 * - `stream-aborted`: the source of a streamed message failed or was aborted after its first fragment was sent, which
 *   ends the connection.
 * - `close-timeout`: the closing handshake took longer than `closeTimeout`.
 * - `buffer-changed`: the buffer of a message was detached before the message was sent, or while other messages that
 *   arrived in it were still to be delivered; or a buffer was changed during a read or write of a stream.
 * - `unsent-overflow`: a WebSocket was given messages although `maxBufferedAmount` bytes waited to be sent.
 * - `unread-overflow`: too many messages arrived on a native socket before it was started.
 * - `ping-unsupported`: the socket cannot ping (native sockets).
 */
export type ConnectionErrorCode =
  | "connection-closed"
  | "not-connected"
  | "invalid-state"
  | "dial-failed"
  | "listen-failed"
  | "peer-closed-clean"
  | "peer-closed-unexpected"
  | "read-error"
  | "write-timeout"
  | "ping-timeout"
  | "keepalive-timeout"
  | "message-timeout"
  | "send-timeout"
  | "stream-aborted"
  | "close-timeout"
  | "buffer-changed"
  | "unsent-overflow"
  | "unread-overflow"
  | "ping-unsupported";

/** Details of a {@link ConnectionError}. */
export interface ConnectionErrorOptions extends ErrorOptions {
  /**
   * The close code (RFC 6455, section 7.4), if a close frame is the reason.
   *
   * @default {none}
   */
  readonly closeCode?: number | undefined;
  /**
   * The reason in the close frame of the peer.
   *
   * @default {none}
   */
  readonly reason?: string | undefined;
  /**
   * `"unknown"` if a message was buffered already, so that the peer may have received it.
   *
   * @default {none}
   */
  readonly delivered?: "unknown" | undefined;
}

/** A connection failed, or a call on it cannot be done. */
export class ConnectionError extends Error {
  /** The name of the class. */
  override readonly name = "ConnectionError";
  /** What went wrong. */
  readonly code: ConnectionErrorCode;
  /** The close code, if there is one; 1006 if the stream ended without a close frame. */
  readonly closeCode: number | undefined;
  /** The reason in the close frame of the peer, if there is one. */
  readonly reason: string | undefined;
  /**
   * Set by `send`: `"unknown"` if the message was buffered, so that the peer may have received it. `undefined` if the
   * message was not sent.
   */
  readonly delivered: "unknown" | undefined;

  /** Makes an error with a code, a message and its details. */
  constructor(
    code: ConnectionErrorCode,
    message: string,
    options: ConnectionErrorOptions = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.closeCode = options.closeCode;
    this.reason = options.reason;
    this.delivered = options.delivered;
  }
}

/**
 * The codes of a {@link PoolError}.
 *
 * - `peer-exists`: the pool has a peer with this id or URL already.
 * - `peer-not-found`: the pool has no such peer.
 * - `pool-closed`: the pool is closed or closing.
 * - `connection-unavailable`: the peer has no connection at present.
 * - `peer-removed`: the peer was removed while the call waited.
 * - `peer-stopped`: the pool no longer dials the peer. The `cause` says why.
 * - `pool-full`: the pool has `maxPeers` peers already.
 * - `worker-failed`: the worker of a peer, or `workerFactory`, threw. Its error is the `cause`.
 * - `decision-timeout`: `accept` or `id` of `serve` did not decide about a peer in time.
 * - `callback-timeout`: `onConnected` took longer than `handshakeTimeout`.
 * - `messages-dropped`: messages were dropped, because the inbox and the buffers in front of it were full.
 */
export type PoolErrorCode =
  | "peer-exists"
  | "peer-not-found"
  | "pool-closed"
  | "connection-unavailable"
  | "peer-removed"
  | "peer-stopped"
  | "pool-full"
  | "messages-dropped"
  | "decision-timeout"
  | "callback-timeout"
  | "worker-failed";

/** A call on a pool cannot be done, or something in the pool failed. */
export class PoolError extends Error {
  /** The name of the class. */
  override readonly name = "PoolError";
  /** What went wrong. */
  readonly code: PoolErrorCode;

  /** Makes an error with a code and a message. */
  constructor(code: PoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The codes of a {@link ConfigError}.
 *
 * - `invalid-option`: an option has a value that is not allowed.
 * - `unknown-option`: there is no such option.
 * - `misplaced-option`: the option has no effect in this place, and belongs to another.
 * - `invalid-argument`: an argument has a value that is not allowed.
 * - `invalid-result`: a callback returned a value that is not allowed. A default is used instead.
 * - `invalid-url`: the URL cannot be used for a WebSocket.
 * - `unsupported`: this runtime or this kind of socket does not support the option.
 */
export type ConfigErrorCode =
  | "invalid-option"
  | "unknown-option"
  | "misplaced-option"
  | "invalid-argument"
  | "invalid-result"
  | "invalid-url"
  | "unsupported";

/**
 * An option, an argument, or the result of a callback cannot be used. The message says which one, what its value is,
 * and what is allowed.
 */
export class ConfigError extends Error {
  /** The name of the class. */
  override readonly name = "ConfigError";
  /** What is wrong with the value. */
  readonly code: ConfigErrorCode;
  /** The name of the option, argument or callback, for example `connection.pingInterval`. */
  readonly field: string;

  /** Makes an error with a code, the field's name and a message. */
  constructor(
    code: ConfigErrorCode,
    field: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.field = field;
  }
}

/**
 * Why something failed, as the end of an error message: the message of what was thrown, without a "Cannot <action>: "
 * at its beginning, and with a full stop at its end.
 */
export function reasonOf(thrown: unknown): string {
  const { message, name } = toError(thrown);
  // Node.js reports a host whose addresses all failed as an error without a message.
  const code: unknown = thrown instanceof Error && Reflect.get(thrown, "code");
  const text = message || (typeof code === "string" ? code : name);
  const reason = text
    // What "it" is must not be lost.
    .replace(/^Cannot use option (\S+): it /, "option $1 ")
    .replace(/^Cannot .+?: /s, "");
  return /[.!?]$/.test(reason) ? reason : `${reason}.`;
}

/** Converts what was thrown to an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
