/**
 * The WebSocket protocol (RFC 6455), permessage-deflate (RFC 7692) and the opening handshake without I/O, for use over
 * any transport. {@linkcode Endpoint} is a whole connection after its opening handshake.
 *
 * @module
 */

export * from "./handshake/mod.ts";
export * from "./protocol/mod.ts";
