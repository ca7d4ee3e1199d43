// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * An outbox for a peer that may be absent: messages wait for its next connection, the oldest are dropped beyond a limit,
 * and one that was being sent when a connection was lost is sent again (at least once).
 *
 * `deno run --allow-net examples/outbox.ts URL` sends what it reads from its input, line by line.
 *
 * @module
 */

import { OutboundPool } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT } from "./interrupted.ts";

const MAX_WAITING = 1_000;
const pool = new OutboundPool("outbox", {
  connection: { closeTimeout: CLOSE_TIMEOUT },
});
const url = pool.connect(Deno.args[0] ?? "ws://127.0.0.1:8080");
const waiting: string[] = [];
let sending = Promise.resolve();

function put(message: string): void {
  waiting.push(message);
  if (waiting.length > MAX_WAITING) waiting.shift();
  sending = sending.then(flush);
}

async function flush(): Promise<void> {
  for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
    await pool.whenConnected(url);
    try {
      await pool.send(url, next);
      if (waiting[0] === next) waiting.shift();
    } catch (error) {
      console.warn("Sending again:", error instanceof Error && error.message);
    }
  }
}

let line = "";
for await (
  const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())
) {
  const lines = (line + text).split("\n");
  line = lines.pop() ?? "";
  for (const complete of lines) put(complete);
}
await sending;
await pool.close();
