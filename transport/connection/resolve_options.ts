import { clockOf } from "../base/clock.ts";
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
import { resolveRetry } from "../base/retry_policy.ts";
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
import { checkDialOptions } from "../client/check_dial.ts";
import { requestHeaders } from "../client/request.ts";
import { resolveCompression } from "../socket/compression_options.ts";
import { Latest } from "./latest.ts";
import type {
  ConnectionMeter,
  ConnectionOptions,
  HeadersSource,
  OpenConnectionOptions,
  ResolvedConnectionOptions,
} from "./options.ts";

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
