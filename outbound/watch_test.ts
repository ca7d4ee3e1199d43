import { assert, assertEquals } from "@std/assert";
import { MockSocket } from "../testing/mod.ts";
import { drain, setUp } from "./_support/set_up.ts";
import type { OutboundPoolOptions } from "./options.ts";

const URL = "ws://a.example";

/** A connected pool whose peer answers every ping at once. */
async function answering(options: OutboundPoolOptions = {}) {
  const setup = setUp([], options);
  const { dialer, clock, sockets, pool } = setup;
  dialer.otherwise = (url) => {
    const socket: MockSocket = new MockSocket({
      url,
      clock,
      behaviour: { ping: (payload) => socket.receivePong(payload) },
    });
    sockets.push(socket);
    return socket;
  };
  pool.connect(URL);
  await clock.advance(0);
  drain(pool);
  return setup;
}

Deno.test("messageTimeout replaces a connection without messages, although pongs arrive", async () => {
  const { pool, clock, sockets } = await answering({
    worker: { messageTimeout: 10_000 },
    connection: { pingInterval: 1_000 },
  });
  for (let i = 0; i < 3; i++) {
    await clock.advance(9_000);
    sockets[0]?.receive("news");
  }
  await clock.advance(9_999);
  assertEquals(pool.events.size, 0);
  await clock.advance(1);
  const [lost] = drain(pool);
  assertEquals(lost?.kind, "disconnected");
  assertEquals(
    lost?.error?.message,
    "Cannot keep the connection: no message arrived within messageTimeout (10000 ms).",
  );
  assertEquals(sockets[0]?.closes.map(({ code }) => code), [1_001]);
  await clock.advance(5_000);
  assertEquals(sockets.length, 2);
  await pool.close();
  assertEquals(clock.pending, 0);
});

Deno.test("Without messageTimeout a peer that only answers pings stays", async () => {
  const { pool, clock } = await answering();
  await clock.advance(3_600_000);
  assertEquals(pool.events.size, 0);
  await pool.close();
});

Deno.test("messageTimeout does not run while reading is paused, and starts again afterwards", async () => {
  const { pool, clock, sockets } = await answering({
    inboxBufferSize: 1,
    worker: { messageTimeout: 10_000 },
  });
  for (let i = 0; i < 3; i++) sockets[0]?.receive(`${i}`);
  await clock.advance(100_000);
  assertEquals(pool.events.size, 0);
  while (await pool.inbox.take()) if (pool.inbox.size === 0) break;
  await clock.advance(0);
  while (pool.inbox.shift());
  await clock.advance(9_990);
  assertEquals(pool.events.size, 0);
  await clock.advance(10);
  assertEquals(drain(pool)[0]?.kind, "disconnected");
  await pool.close();
});

Deno.test("A silent connection is replaced after keepaliveTimeout, also while we keep sending", async () => {
  const { pool, clock, sockets } = setUp([], {
    worker: { keepaliveTimeout: 10_000 },
    connection: { pingInterval: 1_000 },
  });
  const url = pool.connect(URL);
  await clock.advance(0);
  for (let i = 0; i < 5; i++) {
    await clock.advance(3_000);
    sockets[0]?.receivePong();
  }
  assertEquals(drain(pool).map(({ kind }) => kind), ["connected"]);
  for (let i = 0; i < 10; i++) {
    pool.trySend(url, "nobody takes this as a sign of life");
    await clock.advance(i < 9 ? 1_000 : 999);
  }
  assertEquals(pool.events.size, 0);
  await clock.advance(1);
  const [event] = drain(pool);
  assertEquals(event?.kind, "disconnected");
  assert(event?.error?.message.includes("keepaliveTimeout"));
  await pool.close();
});

Deno.test("On a socket without control frames keepalive is off unless it is set, and sends count", async () => {
  const quiet = setUp([], {});
  quiet.dialer.otherwise = (url) =>
    new MockSocket({ url, clock: quiet.clock, controlFrames: false });
  quiet.pool.connect(URL);
  await quiet.clock.advance(600_000);
  assertEquals(drain(quiet.pool).map(({ kind }) => kind), ["connected"]);
  await quiet.pool.close();

  const set = setUp([], { worker: { keepaliveTimeout: 1_000 } });
  set.dialer.otherwise = (url) =>
    new MockSocket({ url, clock: set.clock, controlFrames: false });
  const url = set.pool.connect(URL);
  await set.clock.advance(0);
  for (let i = 0; i < 5; i++) {
    await set.clock.advance(900);
    await set.pool.send(url, "x");
  }
  assertEquals(drain(set.pool).map(({ kind }) => kind), ["connected"]);
  await set.clock.advance(1_100);
  assertEquals(drain(set.pool)[0]?.kind, "disconnected");
  await set.pool.close();
});

Deno.test("A quiet peer that answers is never replaced, whatever the options are", async () => {
  const cases: readonly OutboundPoolOptions[] = [
    { worker: { keepaliveTimeout: 2_000 } },
    { connection: { pingInterval: 120_000 } },
    { connection: { pingInterval: 0 } },
    {
      connection: { pingInterval: 120_000 },
      worker: { keepaliveTimeout: 1_000 },
    },
    { connection: { pingInterval: 0 }, worker: { keepaliveTimeout: 1_000 } },
  ];
  for (const options of cases) {
    const { pool, clock } = await answering(options);
    await clock.advance(1_000_000);
    assertEquals(pool.events.size, 0, JSON.stringify(options));
    await pool.close();
    assertEquals(clock.pending, 0);
  }
});

Deno.test("A silent peer is replaced after keepaliveTimeout, and was asked after half of that", async () => {
  for (const pingInterval of [0, 500, 120_000]) {
    const { pool, clock, sockets } = setUp([], {
      connection: { pingInterval, pingTimeout: 0 },
      worker: { keepaliveTimeout: 10_000 },
    });
    pool.connect(URL);
    await clock.advance(0);
    drain(pool);
    await clock.advance(1);
    sockets[0]?.receive("alive");
    await clock.advance(5_000);
    assertEquals((sockets[0]?.pings.length ?? 0) >= 1, true);
    await clock.advance(4_990);
    assertEquals(pool.events.size, 0);
    await clock.advance(10);
    assertEquals(drain(pool)[0]?.kind, "disconnected");
    await pool.close();
  }
});

Deno.test("The usual keepaliveTimeout leaves time for three pings", async () => {
  for (
    const [pingInterval, timeout] of [[1_000, 60_000], [20_000, 60_000], [
      50_000,
      150_000,
    ]] as const
  ) {
    const { pool, clock } = setUp([], {
      connection: { pingInterval, pingTimeout: 0 },
    });
    pool.connect(URL);
    await clock.advance(0);
    drain(pool);
    await clock.advance(timeout - 1);
    assertEquals(pool.events.size, 0);
    await clock.advance(1);
    assertEquals(drain(pool)[0]?.kind, "disconnected");
    await pool.close();
  }
});
