/**
 * The opening handshake without I/O: the HTTP/1.1 upgrade (RFC 9110, section 7.8) in both roles, for
 * `websocket` (RFC 6455, section 4) or any other token.
 *
 * @module
 */

export * from "./agreement.ts";
export * from "./client.ts";
export * from "./errors.ts";
export * from "./extension.ts";
export * from "./head.ts";
export * from "./negotiation.ts";
export * from "./refusal.ts";
export * from "./server.ts";
