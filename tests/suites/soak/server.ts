// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * The server of the soak, in a process that can be killed: sends back what it gets, and says
 * its port, then each second how many peers it has and how many bytes it holds.
 *
 * @module
 */

import { InboundPool, listen } from "../../../mod.ts";

const pool = new InboundPool("server");
const listener = listen({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0] ?? 0),
});
const { addr } = listener;
console.log(JSON.stringify({ port: addr.transport === "tcp" ? addr.port : 0 }));
setInterval(() => {
  console.log(
    JSON.stringify({
      peers: pool.stats().peerCount,
      rss: Deno.memoryUsage().rss,
    }),
  );
}, 500);
void (async () => {
  for await (const { id, data } of pool.inbox) {
    pool.send(id, data).catch(() => {});
  }
})();
void (async () => {
  for await (const { id, kind, closeCode, error } of pool.events) {
    // Peers that are done, or that were killed, are no news.
    if (kind === "disconnected") continue;
    console.error(`${id} ${kind} ${closeCode ?? ""}`, error?.cause ?? error);
  }
})();
let count = 0;
for await (const incoming of listener) {
  pool.add(`peer-${count++}`, incoming.accept());
}
