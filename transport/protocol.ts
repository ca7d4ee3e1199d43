/**
 * The sans-I/O core, usable alone: the WebSocket protocol (RFC 6455), permessage-deflate (RFC 7692) and
 * the opening handshake.
 *
 * @module
 */

export * from "./handshake/mod.ts";
export * from "./protocol/mod.ts";
