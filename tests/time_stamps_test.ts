import { assertEquals } from "@std/assert";
import {
  Connection,
  forEachMessage,
  InboundPool,
  OutboundPool,
} from "../mod.ts";
import {
  FakeClock,
  MockDialer,
  MockSocket,
  socketPair,
} from "../testing/mod.ts";

/** A time of day, far from the time at which a fake clock begins. */
const DATE = 1_800_000_000_000;

Deno.test("Time stamps follow the time of day when it is set, and no deadline does", async () => {
  const clock = new FakeClock();
  const { client, server } = socketPair({ clock });
  const pool = new InboundPool("in", {
    clock,
    connection: { pingInterval: 0 },
    worker: { inactivityTimeout: 10_000 },
  });
  const peer = new Connection(client, { clock, pingInterval: 0 });
  pool.add("a", server);
  await clock.advance(0);
  clock.setDate(DATE);
  peer.trySend("x");
  await peer.ping();
  assertEquals((await pool.inbox.take())?.receivedAt, clock.date());
  assertEquals((await peer.heartbeats.take())?.at, clock.date());
  assertEquals(peer.lastHeardAt, clock.date());
  await clock.advance(4_000);
  clock.setDate(DATE - 1_000_000);
  await clock.advance(4_000);
  assertEquals([peer.state, pool.peers], ["connected", ["a"]]);
  peer.trySend("y");
  const handling = forEachMessage(pool, () => {
    throw new Error("failed");
  });
  await clock.advance(0);
  assertEquals((await pool.errors.take())?.at, clock.date());
  await peer.close();
  assertEquals((await pool.events.take())?.at, clock.date());
  await pool.close();
  await handling;
});

Deno.test("Time stamps of an outbound pool are the time of day", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock });
  const { dial } = new MockDialer([new Error("refused"), socket]);
  const pool = new OutboundPool("out", { clock, dialer: dial });
  clock.setDate(DATE);
  const id = pool.connect("ws://a.example");
  await clock.advance(0);
  await pool.whenConnected(id);
  socket.receive("x");
  assertEquals((await pool.errors.take())?.at, DATE);
  assertEquals((await pool.events.take())?.at, DATE);
  assertEquals((await pool.inbox.take())?.receivedAt, DATE);
  await pool.close();
});
