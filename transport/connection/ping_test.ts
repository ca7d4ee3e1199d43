import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock, MockSocket } from "../../testing/mod.ts";
import { ConnectionError } from "../base/errors.ts";
import { Schedule } from "../base/schedule.ts";
import { Connection } from "./connection.ts";

Deno.test("A ping gives its round trip, which counts as a heartbeat", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock });
  const connection = new Connection(socket, { clock, pingInterval: 0 });
  const ping = connection.ping();
  clock.tick(7);
  socket.receivePong(new Uint8Array([1, 2, 3]));
  assertEquals(connection.stats().heartbeats, 0);
  socket.receivePong();
  assertEquals(await ping, 7);
  assertEquals(await connection.heartbeats.take(), {
    at: clock.now(),
    latency: 7,
  });
  const { heartbeats, latency } = connection.stats();
  assertEquals([heartbeats, latency], [1, 7]);
  const unanswered = connection.ping();
  const cancelled = connection.ping({ signal: AbortSignal.abort("no") });
  await cancelled.catch((reason) => assertEquals(reason, "no"));
  await connection.close();
  const error = await assertRejects(() => unanswered, ConnectionError);
  assertEquals(error.code, "connection-closed");
});

Deno.test("heartbeats begins with the newest one when it is first used, also after the end", async () => {
  for (const closed of [false, true]) {
    const clock = new FakeClock();
    const socket = new MockSocket({ clock });
    const connection = new Connection(socket, { clock, pingInterval: 0 });
    for (const latency of [1, 2, 3]) {
      const ping = connection.ping();
      clock.tick(latency);
      socket.receivePong();
      await ping;
      // From the second one on it is in use.
      if (!closed && latency === 2) assertEquals(connection.heartbeats.size, 1);
    }
    await connection.close();
    const latencies: number[] = [];
    for await (const { latency } of connection.heartbeats) {
      latencies.push(latency);
    }
    assertEquals(latencies, closed ? [3] : [2, 3]);
    assertEquals(connection.stats().heartbeats, 3);
  }
});

Deno.test("If nobody reads heartbeats, the oldest are dropped", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket, { pingInterval: 0 });
  assertEquals(connection.heartbeats.size, 0);
  for (let i = 0; i < 20; i++) {
    void connection.ping();
    socket.receivePong();
  }
  assertEquals(connection.heartbeats.size, 16);
  await connection.close();
});

Deno.test("A ping that throws after the connection was closed does not cut the closing handshake", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({
    clock,
    behaviour: {
      ping: () => {
        void connection.close(4_000);
        throw new Error("closing");
      },
    },
  });
  const connection = new Connection(socket, { clock, pingInterval: 1_000 });
  await clock.advance(2_000);
  assertEquals((await connection.closed).code, 4_000);
  assertEquals([socket.terminations.length, socket.closes.length], [0, 1]);
});

Deno.test("A pong ends the deadline of its ping: an idle connection has one task, the next ping", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock });
  const connection = new Connection(socket, { clock, pingInterval: 1_000 });
  const schedule = Schedule.of(clock);
  const tasks: number[] = [];
  for (const answers of [true, true, false]) {
    await clock.advance(1_100);
    if (answers) socket.receivePong();
    tasks.push(schedule.size);
  }
  assertEquals(connection.stats().heartbeats, 2);
  assertEquals(tasks, [1, 1, 2]);
  await clock.advance(21_000);
  assertEquals((await connection.errors.take())?.code, "ping-timeout");
});

Deno.test("Pings go out every pingInterval, a tenth earlier or later", async () => {
  const clock = new FakeClock();
  clock.setRandom([0, 1]);
  const socket = new MockSocket({ clock });
  const connection = new Connection(socket, {
    clock,
    pingInterval: 1_000,
  });
  const sentAfter: number[] = [];
  for (let ms = 0; ms < 2_100; ms += 100) {
    await clock.advance(100);
    while (sentAfter.length < socket.pings.length) sentAfter.push(ms + 100);
  }
  assertEquals(sentAfter, [900, 2_000]);
  await connection.close();
  assertEquals(clock.pending, 0);
});

Deno.test("A socket without control frames cannot ping, and says so", async () => {
  const socket = new MockSocket({ controlFrames: false });
  const connection = new Connection(socket, { pingInterval: 1 });
  const error = await assertRejects(() => connection.ping(), ConnectionError);
  assertEquals(error.code, "ping-unsupported");
  assertEquals([connection.controlFrames, socket.pings.length], [false, 0]);
  await connection.close();
});

Deno.test("A socket that cannot ping after all ends its own connection only", async () => {
  const clock = new FakeClock();
  const broken = new MockSocket({
    clock,
    behaviour: {
      ping: () => {
        throw new TypeError("no ping");
      },
    },
  });
  const one = new Connection(broken, { clock });
  const other = new Connection(new MockSocket({ clock }), {
    clock,
    pingTimeout: 0,
  });
  const error = await assertRejects(() => one.ping(), TypeError);
  assertEquals(error.message, "no ping");
  assertEquals(one.state, "connected");
  await clock.advance(30_000);
  assertEquals([one.state, other.state], ["closed", "connected"]);
  assertEquals(
    (await one.errors.take())?.message,
    "Cannot use the connection: no ping.",
  );
  await other.close();
});
