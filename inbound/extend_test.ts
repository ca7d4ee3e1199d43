/** The extended workers of the examples. */

import { assertEquals } from "@std/assert";
import { AdmissionWorker } from "../examples/workers/admission.ts";
import { LimitedWorker } from "../examples/workers/rate_limit.ts";
import { FakeClock, MockSocket } from "../testing/mod.ts";
import type { InboundWorker } from "./plugin.ts";
import { InboundPool } from "./pool.ts";

function setUp(workerFactory: () => InboundWorker, inboxBufferSize = 256) {
  const clock = new FakeClock();
  const pool = new InboundPool("pool", {
    clock,
    inboxBufferSize,
    workerFactory,
    connection: { pingInterval: 0 },
  });
  const socket = new MockSocket({ clock });
  pool.add("a", socket);
  const read = () => {
    const messages: unknown[] = [];
    while (pool.inbox.size > 0) messages.push(pool.inbox.shift()?.data);
    return messages;
  };
  return { clock, pool, socket, read };
}

Deno.test("Admission: messages after an accepted first message are delivered, and answers reach the peer", async () => {
  const { clock, pool, socket, read } = setUp(() =>
    new AdmissionWorker((first) => Promise.resolve(first === "token"))
  );
  await pool.send("a", "too early").catch(() => {});
  socket.receive("token");
  socket.receive("one");
  socket.receive("two");
  await clock.settle();
  assertEquals(read(), ["one", "two"]);
  await pool.send("a", "answer");
  assertEquals(socket.written, ["answer"]);
  socket.receiveClose(1000);
  assertEquals((await pool.events.take())?.kind, "disconnected");
  await pool.close();
});

for (
  const [name, accepts, first] of [
    ["a wrong token", () => false, "wrong"],
    ["a check that throws", () => {
      throw new Error("no database");
    }, "token"],
    ["a check that rejects", () => Promise.reject(new Error("no")), "token"],
    ["no message in time", () => true, undefined],
  ] as const
) {
  Deno.test(`Admission: ${name} is closed with 4401, and nothing is delivered`, async () => {
    const { clock, pool, socket } = setUp(() => new AdmissionWorker(accepts));
    if (first !== undefined) socket.receive(first);
    await clock.advance(2_999);
    assertEquals(socket.closes.length, first === undefined ? 0 : 1);
    await clock.advance(1);
    assertEquals(socket.closes.map(({ code }) => code), [4401]);
    const event = await pool.events.take();
    assertEquals([event?.kind, pool.inbox.size], ["evicted-policy", 0]);
    await pool.close();
    assertEquals(clock.pending, 0);
  });
}

Deno.test("Admission: a peer that leaves, or is removed, while it is asked leaves nothing behind", async () => {
  for (const removed of [false, true]) {
    const { clock, pool, socket } = setUp(() =>
      new AdmissionWorker(() => true)
    );
    if (removed) await pool.remove("a");
    else {
      socket.receiveClose(1000);
      assertEquals((await pool.events.take())?.kind, "evicted-policy");
    }
    assertEquals(pool.peers, []);
    await pool.close();
    assertEquals(clock.pending, 0);
  }
});

Deno.test("Rate limit: a peer that sends faster is paused, and nothing is lost", async () => {
  const { clock, pool, socket, read } = setUp(() => new LimitedWorker(10));
  for (let i = 0; i < 30; i++) socket.receive(String(i));
  await clock.settle();
  assertEquals([read().length, socket.paused], [10, true]);
  for (let i = 10; i < 20; i++) {
    await clock.advance(100);
    assertEquals(read(), [String(i)]);
  }
  await clock.advance(1_000);
  assertEquals(read().length, 10);
  socket.receiveClose(1000);
  await clock.advance(100);
  assertEquals((await pool.events.take())?.kind, "disconnected");
  await pool.close();
  assertEquals(clock.pending, 0);
});

Deno.test("Rate limit: a full inbox pauses the peer as well, which goes on when neither does", async () => {
  const { clock, pool, socket, read } = setUp(() => new LimitedWorker(2), 1);
  for (let i = 0; i < 6; i++) socket.receive(String(i));
  await clock.settle();
  assertEquals(pool.inbox.size, 1);
  const messages: unknown[] = [];
  for (let i = 0; i < 12; i++) {
    await clock.advance(250);
    messages.push(...read());
  }
  assertEquals(messages, ["0", "1", "2", "3", "4", "5"]);
  await pool.close();
});

Deno.test("Rate limit: messages that have arrived are delivered when the pool closes", async () => {
  const { clock, pool, socket } = setUp(() => new LimitedWorker(2));
  for (let i = 0; i < 6; i++) socket.receive(String(i));
  await pool.close();
  assertEquals([pool.inbox.size, clock.pending], [6, 0]);
});
