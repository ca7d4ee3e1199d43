/** Custom workers that do something wrong: each has an outcome, and other peers notice nothing. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import { FakeClock, MockDialer, MockSocket } from "../testing/mod.ts";
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
import type { OutboundPlugin, OutboundWorker } from "./plugin.ts";
import { OutboundPool } from "./pool.ts";
import { DefaultOutboundWorker } from "./worker.ts";

const ODD = "ws://odd.example";
const GOOD = "ws://good.example";

/** A worker that is connected until it is stopped, with some members replaced. */
function outboundWorker(parts: Parts): OutboundWorker {
  // What a program in JavaScript may give.
  return workerOf(parts, ({ notify, nextSession }: OutboundPlugin) => {
    notify({ kind: "connected" }, nextSession());
  }) as OutboundWorker;
}

/** A pool with one odd peer and one good one. */
async function withPool(
  parts: Parts,
  check: (pool: OutboundPool, clock: FakeClock) => unknown,
): Promise<void> {
  const clock = new FakeClock();
  const good = new MockSocket({ clock });
  const pool = new OutboundPool("pool", {
    clock,
    dialer: new MockDialer([good]).dial,
    connection: { closeTimeout: 1_000, pingInterval: 0 },
    workerFactory: (id) =>
      id === ODD ? outboundWorker(parts) : new DefaultOutboundWorker(),
  });
  pool.connect(GOOD);
  pool.connect(ODD);
  await clock.settle();
  await check(pool, clock);
  await clock.settle();
  // The good one has not noticed.
  assertEquals(pool.isConnected(GOOD), true);
  assertEquals(pool.trySend(GOOD, "x"), true);
  good.receive("y");
  assertEquals((await pool.inbox.take())?.data, "y");
  const closing = pool.close();
  await clock.advance(10_000);
  await closing;
}

testFaultyWorkers({ odd: ODD, good: GOOD, withPool });

function eventsOfOdd(pool: OutboundPool): string[] {
  const kinds: string[] = [];
  for (let event = pool.events.shift(); event; event = pool.events.shift()) {
    if (event.id === ODD) kinds.push(event.kind);
  }
  return kinds;
}

const STARTS: readonly [
  string,
  (plugin: OutboundPlugin) => unknown,
  string[],
][] = [
  ["throws", broken, ["stopped"]],
  ["rejects", rejects, ["stopped"]],
  ["returns undefined", () => undefined, ["stopped"]],
  ["returns a number", () => 7, ["stopped"]],
  ["ends at once", () => Promise.resolve(), ["stopped"]],
  ["says everything twice", ({ notify }) => {
    notify({ kind: "disconnected" }, 1);
    for (const kind of ["connected", "disconnected", "stopped"] as const) {
      notify({ kind }, 1);
      notify({ kind }, 1);
    }
    return hangs();
  }, ["connected", "disconnected", "stopped"]],
];

for (const [name, start, kinds] of STARTS) {
  Deno.test(`start that ${name} gives ${kinds.join(", ")}, and the pool goes on`, () =>
    withPool({ start }, (pool) => {
      assertEquals(eventsOfOdd(pool), kinds);
      assertEquals(pool.isConnected(ODD), false);
      return assertRejects(() => pool.whenConnected(ODD), PoolError);
    }));
}

for (
  const nonsense of [undefined, null, "connected", {}, { kind: 7 }, {
    kind: "odd",
  }]
) {
  Deno.test(`A notice that is ${JSON.stringify(nonsense)} is reported and changes nothing`, () =>
    withPool({
      start: (plugin: OutboundPlugin) => {
        // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
        plugin.notify(nonsense as any, 1);
        return hangs();
      },
    }, async (pool) => {
      assertEquals(eventsOfOdd(pool), []);
      await nextError(pool, ODD);
    }));
}

for (const value of ["yes", 1, null, NaN, {}, Promise.resolve(true)]) {
  Deno.test(`connected that is ${String(value)} counts as not connected`, () =>
    withPool({ connected: value }, (pool) => {
      assertEquals(pool.isConnected(ODD), false);
    }));
}

Deno.test("connected that throws counts as not connected", () =>
  withPool({
    get connected() {
      return broken();
    },
  }, (pool) => {
    assertEquals(pool.isConnected(ODD), false);
    assertEquals(pool.peerState(ODD).state, "connecting");
  }));

for (
  const [name, state] of [
    ["throws", broken],
    ["rejects", rejects],
    ["returns nothing", () => undefined],
    ["returns something else", () => "connected"],
    ["returns an unknown state", () => ({ state: "dreaming" })],
  ] as const
) {
  Deno.test(`state that ${name} leaves what the notices say`, () =>
    withPool({ state }, (pool) => {
      const { state } = pool.peerState(ODD);
      assertEquals(state, "connected");
    }));
}

for (
  const [name, reconnect] of [["throws", broken], ["rejects", rejects]] as const
) {
  Deno.test(`reconnect that ${name} makes the call throw, or is reported`, () =>
    withPool({ reconnect }, async (pool) => {
      if (name === "throws") {
        const error = assertThrows(() => pool.reconnect(ODD), PoolError);
        assertEquals(error.code, "worker-failed");
      } else {
        pool.reconnect(ODD);
        await nextError(pool, ODD);
      }
    }));
}

for (
  const [name, factory] of [
    ...FACTORIES,
    ["is async", () => Promise.resolve(new DefaultOutboundWorker())],
  ] as const
) {
  Deno.test(`A factory that ${name} makes connect throw, and nothing has changed`, async () => {
    await using pool = new OutboundPool("pool", {
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      workerFactory: factory as any,
    });
    const error = assertThrows(() => pool.connect(ODD), PoolError);
    assertEquals([error.code, pool.peers], ["worker-failed", []]);
    await delay(0);
  });
}
