import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { ConnectionError, PoolError } from "../transport/base/errors.ts";
import { drain, drainErrors, setUp } from "./_support/set_up.ts";
import type { ConnectedPeer } from "./on_connected.ts";

const URL = "ws://a.example";

Deno.test("What onConnected sends goes out first on each connection, before the connected event", async () => {
  const seen: unknown[] = [];
  const { pool, clock, sockets } = setUp([], {
    onConnected: (peer) => {
      seen.push([peer.id, peer.url, peer.session, peer.protocol]);
      seen.push(pool.isConnected("x"), pool.events.size);
      assertThrows(() => pool.trySend("x", "too early"), PoolError);
      peer.trySend("subscribe");
      void peer.send("and more");
    },
  });
  pool.connect(URL, { id: "x" });
  void pool.whenConnected("x").then(() => pool.trySend("x", "afterwards"));
  await clock.advance(0);
  assertEquals(sockets[0]?.written, ["subscribe", "and more", "afterwards"]);
  assertEquals(seen, [["x", URL, 1, ""], false, 0]);
  assertEquals(pool.stats().sentMessages, 3);
  drain(pool);
  sockets[0]?.end({ code: 1006 });
  await clock.advance(10_000);
  assertEquals(sockets[1]?.written, ["subscribe", "and more"]);
  assertEquals(seen[3], ["x", URL, 2, ""]);
  await pool.close();
});

Deno.test("The peer's onConnected comes before the pool's", async () => {
  const { pool, clock, sockets } = setUp([], {
    onConnected: (peer) => peer.trySend("pool"),
  });
  pool.connect(URL, { onConnected: (peer) => peer.trySend("peer") });
  await clock.advance(0);
  assertEquals(sockets[0]?.written, ["peer"]);
  await pool.close();
});

Deno.test("An async onConnected is waited for: until then the peer is not connected, and its messages arrive", async () => {
  const token = Promise.withResolvers<string>();
  const { pool, clock, sockets } = setUp([], {
    onConnected: async (peer) => {
      await peer.send(await token.promise);
    },
  });
  const id = pool.connect(URL);
  let connected = false;
  void pool.whenConnected(id).then(() => connected = true);
  await clock.advance(9_000);
  assertEquals(
    [pool.isConnected(id), connected, pool.events.size],
    [false, false, 0],
  );
  assertEquals(pool.peerState(id).state, "connecting");
  await assertRejects(() => pool.send(id, "x"), PoolError, "whenConnected");
  sockets[0]?.receive("challenge");
  assertEquals((await pool.inbox.take())?.data, "challenge");
  token.resolve("token");
  await clock.advance(0);
  assertEquals([pool.isConnected(id), connected], [true, true]);
  assertEquals(drain(pool).map(({ kind }) => kind), ["connected"]);
  assertEquals(sockets[0]?.written, ["token"]);
  await pool.close();
});

const failing: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error("failed");
  },
  rejects: () => Promise.reject(new Error("failed")),
  "throws what is no error": () => {
    throw "failed";
  },
};
for (const [name, onConnected] of Object.entries(failing)) {
  Deno.test(`An onConnected that ${name} is reported, and the peer is connected all the same`, async () => {
    const { pool, clock } = setUp([], { onConnected });
    const id = pool.connect(URL);
    await clock.advance(0);
    assertEquals(pool.trySend(id, "x"), true);
    assertEquals(drainErrors(pool).map(({ message }) => message), ["failed"]);
    await pool.close();
  });
}

Deno.test("An onConnected that never settles is abandoned after handshakeTimeout", async () => {
  const { pool, clock } = setUp([], {
    connection: { handshakeTimeout: 3_000 },
    onConnected: () => new Promise(() => {}),
  });
  const id = pool.connect(URL);
  await clock.advance(2_999);
  assertEquals(pool.isConnected(id), false);
  await clock.advance(1);
  assertEquals(pool.isConnected(id), true);
  const [error] = drainErrors(pool);
  assertInstanceOf(error, PoolError);
  assertEquals(error.code, "callback-timeout");
  assertEquals(error.message.includes("handshakeTimeout (3000 ms)"), true);
  await pool.close();
});

Deno.test("A connection that ends during onConnected is dialled again, and gives both events", async () => {
  const { pool, clock, sockets } = setUp([], {
    onConnected: ({ session }) =>
      session === 1 ? new Promise(() => {}) : undefined,
  });
  const id = pool.connect(URL);
  let settled = 0;
  void pool.whenConnected(id).then(() => settled++);
  await clock.advance(10);
  sockets[0]?.receiveClose(4_001, "go away");
  await clock.advance(0);
  assertEquals([settled, pool.isConnected(id)], [0, false]);
  assertEquals(
    drain(pool).map(({ kind, closeCode }) => [kind, closeCode]),
    [["connected", undefined], ["disconnected", 4_001]],
  );
  await clock.advance(10_000);
  assertEquals([settled, pool.isConnected(id)], [1, true]);
  await pool.close();
  assertEquals(clock.pending, 0);
});

Deno.test("remove, reconnect and close do not wait for onConnected", async () => {
  const { pool, clock, sockets } = setUp([], {
    onConnected: () => new Promise(() => {}),
  });
  pool.connect(URL, { id: "a" });
  pool.connect(URL, { id: "b" });
  await clock.advance(0);
  await pool.remove("a");
  pool.reconnect("b");
  await clock.advance(0);
  assertEquals(sockets.length, 3);
  await pool.close();
  assertEquals(clock.pending, 0);
});

Deno.test("A peer that was kept from onConnected stands for its connection alone", async () => {
  let kept: ConnectedPeer | undefined;
  const { pool, clock, sockets } = setUp([], {
    onConnected: (peer) => void (kept ??= peer),
  });
  pool.connect(URL);
  await clock.advance(0);
  sockets[0]?.end({ code: 1006 });
  await clock.advance(10_000);
  const peer = kept;
  assertEquals(sockets.length, 2);
  await assertRejects(async () => await peer?.send("x"), ConnectionError);
  assertThrows(() => peer?.trySend("x"), ConnectionError);
  assertEquals(sockets[1]?.written, []);
  await pool.close();
});
