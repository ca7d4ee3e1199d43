/**
 * The WebSocket protocol without I/O (RFC 6455): bytes in, messages and control frames
 * out, and the other way round. There are no sockets, timers or promises in it, so
 * that others can build on it too.
 *
 * @module
 */

export * from "./close.ts";
export * from "./compression.ts";
export * from "./errors.ts";
export * from "./frame.ts";
export { mask, rotateKey } from "./mask.ts";
export * from "./receiver.ts";
export * from "./sender.ts";
