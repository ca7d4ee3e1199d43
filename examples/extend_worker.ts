// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Sends lines to a server that echoes, over two connections of one peer, and prints the answers. The worker is in
 * `workers/twin.ts`.
 *
 * `deno run --allow-net examples/extend_worker.ts ws://127.0.0.1:8080 LINE...`
 *
 * @module
 */

import { OutboundPool } from "@honeybee/honeybee";
import { TwinWorker } from "./workers/twin.ts";

const [server = "ws://127.0.0.1:8080", ...lines] = Deno.args;
await using pool = new OutboundPool("twins", {
  workerFactory: () => new TwinWorker(),
});
const id = pool.connect(server);
await pool.whenConnected(id);
for (const line of lines) await pool.send(id, line);
for (let left = lines.length; left > 0; left--) {
  console.log((await pool.inbox.take())?.data);
}
