/** Whom `inactivityTimeout` of an inbound pool evicts, over real sockets. */

import { assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { Connection, InboundPool, listen } from "../mod.ts";
import { eventually } from "../testing/mod.ts";

const TIMEOUT = 400;

/** A pool that evicts silent peers, and a peer of it. Nobody pings without need. */
async function setUp(inboxBufferSize = 256) {
  const pool = new InboundPool("pool", {
    inboxBufferSize,
    worker: { inactivityTimeout: TIMEOUT },
    connection: { pingInterval: 0, pingTimeout: 0 },
  });
  const listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  const serving = pool.serve(listener, { id: () => "peer" });
  const peer = new Connection(`ws://127.0.0.1:${listener.port}`, {
    pingInterval: 0,
    maxMessageSize: 0,
  });
  await peer.connect();
  await eventually(() => pool.has("peer"));
  return {
    pool,
    peer,
    end: async () => {
      await peer.close();
      await pool.close();
      await listener.close();
      await serving;
    },
  };
}

/** Sends one message in `count` pieces of `size` bytes, one every 50 ms. */
function sendSlowly(
  peer: Connection,
  count: number,
  size: number,
): Promise<void> {
  const pieces = async function* () {
    for (let i = 0; i < count; i++) {
      yield new Uint8Array(size);
      await delay(50);
    }
  };
  return peer.sendStream(ReadableStream.from(pieces()), { chunkSize: size });
}

Deno.test("A message that takes longer than inactivityTimeout to arrive is delivered", async () => {
  const { pool, peer, end } = await setUp();
  const sent = sendSlowly(peer, 30, 10_000);
  const message = await pool.inbox.take();
  assertEquals(message?.data.length, 300_000);
  await sent;
  assertEquals(pool.events.size, 0);
  await end();
});

Deno.test("A peer that is paused for longer is not evicted, and gets the full time afterwards", async () => {
  const { pool, peer, end } = await setUp(1);
  for (let i = 0; i < 10; i++) peer.trySend(String(i));
  await delay(3 * TIMEOUT);
  for (let i = 0; i < 10; i++) {
    assertEquals((await pool.inbox.take())?.data, String(i));
  }
  assertEquals([pool.has("peer"), pool.events.size], [true, 0]);
  await end();
});

Deno.test("A peer that answers pings stays, also while a message of it stands still", async () => {
  const { pool, peer, end } = await setUp();
  const stalled = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      controller.enqueue(new Uint8Array(1_000));
      return new Promise(() => {});
    },
  });
  void peer.sendStream(stalled, { chunkSize: 1_000 }).catch(() => {});
  // The watch itself asks a peer that is silent.
  await delay(5 * TIMEOUT);
  assertEquals([pool.has("peer"), pool.events.size], [true, 0]);
  await end();
});
