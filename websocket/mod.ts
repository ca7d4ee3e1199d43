/**
 * `WebSocket` with the interface of browsers, over a connection of Honeybee: for libraries that take a WebSocket
 * implementation, and for programs that need this interface together with pings, detection of dead peers, limits,
 * proxies, headers and TLS options.
 *
 * @example
 * ```ts
 * import { listen } from "@honeybee/honeybee";
 * import { WebSocket } from "@honeybee/honeybee/websocket";
 *
 * const listener = listen({ hostname: "127.0.0.1" });
 * await listener.ready;
 * const socket = new WebSocket(`ws://127.0.0.1:${listener.port}`, {
 *   headers: { authorization: "Bearer secret" },
 *   pingInterval: 5_000,
 * });
 * socket.onopen = () => socket.send("hello");
 * socket.onmessage = ({ data }) => console.log(data);
 * const closed = new Promise((resolve) => socket.onclose = resolve);
 *
 * for await (const incoming of listener) {
 *   const peer = incoming.accept();
 *   peer.write("welcome");
 *   peer.close(1000);
 *   break;
 * }
 * await closed;
 * await listener.close();
 * ```
 *
 * @module
 */

export * from "./events.ts";
export type { WebSocketOptions } from "./options.ts";
export type { BinaryType } from "./payload.ts";
export type { EventHandler } from "./web_idl.ts";
export { type ReadyState, WebSocket } from "./websocket.ts";
