/** Custom workers that do something wrong: each has an outcome, and other peers notice nothing. */

import { assertEquals, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import { FakeClock, MockSocket } from "../testing/mod.ts";
import { PoolError } from "../transport/base/errors.ts";
import {
  broken,
  FACTORIES,
  hangs,
  nextError,
  type Parts,
  rejects,
  testFaultyWorkers,
  workerOf,
} from "../transport/pool/_support/faulty_workers.ts";
import type { InboundPlugin, InboundWorker } from "./plugin.ts";
import { InboundPool } from "./pool.ts";
import { DefaultInboundWorker } from "./worker.ts";

function inboundWorker(parts: Parts): InboundWorker {
  // What a program in JavaScript may give.
  return workerOf(parts) as InboundWorker;
}

/** A pool with one odd peer and one good one. */
async function withPool(
  parts: Parts,
  check: (pool: InboundPool, clock: FakeClock) => unknown,
): Promise<void> {
  const clock = new FakeClock();
  const pool = new InboundPool("pool", {
    clock,
    connection: { closeTimeout: 1_000, pingInterval: 0 },
    workerFactory: (id) =>
      id === "odd" ? inboundWorker(parts) : new DefaultInboundWorker(),
  });
  const good = new MockSocket({ clock });
  pool.add("good", good);
  pool.add("odd", new MockSocket({ clock }));
  await check(pool, clock);
  await clock.settle();
  // The good one has not noticed.
  assertEquals(pool.trySend("good", "x"), true);
  good.receive("y");
  assertEquals((await pool.inbox.take())?.data, "y");
  assertEquals(pool.has("good"), true);
  const closing = pool.close();
  await clock.advance(10_000);
  await closing;
}

testFaultyWorkers({ odd: "odd", good: "good", withPool });

const STARTS: readonly [string, (plugin: InboundPlugin) => unknown, string][] =
  [
    ["throws", broken, "dropped-error"],
    ["rejects", rejects, "dropped-error"],
    ["returns undefined", () => undefined, "disconnected"],
    ["returns a number", () => 7, "disconnected"],
    ["ends without onExit", () => Promise.resolve(), "disconnected"],
    ["calls onExit twice", (plugin) => {
      plugin.onExit({ kind: "evicted-policy" });
      plugin.onExit({ kind: "disconnected" });
    }, "evicted-policy"],
    ["calls onExit with nonsense", (plugin) => {
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      plugin.onExit("gone" as any);
    }, "dropped-error"],
    ["calls onExit with nothing", (plugin) => {
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      (plugin.onExit as any)();
    }, "dropped-error"],
  ];

for (const [name, start, kind] of STARTS) {
  Deno.test(`start that ${name} gives one event, and the peer is gone`, () =>
    withPool({ start }, async (pool, clock) => {
      await clock.settle();
      const event = pool.events.shift();
      assertEquals([event?.id, event?.kind], ["odd", kind]);
      assertEquals([pool.events.size, pool.has("odd")], [0, false]);
    }));
}

Deno.test("start that hangs is abandoned when its peer is removed, and reported", () =>
  withPool({ start: hangs }, async (pool, clock) => {
    const removed = pool.remove("odd");
    assertEquals(pool.has("odd"), false);
    await clock.advance(5_000);
    await removed;
    await nextError(pool, "odd");
  }));

Deno.test("Without trySend nothing is sent", async () => {
  const { trySend: _, ...worker } = inboundWorker({});
  await using pool = new InboundPool("pool", { workerFactory: () => worker });
  pool.add("a", new MockSocket());
  assertEquals(pool.trySend("a", "x"), false);
});

for (
  const [name, factory] of [
    ...FACTORIES,
    ["is async", () => Promise.resolve(new DefaultInboundWorker())],
  ] as const
) {
  Deno.test(`A factory that ${name} makes add throw, and nothing has changed`, async () => {
    await using pool = new InboundPool("pool", {
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      workerFactory: factory as any,
    });
    const socket = new MockSocket();
    const error = assertThrows(() => pool.add("a", socket), PoolError);
    assertEquals(error.code, "worker-failed");
    assertEquals([pool.peers, socket.started], [[], false]);
    await delay(0);
  });
}
