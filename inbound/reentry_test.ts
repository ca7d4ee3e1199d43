/** Callbacks that call the pool while it calls them, and listeners whose items throw. */

import { assertEquals, assertThrows } from "@std/assert";
import { loggerThat } from "../transport/_support/logger_that.ts";
import { FakeClock, MockSocket } from "../testing/mod.ts";
import { Connection } from "../transport/connection/connection.ts";
import { listen } from "../transport/server/listen.ts";
import { dialOnce } from "./_support/dial.ts";
import { PoolError } from "../transport/base/errors.ts";
import type { InboundPoolOptions } from "./options.ts";
import type { InboundWorker } from "./plugin.ts";
import { InboundPool } from "./pool.ts";
import { DefaultInboundWorker } from "./worker.ts";

/** A pool on a fake clock, and what makes sockets for it. */
function setUp(options: InboundPoolOptions = {}) {
  const clock = new FakeClock();
  const pool = new InboundPool("pool", {
    clock,
    connection: { pingInterval: 0 },
    ...options,
  });
  const sockets: MockSocket[] = [];
  const socket = () => {
    const made = new MockSocket({ clock });
    sockets.push(made);
    return made;
  };
  const read = () => {
    const messages: unknown[] = [];
    while (pool.inbox.size > 0) messages.push(pool.inbox.shift()?.data);
    return messages;
  };
  return { clock, pool, socket, sockets, read };
}

Deno.test("A workerFactory that closes the pool: add() fails, and the socket is untouched", async () => {
  const { pool, socket } = setUp({
    workerFactory: () => {
      void pool.close();
      return new DefaultInboundWorker();
    },
  });
  const given = socket();
  const error = assertThrows(() => pool.add("a", given), PoolError);
  assertEquals([error.code, given.started], ["pool-closed", false]);
  await pool.closed;
  assertEquals(pool.stats().connections, 0);
});

Deno.test("A workerFactory that adds the same peer: the inner call counts", async () => {
  let calls = 0;
  const { pool, socket, read } = setUp({
    workerFactory: () => {
      if (calls++ === 0) pool.add("a", inner);
      return new DefaultInboundWorker();
    },
  });
  const inner = socket();
  const outer = socket();
  const error = assertThrows(() => pool.add("a", outer), PoolError);
  assertEquals([error.code, outer.started], ["peer-exists", false]);
  inner.receive("x");
  assertEquals(read(), ["x"]);
  assertEquals(pool.stats().connections, 1);
  await pool.close();
  assertEquals(inner.ended, true);
});

Deno.test("A workerFactory that fills the pool: add() fails", async () => {
  let calls = 0;
  const { pool, socket } = setUp({
    maxPeers: 1,
    workerFactory: () => {
      if (calls++ === 0) pool.add("b", socket());
      return new DefaultInboundWorker();
    },
  });
  const error = assertThrows(() => pool.add("a", socket()), PoolError);
  assertEquals([error.code, pool.peers], ["pool-full", ["b"]]);
  await pool.close();
});

Deno.test("A workerFactory that removes the peer that is replaced", async () => {
  let calls = 0;
  const { pool, socket, sockets, clock } = setUp({
    workerFactory: () => {
      if (calls++ === 1) void pool.remove("a");
      return new DefaultInboundWorker();
    },
  });
  pool.add("a", socket());
  pool.replace("a", socket());
  assertEquals(pool.peers, ["a"]);
  await clock.settle();
  assertEquals(sockets.map(({ ended }) => ended), [true, false]);
  await pool.close();
});

Deno.test("A worker that adds its id again in stop() does not displace the peer that replaces it", async () => {
  const errors: unknown[] = [];
  let calls = 0;
  const { pool, socket, sockets, clock } = setUp({
    workerFactory: () => {
      const worker: InboundWorker = new DefaultInboundWorker();
      if (calls++ > 0) return worker;
      return Object.assign(worker, {
        stop(code: number, reason: string) {
          DefaultInboundWorker.prototype.stop.call(worker, code, reason);
          const error = assertThrows(() => pool.add("a", socket()), PoolError);
          errors.push(error.code);
        },
      });
    },
  });
  pool.add("a", socket());
  pool.replace("a", socket());
  assertEquals(errors, ["peer-exists"]);
  assertEquals(pool.trySend("a", "x"), true);
  assertEquals(sockets[1]?.written, ["x"]);
  await clock.settle();
  await pool.close();
  assertEquals(sockets.map(({ ended, started }) => [started, ended]), [
    [true, true],
    [true, true],
    [false, false],
  ]);
});

for (const action of ["remove", "close"] as const) {
  Deno.test(`A worker that calls ${action}() in stop() of the peer that is replaced ends both`, async () => {
    let calls = 0;
    const { pool, socket, sockets, clock } = setUp({
      workerFactory: () => {
        const worker: InboundWorker = new DefaultInboundWorker();
        if (calls++ > 0) return worker;
        let stopped = false;
        return Object.assign(worker, {
          stop(code: number, reason: string) {
            DefaultInboundWorker.prototype.stop.call(worker, code, reason);
            if (stopped) return;
            stopped = true;
            if (action === "remove") void pool.remove("a");
            else void pool.close();
          },
        });
      },
    });
    pool.add("a", socket());
    pool.replace("a", socket());
    assertEquals(pool.peers, []);
    await clock.settle();
    await pool.close();
    assertEquals(sockets.map(({ ended }) => ended), [true, true]);
    const { connections, lostConnections } = pool.stats();
    assertEquals([connections, lostConnections], [1, 0]);
  });

  Deno.test(`A logger that calls ${action}() at "Peer added" leaves no connection behind`, async () => {
    const { pool, socket, sockets, clock } = setUp({
      logger: loggerThat("Peer added", () => {
        if (action === "close") void pool.close();
        else if (pool.has("a")) void pool.remove("a");
      }),
    });
    pool.add("a", socket());
    await clock.settle();
    await pool.close();
    assertEquals(sockets.map(({ ended }) => ended), [true]);
    assertEquals(clock.pending, 0);
  });

  Deno.test(`A logger that calls ${action}() while the worker starts: that waits for the end`, async () => {
    let ended: Promise<void> | undefined;
    const { pool, socket, sockets, clock } = setUp({
      logger: loggerThat("Reading", () => {
        ended = action === "close" ? pool.close() : pool.remove("a");
      }),
    });
    pool.add("a", socket());
    assertEquals(pool.peers, []);
    const order: string[] = [];
    void sockets[0]?.closed.then(() => order.push("socket"));
    void ended?.then(() => order.push(action));
    await clock.settle();
    assertEquals(order, ["socket", action]);
    await pool.close();
  });
}

