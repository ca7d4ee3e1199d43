import { type Clock, clockOf } from "../base/clock.ts";
import type { LogAttributes, LoggingOptions } from "../base/logging.ts";
import {
  checkFields,
  checkFunction,
  checkMethods,
  checkNumbers,
  checkScope,
  checkWord,
  homes,
  numberOption,
  type OptionHomes,
  type OptionNames,
  refuseOption,
} from "../base/options.ts";
import type { RetryInfo } from "../base/retry.ts";
import {
  CONNECTION_RULES,
  INBOUND_POOL_RULES,
  INBOUND_WORKER_RULES,
  OUTBOUND_POOL_RULES,
  OUTBOUND_WORKER_RULES,
  POOL_RULES,
  RETRY_RULES,
  SOCKET_RULES,
} from "../base/rules.ts";
import type { HeadersInput } from "../handshake/headers.ts";
import { checkDialOptions } from "../client/check_dial.ts";
import type { Dialer, DialGate, DialOptions } from "../client/dialer.ts";
import { requestHeaders } from "../client/request.ts";
import { Latest } from "./latest.ts";
import type { ConnectionMeter } from "./meter.ts";
import type { FrameHeader } from "../protocol/wire/frame.ts";
import {
  resolveRetry,
  type RetryPolicy,
  type RetrySettings,
} from "../base/retry_policy.ts";
import { resolveCompression } from "../socket/compression_options.ts";
import type { FrameDirection } from "../socket/socket.ts";

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
   * socket is cut. In a pool it also limits the wait for workers: with 0, a worker of your own that never ends keeps
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

const latest = new Latest<ResolvedConnectionOptions>();

const METER: readonly (keyof ConnectionMeter)[] = [
  "received",
  "sent",
  "heartbeat",
];

/** The options of a connection over an open socket. */
export const OPEN_NAMES: OptionNames<OpenConnectionOptions> = {
  signal: true,
  clock: true,
  pingInterval: true,
  pingTimeout: true,
  writeTimeout: true,
  closeTimeout: true,
  highWaterMark: true,
  incomingBufferSize: true,
  incomingBufferBytes: true,
  onPing: true,
  onPong: true,
  onFrame: true,
  onClose: true,
  meter: true,
  logAttributes: true,
  logger: true,
  loggingEnabled: true,
  logLevel: true,
};

/** The options of a connection that dials. */
export const DIALLING_NAMES: OptionNames<ConnectionOptions> = {
  ...OPEN_NAMES,
  dialer: true,
  dialGate: true,
  headers: true,
  protocols: true,
  handshakeTimeout: true,
  retry: true,
  onRetry: true,
  binary: true,
  compression: true,
  maxMessageSize: true,
  maxFrameSize: true,
  maxFragments: true,
  fragmentSize: true,
  proxy: true,
  unix: true,
  caCerts: true,
  cert: true,
  key: true,
};

/** Where options belong that a pool or the retry policy has, and a connection has not. */
export const FOREIGN_HOMES: OptionHomes = {
  ...homes(POOL_RULES, "a pool"),
  ...homes(INBOUND_POOL_RULES, "an inbound pool"),
  ...homes(OUTBOUND_POOL_RULES, "an outbound pool"),
  ...homes({ onConnected: 0, shouldReconnect: 0 }, "an outbound pool"),
  ...homes(INBOUND_WORKER_RULES, "the option worker of an inbound pool"),
  ...homes(OUTBOUND_WORKER_RULES, "the option worker of an outbound pool"),
  maxQueueSize: "the option worker of a pool",
  ...homes(RETRY_RULES, "the option retry"),
};

const DIALS = "the options of a connection that dials";
const MAKES_SOCKET =
  "whatever makes the socket: listen, accept, upgrade, upgradeNode or a dialer";

