import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import {
  Connection,
  InboundPool,
  listen,
  type Listener,
  OutboundPool,
  type OutboundPoolOptions,
} from "../mod.ts";
import { dialNative } from "../transport/client/dial_native.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import { upgrade } from "../transport/server/upgrade.ts";
import { eventually, FaultProxy } from "../testing/mod.ts";
import { countListeners } from "../transport/base/_support/signals.ts";

/** How late a deadline may be met on a busy machine, in milliseconds. The tests with a fake clock are exact. */
const SOON = 4_000;

/** A listener whose peers go into a pool. */
function serve(
  pool: InboundPool,
): { listener: Listener; accepting: Promise<void>; port: number } {
  const listener = listen({ hostname: "127.0.0.1" });
  let count = 0;
  const accepting = (async () => {
    for await (const incoming of listener) {
      pool.add(`peer-${count++}`, incoming.accept());
    }
  })();
  const { addr } = listener;
  return {
    listener,
    accepting,
    port: addr.transport === "tcp" ? addr.port : 0,
  };
}

for (
  const [kind, dialer] of [["raw", dialRaw], ["native", dialNative]] as const
) {
  Deno.test(`Two pools that echo to each other do not stand still with full buffers (${kind})`, async () => {
    const MESSAGES = 100_000;
    const pool = new InboundPool("server", { inboxBufferSize: 16 });
    const server = serve(pool);
    const out = new OutboundPool("client", {
      dialer,
      inboxBufferSize: 16,
      connection: { highWaterMark: 4_096 },
    });
    const url = out.connect(`ws://127.0.0.1:${server.port}`);
    const echo = (async () => {
      for await (const { id, data } of pool.inbox) {
        // Waits for space elsewhere, never in the loop that reads.
        void pool.send(id, data);
      }
    })();
    await out.whenConnected(url);
    const sending = (async () => {
      for (let i = 0; i < MESSAGES; i++) await out.send(url, `message ${i}`);
    })();
    let next = 0;
    for await (const { data } of out.inbox) {
      assertEquals(data, `message ${next++}`);
      if (next === MESSAGES) break;
    }
    await sending;
    assertEquals(out.stats().sentMessages, MESSAGES);
    assertEquals(pool.stats().receivedMessages, MESSAGES);
    await out.close();
    await pool.close();
    await server.listener.close();
    await Promise.all([echo, server.accepting]);
  });
}

const QUICK: OutboundPoolOptions = {
  connection: { pingInterval: 100, closeTimeout: 100 },
  worker: { keepaliveTimeout: 300, reconnectDelay: 10 },
};

for (const sends of [false, true]) {
  Deno.test(`A half-open outbound peer is replaced in time${sends ? ", also while we keep sending" : ""}`, async () => {
    const pool = new InboundPool("server");
    const server = serve(pool);
    await using proxy = await FaultProxy.listen({
      hostname: "127.0.0.1",
      port: server.port,
    });
    const out = new OutboundPool("client", QUICK);
    const url = out.connect(proxy.url());
    assertEquals((await out.events.take())?.kind, "connected");
    proxy.stall("swallow");
    const start = performance.now();
    const timer = setInterval(() => {
      try {
        if (sends) out.trySend(url, "x".repeat(1_000));
      } catch {
        // It has been found out.
      }
    }, 5);
    const event = await out.events.take();
    clearInterval(timer);
    const took = performance.now() - start;
    assertEquals(event?.kind, "disconnected");
    assert(took > 150 && took < SOON, `it took ${took} ms`);
    proxy.resume();
    assertEquals((await out.events.take())?.kind, "connected");
    await out.close();
    await pool.close();
    await server.listener.close();
    await server.accepting;
  });
}

