/**
 * The WebSocket protocol (RFC 6455), permessage-deflate (RFC 7692) and the opening handshake without I/O, for use over
 * any transport. {@linkcode Endpoint} is a whole connection after its opening handshake.
 *
 * @example An echo server that is given its bytes
 * ```ts
 * import { Endpoint, type EndpointHandler } from "@honeybee/honeybee/protocol";
 *
 * const handler: EndpointHandler = {
 *   message(data) {
 *     server.message(data);
 *     return true;
 *   },
 *   pong() {},
 * };
 * const server = new Endpoint(handler, {
 *   role: "server",
 *   maxMessageSize: 1_048_576,
 *   maxFrameSize: 0,
 *   maxFragments: 16_384,
 *   binary: "copy",
 * });
 * server.receive(new Uint8Array([0x81, 0x81, 0, 0, 0, 0, 0x41]), 0); // The text "A", masked.
 * console.log(server.take()); // 81 01 41
 * server.written(0);
 * ```
 *
 * @module
 */

export * from "./handshake/mod.ts";
export * from "./protocol/mod.ts";
