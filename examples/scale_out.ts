// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Several processes on one port, whose pools pass messages to each other through Redis: every peer receives the
 * messages of all, whichever process it is connected to.
 *
 * Start it as often as there are cores, with the same port:
 *
 * `deno run --allow-net --allow-env --allow-read examples/scale_out.ts 8080 redis://127.0.0.1:6379`
 *
 * @module
 */

import { Redis } from "ioredis";
import { InboundPool, listen } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted, port } from "./interrupted.ts";

const CHANNEL = "honeybee:chat";
const signal = interrupted();
const pool = new InboundPool(`process-${Deno.pid}`, {
  signal,
  connection: { closeTimeout: CLOSE_TIMEOUT },
});
const listener = listen({
  port: port(),
  hostname: "127.0.0.1",
  reusePort: true,
  signal,
});

const [, url = "redis://127.0.0.1:6379"] = Deno.args;
const publisher = new Redis(url);
const subscriber = new Redis(url);
subscriber.on("message", (_channel, text) => {
  for (const id of pool.peers) {
    // A peer that reads nothing for a second misses the message; the others do not wait for it.
    pool.send(id, text, { timeout: 1_000 }).catch(() => {});
  }
});
await subscriber.subscribe(CHANNEL);
await listener.ready;
console.log(`${pool.id} listens`);

void pool.serve(listener);

for await (const { data } of pool.inbox) {
  await publisher.publish(CHANNEL, `${pool.id}: ${data}`);
}
await pool.closed;
publisher.disconnect();
subscriber.disconnect();
