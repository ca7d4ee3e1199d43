/**
 * A pool for peers that you connect to and that must stay connected.
 *
 * @module
 */

export * from "./config.ts";
export * from "./pool.ts";
export * from "./reconnect.ts";
export * from "./session.ts";
export * from "./worker.ts";
