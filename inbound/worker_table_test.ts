/** Custom workers that do something wrong: each has an outcome, and other peers notice nothing. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import { FakeClock, MockSocket } from "../testing/mod.ts";
import { PoolError } from "../transport/base/errors.ts";
import type { InboundPlugin, InboundWorker } from "./plugin.ts";
import { InboundPool } from "./pool.ts";
import { DefaultInboundWorker } from "./worker.ts";

type Parts = Partial<
  Record<keyof InboundWorker, (...args: never[]) => unknown>
>;

/** A worker that works until it is stopped, with some methods replaced. */
function workerOf(parts: Parts): InboundWorker {
  const done = Promise.withResolvers<void>();
  const worker = {
    start: () => done.promise,
    stop: () => done.resolve(),
    send: () => Promise.resolve(),
    trySend: () => true,
    stats: () => undefined,
    ...parts,
  };
  // What a program in JavaScript may give.
  return worker as InboundWorker;
}

const broken = () => {
  throw new Error("broken");
};
const rejects = () => Promise.reject(new Error("broken"));
const hangs = () => new Promise<never>(() => {});

/** A pool with one odd peer and one good one. */
async function withPool(
  parts: Parts,
  check: (pool: InboundPool, clock: FakeClock) => Promise<void>,
): Promise<void> {
  const clock = new FakeClock();
  const pool = new InboundPool("pool", {
    clock,
    connection: { closeTimeout: 1_000, pingInterval: 0 },
    workerFactory: (id) =>
      id === "odd" ? workerOf(parts) : new DefaultInboundWorker(),
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

async function nextError(pool: InboundPool): Promise<PoolError> {
  const record = await pool.errors.take();
  assert(record?.error instanceof PoolError);
  assertEquals([record.id, record.error.code], ["odd", "worker-failed"]);
  return record.error;
}

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
    await clock.advance(2_000);
    await removed;
    await nextError(pool);
  }));

for (
  const [name, stop] of [
    ["throws", broken],
    ["rejects", rejects],
    ["hangs", hangs],
  ] as const
) {
  Deno.test(`stop that ${name} is reported, and the peer is removed in time`, () =>
    withPool({ stop }, async (pool, clock) => {
      const removed = pool.remove("odd");
      await clock.advance(2_000);
      await removed;
      if (name !== "hangs") {
        assert((await nextError(pool)).message.includes("in stop"));
      }
      // It did not end.
      await nextError(pool);
    }));
}

for (
  const [name, send] of [["throws", broken], ["rejects", rejects]] as const
) {
  Deno.test(`send that ${name} fails the call, and is counted`, () =>
    withPool({ send }, async (pool) => {
      await assertRejects(() => pool.send("odd", "x"), Error, "broken");
      // Nobody waits for this one.
      void pool.send("odd", "x");
      await delay(0);
      assertEquals(pool.peerStats("odd").failedSends, 2);
      assertEquals(pool.stats().failedSends, 2);
    }));
}

Deno.test("send that hangs keeps its caller waiting, nobody else", () =>
  withPool({ send: hangs }, async (pool) => {
    void pool.send("odd", "x");
    await pool.send("good", "x");
  }));

for (const value of [undefined, 7, NaN, "sent", null, {}]) {
  Deno.test(`send that returns ${JSON.stringify(value)} counts as sent${value === undefined ? "" : ", and is reported"}`, () =>
    withPool({ send: () => value }, async (pool) => {
      assertEquals(await pool.send("odd", "x"), undefined);
      if (value !== undefined) {
        assert((await nextError(pool)).message.includes("in send"));
      }
    }));
}

Deno.test("trySend that throws fails the call, and is counted", () =>
  withPool({ trySend: broken }, async (pool) => {
    assertThrows(() => pool.trySend("odd", "x"), Error, "broken");
    assertEquals(pool.stats().failedSends, 1);
    await Promise.resolve();
  }));

for (
  const [name, trySend] of [
    ["undefined", () => undefined],
    ["NaN", () => NaN],
    ["a number", () => 1],
    ["a promise", () => Promise.resolve(true)],
    ["a rejection", rejects],
    ["a promise that never settles", hangs],
  ] as const
) {
  Deno.test(`trySend that returns ${name} counts as not sent, and is reported`, () =>
    withPool({ trySend }, async (pool) => {
      assertEquals(pool.trySend("odd", "x"), false);
      assert((await nextError(pool)).message.includes("in trySend"));
    }));
}

Deno.test("Without trySend nothing is sent", async () => {
  const { trySend: _, ...worker } = workerOf({});
  await using pool = new InboundPool("pool", { workerFactory: () => worker });
  pool.add("a", new MockSocket());
  assertEquals(pool.trySend("a", "x"), false);
});

for (
  const [name, stats] of [
    ["throws", broken],
    ["returns a number", () => 7],
    ["returns null", () => null],
    ["returns an object of another kind", () => ({ sent: 1 })],
    ["is async", () => Promise.resolve(undefined)],
    ["rejects", rejects],
    ["hangs", hangs],
  ] as const
) {
  Deno.test(`stats that ${name} leaves the pool's own figures, and is reported once`, () =>
    withPool({ stats }, async (pool) => {
      for (let i = 0; i < 3; i++) {
        const { connection, sentMessages } = pool.peerStats("odd");
        assertEquals([connection, sentMessages], [undefined, 0]);
      }
      assert((await nextError(pool)).message.includes("in stats"));
      assertEquals(pool.errors.size, 0);
    }));
}

for (
  const [name, factory] of [
    ["throws", broken],
    ["returns nothing", () => undefined],
    ["returns an object that is no worker", () => ({ start: () => {} })],
    ["is async", () => Promise.resolve(new DefaultInboundWorker())],
    ["rejects", rejects],
    ["hangs", hangs],
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
