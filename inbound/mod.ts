/**
 * {@linkcode InboundPool}, a pool of the peers that connect to you, and the worker that it uses for each peer.
 *
 * @example Peers that come through `Deno.serve`
 * ```ts
 * import { InboundPool } from "@honeybee/honeybee/inbound";
 *
 * const pool = new InboundPool("peers");
 * const server = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0 },
 *   (request) => pool.upgrade(request, { id: crypto.randomUUID() }),
 * );
 * await pool.close();
 * await server.shutdown();
 * ```
 *
 * @module
 */

export type {
  PoolUpgradeNodeOptions,
  PoolUpgradeOptions,
} from "./admission.ts";
export { exitOf } from "./exit.ts";
export type {
  InboundConnectionOptions,
  InboundPoolOptions,
} from "./options.ts";
export type * from "./plugin.ts";
export * from "./pool.ts";
export type {
  AcceptedPeer,
  ServeAcceptance,
  ServeDecision,
  ServeOptions,
  ServeRefusal,
} from "./serve.ts";
export * from "./worker.ts";
export type * from "./worker_options.ts";
