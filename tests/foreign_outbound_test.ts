import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { createServer, type Server } from "node:http";
import type { Socket as TcpSocket } from "node:net";
// @ts-types="@types/ws"
import { type WebSocket as WsSocket, WebSocketServer } from "ws";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { dialNative } from "../transport/client/dial_native.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import type { Dialer } from "../transport/client/dialer.ts";
import type { OutboundEvent } from "../outbound/plugin.ts";
import type { OutboundPoolOptions } from "../outbound/options.ts";
import { OutboundPool } from "../outbound/pool.ts";

const KINDS: Readonly<Record<string, Dialer>> = {
  raw: dialRaw,
  native: dialNative,
};

/** A server of npm ws, and what has to be closed at the end. */
class Foreign implements AsyncDisposable {
  readonly http: Server = createServer();
  readonly ws = new WebSocketServer({ noServer: true });
  readonly tcp = new Set<TcpSocket>();
  url = "";

  static async listen(
    onConnection: (socket: WsSocket, tcp: TcpSocket) => void,
  ): Promise<Foreign> {
    const server = new Foreign();
    server.http.on("connection", (tcp) => {
      server.tcp.add(tcp);
      tcp.on("close", () => server.tcp.delete(tcp));
    });
    server.http.on("upgrade", (request, tcp, head) => {
      server.ws.handleUpgrade(request, tcp, head, (socket) => {
        socket.on("error", () => {});
        onConnection(socket, request.socket);
      });
    });
    await new Promise<void>((resolve) =>
      server.http.listen(0, "127.0.0.1", resolve)
    );
    const address = server.http.address();
    if (address === null || typeof address === "string") throw new Error();
    server.url = `ws://127.0.0.1:${address.port}`;
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tcp of this.tcp) tcp.destroy();
    this.ws.close();
    await new Promise((resolve) => this.http.close(resolve));
  }
}

function quickPool(
  dialer: Dialer,
  limits: OutboundPoolOptions["connection"] = {},
): OutboundPool {
  return new OutboundPool("clients", {
    dialer,
    connection: { ...limits, retry: { initialDelay: 20, maxDelay: 20 } },
    worker: { reconnectDelay: 10 },
  });
}

async function take(pool: OutboundPool): Promise<OutboundEvent> {
  const event = await pool.events.take();
  assert(event !== undefined);
  return event;
}

for (const [kind, dialer] of Object.entries(KINDS)) {
  Deno.test(`A ${kind} outbound pool talks to npm ws, and closes with a handshake`, async () => {
    const closed = Promise.withResolvers<number>();
    await using server = await Foreign.listen((socket) => {
      socket.on("message", (data, binary) => socket.send(data, { binary }));
      socket.on("close", (code) => closed.resolve(code));
    });
    const pool = quickPool(dialer);
    const url = pool.connect(server.url);
    await pool.whenConnected(url);
    await pool.send(url, "text 🐝");
    await pool.send(url, new Uint8Array([1, 2, 3]));
    assertEquals((await pool.inbox.take())?.data, "text 🐝");
    assertEquals((await pool.inbox.take())?.data, new Uint8Array([1, 2, 3]));
    await pool.close();
    // The runtime's client may send no other code than 1000.
    assertEquals(await closed.promise, kind === "raw" ? 1001 : 1000);
  });

  for (const code of [undefined, 1000, 1001, 1008, 4000]) {
    Deno.test(`A ${kind} outbound pool reports npm ws closing with ${code}`, async () => {
      await using server = await Foreign.listen((socket) => socket.close(code));
      await using pool = quickPool(dialer);
      pool.connect(server.url);
      assertEquals((await take(pool)).kind, "connected");
      const lost = await take(pool);
      assertEquals(lost.kind, "disconnected");
      assertEquals(lost.closeCode, code ?? 1005);
    });
  }

  Deno.test(`A ${kind} outbound pool comes back when npm ws destroys the stream`, async () => {
    let count = 0;
    await using server = await Foreign.listen((_socket, tcp) => {
      if (count++ === 0) tcp.destroy();
    });
    await using pool = quickPool(dialer);
    const url = pool.connect(server.url);
    assertEquals((await take(pool)).kind, "connected");
    const lost = await take(pool);
    assertEquals([lost.kind, lost.closeCode], ["disconnected", 1006]);
    const back = await take(pool);
    assertEquals([back.kind, back.session], ["connected", 2]);
    assert(pool.has(url));
  });

  for (const status of [401, 503]) {
    Deno.test(`A ${kind} outbound pool reports a refusal with ${status} by its number`, async () => {
      const server = createServer((_request, response) => response.end());
      server.on("upgrade", (_request, tcp) => {
        tcp.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\n\r\n`);
      });
      await new Promise<void>((resolve) =>
        server.listen(0, "127.0.0.1", resolve)
      );
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error();
      await using pool = quickPool(dialer);
      pool.connect(`ws://127.0.0.1:${address.port}`);
      const record = await pool.errors.take();
      assertInstanceOf(record?.error, HandshakeError);
      assertEquals(record.error.status, status);
      assertEquals(pool.peers.length, 1);
      await pool.close();
      await new Promise((resolve) => server.close(resolve));
    });
  }

  Deno.test(`A ${kind} outbound pool waits no longer than handshakeTimeout for an answer`, async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const conns: Deno.Conn[] = [];
    const accepting = (async () => {
      for await (const conn of listener) conns.push(conn);
    })();
    const pool = quickPool(dialer, { handshakeTimeout: 200 });
    pool.connect(`ws://127.0.0.1:${listener.addr.port}`);
    const record = await pool.errors.take();
    assertInstanceOf(record?.error, HandshakeError);
    assertEquals(record.error.code, "timeout");
    await pool.close();
    for (const conn of conns) conn.close();
    listener.close();
    await accepting;
  });

  Deno.test(`A ${kind} outbound pool waits no longer than closeTimeout for npm ws to answer a close`, async () => {
    await using server = await Foreign.listen((_socket, tcp) => tcp.pause());
    const pool = quickPool(dialer, { closeTimeout: 200 });
    await pool.whenConnected(pool.connect(server.url));
    const start = performance.now();
    await pool.close();
    const took = performance.now() - start;
    assert(took < 4_000, `it took ${took} ms`);
  });
}

Deno.test("A peer that closes with 1008 is left alone for long", async () => {
  let count = 0;
  await using server = await Foreign.listen((socket) => {
    count++;
    socket.close(1008, "go away");
  });
  await using pool = quickPool(dialRaw);
  pool.connect(server.url);
  assertEquals((await take(pool)).kind, "connected");
  const lost = await take(pool);
  assertEquals([lost.closeCode, lost.reason], [1008, "go away"]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(count, 1);
});
