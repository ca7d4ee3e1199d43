// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Feeds that stay connected, and are subscribed to again on each connection. If a feed sends nothing for a minute, its
 * connection is replaced, even if it answers pings.
 *
 * `deno run --allow-net examples/feeds.ts URL...`
 *
 * @module
 */

import { forEachMessage, OutboundPool } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted } from "./interrupted.ts";

const pool = new OutboundPool("feeds", {
  signal: interrupted(),
  connection: { closeTimeout: CLOSE_TIMEOUT },
  worker: { messageTimeout: 60_000 },
  onConnected: (feed) => feed.trySend(JSON.stringify({ subscribe: "trades" })),
  onEvent: ({ id, kind }) => console.log(`${id} ${kind}`),
});
for (const url of Deno.args) pool.connect(url);

await forEachMessage(pool, ({ id, data }) => console.log(id, data), {
  concurrency: 8,
});
