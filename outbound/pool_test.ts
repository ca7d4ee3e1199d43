import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { ConnectionError, PoolError } from "../transport/base/errors.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { MockSocket } from "../testing/mod.ts";
import { drain, setUp } from "./_support/set_up.ts";
import { OutboundPool } from "./pool.ts";
import { countListeners } from "../transport/base/_support/signals.ts";

const URL_A = "ws://a.example";

Deno.test("A peer is kept connected: a lost connection is dialled again after the jittered delay", async () => {
  const { pool, dialer, clock, sockets } = setUp();
  clock.setRandom(() => 0.5);
  const url = pool.connect(URL_A);
  await clock.advance(0);
  sockets[0]?.end({ code: 1006 });
  await clock.advance(2_999);
  assertEquals(dialer.attempts.length, 1);
  await clock.advance(1);
  assertEquals(dialer.attempts.length, 2);
  assertEquals(
    drain(pool).map((
      { id, kind, session, closeCode },
    ) => [id, kind, session, closeCode]),
    [
      [url, "connected", 1, undefined],
      [url, "disconnected", 1, 1006],
      [url, "connected", 2, undefined],
    ],
  );
  await pool.close();
});

Deno.test("The delay doubles while a peer flaps, and is forgotten once a connection has held", async () => {
  const { pool, clock, sockets } = setUp();
  clock.setRandom(() => 0);
  pool.connect(URL_A);
  await clock.advance(0);
  const lose = async (): Promise<number> => {
    const before = sockets.length;
    sockets.at(-1)?.end({ code: 1006 });
    const start = clock.now();
    while (sockets.length === before) await clock.advance(500);
    return clock.now() - start;
  };
  assertEquals([await lose(), await lose(), await lose(), await lose()], [
    2_000,
    4_000,
    8_000,
    16_000,
  ]);
  await clock.advance(30_000);
  assertEquals(await lose(), 2_000);
  await pool.close();
});

Deno.test("Dials that fail go to errors and are retried: at once, then doubling", async () => {
  const refusal = new ConnectionError("dial-failed", "nobody listens");
  const { pool, dialer, clock } = setUp([refusal, refusal, refusal, refusal]);
  clock.setRandom(() => 0.5);
  pool.connect(URL_A);
  await clock.advance(0);
  assertEquals(dialer.attempts.length, 2);
  await clock.advance(1_000);
  assertEquals(dialer.attempts.length, 3);
  await clock.advance(2_000);
  assertEquals(dialer.attempts.length, 4);
  await clock.advance(4_000);
  assertEquals(drain(pool).map(({ kind }) => kind), ["connected"]);
  assertEquals(pool.errors.size, 4);
  assertEquals((await pool.errors.take())?.error, refusal);
  await pool.close();
});

Deno.test("A refusal with 401 is no hot loop, and no end either", async () => {
  const refused = new HandshakeError("refused", "no", { status: 401 });
  const { pool, dialer, clock } = setUp([refused, refused], {
    worker: { keepaliveTimeout: 0 },
    connection: { pingTimeout: 0 },
  });
  pool.connect(URL_A);
  await clock.advance(59_000);
  assertEquals(dialer.attempts.length, 1);
  await clock.advance(61_000);
  assertEquals(dialer.attempts.length, 2);
  await clock.advance(120_000);
  assertEquals(drain(pool).map(({ kind }) => kind), ["connected"]);
  await pool.close();
});

Deno.test("When the policy gives up the peer is stopped, stays known, and can be removed", async () => {
  const refusal = new ConnectionError("dial-failed", "nobody listens");
  const { pool, dialer, clock } = setUp([refusal, refusal], {
    connection: { retry: { maxRetries: 1 } },
  });
  const url = pool.connect(URL_A);
  const waiting = pool.whenConnected(url);
  await clock.advance(600_000);
  const [event] = drain(pool);
  assertEquals([event?.kind, event?.error], ["stopped", refusal]);
  assertEquals(dialer.attempts.length, 2);
  assertEquals(
    (await assertRejects(() => waiting, PoolError)).code,
    "peer-stopped",
  );
  assertEquals(
    (await assertRejects(() => pool.whenConnected(url), PoolError)).code,
    "peer-stopped",
  );
  assertEquals(
    (await assertRejects(() => pool.send(url, "x"), PoolError)).code,
    "connection-unavailable",
  );
  assertEquals(pool.has(url), true);
  await pool.remove(url);
  assertEquals(pool.has(url), false);
  await pool.close();
});

