/**
 * The protocol core: RFC 6455 and RFC 7692 without I/O. Bytes in, messages and
 * control frames out, and back.
 *
 * @module
 */

export * from "./close.ts";
export * from "./compression.ts";
export * from "./deflate.ts";
export * from "./errors.ts";
export * from "./extension.ts";
export * from "./frame.ts";
export * from "./handshake.ts";
export * from "./handshake_client.ts";
export * from "./handshake_server.ts";
export * from "./head.ts";
export * from "./mask.ts";
export * from "./negotiation.ts";
export * from "./receiver.ts";
export * from "./refusal.ts";
export * from "./sender.ts";
