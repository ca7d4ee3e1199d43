import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Connection } from "../transport/connection/connection.ts";
import {
  ConfigError,
  ConnectionError,
  PoolError,
} from "../transport/base/errors.ts";
import { delay } from "@std/async";
import {
  eventually,
  FakeClock,
  MockSocket,
  type SocketPair,
  socketPair,
} from "../testing/mod.ts";
import { InboundPool } from "./pool.ts";
import type { InboundPlugin, InboundWorker } from "./plugin.ts";

/** A peer's end of a pair whose other end is in a pool. */
function addPeer(pool: InboundPool, id: string): Connection {
  const { client, server } = socketPair();
  pool.add(id, server);
  return Connection.fromSocket(client);
}

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

const ENDS: readonly [
  name: string,
  end: (pair: SocketPair, peer: Connection) => void,
  kind: string,
  code: number | undefined,
][] = [
  ["1000", (_, peer) => void peer.close(), "disconnected", undefined],
  ["1001", (_, peer) => void peer.close(1001), "disconnected", undefined],
  ["no code", ({ client }) => client.close(), "disconnected", undefined],
  ["1008", (_, peer) => void peer.close(1008), "dropped-close", 1008],
  ["4321", (_, peer) => void peer.close(4321), "dropped-close", 4321],
  ["a cut", (_, peer) => peer.terminate(), "dropped-close", 1006],
];

for (const [name, end, kind, code] of ENDS) {
  Deno.test(`A peer that leaves with ${name} gives the event ${kind}, once`, async () => {
    await using pool = new InboundPool("pool");
    const pair = socketPair();
    pool.add("a", pair.server);
    const peer = Connection.fromSocket(pair.client);
    end(pair, peer);
    const event = await pool.events.take();
    assertEquals([event?.kind, event?.closeCode], [kind, code]);
    await peer.close();
    await delay(1);
    assertEquals(pool.events.size, 0);
  });
}

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
  Connection.fromSocket(client);
  await pool.remove("a");
  addPeer(pool, "b");
  await pool.close();
  assertEquals(await pool.events.take(), undefined);
});

