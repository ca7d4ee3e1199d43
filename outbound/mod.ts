/**
 * {@linkcode OutboundPool}, a pool of the peers that you connect to and that are kept connected, and the worker that it
 * uses for each peer.
 *
 * @example A peer that stays connected until it is removed
 * ```ts
 * import { OutboundPool } from "@honeybee/honeybee/outbound";
 *
 * const pool = new OutboundPool("relays");
 * const url = pool.connect("ws://127.0.0.1:7447");
 * console.log(pool.peerStats(url));
 * await pool.remove(url);
 * await pool.close();
 * ```
 *
 * @module
 */

export type { ConnectedPeer, OnConnected } from "./on_connected.ts";
export type { OutboundPoolOptions } from "./options.ts";
export type {
  ConnectOptions,
  OutboundPeerOptions,
  PeerConnectionOptions,
  PeerWorkerOptions,
} from "./peer_settings.ts";
export type { PeerState } from "./peer_state.ts";
export type * from "./plugin.ts";
export * from "./pool.ts";
export {
  defaultReconnectDecision,
  type ReconnectDecision,
  reconnectDelay,
  type ReconnectInfo,
  type ShouldReconnect,
} from "./reconnect.ts";
export { type DialerOptions, runDialer } from "./run_dialer.ts";
export {
  type EndRequest,
  runSession,
  type SessionEnd,
  type SessionOptions,
} from "./session.ts";
export { DefaultOutboundWorker } from "./worker.ts";
export type * from "./worker_options.ts";
