// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * An echo server on the library's own listener: pings, backpressure, compression.
 *
 * `deno run --allow-net examples/echo_server.ts [PORT]`
 *
 * @module
 */

import { InboundPool, listen } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted, port } from "./interrupted.ts";

const signal = interrupted();
const listener = listen({
  port: port(),
  hostname: "127.0.0.1",
  compression: true,
  signal,
});
await listener.ready;
const pool = new InboundPool("echo", {
  signal,
  connection: { closeTimeout: CLOSE_TIMEOUT },
  // A peer that sends nothing for two minutes, and answers no ping, is disconnected.
  worker: { inactivityTimeout: 120_000 },
});
console.log(`ws://127.0.0.1:${listener.port}`);

async function echo(): Promise<void> {
  for await (const { id, data } of pool.inbox) {
    // trySend: a loop that reads and awaits send waits for that one peer, and two
    // sides that both do so can wait for each other.
    try {
      pool.trySend(id, data);
    } catch {
      // It has left meanwhile.
    }
  }
}

async function watch(): Promise<void> {
  for await (const event of pool.events) console.log(event.kind, event.id);
}

await Promise.all([pool.serve(listener), echo(), watch()]);
await pool.closed;
console.log("closed");
