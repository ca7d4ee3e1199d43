/**
 * A pool for peers that connect to you.
 *
 * @module
 */

export * from "./config.ts";
export * from "./pool.ts";
export * from "./worker.ts";
