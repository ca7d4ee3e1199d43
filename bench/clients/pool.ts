// deno-lint-ignore-file no-console -- its result goes to standard output
/**
 * Peers of an outbound pool that send to a sink, or read a flood, for some time:
 * `pool.ts PORT raw|native sink|flood SIZE CONNECTIONS SECONDS`.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { dialNative, dialRaw, OutboundPool } from "../../mod.ts";
import { makePayload } from "../load.ts";

const [port, kind, mode, size, connections, seconds] = Deno.args;
const pool = new OutboundPool("client", {
  dialer: kind === "native" ? dialNative : dialRaw,
  connection: { maxMessageSize: 16 << 20 },
});
const path = mode === "sink" ? "sink" : `flood/${size}`;
const urls = Array.from(
  { length: Number(connections) },
  (_, i) => pool.connect(`ws://127.0.0.1:${port}/${path}?${i}`),
);
await Promise.all(urls.map((url) => pool.whenConnected(url)));
let running = true;
let messages = 0;
const payload = makePayload("binary", Number(size));
if (mode === "sink") { for (const url of urls) void send(url); }
else void read();
const WARM_UP = 300;
await new Promise((resolve) => setTimeout(resolve, WARM_UP));
const before = messages;
const own = cpuUsage();
const start = performance.now();
await new Promise((resolve) => setTimeout(resolve, 1_000 * Number(seconds)));
const used = cpuUsage(own);
const elapsed = (performance.now() - start) / 1_000;
running = false;
console.log(JSON.stringify({
  messages: messages - before,
  seconds: elapsed,
  cpu: (used.user + used.system) / 1e6,
}));
Deno.exit(0);

async function send(url: string): Promise<void> {
  // As fast as it is taken: when the buffer is full, it waits.
  while (running) {
    while (pool.trySend(url, payload)) messages++;
    await pool.send(url, payload);
    messages++;
  }
}

async function read(): Promise<void> {
  for await (const batch of pool.inbox.batches()) {
    for (const { data } of batch) {
      if (data.length !== payload.length) throw new Error("A torn message");
    }
    messages += batch.length;
  }
}