Deno.test("shouldReconnect overrules the decision; one that throws does not count", async () => {
  const decisions = [5_000, "stop"] as const;
  let calls = 0;
  const { pool, dialer, clock, sockets } = setUp([], {
    shouldReconnect: ({ cause, closeCode, failures }) => {
      assertEquals([cause, closeCode], ["lost", 4_000]);
      assertEquals(failures, calls + 1);
      const decision = decisions[calls++];
      if (decision === undefined) throw new Error("cannot say");
      return decision;
    },
  });
  clock.setRandom(() => 0);
  pool.connect(URL_A);
  await clock.advance(0);
  sockets[0]?.end({ code: 4_000, received: { code: 4_000, reason: "" } });
  await clock.advance(4_999);
  assertEquals(dialer.attempts.length, 1);
  await clock.advance(1);
  assertEquals(dialer.attempts.length, 2);
  sockets[1]?.end({ code: 4_000, received: { code: 4_000, reason: "" } });
  await clock.advance(600_000);
  assertEquals(dialer.attempts.length, 2);
  assertEquals(drain(pool).at(-1)?.kind, "stopped");
  await pool.close();
});

for (const decision of [NaN, Infinity, -1]) {
  Deno.test(`shouldReconnect that says ${decision} does not count, and is reported`, async () => {
    const { pool, dialer, clock, sockets } = setUp([], {
      shouldReconnect: () => decision,
    });
    clock.setRandom(() => 0);
    pool.connect(URL_A);
    await clock.advance(0);
    sockets[0]?.end({ code: 1006 });
    await clock.advance(2_000);
    assertEquals(dialer.attempts.length, 2);
    const error = (await pool.errors.take())?.error;
    assertStringIncludes(error?.message ?? "", "shouldReconnect");
    await pool.close();
  });
}

Deno.test("Headers are asked for before each attempt", async () => {
  let count = 0;
  const { pool, dialer, clock } = setUp([new Error("no")], {
    headers: () => Promise.resolve({ authorization: `token ${++count}` }),
  });
  pool.connect(URL_A);
  await clock.advance(0);
  assertEquals(
    dialer.attempts.map(({ options }) =>
      new Headers(options.headers).get("authorization")
    ),
    ["token 1", "token 2"],
  );
  await pool.close();
});

Deno.test("Never more dials in flight than maxConcurrentDials, and a peer that waits between attempts takes no place", async () => {
  const { pool, dialer, clock } = setUp([], { maxConcurrentDials: 3 });
  dialer.otherwise = "never";
  for (let i = 0; i < 10; i++) pool.connect(`ws://host-${i}.example`);
  await clock.advance(100);
  assertEquals([dialer.inFlight, dialer.maxInFlight], [3, 3]);
  // A peer that is removed while it waits or dials gives its place away.
  for (const url of pool.peers.slice(0, 8)) await pool.remove(url);
  await clock.advance(0);
  assertEquals([dialer.inFlight, dialer.maxInFlight], [2, 3]);
  await pool.close();
});

Deno.test("isConnected returns the present state, for any form of the URL", async () => {
  const { pool, clock, sockets } = setUp();
  assertEquals(pool.isConnected(URL_A), false);
  const url = pool.connect(URL_A);
  assertEquals(pool.isConnected(url), false);
  await clock.advance(0);
  assertEquals(pool.isConnected(url), true);
  assertEquals(pool.isConnected(new URL(url)), true);
  sockets[0]?.end({ code: 1006 });
  await clock.advance(0);
  assertEquals(pool.isConnected(url), false);
  await pool.remove(url);
  assertEquals(pool.isConnected(url), false);
  await pool.close();
});

