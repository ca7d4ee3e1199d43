import { assertEquals } from "@std/assert";
import { FakeClock, MockSocket } from "../testing/mod.ts";
import type { InboundPlugin, InboundWorker } from "./plugin.ts";
import { InboundPool } from "./pool.ts";

/** A worker that does what a test wants it to. */
function workerOf(
  start: (plugin: InboundPlugin) => Promise<void>,
  stop: () => void = () => {},
): InboundWorker {
  return {
    start,
    stop,
    send: () => Promise.resolve(),
  };
}

Deno.test("A worker that throws gives dropped-error, and its socket is cut", async () => {
  await using pool = new InboundPool("pool", {
    workerFactory: () => workerOf(() => Promise.reject(new Error("broken"))),
  });
  const socket = new MockSocket();
  pool.add("a", socket);
  const event = await pool.events.take();
  assertEquals(event?.kind, "dropped-error");
  assertEquals([pool.has("a"), socket.terminations.length], [false, 1]);
});

Deno.test("A worker that ends without onExit has disconnected, and the socket that it left open is cut", async () => {
  await using pool = new InboundPool("pool", {
    workerFactory: () => workerOf(() => Promise.resolve()),
  });
  const socket = new MockSocket();
  pool.add("a", socket);
  assertEquals((await pool.events.take())?.kind, "disconnected");
  assertEquals([pool.has("a"), socket.ended], [false, true]);
});

Deno.test("A worker that never ends is abandoned when the pool closes", async () => {
  const clock = new FakeClock();
  const pool = new InboundPool("pool", {
    clock,
    workerFactory: () =>
      workerOf(() => new Promise(() => {}), () => {
        throw new Error("cannot stop");
      }),
  });
  const socket = new MockSocket();
  pool.add("a", socket);
  const closed = pool.close();
  await clock.advance(21_000);
  await closed;
  const errors: string[] = [];
  for await (const { error } of pool.errors) errors.push(error.message);
  assertEquals([errors.length, socket.ended], [2, true]);
});

Deno.test("A worker that ends too late is reported once, also if its peer is removed and the pool closes meanwhile", async () => {
  const clock = new FakeClock();
  const work = Promise.withResolvers<void>();
  const pool = new InboundPool("pool", {
    clock,
    workerFactory: () => workerOf(() => work.promise, () => {}),
  });
  const socket = new MockSocket({ clock });
  pool.add("a", socket);
  const removed = pool.remove("a");
  await clock.advance(1_000);
  const closed = pool.close();
  await clock.advance(21_000);
  await Promise.all([removed, closed]);
  assertEquals([pool.errors.size, clock.pending], [1, 0]);
  work.resolve();
  await clock.settle();
  assertEquals([pool.errors.size, socket.terminations.length], [1, 1]);
});

Deno.test("A worker that goes on after it has said how it ended is stopped when the pool closes", async () => {
  const done = Promise.withResolvers<void>();
  const pool = new InboundPool("pool", {
    workerFactory: () =>
      workerOf((plugin) => {
        plugin.onExit({ kind: "disconnected" });
        return done.promise;
      }, done.resolve),
  });
  const socket = new MockSocket();
  pool.add("a", socket);
  assertEquals((await pool.events.take())?.kind, "disconnected");
  await pool.close();
  assertEquals([pool.errors.size, socket.ended], [0, true]);
});
