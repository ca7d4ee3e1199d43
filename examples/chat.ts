// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * A chat: `Deno.serve` with pages and WebSockets on one port, also on Deno Deploy. Every peer receives the messages of
 * all.
 *
 * `deno run --allow-net examples/chat.ts [PORT]`
 *
 * @module
 */

import { InboundPool } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted, port } from "./interrupted.ts";

const signal = interrupted();
const pool = new InboundPool("chat", {
  signal,
  maxPeers: 10_000,
  connection: { closeTimeout: CLOSE_TIMEOUT },
});

const server = Deno.serve({
  port: port(),
  hostname: "127.0.0.1",
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, (request, { remoteAddr }) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/chat") {
    const id = crypto.randomUUID();
    return pool.upgrade(request, { id, remoteAddr, protocols: ["chat"] });
  }
  if (pathname === "/stats") return Response.json(pool.stats());
  return new Response("Not found\n", { status: 404 });
});

for await (const { data } of pool.inbox) {
  for (const id of pool.peers) {
    // A peer that reads nothing for a second misses the message; the others do not wait for it.
    pool.send(id, data, { timeout: 1_000 }).catch(() => {});
  }
}
await pool.closed;
await server.shutdown();
