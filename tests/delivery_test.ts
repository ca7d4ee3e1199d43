/** What a pool keeps of peers while its inbox is not read, over real sockets. */

import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import {
  Connection,
  ConnectionError,
  InboundPool,
  type InboundPoolOptions,
  listen,
  OutboundPool,
  PoolError,
  upgrade,
} from "../mod.ts";
import { dialNative } from "../transport/client/dial_native.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import { eventually } from "../testing/mod.ts";

const KINDS = ["raw", "native"] as const;
type Kind = typeof KINDS[number];

interface Server extends AsyncDisposable {
  readonly port: number;
}

/** Adds every peer that connects to a pool under one id, where it replaces the peer before. */
function serve(kind: Kind, pool: InboundPool, id: string): Server {
  if (kind === "raw") {
    const listener = listen({ hostname: "127.0.0.1" });
    const accepting = (async () => {
      for await (const incoming of listener) {
        const socket = incoming.accept();
        if (pool.has(id)) pool.replace(id, socket);
        else pool.add(id, socket);
      }
    })();
    return {
      port: listener.port,
      [Symbol.asyncDispose]: async () => {
        await listener.close();
        await accepting;
      },
    };
  }
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const { socket, response } = upgrade(request);
      if (pool.has(id)) pool.replace(id, socket);
      else pool.add(id, socket);
      return response;
    },
  );
  return {
    port: server.addr.port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function connect(port: number): Promise<Connection> {
  const connection = new Connection(`ws://127.0.0.1:${port}`, {
    retry: false,
    dialer: dialRaw,
  });
  await connection.connect();
  return connection;
}

/** All messages that wait in the pool, read to the end. */
async function drain(pool: InboundPool): Promise<string[]> {
  await pool.close();
  const messages: string[] = [];
  for await (const { session, data } of pool.inbox) {
    messages.push(`${session} ${String(data).slice(0, 20)}`);
  }
  return messages;
}

for (const kind of KINDS) {
  for (
    const [limit, options] of [
      ["messages", {
        inboxBufferSize: 50,
        connection: { incomingBufferSize: 20 },
      }],
      ["bytes", {
        inboxBufferBytes: 50_000,
        connection: { incomingBufferBytes: 20_000 },
      }],
    ] satisfies [string, InboundPoolOptions][]
  ) {
    Deno.test(`A peer that comes back 100 times with an unread inbox stays within the limits (${kind}, ${limit})`, async () => {
      const pool = new InboundPool("pool", options);
      await using server = serve(kind, pool, "peer");
      for (let stay = 1; stay <= 100; stay++) {
        const peer = await connect(server.port);
        try {
          for (let i = 0; i < 100; i++) {
            peer.trySend(`${i}`.padEnd(1_000, "."));
          }
        } catch {
          // A native connection that brings too much is closed.
        }
        await delay(1);
        peer.terminate();
      }
      assert(pool.inbox.size <= 50);
      const { droppedMessages } = pool.stats();
      assert(pool.errors.size > 0 || droppedMessages === 0);
      const messages = await drain(pool);
      // One message of each connection may exceed the bytes.
      assert(messages.length <= 50 + 20 + 2, `${messages.length} messages`);
      // In order, without a gap inside of a stay.
      let last = [0, -1];
      for (const message of messages) {
        const [session = 0, number = 0] = message.match(/\d+/g)?.map(Number) ??
          [];
        if (session === last[0]) assertEquals(number, (last[1] ?? 0) + 1);
        else assert(session > (last[0] ?? 0) && number === 0);
        last = [session, number];
      }
    });
  }

  Deno.test(`What a peer had sent before it closed comes before its event, and nothing is lost (${kind})`, async () => {
    await using pool = new InboundPool("pool", { inboxBufferSize: 10 });
    await using server = serve(kind, pool, "peer");
    const peer = await connect(server.port);
    for (let i = 0; i < 60; i++) peer.trySend(String(i));
    void peer.close(4321, "done");
    await delay(50);
    let read = 0;
    const event = pool.events.take().then((event) => ({ event, read }));
    for await (const { data } of pool.inbox) {
      assertEquals(data, String(read++));
      if (read === 60) break;
    }
    const seen = await event;
    assertEquals([seen.event?.kind, seen.event?.closeCode], [
      "dropped-close",
      4321,
    ]);
    // The event came when the last message was in the inbox, which is filled again when it is half empty.
    assert(seen.read >= 45, `${seen.read} messages were read`);
    await peer.closed;
  });
}

Deno.test("A native peer that sends more than may wait is closed with 1009, and both say why", async () => {
  await using pool = new InboundPool("pool", {
    inboxBufferSize: 5,
    connection: { incomingBufferSize: 10 },
  });
  await using server = serve("native", pool, "peer");
  const peer = await connect(server.port);
  for (let i = 0; i < 100; i++) peer.trySend(String(i));
  // The runtime ends a connection abnormally if a message comes in after `close`.
  assert([1006, 1009].includes((await peer.closed).code));
  await eventually(() => !pool.has("peer"));
  for (let i = 0; i < 15; i++) {
    assertEquals((await pool.inbox.take())?.data, String(i));
  }
  const event = await pool.events.take();
  assertEquals([event?.kind, event?.closeCode], ["dropped-error", 1009]);
  assert(event?.error instanceof PoolError);
  assertEquals(event.error.code, "messages-dropped");
  assert(event.error.message.includes("incomingBufferSize (10)"));
  const record = await pool.errors.take();
  assert(record?.error instanceof PoolError);
  assertEquals(record.error.code, "messages-dropped");
});

Deno.test("With maxQueueSize a native peer that sends too much stays, and has the newest messages delivered", async () => {
  await using pool = new InboundPool("pool", {
    inboxBufferSize: 5,
    worker: { maxQueueSize: 10 },
  });
  await using server = serve("native", pool, "peer");
  const peer = await connect(server.port);
  for (let i = 0; i < 100; i++) peer.trySend(String(i));
  await eventually(() => pool.peerStats("peer").receivedMessages === 100);
  assertEquals(pool.peerStats("peer").droppedMessages, 85);
  const messages: unknown[] = [];
  for (let i = 0; i < 15; i++) messages.push((await pool.inbox.take())?.data);
  assertEquals(messages, [
    ...[0, 1, 2, 3, 4].map(String),
    ...Array.from({ length: 10 }, (_, i) => String(90 + i)),
  ]);
  assertEquals(pool.errors.size, 1);
  await peer.close();
});

for (const dialer of [dialRaw, dialNative]) {
  Deno.test(`An outbound peer is dialled again while nobody reads the inbox (${dialer.name})`, async () => {
    const server = new InboundPool("server", {
      connection: { closeTimeout: 20 },
    });
    await using listening = serve("raw", server, "peer");
    const pool = new OutboundPool("pool", {
      dialer,
      inboxBufferSize: 2,
      worker: { reconnectDelay: 5, maxReconnectDelay: 10 },
    });
    const url = pool.connect(`ws://127.0.0.1:${listening.port}`);
    for (let session = 1; session <= 5; session++) {
      await eventually(() => server.has("peer") && pool.isConnected(url));
      for (let i = 0; i < 4; i++) server.trySend("peer", `${session} ${i}`);
      await server.send("peer", "last");
      await delay(20);
      // The peer goes. Sending shows it, since a paused peer is not read.
      const removed = server.remove("peer");
      await eventually(async () => {
        await pool.whenConnected(url);
        // One answer to whether it is connected.
        const connected = pool.isConnected(url);
        try {
          pool.trySend(url, "x");
          assert(connected);
        } catch (error) {
          assert(error instanceof PoolError && !connected);
        }
        await delay(1);
        return server.has("peer");
      });
      await removed;
    }
    assert(pool.inbox.size <= 2);
    await server.close();
    await pool.close();
    const sessions: number[] = [];
    for await (const { session } of pool.inbox) sessions.push(session);
    assertEquals(sessions, sessions.toSorted((a, b) => a - b));
    const kinds: string[] = [];
    for await (const { kind } of pool.events) kinds.push(kind);
    assertEquals(
      kinds,
      kinds.map((_, i) => i % 2 === 0 ? "connected" : "disconnected"),
    );
    assert(kinds.length >= 10);
  });
}

Deno.test("A limit of ours that a peer breaks is in the event, with the code that was sent", async () => {
  await using pool = new InboundPool("pool");
  const listener = listen({ hostname: "127.0.0.1", maxMessageSize: 10 });
  const accepting = (async () => {
    for await (const incoming of listener) pool.add("peer", incoming.accept());
  })();
  const peer = await connect(listener.port);
  peer.trySend("x".repeat(11));
  const event = await pool.events.take();
  assertEquals([event?.kind, event?.closeCode], ["dropped-error", 1009]);
  assert(event?.error instanceof ConnectionError);
  assertEquals((await peer.closed).code, 1009);
  await listener.close();
  await accepting;
});

Deno.test("A loop that waits for a connection and sends never starves the process, while the inbox is full and the server is away", async () => {
  const server = new InboundPool("server", {
    connection: { closeTimeout: 20 },
  });
  const listening = serve("raw", server, "peer");
  const pool = new OutboundPool("pool", {
    inboxBufferSize: 1,
    worker: { reconnectDelay: 5, maxReconnectDelay: 10 },
    connection: { closeTimeout: 20 },
  });
  const url = pool.connect(`ws://127.0.0.1:${listening.port}`);
  await eventually(() => server.has("peer"));
  for (let i = 0; i < 10; i++) server.trySend("peer", String(i));
  await eventually(() => pool.inbox.size === 1);
  await server.close();
  await listening[Symbol.asyncDispose]();
  const stop = new AbortController();
  const sending = (async () => {
    while (!stop.signal.aborted) {
      try {
        await pool.whenConnected(url, { signal: stop.signal });
        while (pool.trySend(url, "x".repeat(1_000)));
        await delay(1);
      } catch {
        // Tried again at once.
      }
    }
  })();
  // Timers run, and the pool notices and dials.
  await eventually(() => pool.stats().failedDials > 1);
  assertEquals(pool.isConnected(url), false);
  stop.abort();
  await sending;
  await pool.close();
});

for (
  const [options, limit] of [
    [{ maxMessageSize: 9 }, "maxMessageSize (9 bytes)"],
    [{ incomingBufferSize: 3 }, "incomingBufferSize (3)"],
  ] as const
) {
  Deno.test(`An outbound pool over dialNative says 1009 and names ${limit}, though 1000 was sent`, async () => {
    await using server = new InboundPool("server");
    await using listening = serve("native", server, "peer");
    await using pool = new OutboundPool("pool", {
      dialer: dialNative,
      inboxBufferSize: 1,
      connection: options,
    });
    pool.connect(`ws://127.0.0.1:${listening.port}`);
    assertEquals((await pool.events.take())?.kind, "connected");
    await eventually(() => server.has("peer"));
    for (let i = 0; i < 20; i++) server.trySend("peer", "x".repeat(10));
    await eventually(() => !server.has("peer"));
    // The event comes after the messages that fitted.
    while (pool.inbox.size > 0) await pool.inbox.take();
    const event = await pool.events.take();
    assertEquals([event?.kind, event?.closeCode], ["disconnected", 1009]);
    assert(event?.error?.message.includes(limit), event?.error?.message);
    assert(event?.reason?.includes(limit), event?.reason);
  });
}

Deno.test("A listener that lends its messages cannot stall a pool: each peer ends, with an error that says why", async () => {
  await using listener = listen({ hostname: "127.0.0.1", binary: "borrow" });
  await using pool = new InboundPool("pool");
  void pool.serve(listener, { id: () => "peer" });
  await using peer = await connect(listener.port);
  peer.trySend(new Uint8Array(10));
  const event = await pool.events.take();
  assertEquals([event?.kind, pool.has("peer")], ["dropped-error", false]);
  assert(event?.error instanceof PoolError);
  assert(event.error.message.includes('binary "borrow"'));
  await peer.closed;
});
