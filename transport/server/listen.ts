/**
 * Accepting: listeners (`listen`), requests of `Deno.serve` (`upgrade`) and of `node:http` (`upgradeNode`), and what
 * each of them decides about a request: accept, refuse, answer.
 *
 * @module
 */

import { Listener } from "./listener.ts";
import type { ListenOptions } from "./listen_options.ts";

/**
 * Listens for WebSocket connections with the library's own sockets: pings, backpressure, limits and compression.
 *
 * Requests that do not ask for an upgrade are answered by `onRequest`, or else with status 426. Requests that break the
 * rules of HTTP are refused with the right status. The body of a refusal is `application/problem+json`. The size, the
 * number and the duration of handshakes are limited.
 *
 * On Node.js and Bun, {@link Listener.port} is known when {@link Listener.ready} resolves.
 *
 * @example
 * ```ts
 * import { Connection, InboundPool, listen } from "@honeybee/honeybee";
 *
 * const pool = new InboundPool("relay");
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   onRequest: () => ({ body: "healthy" }),
 * });
 * await listener.ready;
 * const accepting = (async () => {
 *   for await (const incoming of listener) {
 *     pool.add(crypto.randomUUID(), incoming.accept());
 *   }
 * })();
 *
 * const page = await fetch(`http://127.0.0.1:${listener.port}/health`);
 * console.log(page.status, await page.text()); // 200 healthy
 *
 * // A peer, to try it.
 * const peer = new Connection(`ws://127.0.0.1:${listener.port}`);
 * await peer.connect();
 * await peer.close();
 * await listener.close();
 * await accepting;
 * await pool.close();
 * ```
 *
 * @throws {ConfigError} If an option cannot be used.
 * @throws {ConnectionError} `listen-failed` if the system refuses, for example because the port is in use. On runtimes
 * other than Deno, and with `reusePort`, this is known later: {@link Listener.ready} and the iterator throw it then.
 */
export function listen(options: ListenOptions = {}): Listener {
  return new Listener(options);
}
