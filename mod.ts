/**
 * WebSocket connections and pools of them: {@linkcode InboundPool} for peers
 * that connect to you, {@linkcode OutboundPool} for peers that you connect to
 * and that must stay connected.
 *
 * Honeybee is a transport: it never looks inside a message. Everything about
 * one connection is in `@honeybee/honeybee/transport`, helpers for tests are in
 * `@honeybee/honeybee/testing`.
 *
 * @module
 */

export * from "./inbound/mod.ts";
export * from "./outbound/mod.ts";
export * from "./transport/mod.ts";
