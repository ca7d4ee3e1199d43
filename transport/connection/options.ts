import type { Clock } from "../base/clock.ts";
import type { LogAttributes, LoggingOptions } from "../base/logging.ts";
import type { RetryInfo } from "../base/retry.ts";
import type { RetryPolicy, RetrySettings } from "../base/retry_policy.ts";
import type { Dialer, DialGate, DialOptions } from "../client/dialer.ts";
import type { HeadersInput } from "../handshake/headers.ts";
import type { FrameHeader } from "../protocol/wire/frame.ts";
import type { FrameDirection } from "../socket/socket.ts";

/** Counts what passes through a connection, or through several connections. Its methods must not throw. */
export interface ConnectionMeter {
  /** Called for each message that arrived, with its payload size in bytes before compression. */
  received(bytes: number): void;
  /**
   * Called when payload bytes were buffered for sending, with the number of messages that are complete with them and
   * the number of bytes before compression.
   */
  sent(messages: number, bytes: number): void;
  /** Called for each pong that answered one of our pings. */
  heartbeat(): void;
}

/** Headers of a request, or a function that is called for each attempt and returns them. */
export type HeadersSource =
  | HeadersInput
  | (() => HeadersInput | Promise<HeadersInput>);

/**
 * Options of a {@link Connection} over a socket that is open already. Durations are milliseconds, and 0 disables them.
 *
 * If a callback throws or rejects, that is logged, and has no other effect.
 */
export interface OpenConnectionOptions extends LoggingOptions {
  /**
   * Closes the connection with code 1000 when it aborts, also while the connection is connecting.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * The source of time and randomness.
   *
   * @default {the runtime's own}
   */
  readonly clock?: Clock | undefined;
  /**
   * The time between pings, in milliseconds, with 10% jitter in either direction; 0 sends none. With 0, `dialAuto` uses
   * native sockets.
   *
   * @default {20000}
   */
  readonly pingInterval?: number | undefined;
  /**
   * The maximum time in milliseconds from a ping until a byte arrives from the peer; 0 for no limit. After that, the
   * connection ends with `ping-timeout`. A slow peer to which much was sent gets up to 64 s more.
   *
   * @default {20000}
   */
  readonly pingTimeout?: number | undefined;
  /**
   * The maximum time in milliseconds for which the peer may accept none of our output; 0 for no limit. After that, the
   * connection ends with `write-timeout`. A slow peer to which much was sent gets up to 64 s more.
   *
   * @default {30000}
   */
  readonly writeTimeout?: number | undefined;
  /**
   * The maximum time of a closing handshake, in milliseconds, whichever side begins it; 0 for no limit. After that, the
   * connection is terminated. While the peer keeps taking what is buffered, the limit is extended, at most to four
   * times.
   *
   * In a pool, the option also limits the wait for workers: with 0, a worker of your own that never ends keeps
   * `close()` waiting.
   *
   * @default {5000}
   */
  readonly closeTimeout?: number | undefined;
  /**
   * The buffer is full while this many bytes or more wait to be sent: `send` waits then, and `trySend` returns `false`.
   *
   * @default {1048576}
   */
  readonly highWaterMark?: number | undefined;
  /**
   * The maximum number of messages that wait in `incoming` before reading from the peer is paused. If it cannot be
   * paused (native sockets), the connection ends with close code 1009.
   *
   * @default {100}
   */
  readonly incomingBufferSize?: number | undefined;
  /**
   * The same in bytes; a text counts its UTF-16 units.
   *
   * @default {4194304}
   */
  readonly incomingBufferBytes?: number | undefined;
  /**
   * Called for each ping of the peer. The socket answers it automatically.
   *
   * @default {none}
   */
  readonly onPing?: ((payload: Uint8Array) => void) | undefined;
  /**
   * Called for each pong of the peer, whether it answers a ping or not.
   *
   * @default {none}
   */
  readonly onPong?: ((payload: Uint8Array) => void) | undefined;
  /**
   * Called with the header of each frame in both directions, for a sent one when its whole message is queued. It may
   * send. Raw sockets only. Costs nothing if it is absent.
   *
   * @default {none}
   */
  readonly onFrame?:
    | ((direction: FrameDirection, header: FrameHeader) => void)
    | undefined;
  /**
   * Called at the end with the close frame of the peer, if there was one. The code is 1005 if the frame had none.
   *
   * @default {none}
   */
  readonly onClose?: ((code: number, reason: string) => void) | undefined;
  /**
   * Counts messages and bytes, also of several connections together.
   *
   * @default {none}
   */
  readonly meter?: ConnectionMeter | undefined;
  /**
   * Attributes of each log record of this connection.
   *
   * @default {none}
   */
  readonly logAttributes?: LogAttributes | undefined;
}

/** Options of a {@link Connection} that dials. Durations are milliseconds, and 0 disables them. */
export interface ConnectionOptions extends
  OpenConnectionOptions,
  Omit<
    DialOptions,
    "headers" | "binary" | "signal" | "clock" | "pingInterval"
  > {
  /**
   * How binary messages are delivered: each in a buffer of its own, or as views that may share memory with their
   * neighbours, see {@link BinaryDelivery}.
   *
   * @default {"copy"}
   */
  readonly binary?: "copy" | "view" | undefined;
  /**
   * Makes the socket.
   *
   * @default {dialAuto}
   */
  readonly dialer?: Dialer | undefined;
  /**
   * Limits how many dials are in progress, also those of several connections.
   *
   * @default {none}
   */
  readonly dialGate?: DialGate | undefined;
  /**
   * Headers of the request, or a function that is called for each attempt. The time that the function takes counts for
   * `handshakeTimeout`.
   *
   * @default {none}
   */
  readonly headers?: HeadersSource | undefined;
  /**
   * What to do when a dial fails: a policy, settings of the default policy, or `false` to try only once.
   *
   * Whatever it says, retries after the first one are at least 100 ms apart, a 429 or 503 is followed by the delay of
   * its `Retry-After` (1 s without one, one hour at most), and an error after which another attempt cannot help, such as
   * status 401 or a wrong certificate, ends the attempts: an outbound pool asks `shouldReconnect` then.
   *
   * @default {the defaults of RetrySettings}
   */
  readonly retry?: RetryPolicy | RetrySettings | false | undefined;
  /**
   * Called for each failed dial that is followed by another attempt.
   *
   * @default {none}
   */
  readonly onRetry?: ((info: RetryInfo) => void) | undefined;
}

/** What a connection needs of its options while it is open, with every default filled in. */
export interface ResolvedConnectionOptions
  extends
    Pick<OpenConnectionOptions, "onPing" | "onPong" | "onFrame" | "onClose"> {
  readonly clock: Clock;
  readonly pingInterval: number;
  readonly pingTimeout: number;
  readonly writeTimeout: number;
  readonly closeTimeout: number;
  readonly handshakeTimeout: number;
  readonly highWaterMark: number;
  readonly incomingBufferSize: number;
  readonly incomingBufferBytes: number;
}
