import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import {
  eventually,
  FakeClock,
  MockSocket,
  type SocketPair,
  socketPair,
} from "../testing/mod.ts";
import { ConnectionError, PoolError } from "../transport/base/errors.ts";
import { Connection } from "../transport/connection/connection.ts";
import { addPeer } from "./_support/peers.ts";
import { InboundPool } from "./pool.ts";

const ENDS: readonly [
  name: string,
  end: (pair: SocketPair, peer: Connection) => void,
  kind: string,
  code: number,
][] = [
  ["1000", (_, peer) => void peer.close(), "disconnected", 1000],
  ["1001", (_, peer) => void peer.close(1001), "disconnected", 1001],
  ["no code", ({ client }) => client.close(), "disconnected", 1005],
  ["1008", (_, peer) => void peer.close(1008), "dropped-close", 1008],
  ["4321", (_, peer) => void peer.close(4321), "dropped-close", 4321],
  ["a cut", (_, peer) => peer.terminate(), "dropped-close", 1006],
];

for (const [name, end, kind, code] of ENDS) {
  Deno.test(`A peer that leaves with ${name} gives the event ${kind}, once`, async () => {
    await using pool = new InboundPool("pool");
    const pair = socketPair();
    pool.add("a", pair.server);
    const peer = new Connection(pair.client);
    end(pair, peer);
    const event = await pool.events.take();
    assertEquals([event?.kind, event?.closeCode], [kind, code]);
    await peer.close();
    await delay(1);
    assertEquals(pool.events.size, 0);
  });
}

Deno.test("A peer that the runtime found silent gives the event evicted-policy", async () => {
  await using pool = new InboundPool("pool");
  const socket = new MockSocket();
  pool.add("a", socket);
  socket.end({ code: 1001, inactive: true });
  assertEquals((await pool.events.take())?.kind, "evicted-policy");
});

Deno.test("A peer that cannot be paused and sends too much gives the event dropped-error, with the limit", async () => {
  await using pool = new InboundPool("pool", {
    inboxBufferSize: 1,
    connection: { incomingBufferSize: 2 },
  });
  const socket = new MockSocket({ flowControl: false });
  pool.add("a", socket);
  for (let i = 0; i < 5; i++) socket.receive(String(i));
  while (pool.inbox.shift() !== undefined);
  const event = await pool.events.take();
  assertEquals([event?.kind, event?.closeCode], ["dropped-error", 1009]);
  assert(event?.error instanceof PoolError);
  assertEquals(event.error.code, "messages-dropped");
});

Deno.test("No timer of a peer that has left stays", async () => {
  const clock = new FakeClock();
  const pool = new InboundPool("pool", {
    clock,
    connection: { pingInterval: 0 },
    worker: { inactivityTimeout: 1_000 },
  });
  const socket = new MockSocket({ clock });
  pool.add("a", socket);
  socket.end();
  assertEquals((await pool.events.take())?.kind, "dropped-close");
  assertEquals(clock.pending, 0);
  await pool.close();
});

Deno.test("A read error gives the event dropped-error, with the error", async () => {
  await using pool = new InboundPool("pool");
  const socket = new MockSocket();
  pool.add("a", socket);
  const error = new Error("Connection reset by peer");
  socket.end({ code: 1006, error });
  const event = await pool.events.take();
  assertEquals(event?.kind, "dropped-error");
  assert(event?.error instanceof ConnectionError);
  assertEquals(event.error.cause, error);
});

Deno.test("add, replace, remove and close give no event", async () => {
  const pool = new InboundPool("pool");
  addPeer(pool, "a");
  const { client, server } = socketPair();
  pool.replace("a", server);
  new Connection(client);
  await pool.remove("a");
  addPeer(pool, "b");
  await pool.close();
  assertEquals(await pool.events.take(), undefined);
});

