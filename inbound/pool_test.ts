import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import {
  eventually,
  FakeClock,
  MockSocket,
  socketPair,
} from "../testing/mod.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";
import { Connection } from "../transport/connection/connection.ts";
import { addPeer } from "./_support/peers.ts";
import { InboundPool } from "./pool.ts";

Deno.test("Messages of all peers come in order for each, with who sent them and when", async () => {
  const clock = new FakeClock({ now: 5_000 });
  await using pool = new InboundPool("pool", { clock });
  const a = addPeer(pool, "a");
  const b = addPeer(pool, "b");
  await a.send("a1");
  await b.send("b1");
  await a.send("a2");
  const got: Record<string, unknown[]> = { a: [], b: [] };
  for (let i = 0; i < 3; i++) {
    const message = await pool.inbox.take();
    assert(message !== undefined);
    got[message.id]?.push(message.data);
    assertEquals(message.session, 1);
  }
  assertEquals(got, { a: ["a1", "a2"], b: ["b1"] });
});

Deno.test("A peer that leaves is gone when its event is seen, and all that it sent is in the inbox", async () => {
  await using pool = new InboundPool("pool", { inboxBufferSize: 2 });
  const peer = addPeer(pool, "a");
  for (let i = 0; i < 50; i++) await peer.send(String(i));
  void peer.close(1000, "done");
  const event = pool.events.take();
  // Nobody reads yet: the peer is still known, since it has sent more than the inbox holds.
  await delay(5);
  assertEquals(pool.has("a"), true);
  for (let i = 0; i < 50; i++) {
    assertEquals((await pool.inbox.take())?.data, String(i));
  }
  const { kind, session } = await event ?? {};
  assertEquals([kind, session], ["disconnected", 1]);
  assertEquals(pool.has("a"), false);
});

Deno.test("replace puts what the old peer had sent before anything of the new one", async () => {
  await using pool = new InboundPool("pool", { inboxBufferSize: 1 });
  const old = addPeer(pool, "a");
  for (let i = 0; i < 5; i++) await old.send(`old ${i}`);
  await delay(1);
  const { client, server } = socketPair();
  const replaced = new Connection(client);
  pool.replace("a", server);
  await replaced.send("new");
  assertEquals((await old.closed).code, 1000);
  const got: unknown[] = [];
  for (let i = 0; i < 6; i++) {
    const message = await pool.inbox.take();
    got.push([message?.data, message?.session]);
  }
  assertEquals(got, [
    ["old 0", 1],
    ["old 1", 1],
    ["old 2", 1],
    ["old 3", 1],
    ["old 4", 1],
    ["new", 2],
  ]);
});

Deno.test("A send right after a replace or a removal does not go to the previous peer", async () => {
  await using pool = new InboundPool("pool");
  const old = addPeer(pool, "a");
  await pool.send("a", "one");
  const { client, server } = socketPair();
  pool.replace("a", server);
  await pool.send("a", "two");
  assertEquals(await old.incoming.take(), "one");
  const next = new Connection(client);
  assertEquals(await next.incoming.take(), "two");
  const removed = pool.remove("a");
  assertEquals(
    (await assertRejects(() => pool.send("a", "three"), PoolError)).code,
    "peer-not-found",
  );
  await removed;
  assertEquals(await old.incoming.take(), undefined);
});

Deno.test("remove closes with 1000, waits for the end, and frees the id at once", async () => {
  await using pool = new InboundPool("pool");
  const peer = addPeer(pool, "a");
  const removed = pool.remove("a");
  assertEquals(pool.has("a"), false);
  addPeer(pool, "a");
  await removed;
  assertEquals((await peer.closed).code, 1000);
  assertEquals(
    (await assertRejects(() => pool.remove("b"), PoolError)).code,
    "peer-not-found",
  );
});

Deno.test("close never waits for a consumer: messages that have arrived can be read afterwards", async () => {
  const pool = new InboundPool("pool", { inboxBufferSize: 1 });
  const peer = addPeer(pool, "a");
  for (let i = 0; i < 20; i++) await peer.send(String(i));
  await delay(1);
  await pool.close();
  assertEquals((await peer.closed).code, 1001);
  const got: unknown[] = [];
  for await (const { data } of pool.inbox) got.push(data);
  assertEquals(got, Array.from({ length: 20 }, (_, i) => String(i)));
});

Deno.test("Aborting the signal closes the pool, and a closed pool has left the signal alone", async () => {
  const controller = new AbortController();
  const pool = new InboundPool("pool", { signal: controller.signal });
  const peer = addPeer(pool, "a");
  controller.abort();
  await pool.closed;
  assertEquals((await peer.closed).code, 1001);
  const other = new InboundPool("pool", { signal: controller.signal });
  await other.closed;
});

Deno.test("With maxQueueSize the oldest messages are dropped and counted, and no peer is paused", async () => {
  await using pool = new InboundPool("pool", {
    inboxBufferSize: 1,
    worker: { maxQueueSize: 3 },
  });
  const socket = new MockSocket();
  pool.add("a", socket);
  for (let i = 0; i < 10; i++) socket.receive(String(i));
  const { droppedMessages, waitingMessages } = pool.peerStats("a");
  assertEquals([droppedMessages, waitingMessages], [6, 3]);
  const got: unknown[] = [];
  for (let i = 0; i < 4; i++) got.push((await pool.inbox.take())?.data);
  assertEquals(got, ["0", "7", "8", "9"]);
});

Deno.test("A forgotten await of a send that fails is counted and ends nothing", async () => {
  await using pool = new InboundPool("pool");
  void pool.send("nobody", "x");
  const socket = new MockSocket();
  pool.add("a", socket);
  socket.end({ code: 1000 });
  void pool.send("a", "too late");
  await delay(1);
  assertEquals(pool.stats().failedSends, 2);
});

