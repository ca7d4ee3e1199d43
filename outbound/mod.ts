/**
 * A pool for peers that you connect to and that must stay connected.
 *
 * @module
 */

export * from "./config.ts";
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