Deno.test("whenConnected waits for the next connection, and ends with the peer or the pool", async () => {
  const { pool, dialer, clock } = setUp();
  dialer.otherwise = "never";
  const a = pool.connect("ws://a.example");
  const b = pool.connect("ws://b.example");
  const controller = new AbortController();
  const aborted = pool.whenConnected(a, { signal: controller.signal });
  const removed = pool.whenConnected(a);
  const closed = pool.whenConnected(b);
  await clock.advance(0);
  controller.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  await pool.remove(a);
  assertEquals(
    (await assertRejects(() => removed, PoolError)).code,
    "peer-removed",
  );
  await pool.close();
  assertEquals(
    (await assertRejects(() => closed, PoolError)).code,
    "pool-closed",
  );
});

Deno.test("whenConnected ends when the pool's signal aborts", async () => {
  const lifetime = new AbortController();
  const { pool, dialer } = setUp([], { signal: lifetime.signal });
  dialer.otherwise = "never";
  const waiting = pool.whenConnected(pool.connect(URL_A));
  lifetime.abort();
  assertEquals(
    (await assertRejects(() => waiting, PoolError)).code,
    "pool-closed",
  );
  await pool.closed;
});

Deno.test("remove and close give no event, whatever the peer does afterwards", async () => {
  const { pool, clock, sockets } = setUp();
  const a = pool.connect("ws://a.example");
  pool.connect("ws://b.example");
  await clock.advance(0);
  drain(pool);
  await pool.remove(a);
  await pool.close();
  assertEquals(sockets.map(({ closes }) => closes.map(({ code }) => code)), [[
    1000,
  ], [1001]]);
  assertEquals(await pool.events.take(), undefined);
});

Deno.test("A second connection's messages carry its number, behind all of the first one's", async () => {
  const { pool, clock, sockets } = setUp([], {
    inboxBufferSize: 1,
    connection: { pingTimeout: 0 },
  });
  pool.connect(URL_A);
  await clock.advance(0);
  for (let i = 0; i < 5; i++) sockets[0]?.receive(`first ${i}`);
  sockets[0]?.end({ code: 1006 });
  await clock.advance(60_000);
  // Nobody reads: the peer is not lost before all that it sent has been taken.
  assertEquals(drain(pool).map(({ kind }) => kind), ["connected"]);
  for (let i = 0; i < 5; i++) {
    const message = await pool.inbox.take();
    assertEquals([message?.data, message?.session], [`first ${i}`, 1]);
  }
  await clock.advance(60_000);
  sockets[1]?.receive("second");
  assertEquals((await pool.inbox.take())?.session, 2);
  await pool.close();
});

Deno.test("Dropped events of a peer that was removed are not counted when it is added again", async () => {
  const { pool, clock } = setUp([], { eventsBufferSize: 1 });
  const [a, b] = ["ws://a.example", "ws://b.example"];
  const id = pool.connect(a);
  await clock.advance(0);
  pool.connect(b);
  await clock.advance(0);
  await pool.remove(id);
  pool.connect(a);
  await clock.advance(0);
  const [event] = drain(pool);
  assertEquals([event?.id, event?.session, event?.missed], [id, 2, undefined]);
  await pool.close();
});

Deno.test("A worker that ends before it is stopped gives the event stopped", async () => {
  const pool = new OutboundPool("pool", {
    workerFactory: () => ({
      start: () => Promise.reject(new Error("broken")),
      stop() {},
      send: () => Promise.resolve(),
      stats: () => {
        throw new Error("no figures");
      },
    }),
  });
  const url = pool.connect(URL_A);
  const event = await pool.events.take();
  assertEquals(event?.kind, "stopped");
  assertEquals(pool.peerStats(url).sentMessages, 0);
  await pool.close();
});

Deno.test("1,000 cycles of connect and abort on one signal leave no listener and no timer", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = countListeners(signal);
  for (let i = 0; i < 1_000; i++) {
    const { pool, dialer, clock } = setUp([], { signal });
    dialer.otherwise = i % 2 === 0
      ? "never"
      : (url) => new MockSocket({ url, clock });
    const url = pool.connect(URL_A);
    const waiting = pool.whenConnected(url, { signal });
    if (i % 2 === 1) await waiting;
    await pool.close();
    await waiting.catch(() => {});
    assertEquals(clock.pending, 0);
  }
  await delay(0);
  assertEquals(listeners(), 0);
});
