/**
 * WebSocket connections and pools of them: {@linkcode InboundPool} for peers
 * that connect to you, {@linkcode OutboundPool} for peers that you connect to
 * and that must stay connected.
 *
 * Honeybee is a transport: it never looks inside a message. Everything about
 * one connection is in `@honeybee/honeybee/transport`, helpers for tests are in
 * `@honeybee/honeybee/testing`.
 *
 * @example Two pools that talk to each other
 * ```ts
 * import { InboundPool, listen, OutboundPool } from "@honeybee/honeybee";
 *
 * const server = new InboundPool("server");
 * const listener = listen({ hostname: "127.0.0.1" });
 * const accepting = (async () => {
 *   for await (const incoming of listener) {
 *     server.add(crypto.randomUUID(), incoming.accept());
 *   }
 * })();
 *
 * const client = new OutboundPool("client");
 * const url = client.connect(`ws://127.0.0.1:${listener.port}`);
 * await client.whenConnected(url);
 * client.trySend(url, "hello");
 * console.log((await server.inbox.take())?.data); // hello
 *
 * await client.close();
 * await listener.close();
 * await server.close();
 * await accepting;
 * ```
 *
 * @module
 */

export * from "./inbound/mod.ts";
export * from "./outbound/mod.ts";
export * from "./transport/mod.ts";
