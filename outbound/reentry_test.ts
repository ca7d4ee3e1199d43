/** Callbacks that call the pool while it calls them. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loggerThat } from "../transport/_support/logger_that.ts";
import { FakeClock, MockSocket } from "../testing/mod.ts";
import { PoolError } from "../transport/base/errors.ts";
import { drain, setUp } from "./_support/set_up.ts";
import type { OutboundPlugin, OutboundWorker } from "./plugin.ts";
import { OutboundPool } from "./pool.ts";
import { DefaultOutboundWorker } from "./worker.ts";

const URL = "ws://a.test";

/** A worker that works until it is stopped. */
function idleWorker(onStart = (_: OutboundPlugin) => {}): OutboundWorker & {
  started: number;
  stopped: number;
  end(): void;
} {
  const done = Promise.withResolvers<void>();
  return {
    started: 0,
    stopped: 0,
    start(plugin) {
      this.started++;
      onStart(plugin);
      return done.promise;
    },
    stop() {
      this.stopped++;
      done.resolve();
    },
    end() {
      this.stopped++;
      done.resolve();
    },
    send: () => Promise.resolve(),
  };
}

for (const when of ["shouldReconnect", "the event disconnected"]) {
  Deno.test(`reconnect() called in ${when} prevents the stop that shouldReconnect asks for`, async () => {
    let calls = 0;
    const again = () => void (calls++ === 0 && pool.reconnect(URL));
    const { pool, clock, sockets } = setUp([], {
      shouldReconnect: () => {
        if (when === "shouldReconnect") again();
        return "stop";
      },
      onEvent: ({ kind }) => {
        if (kind === when.slice(-12)) again();
      },
    });
    pool.connect(URL);
    await pool.whenConnected(URL);
    sockets[0]?.receiveClose(1000);
    await clock.settle();
    assertEquals(sockets.length, 2);
    await pool.whenConnected(URL);
    assertEquals(pool.peerState(URL).state, "connected");
    assertEquals(drain(pool).map(({ kind }) => kind), [
      "connected",
      "disconnected",
      "connected",
    ]);
    sockets[1]?.receiveClose(1000);
    await clock.settle();
    assertEquals(drain(pool).map(({ kind }) => kind), [
      "disconnected",
      "stopped",
    ]);
    await pool.close();
  });
}

Deno.test("reconnect() called in the event stopped dials again", async () => {
  const { pool, clock, sockets } = setUp([], {
    shouldReconnect: () => "stop",
    onEvent: ({ kind }) => void (kind === "stopped" && pool.reconnect(URL)),
  });
  pool.connect(URL);
  await pool.whenConnected(URL);
  sockets[0]?.receiveClose(1000);
  await clock.settle();
  await pool.whenConnected(URL);
  assertEquals(sockets.length, 2);
  await pool.close();
});

Deno.test("A workerFactory that closes the pool: connect() fails, and no worker starts", async () => {
  const worker = idleWorker();
  const pool = new OutboundPool("pool", {
    workerFactory: () => {
      void pool.close();
      return worker;
    },
  });
  const error = assertThrows(() => pool.connect(URL), PoolError);
  assertEquals(error.code, "pool-closed");
  assertEquals([worker.started, pool.peers], [0, []]);
  await pool.closed;
});

Deno.test("A workerFactory that connects to the same peer: the inner call counts", async () => {
  const inner = idleWorker();
  const outer = idleWorker();
  let calls = 0;
  const pool = new OutboundPool("pool", {
    workerFactory: () => {
      if (calls++ > 0) return inner;
      pool.connect(URL);
      return outer;
    },
  });
  const error = assertThrows(() => pool.connect(URL), PoolError);
  assertEquals(error.code, "peer-exists");
  assertEquals([inner.started, outer.started], [1, 0]);
  assertEquals(pool.peers, [URL]);
  await pool.close();
  assertEquals(inner.stopped, 1);
});