Deno.test("replace puts what the old peer had sent before anything of the new one", async () => {
  await using pool = new InboundPool("pool", { inboxBufferSize: 1 });
  const old = addPeer(pool, "a");
  for (let i = 0; i < 5; i++) await old.send(`old ${i}`);
  await delay(1);
  const { client, server } = socketPair();
  const replaced = Connection.fromSocket(client);
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

Deno.test("A send right after a replace or a removal does not go to who was there before", async () => {
  await using pool = new InboundPool("pool");
  const old = addPeer(pool, "a");
  await pool.send("a", "one");
  const { client, server } = socketPair();
  pool.replace("a", server);
  await pool.send("a", "two");
  assertEquals(await old.incoming.take(), "one");
  const next = Connection.fromSocket(client);
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

Deno.test("close never waits for a consumer: what has arrived can be read afterwards", async () => {
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

Deno.test("A peer that is held back is not evicted for its silence", async () => {
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

Deno.test("With maxQueueSize the oldest messages go and are counted, and nobody is held back", async () => {
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

Deno.test("A factory that throws makes add throw, and nothing has changed", async () => {
  await using pool = new InboundPool("pool", {
    workerFactory: () => {
      throw new Error("no workers today");
    },
  });
  const socket = new MockSocket();
  try {
    pool.add("a", socket);
    throw new Error("unreachable");
  } catch (error) {
    assert(error instanceof PoolError);
    assertEquals(error.code, "worker-failed");
  }
  assertEquals([pool.has("a"), socket.started], [false, false]);
});

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

Deno.test("A worker that says twice how it ended is believed once", async () => {
  await using pool = new InboundPool("pool", {
    workerFactory: () =>
      workerOf((plugin) => {
        plugin.onExit({ kind: "disconnected" });
        plugin.onExit({ kind: "evicted-policy" });
        return Promise.resolve();
      }),
  });
  pool.add("a", new MockSocket());
  assertEquals((await pool.events.take())?.kind, "disconnected");
  await delay(1);
  assertEquals(pool.events.size, 0);
});

Deno.test("A worker that ends without a word has disconnected, and what it left open is cut", async () => {
  await using pool = new InboundPool("pool", {
    workerFactory: () => workerOf(() => Promise.resolve()),
  });
  const socket = new MockSocket();
  pool.add("a", socket);
  assertEquals((await pool.events.take())?.kind, "disconnected");
  assertEquals([pool.has("a"), socket.ended], [false, true]);
});

Deno.test("A worker that never ends is given up when the pool closes", async () => {
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
  await clock.advance(10_000);
  await closed;
  const errors: string[] = [];
  for await (const { error } of pool.errors) errors.push(error.message);
  assertEquals([errors.length, socket.ended], [2, true]);
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

Deno.test("What was missed of a peer's earlier stays is told with its next event", async () => {
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

Deno.test("A peer may have any id, also in the statistics", async () => {
  await using pool = new InboundPool("pool");
  for (const id of ["__proto__", "constructor", " "]) addPeer(pool, id);
  assertEquals(pool.peers, [
    "__proto__",
    "constructor",
    " ",
  ]);
});

Deno.test("A socket that a pool has is not taken a second time", async () => {
  await using pool = new InboundPool("pool");
  const { client, server } = socketPair();
  await using _peer = Connection.fromSocket(client);
  pool.add("a", server);
  for (
    const again of [
      () => pool.add("b", server),
      () => pool.replace("a", server),
    ]
  ) {
    const error = assertThrows(again, ConfigError, "no pool has taken");
    assertEquals(error.field, "socket");
  }
  assertEquals(pool.peers, ["a"]);
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

Deno.test("Beyond maxPeers nobody is added; a replacement takes no room", async () => {
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

Deno.test("Options that have no effect in an inbound pool are refused, and the message says where they belong", () => {
  for (
    const [options, field, home] of [
      [{ pingInterval: 5 }, "pingInterval", "the field connection"],
      [{ inactivityTimeout: 5 }, "inactivityTimeout", "the field worker"],
      [{ dialer: () => {} }, "dialer", "an outbound pool"],
      [
        { worker: { keepaliveTimeout: 5 } },
        "worker.keepaliveTimeout",
        "outbound",
      ],
      [{ worker: { maxPeers: 5 } }, "worker.maxPeers", "the pool"],
      [{ inboxSize: 5 }, "inboxSize", "inboxBufferSize"],
      [
        { connection: { maxMessageSize: 9 } },
        "connection.maxMessageSize",
        "listen",
      ],
      [
        { connection: { compression: true } },
        "connection.compression",
        "listen",
      ],
      [{ connection: { protocols: [] } }, "connection.protocols", "listen"],
      [{ connection: { retry: false } }, "connection.retry", "dials"],
      [
        { connection: { signal: AbortSignal.abort() } },
        "connection.signal",
        "the pool",
      ],
      [
        { connection: { clock: new FakeClock() } },
        "connection.clock",
        "the pool",
      ],
      [{ connection: { meter: {} } }, "connection.meter", "stats()"],
      [
        { connection: { inactivityTimeout: 5 } },
        "connection.inactivityTimeout",
        "worker",
      ],
      [{ connection: { pings: 5 } }, "connection.pings", "pingInterval"],
      [{ worker: { blocks: {} } }, "worker.blocks", "maxQueueSize"],
    ] as const
  ) {
    const error = assertThrows(
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      () => new InboundPool("pool", options as any),
      ConfigError,
      home,
    );
    assertEquals(error.field, field);
  }
});

Deno.test("The figures of a pool never fall, whatever becomes of its peers", async () => {
  const pool = new InboundPool("pool", { inboxBufferSize: 1_000 });
  const send = async (peer: Connection, count: number) => {
    for (let i = 0; i < count; i++) await peer.send("four");
    await delay(1);
  };
  const a = addPeer(pool, "a");
  await send(a, 3);
  await pool.send("a", "fünf!");
  await pool.remove("a");
  const b = addPeer(pool, "b");
  await send(b, 2);
  void b.close();
  await eventually(() => !pool.has("b"));
  const old = addPeer(pool, "c");
  await send(old, 1);
  const { client, server } = socketPair();
  pool.replace("c", server);
  await send(Connection.fromSocket(client), 4);
  void pool.send("nobody", "x");
  const { peerCount, ...stats } = pool.stats();
  assertEquals(peerCount, 1);
  assertEquals(stats, {
    receivedMessages: 10,
    receivedBytes: 40,
    droppedMessages: 0,
    sentMessages: 1,
    sentBytes: 6,
    failedSends: 1,
    heartbeats: 0,
    connections: 4,
    lostConnections: 1,
    failedDials: 0,
    inboxDepth: 10,
    waitingMessages: 0,
    eventsDepth: 1,
    errorsDepth: 0,
    droppedErrors: 0,
    missedEvents: 0,
  });
  // A stay has its own figures.
  assertEquals(pool.peerStats("c").receivedMessages, 4);
  await pool.close();
  assertEquals(pool.stats().receivedMessages, 10);
});

Deno.test("Taking the figures of a pool looks at no peer", async () => {
  await using pool = new InboundPool("pool", {
    workerFactory: () => ({
      start: () => new Promise(() => {}),
      stop: () => {},
      send: () => Promise.resolve(),
      stats: () => {
        throw new Error("It was asked");
      },
    }),
    connection: { closeTimeout: 1 },
  });
  for (let i = 0; i < 100; i++) pool.add(String(i), new MockSocket());
  pool.stats();
  assertEquals(pool.errors.size, 0);
  pool.peerStats("0");
  assertEquals(pool.errors.size, 1);
});
