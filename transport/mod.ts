/**
 * Everything about one connection, and what both pools share.
 *
 * @module
 */

export * from "./byte_stream.ts";
export * from "./clock.ts";
export * from "./config.ts";
export * from "./connection.ts";
export * from "./connection_options.ts";
export * from "./dial.ts";
export * from "./dial_native.ts";
export * from "./dial_raw.ts";
export * from "./errors.ts";
export * from "./event_queue.ts";
export * from "./listen.ts";
export * from "./logging.ts";
export * from "./message.ts";
export * from "./native_socket.ts";
export * from "./node_stream.ts";
export * from "./outgoing.ts";
export * from "./pool.ts";
export * from "./pool_options.ts";
export * from "./protocol/mod.ts";
export * from "./queue.ts";
export * from "./raw_socket.ts";
export * from "./retry.ts";
export * from "./retryable.ts";
export * from "./schedule.ts";
export * from "./socket.ts";
export * from "./stream.ts";
export * from "./upgrade.ts";
export * from "./upgrade_node.ts";
export * from "./url.ts";
export * from "./worker.ts";