for (const action of ["remove", "close", "reconnect"] as const) {
  Deno.test(`A workerFactory that calls ${action}() in reconnect() leaves no worker behind`, async () => {
    const workers: ReturnType<typeof idleWorker>[] = [];
    const clock = new FakeClock();
    const pool = new OutboundPool("pool", {
      clock,
      workerFactory: () => {
        const worker = idleWorker();
        workers.push(worker);
        if (workers.length === 2) {
          if (action === "close") void pool.close();
          else void pool[action](URL);
        }
        return worker;
      },
    });
    pool.connect(URL);
    workers[0]?.end();
    await clock.settle();
    assertEquals(pool.peerState(URL).state, "stopped");
    if (action === "reconnect") pool.reconnect(URL);
    else assertThrows(() => pool.reconnect(URL), PoolError);
    assertEquals(pool.peers, action === "reconnect" ? [URL] : []);
    await clock.settle();
    await pool.close();
    const left = workers.filter(({ started, stopped }) =>
      started > 0 && stopped === 0
    );
    assertEquals(left, []);
  });
}

for (const action of ["remove", "close"] as const) {
  Deno.test(`A worker that calls ${action}() in start() is waited for`, async () => {
    const done = Promise.withResolvers<void>();
    const order: string[] = [];
    const pool = new OutboundPool("pool", {
      workerFactory: () => ({
        start() {
          const ended = action === "close" ? pool.close() : pool.remove(URL);
          void ended.then(() => order.push(action));
          return done.promise.then(() => void order.push("worker"));
        },
        stop: () => {},
        send: () => Promise.resolve(),
      }),
    });
    pool.connect(URL);
    assertEquals(pool.peers, []);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    done.resolve();
    for (let i = 0; i < 20; i++) await Promise.resolve();
    assertEquals(order, ["worker", action]);
    await pool.close();
  });
}

for (const message of ["Peer added", "Peer connected"]) {
  Deno.test(`A logger that removes the peer at "${message}": no event follows, and nothing is left`, async () => {
    const removed: Promise<void>[] = [];
    const late: unknown[] = [];
    const { pool, clock, sockets } = setUp([], {
      onEvent: (event) => void (removed.length > 0 && late.push(event)),
      logger: loggerThat(message, () => removed.push(pool.remove(URL))),
    });
    pool.connect(URL);
    await clock.settle();
    assertEquals(removed.length, 1);
    await Promise.all(removed);
    assertEquals(pool.peers, []);
    assertEquals(pool.stats().peerCount, 0);
    assert(sockets.every(({ ended }) => ended));
    assertEquals(late, []);
    await pool.close();
  });
}

Deno.test('A logger that closes the pool at "Peer added" leaves no worker behind', async () => {
  const { pool, clock, sockets } = setUp([], {
    logger: loggerThat("Peer added", () => void pool.close()),
  });
  pool.connect(URL);
  await pool.closed;
  await clock.advance(100_000);
  assertEquals(sockets.length, 0);
  assertEquals(clock.pending, 0);
});

Deno.test("onConnected is not called for a peer that was removed while it was connected", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const clock = new FakeClock();
    const socket = new MockSocket({ clock });
    let isRemoved = false;
    let late = 0;
    const pool = new OutboundPool("pool", {
      clock,
      onConnected: () => void (isRemoved && late++),
      dialer: () => Promise.resolve(socket),
    });
    pool.connect(URL);
    while (!socket.started) await Promise.resolve();
    for (let i = 0; i < turns; i++) await Promise.resolve();
    isRemoved = true;
    const removed = pool.remove(URL);
    await clock.settle();
    await removed;
    assertEquals([late, socket.ended], [0, true], `${turns} turns`);
    await pool.close();
  }
});

Deno.test("A worker that gives runDialer wrong options keeps no place of maxConcurrentDials", async () => {
  const { pool, clock } = setUp([], {
    maxConcurrentDials: 1,
    workerFactory: (id) => {
      const worker = new DefaultOutboundWorker();
      if (id !== "odd") return worker;
      return {
        start: (plugin) =>
          worker.start({
            ...plugin,
            connectionOptions: {
              ...plugin.connectionOptions,
              pingInterval: -1,
            },
          }),
        stop: (code, reason) => worker.stop(code, reason),
        send: () => Promise.resolve(),
      };
    },
  });
  pool.connect(URL, { id: "odd" });
  await clock.settle();
  pool.connect(URL);
  await clock.settle();
  assertEquals(pool.isConnected(URL), true);
  await assertRejects(() => pool.whenConnected("odd"), PoolError);
  await pool.close();
});