Deno.test("A half-open inbound peer is evicted after inactivityTimeout", async () => {
  const pool = new InboundPool("server", {
    worker: { inactivityTimeout: 500 },
    connection: { pingInterval: 100 },
  });
  const server = serve(pool);
  await using proxy = await FaultProxy.listen({
    hostname: "127.0.0.1",
    port: server.port,
  });
  const out = new OutboundPool("client", {
    connection: { pingInterval: 0, closeTimeout: 100 },
    dialer: dialRaw,
  });
  await out.whenConnected(out.connect(proxy.url()));
  // A silent peer that answers pings stays.
  await new Promise((resolve) => setTimeout(resolve, 800));
  assertEquals(pool.peers.length, 1);
  proxy.stall("hold");
  const start = performance.now();
  const event = await pool.events.take();
  assertEquals(event?.kind, "evicted-policy");
  const took = performance.now() - start;
  assert(took > 250 && took < SOON, `it took ${took} ms`);
  await Promise.all([out.close(), pool.close()]);
  await server.listener.close();
  await server.accepting;
});

Deno.test("A healthy peer is never dropped because our own consumer is slow", async () => {
  const pool = new InboundPool("server", {
    inboxBufferSize: 4,
    worker: { inactivityTimeout: 200 },
    connection: { pingInterval: 50, incomingBufferSize: 4 },
  });
  const server = serve(pool);
  const out = new OutboundPool("client", {
    ...QUICK,
    worker: { keepaliveTimeout: 60_000 },
  });
  const url = out.connect(`ws://127.0.0.1:${server.port}`);
  await out.whenConnected(url);
  let sent = 0;
  // Enough to fill every buffer on the way: our own, the system's, the peer's.
  while (out.trySend(url, "x".repeat(10_000))) sent++;
  await new Promise((resolve) => setTimeout(resolve, 600));
  assertEquals([pool.peers.length, pool.events.size], [1, 0]);
  let got = 0;
  for await (const _ of pool.inbox) if (++got === sent) break;
  assertEquals(pool.events.size, 0);
  await Promise.all([out.close(), pool.close()]);
  await server.listener.close();
  await server.accepting;
});

Deno.test("On native sockets the deadlines hold, and nothing waits for a close that never comes", async () => {
  const pool = new InboundPool("server", { connection: { closeTimeout: 100 } });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { socket, response } = upgrade(request, { inactivityTimeout: 400 });
      pool.add("peer", socket);
      return response;
    },
  );
  await using proxy = await FaultProxy.listen({
    hostname: "127.0.0.1",
    port: server.addr.port,
  });
  const out = new OutboundPool("client", {
    dialer: dialNative,
    connection: { closeTimeout: 100 },
    worker: { keepaliveTimeout: 400, reconnectDelay: 60_000 },
  });
  await out.whenConnected(out.connect(proxy.url()));
  proxy.stall("hold");
  const start = performance.now();
  const [evicted, lost] = await Promise.all([
    pool.events.take(),
    out.events.take(),
  ]);
  assertEquals(evicted?.kind, "evicted-policy");
  assertEquals(lost?.kind, "connected");
  assertEquals((await out.events.take())?.kind, "disconnected");
  const took = performance.now() - start;
  assert(took < SOON, `it took ${took} ms`);
  await Promise.all([out.close(), pool.close()]);
  proxy.cut();
  await server.shutdown();
});

Deno.test("1,000 cycles of connect and abort on one shared signal leave no listener and no socket", async () => {
  const pool = new InboundPool("server");
  const server = serve(pool);
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const dialers = [dialRaw, dialNative];
  for (let i = 0; i < 1_000; i++) {
    const connection = new Connection(`ws://127.0.0.1:${server.port}`, {
      signal,
      dialer: dialers[i % 2],
      retry: false,
    });
    const attempt = new AbortController();
    const connected = connection.connect({ signal: attempt.signal });
    // At once, in the middle of the handshake, and when it is open.
    if (i % 3 === 1) await delay(0);
    if (i % 3 === 2) await connected;
    attempt.abort();
    await connection.close();
    await connected.catch(() => {});
  }
  assertEquals(listeners(), 0);
  await eventually(() => pool.peers.length === 0);
  await pool.close();
  await server.listener.close();
  await server.accepting;
});
