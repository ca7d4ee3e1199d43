/**
 * More libraries that take a WebSocket implementation, on the class of `./websocket`, each against a server of its own.
 *
 * `deno task suite libraries`
 *
 * @module
 */

import { createServer } from "node:http";
import { once } from "node:events";
import { assert, assertEquals } from "@std/assert";
import { createTRPCClient, createWSClient, wsLink } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { Aedes } from "aedes";
import { Fetch, WebSocket as Transport } from "engine.io-client";
import mqtt from "mqtt";
import { webSocket } from "rxjs/webSocket";
import { Server as SocketIoServer } from "socket.io";
import { io } from "socket.io-client";
// @ts-types="@types/ws"
import { createWebSocketStream } from "ws";
import { WebsocketProvider } from "y-websocket";
import { Doc } from "yjs";
import { forEachMessage, InboundPool, listen } from "../../mod.ts";
import { eventually } from "../../testing/eventually.ts";
import { Server } from "../../websocket/_support/ws_server.ts";
import { WebSocket } from "../../websocket/mod.ts";

Deno.test("mqtt publishes and subscribes, and comes back after a loss", async () => {
  await using server = await Server.listen();
  const broker = await Aedes.createBroker();
  server.ws.on("connection", (peer, request) => {
    broker.handle(createWebSocketStream(peer), request);
  });
  const client = mqtt.connect(server.url, {
    forceNativeWebSocket: true,
    createWebsocket: (url, protocols) => new WebSocket(url, protocols),
    reconnectPeriod: 10,
  });
  const received: [string, number][] = [];
  client.on("message", (topic, { length }) => received.push([topic, length]));
  const connected = () =>
    new Promise<void>((resolve) => client.once("connect", () => resolve()));
  await connected();
  await client.subscribeAsync("a/#", { qos: 1 });
  await client.publishAsync("a/small", "hello", { qos: 1 });
  await client.publishAsync("a/big", "x".repeat(500_000), { qos: 2 });
  server.cut();
  await connected();
  await client.publishAsync("a/again", "x", { qos: 1 });
  await eventually(() => received.length === 3);
  assertEquals(received, [["a/small", 5], ["a/big", 500_000], ["a/again", 1]]);
  await client.endAsync();
  await new Promise<void>((resolve) => broker.close(resolve));
});

Deno.test("rxjs sends, receives, and learns the close code", async () => {
  await using server = await Server.listen();
  server.ws.on("connection", (peer) => {
    peer.on("message", (data, binary) => {
      if (data.toString() === '"leave"') peer.close(4001, "Bye");
      else peer.send(data, { binary });
    });
  });
  const seen: unknown[] = [];
  const subject = webSocket<unknown>({
    url: server.url,
    WebSocketCtor: WebSocket,
    openObserver: { next: () => seen.push("open") },
    closeObserver: { next: ({ code, reason }) => seen.push(code, reason) },
  });
  const ended = new Promise<void>((resolve, reject) => {
    subject.subscribe({
      next: (message) => seen.push(message),
      error: reject,
      complete: resolve,
    });
  });
  subject.next({ a: 1 });
  await eventually(() => seen.length === 2);
  subject.next("leave");
  await ended;
  assertEquals(seen, ["open", { a: 1 }, 4001, "Bye"]);
});

Deno.test("tRPC calls and subscribes, and comes back after a loss", async () => {
  const { procedure, router } = initTRPC.create();
  const routes = router({
    hello: procedure.query(() => "world"),
    count: procedure.subscription(async function* () {
      for (let i = 0; i < 3; i++) yield await Promise.resolve(i);
    }),
  });
  await using server = await Server.listen();
  applyWSSHandler({ wss: server.ws, router: routes });
  const closes: boolean[] = [];
  const connection = createWSClient({
    url: server.url,
    WebSocket,
    retryDelayMs: () => 1,
    onClose: () => closes.push(true),
  });
  const client = createTRPCClient<typeof routes>({
    links: [wsLink({ client: connection })],
  });
  assertEquals(await client.hello.query(), "world");
  const counts: number[] = [];
  await new Promise<void>((resolve, reject) => {
    client.count.subscribe(undefined, {
      onData: (count) => counts.push(count),
      onError: reject,
      onComplete: resolve,
    });
  });
  assertEquals(counts, [0, 1, 2]);
  server.cut();
  await eventually(() => closes.length === 1);
  assertEquals(await client.hello.query(), "world");
  await connection.close();
  await eventually(() => server.ws.clients.size === 0);
});

/** The transport of socket.io, on the class. Outside of browsers, it expects bytes and no `Blob`. */
class HoneybeeTransport extends Transport {
  override createSocket(
    url: string,
    protocols?: string | string[],
  ): WebSocket {
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    return socket;
  }
}

for (
  const [name, transports] of [
    ["from the start", [HoneybeeTransport]],
    ["after polling", [Fetch, HoneybeeTransport]],
  ] as const
) {
  Deno.test(`socket.io exchanges events with its server, ${name}`, {
    // Polling leaves bodies of responses unread.
    sanitizeResources: transports.length === 1,
  }, async () => {
    const http = createServer();
    const server = new SocketIoServer(http, { pingInterval: 20 });
    server.on("connection", (peer) => {
      peer.on("echo", (data, answer) => answer(data));
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const address = http.address();
    assert(typeof address === "object" && address !== null);
    const socket = io(`http://127.0.0.1:${address.port}`, {
      transports: [...transports],
      reconnectionDelay: 1,
    });
    const { engine } = socket.io;
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    await eventually(() => socket.io.engine.transport.name === "websocket");
    assertEquals(await socket.emitWithAck("echo", "grüße"), "grüße");
    const bytes = await socket.emitWithAck("echo", new Uint8Array(200_000));
    assertEquals(bytes.length, 200_000);
    server.disconnectSockets(true);
    await eventually(() => !socket.connected);
    socket.connect();
    assertEquals(await socket.emitWithAck("echo", 1), 1);
    assert(socket.io.engine !== engine);
    socket.disconnect();
    await server.close();
  });
}

Deno.test("y-websocket shares a document through an inbound pool", async () => {
  const pool = new InboundPool("documents");
  const listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  const serving = pool.serve(listener);
  const passing = forEachMessage(pool, async ({ id, data }) => {
    for (const to of pool.peers) if (to !== id) await pool.send(to, data);
  });
  const documents = [new Doc(), new Doc()];
  const providers = documents.map((document) =>
    new WebsocketProvider(
      `ws://127.0.0.1:${listener.port}`,
      "room",
      document,
      { WebSocketPolyfill: WebSocket, disableBc: true, maxBackoffTime: 1 },
    )
  );
  const texts = documents.map((document) => document.getText("text"));
  await eventually(() => providers.every(({ wsconnected }) => wsconnected));
  texts[0]?.insert(0, "hello ");
  await eventually(() => `${texts[1]}` === "hello ");
  texts[1]?.insert(6, "world");
  await eventually(() => `${texts[0]}` === "hello world");
  for (const provider of providers) provider.destroy();
  for (const document of documents) document.destroy();
  await eventually(() => pool.peers.length === 0);
  await listener.close();
  await pool.close();
  await Promise.all([serving, passing]);
});
