/** Workers of a caller's own that do something wrong, and what a pool of either kind must make of it. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import type { FakeClock } from "../../../testing/fake_clock.ts";
import { PoolError } from "../../base/errors.ts";
import type { InboundPool } from "../../../inbound/pool.ts";
import type { OutboundPool } from "../../../outbound/pool.ts";

/** Members of a worker that replace the right ones. */
export type Parts = Readonly<Record<string, unknown>>;

export const broken = () => {
  throw new Error("broken");
};
export const rejects = () => Promise.reject(new Error("broken"));
export const hangs = () => new Promise<never>(() => {});

/** Factories that make no worker. */
export const FACTORIES: readonly [name: string, factory: () => unknown][] = [
  ["throws", broken],
  ["returns nothing", () => undefined],
  ["returns an object that is no worker", () => ({ start: () => {} })],
  ["rejects", rejects],
  ["hangs", hangs],
];

/** A worker that does nothing until it is stopped, with some members replaced. */
export function workerOf(
  parts: Parts,
  start: (...args: never[]) => void = () => {},
): object {
  const done = Promise.withResolvers<void>();
  const worker = {
    start: (...args: never[]) => {
      start(...args);
      return done.promise;
    },
    stop: () => done.resolve(),
    send: () => Promise.resolve(),
    trySend: () => true,
    stats: () => undefined,
  };
  return Object.defineProperties(
    worker,
    Object.getOwnPropertyDescriptors(parts),
  );
}

/** Takes the next error of a pool, which must say that the worker of this peer failed. */
export async function nextError(
  pool: InboundPool | OutboundPool,
  id: string,
): Promise<PoolError> {
  const record = await pool.errors.take();
  assert(record?.error instanceof PoolError, String(record?.error));
  assertEquals([record.id, record.error.code], [id, "worker-failed"]);
  return record.error;
}

/** A pool that has one peer with a faulty worker and one with a good worker. */
export interface FaultSetup {
  readonly odd: string;
  readonly good: string;
  /** Makes the pool, and checks afterwards that the good peer noticed nothing. */
  withPool(
    parts: Parts,
    check: (
      pool: InboundPool | OutboundPool,
      clock: FakeClock,
    ) => unknown,
  ): Promise<void>;
}

/** Tests the methods that the workers of both pools have. */
export function testFaultyWorkers({ odd, good, withPool }: FaultSetup): void {
  for (
    const [name, stop] of [
      ["throws", broken],
      ["rejects", rejects],
      ["hangs", hangs],
    ] as const
  ) {
    Deno.test(`stop that ${name} is reported, and the peer is removed in time`, () =>
      withPool({ stop }, async (pool, clock) => {
        const removed = pool.remove(odd);
        await clock.advance(5_000);
        await removed;
        if (name !== "hangs") {
          assert((await nextError(pool, odd)).message.includes("in stop"));
        }
        // It did not end.
        await nextError(pool, odd);
      }));
  }

  for (
    const [name, send] of [["throws", broken], ["rejects", rejects]] as const
  ) {
    Deno.test(`send that ${name} fails the call, and is counted`, () =>
      withPool({ send }, async (pool) => {
        await assertRejects(() => pool.send(odd, "x"), Error, "broken");
        // This call is not awaited.
        void pool.send(odd, "x");
        await delay(0);
        assertEquals(pool.peerStats(odd).failedSends, 2);
        assertEquals(pool.stats().failedSends, 2);
      }));
  }

  Deno.test("send that hangs keeps its own caller waiting, and no other", () =>
    withPool({ send: hangs }, async (pool) => {
      void pool.send(odd, "x");
      await pool.send(good, "x");
    }));

  for (const value of [undefined, 7, NaN, "sent", null, {}]) {
    Deno.test(`send that returns ${JSON.stringify(value)} counts as sent${value === undefined ? "" : ", and is reported"}`, () =>
      withPool({ send: () => value }, async (pool) => {
        assertEquals(await pool.send(odd, "x"), undefined);
        if (value !== undefined) {
          assert((await nextError(pool, odd)).message.includes("in send"));
        }
      }));
  }

  Deno.test("trySend that throws fails the call, and is counted", () =>
    withPool({ trySend: broken }, (pool) => {
      assertThrows(() => pool.trySend(odd, "x"), Error, "broken");
      assertEquals(pool.stats().failedSends, 1);
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
        assertEquals(pool.trySend(odd, "x"), false);
        assert((await nextError(pool, odd)).message.includes("in trySend"));
      }));
  }

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
          const { connection, sentMessages } = pool.peerStats(odd);
          assertEquals([connection, sentMessages], [undefined, 0]);
        }
        assert((await nextError(pool, odd)).message.includes("in stats"));
        assertEquals(pool.errors.size, 0);
      }));
  }
}
