/**
 * The building blocks of the pools, for extending them or for use without them: connections, sockets, byte streams,
 * listeners, dialers, queues, retry policies, and the interface and the blocks of workers.
 *
 * @example A listener and one connection to it
 * ```ts
 * import { Connection, listen } from "@honeybee/honeybee/transport";
 *
 * const listener = listen({ hostname: "127.0.0.1" });
 * await listener.ready;
 * const connection = new Connection(`ws://127.0.0.1:${listener.port}`);
 * const connecting = connection.connect();
 * for await (const incoming of listener) {
 *   const peer = new Connection(incoming.accept());
 *   await connecting;
 *   console.log(`${await connection.ping()} ms away`);
 *   await peer.close();
 *   break;
 * }
 * await connection.close();
 * await listener.close();
 * ```
 *
 * @module
 */

export type { AcceptOptions } from "./server/accept_options.ts";
export {
  type ByteStream,
  type ByteStreamHandler,
  MAX_WRITE_SIZE,
} from "./net/stream/byte_stream.ts";
export { MemoryStream, memoryStreams } from "./net/stream/memory_stream.ts";
export {
  PullAdapter,
  type PullStream,
  type ReleasedStream,
} from "./net/stream/pull_stream.ts";
export type { CallbackErrorHandler } from "./base/callbacks.ts";
export { type Clock, systemClock } from "./base/clock.ts";
export * from "./connection/connection.ts";
export type { Heartbeat } from "./connection/heartbeats.ts";
export type { ConnectionStats } from "./connection/stats.ts";
export type {
  ConnectionMeter,
  ConnectionOptions,
  HeadersSource,
  OpenConnectionOptions,
} from "./connection/options.ts";
export type { ConnectionState } from "./connection/state.ts";
export type { MessageSink } from "./connection/receiving.ts";
export type { UnansweredPing } from "./connection/liveness/liveness.ts";
export { watchSilence } from "./connection/liveness/watch_silence.ts";
export type {
  SilenceOptions,
  SilentPeer,
} from "./connection/liveness/watch_silence.ts";
export { dialAuto } from "./client/dial_auto.ts";
export { dialNative } from "./client/dial_native.ts";
export { dialRaw } from "./client/dial_raw.ts";
export {
  dialUpgrade,
  type DialUpgradeOptions,
  type UpgradedStream,
} from "./client/dial_upgrade.ts";
export {
  ConfigError,
  type ConfigErrorCode,
  ConnectionError,
  type ConnectionErrorCode,
  type ConnectionErrorOptions,
  PoolError,
  type PoolErrorCode,
} from "./base/errors.ts";
export type { PoolEvent } from "./pool/events.ts";
export { listen } from "./server/listen.ts";
export { Listener, type ListenErrorRecord } from "./server/listener.ts";
export type { ListenOptions } from "./server/listen_options.ts";
export {
  type AcceptStreamOptions,
  Incoming,
  type RejectOptions,
} from "./server/incoming.ts";
export { Duplex } from "./net/stream/duplex.ts";
export type {
  PlainAnswer,
  RequestAnswer,
  RequestHandler,
  RequestInfo,
} from "./server/plain_request.ts";
export type { Certificate } from "./server/tls_options.ts";
export type {
  Log,
  LogAttributes,
  Logger,
  LoggingOptions,
  LogLevel,
} from "./base/logging.ts";
export { type Message, messageSize } from "./base/message.ts";
export type { WaitOptions } from "./base/options.ts";
export type { NativeSocketOptions } from "./socket/native_options.ts";
export { NativeSocket } from "./socket/native_socket.ts";
export { DenoStream } from "./net/deno/deno_stream.ts";
export { NodeStream } from "./net/node/node_stream.ts";
export type { SendOptions } from "./connection/sending/outgoing.ts";
export type { PoolErrorRecord } from "./pool/error_queue.ts";
export {
  forEachMessage,
  type ForEachOptions,
  type HandledMessage,
  type MessageHandler,
  type MessagePool,
} from "./pool/for_each.ts";

export { pipe, type PipeOptions } from "./pool/pipe.ts";
export type { PoolCloseOptions } from "./pool/close_frames.ts";
export type {
  PeerStats,
  PoolStats,
  TrafficCounter,
  TrafficStats,
} from "./pool/statistics.ts";
export type {
  OptionSetByPool,
  PoolConnectionOptions,
  PoolOptions,
} from "./pool/options.ts";
export * from "./handshake/mod.ts";
export * from "./protocol/mod.ts";
export * from "./base/queue.ts";
export { RawSocket, type RawSocketOptions } from "./socket/raw_socket.ts";
export {
  DoNotRetryError,
  retry,
  type RetryInfo,
  RetryLimitError,
  type RetryOptions,
} from "./base/retry.ts";
export {
  always,
  constant,
  exponential,
  type JitterOptions,
  linear,
  maxAttempts,
  never,
  type RetryPolicy,
  type RetrySettings,
} from "./base/retry_policy.ts";
export * from "./client/retryable.ts";
export { sleep } from "./base/schedule.ts";
export type { PeerAddress } from "./net/stream/address.ts";
export type {
  OpenOptions,
  TlsClientOptions,
  TlsServerOptions,
} from "./net/stream/stream_options.ts";
export type {
  Dialer,
  DialGate,
  DialOptions,
  DialRawOptions,
} from "./client/dialer.ts";
export type * from "./socket/socket.ts";
export type { MessageStream } from "./connection/sending/chunk_source.ts";
export type { SendStreamOptions } from "./connection/sending/send_stream.ts";
export {
  refusal,
  type RemoteAddress,
  type Upgrade,
  upgrade,
  type UpgradeOptions,
} from "./server/upgrade.ts";
export { upgradeNode } from "./server/upgrade_node.ts";
export { normalizeUrl } from "./base/url.ts";
export type * from "./pool/worker.ts";
export * from "./pool/blocks.ts";
export type {
  DeliverySink,
  MessageDelivery,
  MessageSource,
} from "./pool/delivery.ts";
