/** What the statistics of a pool cost, however many peers it has. */
import { assert, assertEquals } from "@std/assert";
import { InboundPool } from "../inbound/mod.ts";
import { MockSocket } from "../testing/mod.ts";

const MANY = 10_000;
const CALLS = 1_000;
/** A cost that grows with the peers would be some thousand times that of one peer. */
const MARGIN = 30;

/** Milliseconds that a thousand calls of `stats()` take with so many peers, the fastest of some rounds. */
async function cost(peers: number): Promise<number> {
  await using pool = new InboundPool("pool", {
    connection: { pingInterval: 0 },
  });
  for (let i = 0; i < peers; i++) pool.add(`peer-${i}`, new MockSocket());
  let fastest = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) {
      assert(pool.stats().peerCount === peers);
    }
    fastest = Math.min(fastest, performance.now() - start);
  }
  assertEquals(pool.stats().connections, peers);
  return fastest;
}

Deno.test("stats() of a pool costs the same with one peer and with ten thousand", async () => {
  const [one, many] = [await cost(1), await cost(MANY)];
  assert(many < one * MARGIN, `${many} ms, and ${one} ms with one peer`);
});
