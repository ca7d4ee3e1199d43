import { assertEquals, assertThrows } from "@std/assert";
import { FilteringWorker } from "../examples/extend_plugin.ts";
import { FakeClock, MockSocket } from "../testing/mod.ts";
import { PoolError } from "../transport/base/errors.ts";
import { InboundPool } from "./pool.ts";
import type { InboundPlugin, InboundWorker } from "./plugin.ts";

Deno.test("A filter between worker and inbox lets through what is wanted, and nothing is lost", async () => {
  await using pool = new InboundPool("pool", {
    inboxBufferSize: 2,
    workerFactory: () => new FilteringWorker((data) => data !== "noise"),
  });
  const socket = new MockSocket();
  pool.add("a", socket);
  for (let i = 0; i < 20; i++) {
    socket.receive("noise");
    socket.receive(String(i));
  }
  for (let i = 0; i < 20; i++) {
    assertEquals((await pool.inbox.take())?.data, String(i));
  }
  assertEquals(pool.stats().inboxDepth, 0);
  socket.receiveClose(1000);
  assertEquals((await pool.events.take())?.kind, "disconnected");
});

function worker(
  start: (plugin: InboundPlugin) => Promise<void>,
): InboundWorker {
  return {
    start,
    stop: () => {},
    send: () => Promise.resolve(),
  };
}

Deno.test("What a factory throws is thrown by add, and the peer is not known", async () => {
  await using pool = new InboundPool("pool", {
    workerFactory: () => {
      throw new Error("no worker");
    },
  });
  const socket = new MockSocket();
  assertThrows(() => pool.add("a", socket), PoolError, "no worker");
  assertEquals(pool.peers, []);
  socket.terminate();
});

const WORKERS: readonly [
  string,
  (plugin: InboundPlugin) => Promise<void>,
  string,
][] = [
  ["throws", () => {
    throw new Error("broken");
  }, "dropped-error"],
  [
    "rejects",
    () => Promise.reject(new Error("broken")),
    "dropped-error",
  ],
  [
    "never calls onExit",
    () => Promise.resolve(),
    "disconnected",
  ],
  ["calls onExit twice", (plugin) => {
    plugin.onExit({ kind: "evicted-policy" });
    plugin.onExit({ kind: "disconnected" });
    return Promise.resolve();
  }, "evicted-policy"],
];

for (const [name, start, kind] of WORKERS) {
  Deno.test(`A worker that ${name} gives one event, and its peer is gone`, async () => {
    await using pool = new InboundPool("pool", {
      workerFactory: () => worker(start),
    });
    pool.add("a", new MockSocket());
    const event = await pool.events.take();
    assertEquals([event?.id, event?.kind], ["a", kind]);
    assertEquals(pool.has("a"), false);
    await pool.close();
    assertEquals(await pool.events.take(), undefined);
  });
}

Deno.test("A worker that never ends is given up when its peer is removed", async () => {
  const clock = new FakeClock();
  await using pool = new InboundPool("pool", {
    clock,
    connection: { closeTimeout: 1_000 },
    workerFactory: () => worker(() => new Promise(() => {})),
  });
  pool.add("a", new MockSocket());
  let removed = false;
  void pool.remove("a").then(() => removed = true);
  await clock.advance(1_999);
  assertEquals(removed, false);
  await clock.advance(1);
  assertEquals(removed, true);
  assertEquals((await pool.errors.take())?.id, "a");
});
