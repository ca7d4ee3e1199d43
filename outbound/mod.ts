/**
 * A pool for peers that you connect to and that must stay connected.
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

export * from "./options.ts";
export * from "./plugin.ts";
export * from "./pool.ts";
export {
  defaultVerdict,
  LONG_WAIT,
  reconnectDelay,
  type ReconnectInfo,
  type ReconnectVerdict,
  type ShouldReconnect,
} from "./reconnect.ts";
export * from "./session.ts";
export * from "./worker.ts";
export * from "./worker_options.ts";
