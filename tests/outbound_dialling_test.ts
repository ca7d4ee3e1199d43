import { assert, assertEquals } from "@std/assert";
import { dialRaw, OutboundPool, type SocketEnd } from "../mod.ts";
import { eventually } from "../testing/mod.ts";
import { goodServer, portOf } from "./_support/good_server.ts";

/** Accepts connections and answers each with what `answer` returns; `undefined` says nothing. */
function tcpServer(answer: () => string | undefined): {
  port: number;
  acceptedAt: number[];
  close(): void;
} {
  const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const acceptedAt: number[] = [];
  const conns: Deno.Conn[] = [];
  (async () => {
    for await (const conn of server) {
      acceptedAt.push(performance.now());
      conns.push(conn);
      const text = answer();
      if (text === undefined) continue;
      await conn.read(new Uint8Array(4_096));
      await conn.write(new TextEncoder().encode(text));
    }
    // Closing interrupts what is being read.
  })().catch(() => {});
  return {
    port: portOf(server.addr),
    acceptedAt,
    close() {
      server.close();
      for (const conn of conns) {
        try {
          conn.close();
        } catch {
          // The peer was faster.
        }
      }
    },
  };
}

Deno.test("A busy server is not dialled again before its Retry-After has passed", async () => {
  const busy = tcpServer(() =>
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
  );
  const pool = new OutboundPool("client");
  pool.connect(`ws://127.0.0.1:${busy.port}`);
  await eventually(() => busy.acceptedAt.length === 2);
  const [first = 0, second = 0] = busy.acceptedAt;
  assert(second - first >= 2_000, `${second - first} ms`);
  await pool.close();
  busy.close();
});

Deno.test("A dialer or headers() that hang give their place away when the peer is removed", async () => {
  const server = await goodServer();
  const { url } = server;
  for (const hangs of ["dialer", "headers"] as const) {
    const pool = new OutboundPool("client", { maxConcurrentDials: 1 });
    const called = Promise.withResolvers<void>();
    const hung = pool.connect("ws://127.0.0.1:9", {
      [hangs]: () => {
        called.resolve();
        return new Promise(() => {});
      },
    });
    pool.connect(url);
    await called.promise;
    assertEquals(pool.isConnected(url), false);
    await pool.remove(hung);
    await pool.whenConnected(url);
    await pool.close();
  }
  await server.close();
});

Deno.test("A dialer that hangs frees its place after handshakeTimeout, and its late socket is cut", async () => {
  const server = await goodServer();
  const { url } = server;
  const other = await goodServer();
  const released = Promise.withResolvers<void>();
  const late = Promise.withResolvers<SocketEnd>();
  const pool = new OutboundPool("client", {
    maxConcurrentDials: 1,
    connection: { retry: false },
  });
  pool.connect(other.url, {
    connection: { handshakeTimeout: 200 },
    dialer: async (url) => {
      const socket = await dialRaw(url);
      await released.promise;
      void socket.closed.then(late.resolve);
      return socket;
    },
  });
  pool.connect(url);
  await pool.whenConnected(url);
  released.resolve();
  assertEquals((await late.promise).initiator, "local");
  await Promise.all([pool.close(), server.close(), other.close()]);
});

Deno.test("A peer that was lost a moment ago is dialled before a crowd of hosts that do not answer", async () => {
  const silent = tcpServer(() => undefined);
  const server = await goodServer();
  const { url } = server;
  const pool = new OutboundPool("client", {
    maxConcurrentDials: 4,
    connection: { handshakeTimeout: 400, retry: () => 0 },
    worker: { reconnectDelay: 10 },
  });
  for (let i = 0; i < 24; i++) {
    pool.connect(`ws://127.0.0.1:${silent.port}/${i}`);
  }
  // Now all have failed once: they dial again and again, and hold their places as long as they may.
  await eventually(() => silent.acceptedAt.length >= 26, { timeout: 20_000 });
  pool.connect(url);
  await pool.whenConnected(url);
  for (let i = 0; i < 3; i++) {
    const before = silent.acceptedAt.length;
    server.cut();
    await eventually(() => !pool.isConnected(url), { interval: 1 });
    await pool.whenConnected(url);
    // Some places of hosts that do not answer may be taken anew in this time. A peer that waited its turn would be
    // dialled after the 20 hosts without a place.
    const dials = silent.acceptedAt.length - before;
    assert(dials < 16, `${dials} other dials`);
  }
  await pool.close();
  await server.close();
  silent.close();
});
