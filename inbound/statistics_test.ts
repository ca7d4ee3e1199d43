import { assertEquals } from "@std/assert";
import { delay } from "@std/async";
import {
  eventually,
  FakeClock,
  MockSocket,
  socketPair,
} from "../testing/mod.ts";
import { Connection } from "../transport/connection/connection.ts";
import { addPeer } from "./_support/peers.ts";
import { InboundPool } from "./pool.ts";

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
  await send(new Connection(client), 4);
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

Deno.test("Messages that exceed incomingBufferSize when a socket is added are counted as dropped", async () => {
  const clock = new FakeClock();
  const pool = new InboundPool("pool", {
    clock,
    connection: { incomingBufferSize: 2 },
  });
  const socket = new MockSocket({ clock, flowControl: false });
  for (const data of "12345") socket.receive(data);
  pool.add("a", socket);
  await clock.settle();
  const { receivedMessages, droppedMessages, inboxDepth } = pool.stats();
  assertEquals([receivedMessages, droppedMessages, inboxDepth], [5, 3, 2]);
  await pool.close();
});
