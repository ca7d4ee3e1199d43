/**
 * A pool for peers that connect to you.
 *
 * @example Peers that come through `Deno.serve`
 * ```ts
 * import { InboundPool } from "@honeybee/honeybee/inbound";
 * import { upgrade } from "@honeybee/honeybee/transport";
 *
 * const pool = new InboundPool("peers");
 * const server = Deno.serve({ hostname: "127.0.0.1", port: 0 }, (request) => {
 *   const { socket, response } = upgrade(request);
 *   pool.add(crypto.randomUUID(), socket);
 *   return response;
 * });
 * await pool.close();
 * await server.shutdown();
 * ```
 *
 * @module
 */

export type { PoolUpgradeOptions } from "./admission.ts";
export { exitOf } from "./exit.ts";
export type { InboundPoolOptions } from "./options.ts";
export * from "./plugin.ts";
export * from "./pool.ts";
export type {
  ServeAcceptance,
  ServeDecision,
  ServeOptions,
  ServeRefusal,
} from "./serve.ts";
export * from "./worker.ts";
export * from "./worker_options.ts";
