/**
 * The errors of Honeybee above the protocol core. Every one carries a stable
 * `code`, and what caused it in `cause`.
 *
 * The other files of this folder hold what every layer may use and what needs none of them: clock and schedule, promises, queues,
 * callbacks, options and their rules, retry policies, logging, URLs, messages.
 *
 * @module
 */

/**
 * What a {@link ConnectionError} says.
 *
 * - `connection-closed`: the connection is closed, or was closed while the call waited.
 * - `not-connected`: `connect()` has not been called, or has not finished.
 * - `invalid-state`: `connect()` on a connection that is connecting, connected or closed.
 * - `dial-failed`: no connection could be made; the last failure is the cause.
 * - `listen-failed`: the system does not let a listener listen, or not any longer; its error is the cause.
 * - `peer-closed-clean`: the peer closed with 1000, 1001 or no code (1005).
 * - `peer-closed-unexpected`: the peer closed with any other code, or without a
 *   close frame (1006).
 * - `read-error`: a reset, a protocol violation or a timeout ended the connection.
 * - `write-timeout`: the peer took nothing for `writeTimeout`.
 * - `ping-timeout`: nothing arrived from the peer for `pingTimeout` after a ping.
 * - `keepalive-timeout`: an outbound peer gave no sign of life for `keepaliveTimeout`.
 * - `message-timeout`: an outbound peer sent no message for `messageTimeout`.
 * - `send-timeout`: the message could not be buffered within the call's `timeout`.
 * - `stream-aborted`: a streamed message broke off in the middle, which ends the connection.
 * - `close-timeout`: the closing handshake was not over within `closeTimeout`.
 * - `buffer-changed`: the buffer of a message was detached before the message was sent.
 * - `unread-overflow`: too many messages arrived on a native socket before anybody read them.
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
  | "unread-overflow"
  | "ping-unsupported";

/** Details of a {@link ConnectionError}. */
export interface ConnectionErrorOptions extends ErrorOptions {
  /** The close code (RFC 6455, section 7.4) where the peer's close is the reason. */
  readonly closeCode?: number | undefined;
  /** The reason in the peer's close frame. */
  readonly reason?: string | undefined;
  /** `"unknown"` if a message was buffered already, so that the peer may have received it. */
  readonly delivered?: "unknown" | undefined;
}

/** A connection failed, or cannot do what was asked of it. */
export class ConnectionError extends Error {
  /** The name of the class. */
  override readonly name = "ConnectionError";
  /** What went wrong. */
  readonly code: ConnectionErrorCode;
  /** The close code where there is one; 1006 when the stream ended without a close frame. */
  readonly closeCode: number | undefined;
  /** The reason that the peer gave, where there is one. */
  readonly reason: string | undefined;
  /**
   * Of a failed `send`: `"unknown"` if the message was buffered already, so that the peer may have received it.
   * `undefined` if the message was not sent.
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
 * What a {@link PoolError} says.
 *
 * - `peer-exists`: the pool knows a peer of that id or URL already.
 * - `peer-not-found`: the pool knows no such peer.
 * - `pool-closed`: the pool is closed or closing.
 * - `connection-unavailable`: the peer has no connection at present.
 * - `peer-removed`: the peer was removed while the call waited.
 * - `peer-stopped`: the policy gave the peer up; the cause says why.
 * - `pool-full`: the pool holds `maxPeers` peers already.
 * - `worker-failed`: the worker, or its factory, threw; see the cause.
 * - `decision-timeout`: a callback of `serve` did not decide about a peer in time.
 * - `messages-dropped`: messages found no room in the inbox and were dropped.
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
  | "worker-failed";

/** A pool cannot do what was asked of it. */
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
 * What a {@link ConfigError} says.
 *
 * - `invalid-option`: an option has a value that is not allowed.
 * - `unknown-option`: an option that does not exist in this place.
 * - `misplaced-option`: an option that has no effect in this place, but in another.
 * - `invalid-argument`: an argument has a value that is not allowed.
 * - `invalid-url`: a URL cannot be used for a WebSocket.
 * - `unsupported`: the value is fine, but this runtime or socket cannot do it.
 */
export type ConfigErrorCode =
  | "invalid-option"
  | "unknown-option"
  | "misplaced-option"
  | "invalid-argument"
  | "invalid-url"
  | "unsupported";

/** An option or argument that cannot be used: names the field, what it got and what is allowed. */
export class ConfigError extends Error {
  /** The name of the class. */
  override readonly name = "ConfigError";
  /** What kind of value was wrong. */
  readonly code: ConfigErrorCode;
  /** The option or argument, for example `connection.pingInterval`. */
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
  const reason = text.replace(/^Cannot [^:]+: /, "");
  return /[.!?]$/.test(reason) ? reason : `${reason}.`;
}

/** Converts what was thrown to an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