Deno.test('A logger that removes or adds the peer at "Peer left": the event comes before', async () => {
  const order: string[] = [];
  const { pool, socket, clock } = setUp({
    onEvent: ({ session }) => void order.push(`left ${session}`),
    logger: loggerThat("Peer left", () => {
      order.push("added");
      pool.add("a", socket());
    }),
  });
  const first = socket();
  pool.add("a", first);
  first.receiveClose(1000);
  await clock.settle();
  assertEquals(order, ["left 1", "added"]);
  assertEquals(pool.peers, ["a"]);
  await pool.close();
});

Deno.test("Figures are up to date in onEvent of a worker that leaves in start()", async () => {
  const figures: unknown[] = [];
  const { pool, socket } = setUp({
    onEvent: () => {
      const { connections, lostConnections, peerCount } = pool.stats();
      figures.push([connections, lostConnections, peerCount]);
    },
    workerFactory: () => ({
      start: ({ onExit }) => {
        onExit({ kind: "disconnected" });
        return Promise.resolve();
      },
      stop: () => {},
      send: () => Promise.resolve(),
    }),
  });
  const given = socket();
  pool.add("a", given);
  assertEquals(figures, [[1, 1, 0]]);
  await pool.close();
  assertEquals(given.ended, true);
});

Deno.test("Messages of a peer that still leaves do not come after those of the newest peer, although the one between has ended", async () => {
  const { pool, socket, read, clock } = setUp();
  const first = socket();
  first.behaviour.close = () => {}; // It answers no close frame for now.
  pool.add("a", first);
  first.receive("1");
  const second = socket();
  pool.replace("a", second);
  await clock.settle();
  first.receive("late, but before all others");
  assertEquals(read(), ["1", "late, but before all others"]);
  second.terminate();
  await clock.settle();
  const third = socket();
  pool.add("a", third);
  third.receive("3");
  first.receive("too late");
  assertEquals(read(), ["3"]);
  first.terminate();
  await pool.close();
});

Deno.test("Messages of peers that still leave do not come after those of the newest peer", async () => {
  for (const ended of [true, false]) {
    const { pool, socket, read, clock } = setUp();
    const leaving = [socket(), socket()] as const;
    // They answer no close frame for now.
    for (const { behaviour } of leaving) behaviour.close = () => {};
    pool.add("a", leaving[0]);
    pool.replace("a", leaving[1]);
    const removed = pool.remove("a");
    if (ended) leaving[0].terminate();
    await clock.settle();
    const newest = socket();
    pool.add("a", newest);
    newest.receive("3");
    for (const late of leaving) if (!late.ended) late.receive("too late");
    assertEquals(read(), ["3"]);
    for (const late of leaving) late.terminate();
    await removed;
    await pool.close();
  }
});

Deno.test("Items of a caller's own listener that throw are reported, and do not end serve", async () => {
  const pool = new InboundPool("pool");
  const broken = () => {
    throw new Error("broken");
  };
  async function* listener() {
    yield Object.defineProperty({}, "accept", { get: broken });
    yield Object.defineProperty({ accept: broken }, "remoteAddr", {
      get: broken,
    });
    yield await Promise.resolve(null);
  }
  // What a program in JavaScript may give.
  await pool.serve(listener() as never);
  const messages: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    messages.push((await pool.errors.take())?.error.message.slice(0, 6));
  }
  assertEquals(messages.sort(), ["Cannot", "broken", "broken"]);
  await pool.close();
});

for (const act of ["close", "add"] as const) {
  Deno.test(`A choice of the subprotocol that calls ${act}() while a peer is accepted leaves nothing open`, async () => {
    const pool = new InboundPool("pool");
    const inner = new MockSocket();
    let calls = 0;
    const listener = listen({ hostname: "127.0.0.1" });
    await listener.ready;
    const serving = pool.serve(listener, {
      id: () => "a",
      accept: () => ({
        protocols: () => {
          if (calls++ > 0) return undefined;
          if (act === "close") void pool.close();
          else pool.add("a", inner);
          return undefined;
        },
      }),
    });
    const dialled = await dialOnce(`ws://127.0.0.1:${listener.port}`);
    assertEquals(calls, 1);
    if (act === "add") {
      // The peer that comes last takes the id.
      assertEquals((await inner.closed).sent?.reason, "Replaced");
      assertEquals(pool.peers, ["a"]);
    }
    await pool.close();
    if (dialled instanceof Connection) await dialled.closed;
    await listener.close();
    await serving;
    assertEquals([pool.stats().peerCount, pool.errors.size], [0, 0]);
  });
}
