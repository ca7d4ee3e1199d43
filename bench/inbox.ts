// deno-lint-ignore-file no-console -- its figures go to standard output
/**
 * A pool's shared inbox alone, in this process: `deno run bench/inbox.ts`. Bursts of
 * 128 messages go in and are read, by the item and by the batch.
 *
 * @module
 */
import { Queue } from "../transport/mod.ts";
import { median } from "./report.ts";

interface Item {
  readonly id: string;
  readonly data: Uint8Array;
  readonly receivedAt: number;
  readonly session: number;
}

const MESSAGES = 4_000_000;
const BURST = 128;
const ROUNDS = 5;
const DATA = new Uint8Array(125);

interface Emptied {
  resolve(): void;
}

async function fill(queue: Queue<Item>, emptied: Emptied): Promise<void> {
  for (let sent = 0; sent < MESSAGES; sent += BURST) {
    for (let i = 0; i < BURST; i++) {
      queue.push({ id: "peer", data: DATA, receivedAt: sent, session: 1 });
    }
    // The reader empties it before the next burst.
    await new Promise<void>((resolve) => emptied.resolve = resolve);
  }
  queue.close();
}

async function run(how: "items" | "batches"): Promise<number> {
  const emptied: Emptied = { resolve: () => {} };
  const queue = new Queue<Item>({
    capacity: 256,
    onIdle: () => emptied.resolve(),
  });
  const start = performance.now();
  const filled = fill(queue, emptied);
  let count = 0;
  let bytes = 0;
  if (how === "items") {
    for await (const { data } of queue) {
      count++;
      bytes += data.length;
    }
  } else {
    for await (const batch of queue.batches()) {
      for (const { data } of batch) bytes += data.length;
      count += batch.length;
    }
  }
  await filled;
  if (bytes !== count * DATA.length || count < MESSAGES) {
    throw new Error(`${count} messages came, ${bytes} bytes`);
  }
  return count / (performance.now() - start) * 1_000;
}

const medians: Record<string, number> = {};
for (const how of ["items", "batches"] as const) {
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) rates.push(await run(how));
  medians[how] = median(rates);
}
console.log(JSON.stringify(medians));
