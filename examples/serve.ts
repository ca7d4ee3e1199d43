// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * `Deno.serve` with routes and WebSockets on one port, also on Deno Deploy.
 *
 * `deno run --allow-net examples/serve.ts [PORT]`
 *
 * @module
 */

import { InboundPool, refusal, upgrade } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted, port } from "./interrupted.ts";

const signal = interrupted();
const pool = new InboundPool("chat", {
  signal,
  connection: { closeTimeout: CLOSE_TIMEOUT },
});

const server = Deno.serve({
  port: port(),
  hostname: "127.0.0.1",
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, (request, { remoteAddr }) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/chat") {
    try {
      const { socket, response } = upgrade(request, {
        remoteAddr,
        protocols: ["chat"],
        inactivityTimeout: 60_000,
      });
      pool.add(crypto.randomUUID(), socket);
      return response;
    } catch (error) {
      return refusal(error);
    }
  }
  if (pathname === "/stats") return Response.json(pool.stats());
  return new Response("Not found\n", { status: 404 });
});

// Everyone hears what anyone says.
for await (const { data } of pool.inbox) {
  for (const id of pool.peers) {
    try {
      // Who has no room misses it; the others do not wait.
      pool.trySend(id, data);
    } catch {
      // It has left meanwhile.
    }
  }
}
await pool.closed;
await server.shutdown();
