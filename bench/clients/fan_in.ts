// deno-lint-ignore-file no-console -- its result goes to standard output
/**
 * Many connections that together send at one steady rate:
 * `fan_in.ts PORT PID CONNECTIONS RATE SECONDS`.
 *
 * @module
 */
import { frame } from "../frame.ts";
import { makePayload, open } from "../load.ts";
import { cpuOf } from "../process.ts";

const [port, pid, count, rate, seconds] = Deno.args.map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
const AT_ONCE = 64;
const TICKS = 100;

const message = frame(2, makePayload("binary", 125), true);
const conns: Deno.Conn[] = [];
const began = performance.now();
await Promise.all(Array.from({ length: AT_ONCE }, async (_, i) => {
  for (let n = i; n < count; n += AT_ONCE) {
    conns.push(
      await open({ hostname: "127.0.0.1", port, kind: "websocket" }),
    );
  }
}));
const connectSeconds = (performance.now() - began) / 1_000;
let next = 0;
let sent = 0;
await run(1);
sent = 0;
const cpu = cpuOf(pid);
const start = performance.now();
await run(seconds);
console.log(JSON.stringify({
  connectSeconds,
  messages: sent,
  seconds: (performance.now() - start) / 1_000,
  serverCpu: cpuOf(pid) - cpu,
}));
Deno.exit(0);

/** Sends at the rate for some seconds, each connection in its turn. */
async function run(seconds: number): Promise<void> {
  const start = performance.now();
  for (let tick = 1; tick <= seconds * TICKS; tick++) {
    const writes: Promise<number>[] = [];
    for (let i = 0; i < rate / TICKS; i++) {
      const conn = conns[next++ % count];
      if (conn !== undefined) writes.push(conn.write(message));
    }
    await Promise.all(writes);
    sent += writes.length;
    const rest = start + tick * 1_000 / TICKS - performance.now();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  }
}