Deno.test("The watchdog evicts a silent peer; messages and answered pings keep it", async () => {
  const clock = new FakeClock();
  await using pool = new InboundPool("pool", {
    clock,
    worker: { inactivityTimeout: 1_000 },
    connection: { pingInterval: 0 },
  });
  const socket = new MockSocket({ clock });
  pool.add("a", socket);
  for (let i = 0; i < 5; i++) {
    await clock.advance(900);
    socket.receive("still here");
  }
  assertEquals(pool.has("a"), true);
  await clock.advance(999);
  assertEquals(pool.has("a"), true);
  await clock.advance(101);
  const event = await pool.events.take();
  assertEquals(event?.kind, "evicted-policy");
  assertEquals(pool.has("a"), false);
});

Deno.test("A peer that is not read is not evicted for its silence", async () => {
  const clock = new FakeClock();
  await using pool = new InboundPool("pool", {
    clock,
    inboxBufferSize: 1,
    worker: { inactivityTimeout: 1_000 },
    connection: { pingInterval: 0, incomingBufferSize: 1 },
  });
  const socket = new MockSocket({ clock });
  pool.add("a", socket);
  for (let i = 0; i < 10; i++) socket.receive(String(i));
  await clock.advance(60_000);
  assertEquals(pool.has("a"), true);
  for (let i = 0; i < 10; i++) {
    assertEquals((await pool.inbox.take())?.data, String(i));
  }
  await clock.advance(900);
  assertEquals(pool.has("a"), true);
  await clock.advance(300);
  assertEquals(pool.has("a"), false);
});

Deno.test("When nobody reads events, a peer's newest one says how many were missed", async () => {
  await using pool = new InboundPool("pool", { eventsBufferSize: 2 });
  for (let i = 0; i < 5; i++) {
    addPeer(pool, "a").terminate();
    await eventually(() => !pool.has("a"));
  }
  const sessions: unknown[] = [];
  while (pool.events.size > 0) {
    const event = await pool.events.take();
    sessions.push([event?.session, event?.missed]);
  }
  assertEquals(sessions, [[5, 4]]);
  assertEquals(pool.stats().missedEvents, 4);
});

Deno.test("The next event of a peer counts the events of its earlier connections that were dropped", async () => {
  await using pool = new InboundPool("pool", { eventsBufferSize: 1 });
  addPeer(pool, "a").terminate();
  await eventually(() => !pool.has("a"));
  const again = addPeer(pool, "a");
  addPeer(pool, "b").terminate();
  await eventually(() => !pool.has("b"));
  assertEquals((await pool.events.take())?.id, "b");
  again.terminate();
  const event = await pool.events.take();
  assertEquals([event?.id, event?.session, event?.missed], ["a", 2, 1]);
});

Deno.test("onEvent sees each event in the call that emits it, also those that events drops", async () => {
  const seen: string[] = [];
  await using pool = new InboundPool("pool", {
    eventsBufferSize: 1,
    onEvent: (event) => seen.push(`${event.id} ${event.kind}`),
  });
  for (const id of ["a", "b", "c"]) {
    const socket = new MockSocket();
    pool.add(id, socket);
    socket.receiveClose(1000);
  }
  await eventually(() => seen.length === 3);
  assertEquals(seen, ["a disconnected", "b disconnected", "c disconnected"]);
  assertEquals(pool.events.size, 1);
});

for (
  const [name, onEvent] of [
    ["throws", () => {
      throw new Error("broken");
    }],
    ["rejects", () => Promise.reject(new Error("broken"))],
  ] as const
) {
  Deno.test(`onEvent that ${name} is reported, and the event is there all the same`, async () => {
    await using pool = new InboundPool("pool", { onEvent });
    const socket = new MockSocket();
    pool.add("a", socket);
    socket.receiveClose(1000);
    const record = await pool.errors.take();
    assertEquals([record?.id, record?.error.message], ["a", "broken"]);
    assertEquals((await pool.events.take())?.kind, "disconnected");
  });
}