Deno.test("A peer may have any id, also in the statistics", async () => {
  await using pool = new InboundPool("pool");
  for (const id of ["__proto__", "constructor", " "]) addPeer(pool, id);
  assertEquals(pool.peers, [
    "__proto__",
    "constructor",
    " ",
  ]);
});

Deno.test("replace of an id that the pool does not have is refused", async () => {
  await using pool = new InboundPool("pool");
  const socket = new MockSocket();
  const error = assertThrows(() => pool.replace("a", socket), PoolError);
  assertEquals([error.code, socket.started], ["peer-not-found", false]);
});

Deno.test("A socket is not taken a second time although its worker makes no connection of it", async () => {
  const done = Promise.withResolvers<void>();
  await using pool = new InboundPool("pool", {
    workerFactory: () => ({
      start: () => done.promise,
      stop: () => done.resolve(),
      send: () => Promise.resolve(),
    }),
  });
  const socket = new MockSocket();
  pool.add("a", socket);
  assertThrows(() => pool.add("b", socket), ConfigError, "was given to a pool");
});

Deno.test("A peer that was removed gets no second close frame when the pool closes", async () => {
  const clock = new FakeClock();
  const pool = new InboundPool("pool", { clock });
  const socket = new MockSocket({ clock, behaviour: { close() {} } });
  pool.add("a", socket);
  const removed = pool.remove("a", { code: 4_001 });
  const closed = pool.close();
  assertEquals(socket.closes.map(({ code }) => code), [4_001]);
  socket.terminate();
  await Promise.all([removed, closed]);
});

Deno.test("A socket that a pool has is not taken a second time", async () => {
  await using pool = new InboundPool("pool");
  const { client, server } = socketPair();
  await using peer = new Connection(client);
  pool.add("a", server);
  for (
    const again of [
      () => pool.add("b", server),
      () => pool.replace("a", server),
      () => pool.add("b", client),
    ]
  ) {
    const error = assertThrows(
      again,
      ConfigError,
      "was given to a pool or a connection before",
    );
    assertEquals(error.field, "socket");
  }
  assertThrows(() => new Connection(server), ConfigError, "has one already");
  assertEquals(pool.peers, ["a"]);
  assertEquals(peer.state, "connected");
});

Deno.test("remove and close send the close frame that the caller gives", async () => {
  const pool = new InboundPool("pool");
  const a = addPeer(pool, "a");
  const b = addPeer(pool, "b");
  await pool.remove("a", { code: 4_001, reason: "bye" });
  await pool.close({ code: 1012, reason: "restart" });
  const ends = [await a.closed, await b.closed];
  assertEquals(ends.map(({ code, reason }) => [code, reason]), [
    [4_001, "bye"],
    [1012, "restart"],
  ]);
});

Deno.test("A code that close is given goes out without the usual reason", async () => {
  const pool = new InboundPool("pool");
  const peer = addPeer(pool, "a");
  await pool.close({ code: 4_002 });
  const { code, reason } = await peer.closed;
  assertEquals([code, reason], [4_002, ""]);
});

Deno.test("A close frame that may not be sent is refused, and nothing has changed", async () => {
  await using pool = new InboundPool("pool");
  addPeer(pool, "a");
  for (
    const options of [
      { code: 1006 },
      { code: 7 },
      { reason: "x".repeat(124) },
      { codes: 1000 },
    ]
  ) {
    await assertRejects(() => pool.remove("a", options), ConfigError);
    await assertRejects(() => pool.close(options), ConfigError);
  }
  assertEquals(pool.peers, ["a"]);
  assertEquals(pool.trySend("a", "still here"), true);
});

Deno.test("Beyond maxPeers nobody is added; a replacement does not count", async () => {
  await using pool = new InboundPool("pool", { maxPeers: 2 });
  addPeer(pool, "a");
  const b = addPeer(pool, "b");
  const socket = new MockSocket();
  const error = assertThrows(() => pool.add("c", socket), PoolError);
  assertEquals([error.code, socket.started], ["pool-full", false]);
  pool.replace("a", socket);
  await b.close();
  await eventually(() => !pool.has("b"));
  addPeer(pool, "c");
  assertEquals(pool.peers, ["a", "c"]);
});

Deno.test("A pause of the process while a peer leaves is not blamed on its worker", async () => {
  const clock = new FakeClock();
  const pool = new InboundPool("pool", {
    clock,
    connection: { closeTimeout: 1_000, pingInterval: 0 },
  });
  const socket = new MockSocket({
    clock,
    behaviour: { close: () => {} },
  });
  pool.add("a", socket);
  const removed = pool.remove("a");
  await clock.settle();
  clock.block(60_000);
  // The answer of the peer waits in the system until timers that are due have run.
  await clock.advance(0);
  socket.receiveClose(1_000);
  await clock.advance(0);
  await removed;
  assertEquals(pool.errors.size, 0);
  await pool.close();
});

Deno.test("An id that is none is that of no peer", async () => {
  await using pool = new InboundPool("pool");
  for (const id of [undefined, null, 5]) {
    const calls: readonly (() => unknown)[] = [
      () => Reflect.apply(pool.trySend, pool, [id, "x"]),
      () => Reflect.apply(pool.peerStats, pool, [id]),
    ];
    for (const call of calls) {
      assertEquals(assertThrows(call, PoolError).code, "peer-not-found");
    }
    const promises: readonly (() => Promise<unknown>)[] = [
      () => Reflect.apply(pool.send, pool, [id, "x"]),
      () => Reflect.apply(pool.remove, pool, [id]),
    ];
    for (const call of promises) {
      assertEquals(
        (await assertRejects(call, PoolError)).code,
        "peer-not-found",
      );
    }
  }
});
