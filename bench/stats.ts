// deno-lint-ignore-file no-console -- its result goes to standard output
/** What `pool.stats()` costs with so many peers: `stats.ts PEERS`. @module */
import { InboundPool } from "../mod.ts";
import { socketPair } from "../testing/mod.ts";

const ROUNDS = 2_000;
const peers = Number(Deno.args[0]);
const pool = new InboundPool("stats", { connection: { pingInterval: 0 } });
for (let i = 0; i < peers; i++) pool.add(`peer-${i}`, socketPair().server);
let sum = 0;
const measure = () => {
  const start = performance.now();
  for (let i = 0; i < ROUNDS; i++) sum += pool.stats().peerCount;
  return (performance.now() - start) * 1e6 / ROUNDS;
};
measure();
const nanoseconds = measure();
if (sum !== 2 * ROUNDS * peers) throw new Error("The statistics are wrong");
console.log(JSON.stringify({ nanoseconds }));
Deno.exit(0);
