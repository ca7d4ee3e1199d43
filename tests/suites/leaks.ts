// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Opens and closes thousands of connections, raw and native, each with a message in both directions. Then the heap must
 * have its former size, nothing may be open, and the process must exit without a call of exit.
 *
 * `deno task suite leaks [--full] [--connections N]`
 *
 * @module
 */

import {
  Connection,
  dialNative,
  dialRaw,
  InboundPool,
  listen,
} from "../../mod.ts";

/** Connections at a time. */
const BATCH = 50;
/**
 * Bytes of heap a connection may leave behind; fewer when there are so many that caches of the runtime weigh nothing.
 */
const NOISE = 100;
const NOISE_FULL = 50;
/** The caches of `node:net` grow by half a megabyte now and then. A leak is seen in each round. */
const ROUNDS = 3;

const place = Deno.args.indexOf("--connections");
const connections = place >= 0
  ? Number(Deno.args[place + 1])
  : Deno.args.includes("--full")
  ? 100_000
  : 3_000;
const broken: string[] = [];

const pool = new InboundPool("server");
const listener = listen({ hostname: "127.0.0.1" });
const { addr } = listener;
const url = `ws://127.0.0.1:${addr.transport === "tcp" ? addr.port : 0}`;
const accepting = (async () => {
  let count = 0;
  for await (const incoming of listener) {
    pool.add(`peer-${count++}`, incoming.accept());
  }
})();
const echoing = (async () => {
  for await (const { id, data } of pool.inbox) pool.trySend(id, data);
})();
const watching = (async () => {
  for await (const _ of pool.events);
})();

for (
  const [kind, dialer] of [["raw", dialRaw], ["native", dialNative]] as const
) {
  const once = async () => {
    const connection = new Connection(url, { dialer });
    await connection.connect();
    await connection.send("hello");
    const echo = await connection.incoming.take();
    if (echo !== "hello") broken.push(`${kind}: no echo`);
    await connection.close();
  };
  const many = async (count: number) => {
    for (let i = 0; i < count; i += BATCH) {
      await Promise.all(Array.from({ length: BATCH }, once));
    }
  };
  await many(2_000);
  const limit = connections >= 50_000 ? NOISE_FULL : NOISE;
  let grown = Infinity;
  for (let round = 0; round < ROUNDS && grown > limit; round++) {
    const before = await heap();
    const start = performance.now();
    await many(connections);
    const seconds = (performance.now() - start) / 1_000;
    grown = (await heap() - before) / connections;
    console.log(
      `${kind}: ${connections} connections in ${seconds.toFixed(1)} s, heap ${
        (before / 2 ** 20).toFixed(1)
      } MiB before, ${grown.toFixed(1)} bytes a connection more after`,
    );
  }
  if (grown > limit) broken.push(`${kind}: the heap has grown`);
  if (pool.peers.length > 0) {
    broken.push(`${kind}: ${pool.peers.length} peers stay`);
  }
}

await listener.close();
await pool.close();
await Promise.all([accepting, echoing, watching]);
for (const line of broken) console.log(`BROKEN ${line}`);
console.log(`${broken.length === 0 ? 1 : 0} passed, ${broken.length} failed`);
if (broken.length > 0) Deno.exitCode = 1;
// Nothing may be left that holds the process; this timer does not.
Deno.unrefTimer(setTimeout(() => {
  console.log("BROKEN the process does not exit");
  Deno.exit(1);
}, 2_000));

/** Bytes of heap that are in use when all that can go has gone. */
async function heap(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const gc: unknown = Reflect.get(globalThis, "gc");
    if (typeof gc === "function") gc();
  }
  return Deno.memoryUsage().heapUsed;
}
