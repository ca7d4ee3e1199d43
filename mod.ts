/**
 * WebSocket connections and pools of them: {@linkcode InboundPool} for peers
 * that connect to you, {@linkcode OutboundPool} for peers that you connect to
 * and that are kept connected, {@linkcode Connection} for a single connection.
 *
 * Honeybee does not interpret messages. This entry point has what an application uses. Other entry points have the
 * building blocks for extensions (`./transport`, `./inbound`, `./outbound`), the protocol without I/O (`./protocol`), a
 * `WebSocket` class with the interface of browsers (`./websocket`), and helpers for tests (`./testing`).
 *
 * @example Two pools that talk to each other
 * ```ts
 * import { InboundPool, listen, OutboundPool } from "@honeybee/honeybee";
 *
 * const server = new InboundPool("server");
 * const listener = listen({ hostname: "127.0.0.1" });
 * await listener.ready;
 * const serving = server.serve(listener);
 *
 * const client = new OutboundPool("client");
 * const url = client.connect(`ws://127.0.0.1:${listener.port}`);
 * await client.whenConnected(url);
 * client.trySend(url, "hello");
 * console.log((await server.inbox.take())?.data); // hello
 *
 * await client.close();
 * await listener.close();
 * await server.close();
 * await serving;
 * ```
 *
 * @module
 */

export {
  type AcceptOptions,
  always,
  type BinaryDelivery,
  type Clock,
  type CompressionOptions,
  ConfigError,
  type ConfigErrorCode,
  Connection,
  ConnectionError,
  type ConnectionErrorCode,
  type ConnectionOptions,
  type ConnectionState,
  type ConnectionStats,
  constant,
  dialAuto,
  type Dialer,
  dialNative,
  type DialOptions,
  dialRaw,
  DoNotRetryError,
  exponential,
  forEachMessage,
  type ForEachOptions,
  type HandledMessage,
  HandshakeError,
  type HandshakeErrorCode,
  type Heartbeat,
  type InboxMessage,
  type Incoming,
  linear,
  listen,
  type Listener,
  type ListenErrorRecord,
  type ListenOptions,
  type Logger,
  maxAttempts,
  type Message,
  never,
  normalizeUrl,
  type PeerAddress,
  type PeerStats,
  pipe,
  type PoolConnectionOptions,
  PoolError,
  type PoolErrorCode,
  type PoolErrorRecord,
  type PoolStats,
  ProtocolError,
  type ProtocolErrorCode,
  type Queue,
  refusal,
  type RetryInfo,
  RetryLimitError,
  type RetryPolicy,
  type RetrySettings,
  type SendOptions,
  type SendStreamOptions,
  type Socket,
  type SocketEnd,
  type TlsServerOptions,
  upgrade,
  upgradeNode,
  type UpgradeOptions,
} from "./transport/mod.ts";
export {
  type InboundEvent,
  InboundPool,
  type InboundPoolOptions,
  type InboundWorkerOptions,
  type ServeDecision,
  type ServeOptions,
} from "./inbound/mod.ts";
export {
  type ConnectedPeer,
  type ConnectOptions,
  defaultReconnectDecision,
  type OutboundEvent,
  OutboundPool,
  type OutboundPoolOptions,
  type OutboundWorkerOptions,
  type PeerState,
  type ReconnectDecision,
  type ReconnectInfo,
  type ShouldReconnect,
} from "./outbound/mod.ts";
