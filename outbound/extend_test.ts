import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { TwinWorker } from "../examples/workers/twin.ts";
import { MockDialer, MockSocket } from "../testing/mod.ts";
import { eventually, FakeClock } from "../testing/mod.ts";
import { PoolError } from "../transport/base/errors.ts";
import { OutboundPool } from "./pool.ts";
import { DefaultOutboundWorker } from "./worker.ts";
import type { OutboundWorker } from "./plugin.ts";

const URL = "ws://peer.test";

Deno.test("The twin worker sends on the faster connection, and on the other when that is lost", async () => {
  const clock = new FakeClock();
  clock.setRandom([0.5]);
  const [slow, fast] = [new MockSocket({ clock }), new MockSocket({ clock })];
  const pool = new OutboundPool("pool", {
    clock,
    dialer: new MockDialer([slow, fast], { otherwise: "never" }).dial,
    workerFactory: () => new TwinWorker(),
  });
  pool.connect(URL);
  await eventually(() => pool.has(URL) && slow.started && fast.started, {
    clock,
  });
  await clock.advance(20_000);
  clock.tick(5);
  fast.receivePong();
  clock.tick(50);
  slow.receivePong();
  await pool.send(URL, "one");
  assertEquals([fast.written.length, slow.written.length], [1, 0]);
  slow.receive("from the slow one");
  assertEquals((await pool.inbox.take())?.data, "from the slow one");

  fast.receiveClose(1000);
  await clock.settle();
  await pool.send(URL, "two");
  assertEquals(slow.written, ["two"]);
  // One connection is left: the peer has not gone.
  assertEquals(pool.stats().eventsDepth, 1);
  slow.receiveClose(1001);
  assertEquals((await pool.events.take())?.kind, "connected");
  assertEquals((await pool.events.take())?.kind, "disconnected");
  await assertRejects(() => pool.send(URL, "three"), PoolError);
  await pool.close();
});

/** A worker that does as little as can be done. */
function worker(parts: Partial<OutboundWorker> = {}): OutboundWorker {
  return {
    start: () => Promise.resolve(),
    stop: () => {},
    send: () => Promise.resolve(),
    ...parts,
  };
}

Deno.test("What a factory throws is thrown by connect, and the peer is not known", async () => {
  await using pool = new OutboundPool("pool", {
    workerFactory: () => {
      throw new Error("no worker");
    },
  });
  assertThrows(() => pool.connect(URL), PoolError, "no worker");
  assertEquals(pool.peers, []);
});

for (
  const [name, start] of [
    ["throws", () => {
      throw new Error("broken");
    }],
    ["rejects", () => Promise.reject(new Error("broken"))],
  ] as const
) {
  Deno.test(`A worker whose start ${name} gives one event stopped, and the pool keeps working`, async () => {
    const socket = new MockSocket();
    await using pool = new OutboundPool("pool", {
      dialer: new MockDialer([socket]).dial,
      workerFactory: (url) =>
        url === URL ? worker({ start }) : new DefaultOutboundWorker(),
    });
    pool.connect(URL);
    const waiting = pool.whenConnected(URL);
    const event = await pool.events.take();
    assertEquals([event?.kind, event?.id], ["stopped", URL]);
    await assertRejects(() => waiting, PoolError, "no longer dialled");
    pool.connect("ws://other.test");
    await pool.whenConnected("ws://other.test");
    socket.receiveClose(1000);
  });
}

Deno.test("A worker that never ends is abandoned when the pool closes", async () => {
  const clock = new FakeClock();
  const pool = new OutboundPool("pool", {
    clock,
    connection: { closeTimeout: 1_000 },
    workerFactory: () =>
      worker({
        start: () => new Promise(() => {}),
        stop: () => {
          throw new Error("will not");
        },
      }),
  });
  pool.connect(URL);
  let closed = false;
  void pool.close().then(() => closed = true);
  await clock.advance(4_999);
  assertEquals(closed, false);
  await clock.advance(1);
  assertEquals(closed, true);
  assertEquals(pool.stats().errorsDepth, 2);
});

Deno.test("A worker that says the same twice gives one event of it", async () => {
  await using pool = new OutboundPool("pool", {
    workerFactory: () =>
      worker({
        start: ({ notify }) => {
          notify({ kind: "disconnected" }, 1);
          notify({ kind: "connected" }, 1);
          notify({ kind: "connected" }, 1);
          notify({ kind: "stopped" }, 1);
          notify({ kind: "stopped" }, 1);
          return Promise.resolve();
        },
      }),
  });
  pool.connect(URL);
  assertEquals((await pool.events.take())?.kind, "connected");
  assertEquals((await pool.events.take())?.kind, "stopped");
  await pool.close();
  assertEquals(await pool.events.take(), undefined);
});

Deno.test("Nothing is kept of a worker that had ended when its peer was removed", async () => {
  let stops = 0;
  const pool = new OutboundPool("pool", {
    workerFactory: () =>
      worker({ start: () => Promise.resolve(), stop: () => void stops++ }),
  });
  pool.connect(URL);
  assertEquals((await pool.events.take())?.kind, "stopped");
  await pool.remove(URL);
  await pool.close();
  assertEquals(stops, 1);
});

Deno.test("A worker that has ended is not stopped when reconnect() replaces it", async () => {
  let stops = 0;
  const pool = new OutboundPool("pool", {
    workerFactory: () =>
      worker({ start: () => Promise.resolve(), stop: () => void stops++ }),
  });
  pool.connect(URL);
  for (let i = 0; i < 2; i++) {
    assertEquals((await pool.events.take())?.kind, "stopped");
    pool.reconnect(URL);
    assertEquals(stops, 0);
  }
  await pool.close();
});
