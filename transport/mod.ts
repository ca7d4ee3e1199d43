/**
 * Everything about one connection, and what both pools share.
 *
 * @example A listener and one connection to it
 * ```ts
 * import { Connection, listen } from "@honeybee/honeybee/transport";
 *
 * const listener = listen({ hostname: "127.0.0.1" });
 * const connection = new Connection(`ws://127.0.0.1:${listener.port}`);
 * const connecting = connection.connect();
 * for await (const incoming of listener) {
 *   const peer = Connection.fromSocket(incoming.accept());
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

export type { AcceptOptions } from "./accept.ts";
export type { ByteStream } from "./byte_stream.ts";
export * from "./clock.ts";
export { COMPRESSION_RULES } from "./compression_options.ts";
export {
  CONNECTION_RULES,
  INBOUND_WORKER_RULES,
  LISTEN_RULES,
  type NumberRule,
  OUTBOUND_POOL_RULES,
  OUTBOUND_WORKER_RULES,
  POOL_RULES,
  RETRY_RULES,
  SOCKET_RULES,
  UPGRADE_RULES,
} from "./config.ts";
export * from "./connection.ts";
export * from "./connection_stats.ts";
export type {
  ConnectionOptions,
  HeadersSource,
  RetrySettings,
} from "./connection_options.ts";
export { dialAuto } from "./dial.ts";
export { dialNative } from "./dial_native.ts";
export {
  dialRaw,
  dialUpgrade,
  type DialUpgradeOptions,
  type UpgradedStream,
} from "./dial_raw.ts";
export type { TlsServerOptions } from "./door.ts";
export {
  ConfigError,
  type ConfigErrorCode,
  ConnectionError,
  type ConnectionErrorCode,
  type ConnectionErrorOptions,
  PoolError,
  type PoolErrorCode,
} from "./errors.ts";
export type { PoolEvent } from "./event_queue.ts";
export * from "./listen.ts";
export type {
  Log,
  LogAttributes,
  Logger,
  LoggingOptions,
  LogLevel,
} from "./logging.ts";
export { type Message, messageSize } from "./message.ts";
export { NativeSocket, type NativeSocketOptions } from "./native_socket.ts";
export { NodeStream } from "./node_stream.ts";
export type { OpenedStream } from "./open_node.ts";
export type { SendOptions } from "./outgoing.ts";
export type { PoolErrorRecord, PoolStats } from "./pool.ts";
export type { PoolConnectionOptions, PoolOptions } from "./pool_options.ts";
export * from "./protocol/mod.ts";
export * from "./queue.ts";
export { RawSocket, type RawSocketOptions } from "./raw_socket.ts";
export * from "./retry.ts";
export * from "./retryable.ts";
export { sleep } from "./schedule.ts";
export * from "./socket.ts";
export type { MessageStream, SendStreamOptions } from "./stream.ts";
export * from "./upgrade.ts";
export * from "./upgrade_node.ts";
export { normalizeUrl } from "./url.ts";
export * from "./worker.ts";
