import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { OutboundPool, type OutboundPoolOptions } from "../mod.ts";
import { eventually, FaultProxy, type Faults } from "../testing/mod.ts";
import { goodServer, portOf } from "./_support/good_server.ts";

/** A pool whose only peer is behind a proxy. */
async function behindProxy(options: OutboundPoolOptions, faults: Faults = {}) {
  const server = await goodServer();
  const proxy = await FaultProxy.listen({
    hostname: "127.0.0.1",
    port: portOf(server.listener.addr),
  }, { faults });
  const pool = new OutboundPool("client", options);
  const id = pool.connect(proxy.url());
  await pool.whenConnected(id);
  await pool.events.take();
  return {
    server,
    proxy,
    pool,
    id,
    async close() {
      await pool.close();
      await proxy.close();
      await server.close();
    },
  };
}

Deno.test("A message that arrives slowly is a sign of life, for keepaliveTimeout and messageTimeout", async () => {
  for (
    const worker of [{ keepaliveTimeout: 1_000 }, { messageTimeout: 1_000 }]
  ) {
    const { server, pool, close } = await behindProxy(
      { worker, connection: { pingInterval: 120_000 } },
      { throttle: 300_000 },
    );
    server.accepted[0]?.socket.write("x".repeat(900_000));
    const message = await pool.inbox.take();
    assertEquals(message?.data.length, 900_000);
    assertEquals([message?.session, pool.events.size], [1, 0]);
    await close();
  }
});

Deno.test("A message that the peer takes slowly is a sign of life", async () => {
  const { server, pool, id, close } = await behindProxy(
    { worker: { keepaliveTimeout: 1_000 }, connection: { pingInterval: 500 } },
    { throttle: 300_000 },
  );
  await pool.send(id, "x".repeat(900_000));
  await eventually(() => server.accepted[0]?.received.length === 1, {
    timeout: 10_000,
  });
  assertEquals([server.accepted.length, pool.events.size], [1, 0]);
  await close();
});

Deno.test("A quiet peer that answers pings stays with a keepaliveTimeout alone", async () => {
  const { pool, close } = await behindProxy({
    worker: { keepaliveTimeout: 300 },
  });
  await delay(2_000);
  assertEquals(pool.events.size, 0);
  await close();
});

Deno.test("A peer that vanished is replaced after keepaliveTimeout", async () => {
  const { proxy, pool, id, close } = await behindProxy({
    worker: { keepaliveTimeout: 500, reconnectDelay: 10 },
  });
  proxy.stall("swallow");
  const start = performance.now();
  assertEquals((await pool.events.take())?.kind, "disconnected");
  const took = performance.now() - start;
  assert(took >= 490 && took < 2_000, `it took ${took} ms`);
  proxy.resume();
  await pool.whenConnected(id);
  await close();
});

Deno.test("A feed that stalled is replaced after messageTimeout, although its pongs arrive", async () => {
  const { server, pool, id, close } = await behindProxy({
    worker: { messageTimeout: 600, reconnectDelay: 10 },
    connection: { pingInterval: 100 },
  });
  for (let i = 0; i < 5; i++) {
    server.accepted[0]?.socket.write("news");
    await delay(200);
  }
  assertEquals(pool.events.size, 0);
  const event = await pool.events.take();
  assertEquals(event?.kind, "disconnected");
  assert(event?.error?.message.includes("messageTimeout"));
  assert(pool.peerStats(id).heartbeats > 5);
  await pool.whenConnected(id);
  assertEquals(server.accepted.length, 2);
  await close();
});

Deno.test("The silence of a peer that we do not read does not count", async () => {
  const { server, pool, close } = await behindProxy({
    inboxBufferSize: 2,
    worker: { keepaliveTimeout: 300, messageTimeout: 300 },
    connection: { pingInterval: 100, incomingBufferSize: 2 },
  });
  for (let i = 0; i < 50; i++) {
    server.accepted[0]?.socket.write(`${i}`);
  }
  await eventually(() => pool.inbox.full);
  await delay(1_200);
  assertEquals(pool.events.size, 0);
  for (let i = 0; i < 50; i++) {
    assertEquals((await pool.inbox.take())?.data, `${i}`);
  }
  await close();
});
