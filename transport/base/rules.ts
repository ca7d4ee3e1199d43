/**
 * Defaults and ranges of every option that is a number. CONFIG.md lists them, and a test compares the two.
 *
 * @module
 */

/** What an option that is a number may be. */
export interface NumberRule {
  /** The value when none is given. */
  readonly default: number;
  /** The least value allowed. */
  readonly min: number;
  /** The greatest value allowed. */
  readonly max: number;
  /** What it counts. */
  readonly unit: "ms" | "bytes" | "items" | "part" | "seconds";
}

/** Longest duration: what a timer takes, about 24.8 days. */
export const MAX_DURATION = 2 ** 31 - 1;
/** The maximum of options in bytes: the longest typed array that an engine may make. */
const MAX_BYTES = 2 ** 33;
/** The maximum of options that count items. */
const MAX_ITEMS = 2 ** 30;

function duration(ms: number, min = 0): NumberRule {
  return { default: ms, min, max: MAX_DURATION, unit: "ms" };
}

function bytes(count: number, min = 0): NumberRule {
  return { default: count, min, max: MAX_BYTES, unit: "bytes" };
}

function items(count: number, min = 0): NumberRule {
  return { default: count, min, max: MAX_ITEMS, unit: "items" };
}

const MiB = 1 << 20;

/** Options of every socket that are numbers. */
export const SOCKET_RULES: Readonly<
  Record<
    "maxMessageSize" | "maxFrameSize" | "maxFragments" | "fragmentSize",
    NumberRule
  >
> = {
  maxMessageSize: bytes(MiB),
  maxFrameSize: bytes(0),
  maxFragments: items(16_384),
  fragmentSize: bytes(0),
};

/** Options of a connection that are numbers. */
export const CONNECTION_RULES: Readonly<
  Record<
    | keyof typeof SOCKET_RULES
    | "writeTimeout"
    | "pingInterval"
    | "pingTimeout"
    | "closeTimeout"
    | "handshakeTimeout"
    | "highWaterMark"
    | "incomingBufferSize"
    | "incomingBufferBytes",
    NumberRule
  >
> = {
  ...SOCKET_RULES,
  writeTimeout: duration(30_000),
  pingInterval: duration(20_000),
  pingTimeout: duration(20_000),
  closeTimeout: duration(5_000),
  handshakeTimeout: duration(10_000),
  highWaterMark: bytes(MiB, 1),
  incomingBufferSize: items(100, 1),
  incomingBufferBytes: bytes(4 * MiB, 1),
};

/** Options of a listener that are numbers. */
export const LISTEN_RULES: Readonly<
  Record<
    | "port"
    | "maxHeadSize"
    | "maxPending"
    | "handshakeTimeout"
    | "errorsBufferSize",
    NumberRule
  >
> = {
  port: { default: 0, min: 0, max: 65_535, unit: "items" },
  maxHeadSize: bytes(16_384, 64),
  maxPending: items(1_024, 1),
  handshakeTimeout: duration(10_000),
  errorsBufferSize: items(1_024, 1),
};

/** Options of `upgrade` that are numbers. */
export const UPGRADE_RULES: Readonly<
  Record<"inactivityTimeout" | "handshakeTimeout", NumberRule>
> = {
  inactivityTimeout: duration(30_000),
  handshakeTimeout: CONNECTION_RULES.handshakeTimeout,
};

/** Fields of a connection's `retry` option that are numbers. */
export const RETRY_RULES: Readonly<
  Record<
    "maxRetries" | "initialDelay" | "maxDelay" | "jitterFactor",
    NumberRule
  >
> = {
  maxRetries: items(Infinity),
  initialDelay: duration(1_000),
  maxDelay: duration(60_000),
  jitterFactor: { default: 0.2, min: 0, max: 1, unit: "part" },
};

/** Options of both pools that are numbers. */
export const POOL_RULES: Readonly<
  Record<
    | "inboxBufferSize"
    | "inboxBufferBytes"
    | "eventsBufferSize"
    | "errorsBufferSize",
    NumberRule
  >
> = {
  inboxBufferSize: items(4_096, 1),
  inboxBufferBytes: bytes(16 * MiB, 1),
  eventsBufferSize: items(1_024, 1),
  errorsBufferSize: items(1_024, 1),
};

/** Options of the inbound pool alone that are numbers. */
export const INBOUND_POOL_RULES: Readonly<Record<"maxPeers", NumberRule>> = {
  maxPeers: items(0),
};

/** Options of `forEachMessage` that are numbers. */
export const FOR_EACH_RULES: Readonly<Record<"concurrency", NumberRule>> = {
  concurrency: items(16, 1),
};

/** Options of `serve` of an inbound pool that are numbers. */
export const SERVE_RULES: Readonly<Record<"timeout", NumberRule>> = {
  timeout: duration(5_000),
};

/** Options of an inbound worker that are numbers. */
export const INBOUND_WORKER_RULES: Readonly<
  Record<"inactivityTimeout" | "maxQueueSize", NumberRule>
> = {
  inactivityTimeout: duration(0),
  maxQueueSize: items(0),
};

/** Options of an outbound worker that are numbers. */
export const OUTBOUND_WORKER_RULES: Readonly<
  Record<
    | "keepaliveTimeout"
    | "messageTimeout"
    | "reconnectDelay"
    | "maxReconnectDelay"
    | "stableAfter"
    | "maxQueueSize",
    NumberRule
  >
> = {
  keepaliveTimeout: duration(60_000),
  messageTimeout: duration(0),
  reconnectDelay: duration(2_000),
  maxReconnectDelay: duration(60_000),
  stableAfter: duration(30_000),
  maxQueueSize: items(0),
};

/** Options of the outbound pool alone that are numbers. */
export const OUTBOUND_POOL_RULES: Readonly<
  Record<"maxConcurrentDials", NumberRule>
> = {
  maxConcurrentDials: items(64, 1),
};
