// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * `node:http` with WebSockets on the same port, and with pings, which show which peers are alive and their latency.
 *
 * `deno run --allow-net examples/node_http.ts [PORT]`
 *
 * @module
 */

import { createServer } from "node:http";
import { InboundPool } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted, port } from "./interrupted.ts";

const signal = interrupted();
const pool = new InboundPool("node", {
  signal,
  connection: { pingInterval: 1_000, closeTimeout: CLOSE_TIMEOUT },
});
const server = createServer((_request, response) => {
  const latencies = pool.peers.map((id) =>
    pool.peerStats(id).connection?.latency
  );
  response.end(JSON.stringify(latencies));
});
server.on("upgrade", (request, socket, head) => {
  pool.upgradeNode(request, socket, head, { id: crypto.randomUUID() });
});
server.listen(port(), "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object") {
    console.log(`http://127.0.0.1:${address?.port}`);
  }
});

for await (const { id, data } of pool.inbox) {
  try {
    pool.trySend(id, data);
  } catch {
    // It has left meanwhile.
  }
}
await pool.closed;
server.close();
