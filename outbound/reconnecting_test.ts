/** What `reconnect` and `remove` do to a peer in each of its states. */

import { assertEquals, assertRejects } from "@std/assert";
import { MockSocket } from "../testing/mod.ts";
import { PoolError } from "../transport/base/errors.ts";
import { drain, drainErrors, setUp } from "./_support/set_up.ts";

const URL = "ws://a.test";

Deno.test("reconnect() sends one close frame, and the peer waits until the connection has ended", async () => {
  const socket = new MockSocket({ behaviour: { close() {} } });
  const { pool, clock, sockets } = setUp([socket]);
  pool.connect(URL);
  await pool.whenConnected(URL);
  for (let i = 0; i < 2; i++) pool.reconnect(URL);
  assertEquals(socket.closes.map(({ code }) => code), [1000]);
  assertEquals(pool.peerState(URL).state, "waiting");
  socket.terminate();
  await clock.settle();
  assertEquals(sockets.length, 1);
  assertEquals(pool.peerState(URL).state, "connected");
  await pool.close();
});

Deno.test("A dial that reconnect() ends is no failed one", async () => {
  const { pool, clock } = setUp(["never"]);
  pool.connect(URL);
  await clock.settle();
  pool.reconnect(URL);
  await pool.whenConnected(URL);
  assertEquals([pool.stats().failedDials, drainErrors(pool)], [0, []]);
  await pool.close();
});

Deno.test("reconnect() in a callback of a loss dials at once, and the event says so", async () => {
  for (const when of ["shouldReconnect", "onEvent"]) {
    const delays: unknown[] = [];
    const again = () => {
      pool.reconnect(URL);
      queueMicrotask(() => {
        const state = pool.peerState(URL);
        delays.push("until" in state && state.until - clock.date());
      });
    };
    const { pool, clock, sockets } = setUp([], {
      shouldReconnect: () => {
        if (when === "shouldReconnect") again();
        return undefined;
      },
      onEvent: ({ kind }) => {
        if (when === "onEvent" && kind === "disconnected") again();
      },
    });
    pool.connect(URL);
    await pool.whenConnected(URL);
    sockets[0]?.receiveClose(1000);
    await clock.settle();
    assertEquals(sockets.length, 2);
    assertEquals(delays, [0]);
    const lost = drain(pool).find(({ kind }) => kind === "disconnected");
    if (when === "shouldReconnect") {
      assertEquals([lost?.delay, lost?.attempt], [0, 1]);
    }
    await pool.close();
  }
});

Deno.test("remove() of a peer that waits for its next dial does nothing to the connection that was lost", async () => {
  const { pool, clock, sockets } = setUp();
  pool.connect(URL);
  await pool.whenConnected(URL);
  sockets[0]?.end();
  await clock.settle();
  assertEquals(pool.peerState(URL).state, "waiting");
  const error = await assertRejects(() => pool.send(URL, "x"), PoolError);
  assertEquals(error.code, "connection-unavailable");
  await pool.remove(URL);
  assertEquals(sockets[0]?.closes, []);
  await pool.close();
});

Deno.test("Messages that a peer had sent are delivered when it is removed, although the inbox is full", async () => {
  const { pool, sockets } = setUp([], { inboxBufferSize: 1 });
  pool.connect(URL);
  await pool.whenConnected(URL);
  for (const data of ["a", "b", "c"]) sockets[0]?.receive(data);
  await pool.remove(URL);
  const read: unknown[] = [];
  while (pool.inbox.size > 0) read.push(pool.inbox.shift()?.data);
  assertEquals(read, ["a", "b", "c"]);
  await pool.close();
});

Deno.test("A peer that sends too much and cannot be paused has closeTimeout for the closing handshake", async () => {
  const socket = new MockSocket({
    flowControl: false,
    behaviour: { close() {} },
  });
  const { pool, clock } = setUp([socket], {
    inboxBufferSize: 1,
    connection: { incomingBufferSize: 1, closeTimeout: 3_000 },
  });
  pool.connect(URL);
  await pool.whenConnected(URL);
  for (let i = 0; i < 5; i++) socket.receive(String(i));
  const [close] = socket.closes;
  assertEquals([close?.code, close?.options.timeout], [1009, 3_000]);
  socket.terminate();
  await pool.close();
  await clock.advance(10_000);
});

Deno.test("If a second timeout ends while a silent peer is closed, the first is the reason", async () => {
  const { pool, clock, sockets } = setUp([], {
    connection: { pingInterval: 0, pingTimeout: 0 },
    worker: { keepaliveTimeout: 1_000, messageTimeout: 1_020 },
  });
  pool.connect(URL);
  await pool.whenConnected(URL);
  const [socket] = sockets;
  if (socket !== undefined) socket.behaviour.close = () => {};
  await clock.advance(1_040);
  socket?.terminate();
  await clock.settle();
  const lost = drain(pool).find(({ kind }) => kind === "disconnected");
  assertEquals(
    lost?.error && Reflect.get(lost.error, "code"),
    "keepalive-timeout",
  );
  await pool.close();
  await clock.advance(10_000);
});

Deno.test("whenConnected keeps nothing of a wait that has ended", async () => {
  const { pool, clock, sockets } = setUp();
  const stops = [new AbortController(), new AbortController()] as const;
  let removals = 0;
  for (const { signal } of stops) {
    const { removeEventListener } = signal;
    signal.removeEventListener = (...args: unknown[]) => {
      removals++;
      Reflect.apply(removeEventListener, signal, args);
    };
  }
  pool.connect(URL);
  const [cancelled, connected] = stops.map(({ signal }) =>
    pool.whenConnected(URL, { signal })
  );
  stops[0].abort(new Error("enough"));
  await assertRejects(() => cancelled ?? Promise.resolve(), Error, "enough");
  await connected;
  assertEquals(removals, 1);
  // A wait that were kept would end once more.
  pool.reconnect(URL);
  await clock.advance(100);
  assertEquals([sockets.length, removals], [2, 1]);
  await pool.close();
});