/** Where the options of a connection that dials belong if the socket is open already. */
export const OPEN_HOMES: OptionHomes = {
  ...FOREIGN_HOMES,
  dialer: DIALS,
  dialGate: DIALS,
  headers: DIALS,
  protocols: MAKES_SOCKET,
  handshakeTimeout: MAKES_SOCKET,
  retry: DIALS,
  onRetry: DIALS,
  binary: MAKES_SOCKET,
  compression: MAKES_SOCKET,
  maxMessageSize: MAKES_SOCKET,
  maxFrameSize: MAKES_SOCKET,
  maxFragments: MAKES_SOCKET,
  fragmentSize: MAKES_SOCKET,
  proxy: DIALS,
  unix: DIALS,
  caCerts: DIALS,
  cert: MAKES_SOCKET,
  key: MAKES_SOCKET,
};

/**
 * Checks headers.
 *
 * @throws {ConfigError} `invalid-option` for headers that no request can have.
 */
export function checkHeaders(
  field: string,
  value: HeadersSource | undefined,
): void {
  if (value === undefined || typeof value === "function") return;
  if (typeof value !== "object" || value === null) {
    throw refuseOption(
      field,
      "an object, a list of pairs or a function",
      value,
    );
  }
  // A check would consume an iterator, which the request needs.
  const isIterator = Symbol.iterator in value && "next" in value;
  if (isIterator) return;
  requestHeaders(value, field);
}

/**
 * Checks the options of a connection over an open socket and fills in the defaults.
 *
 * @param prefix What stands before the fields' names in a message, for example `connection.`.
 * @throws {ConfigError} `invalid-option`, `unknown-option`, `misplaced-option`.
 */
export function resolveOpenOptions(
  options: OpenConnectionOptions = {},
  prefix = "",
): ResolvedConnectionOptions {
  checkFields(prefix, OPEN_NAMES, options, OPEN_HOMES);
  return resolveCommon(options, prefix);
}

/**
 * Checks the options of a connection that dials and fills in the defaults.
 *
 * @param prefix What stands before the fields' names in a message, for example `connection.`.
 * @throws {ConfigError} `invalid-option`, `unknown-option`, `misplaced-option`.
 */
export function resolveConnectionOptions(
  options: ConnectionOptions = {},
  prefix = "",
): ResolvedConnectionOptions {
  checkFields(prefix, DIALLING_NAMES, options, FOREIGN_HOMES);
  for (const name of ["dialer", "onRetry"] as const) {
    checkFunction(prefix + name, options[name]);
  }
  checkMethods(`${prefix}dialGate`, options.dialGate, ["enter"]);
  checkHeaders(`${prefix}headers`, options.headers);
  checkDialOptions(options, prefix);
  checkWord(`${prefix}binary`, ["view", "copy"], options.binary);
  resolveCompression(options.compression, `${prefix}compression`);
  checkNumbers(prefix, SOCKET_RULES, options);
  const resolved = resolveCommon(options, prefix);
  resolveRetry(options.retry, resolved.clock, `${prefix}retry`);
  return resolved;
}

function resolveCommon(
  options: OpenConnectionOptions & Pick<ConnectionOptions, "handshakeTimeout">,
  prefix: string,
): ResolvedConnectionOptions {
  checkScope(prefix, options);
  for (const name of ["onPing", "onPong", "onFrame", "onClose"] as const) {
    checkFunction(prefix + name, options[name]);
  }
  checkMethods(`${prefix}meter`, options.meter, METER);
  const number = (
    name: keyof typeof CONNECTION_RULES & keyof ResolvedConnectionOptions,
  ) => numberOption(prefix + name, CONNECTION_RULES[name], options[name]);
  return latest.share({
    clock: clockOf(options.clock),
    pingInterval: number("pingInterval"),
    pingTimeout: number("pingTimeout"),
    writeTimeout: number("writeTimeout"),
    closeTimeout: number("closeTimeout"),
    handshakeTimeout: number("handshakeTimeout"),
    highWaterMark: number("highWaterMark"),
    incomingBufferSize: number("incomingBufferSize"),
    incomingBufferBytes: number("incomingBufferBytes"),
    onPing: options.onPing,
    onPong: options.onPong,
    onFrame: options.onFrame,
    onClose: options.onClose,
  });
}
