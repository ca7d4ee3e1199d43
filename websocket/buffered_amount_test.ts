import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../testing/eventually.ts";
import { dialNative } from "../transport/client/dial_native.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import type { Dialer } from "../transport/client/dialer.ts";
import { next, turn } from "./_support/events.ts";
import { HandServer } from "./_support/hand_server.ts";
import { foreignServer } from "./_support/servers.ts";
import { WebSocket } from "./websocket.ts";

/** A socket that is open, and its peer, which does not read. */
async function openUnread(server: HandServer, dialer: Dialer) {
  const socket = new WebSocket(server.url, { dialer });
  await next(socket, "open");
  const peer = await server.accept();
  peer.stream.pause();
  return { socket, peer };
}

Deno.test("bufferedAmount counts the bytes that a peer which does not read has not taken", async () => {
  await using server = await HandServer.listen();
  const { socket, peer } = await openUnread(server, dialRaw);
  const piece = new Uint8Array(1 << 20);
  for (let i = 0; i < 16; i++) socket.send(piece);
  assertEquals(socket.bufferedAmount, 16 << 20);
  await turn();
  // What the system takes is gone, the rest waits.
  await eventually(() => socket.bufferedAmount < 16 << 20);
  const waits = socket.bufferedAmount;
  assert(waits > 1 << 20, `${waits}`);
  socket.send("12345");
  assert(socket.bufferedAmount <= waits + 5);
  assert(socket.bufferedAmount > 5);
  peer.stream.resume();
  await eventually(() => socket.bufferedAmount === 0);
  const close = next(socket, "close");
  peer.cut();
  await close;
});

Deno.test("What was not sent when the connection was lost stays in bufferedAmount", async () => {
  for (const dialer of [dialRaw, dialNative]) {
    await using server = await HandServer.listen();
    const { socket, peer } = await openUnread(server, dialer);
    socket.send(new Uint8Array(32 << 20));
    await turn();
    const close = next(socket, "close");
    peer.cut();
    await close;
    const { bufferedAmount } = socket;
    assert(bufferedAmount > 1 << 20, `${bufferedAmount}`);
    assert(bufferedAmount <= 32 << 20, `${bufferedAmount}`);
  }
});

Deno.test("Compression makes bufferedAmount no smaller in the task that sends", async () => {
  await using server = await foreignServer();
  const socket = new WebSocket(server.url, { compression: true });
  await next(socket, "open");
  assertMatch(socket.extensions, /^permessage-deflate/);
  socket.send("a".repeat(10_000));
  socket.send("b".repeat(10_000));
  assertEquals(socket.bufferedAmount, 20_000);
  const close = next(socket, "close");
  socket.close();
  await close;
});

Deno.test("What was lost in the task that sent it stays in bufferedAmount, also before the close event", async () => {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url, { maxBufferedAmount: 1 << 20 });
  await next(socket, "open");
  const close = next(socket, "close");
  socket.send(new Uint8Array(16 << 20));
  // It cuts the connection, with all that the system has not taken at once.
  socket.send("more");
  const lost = (16 << 20) + 4;
  assertEquals(socket.bufferedAmount, lost);
  const seen = new Set<number>();
  socket.onerror = () => seen.add(socket.bufferedAmount);
  while (socket.readyState !== WebSocket.CLOSED) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.add(socket.bufferedAmount);
  }
  await close;
  const [left = 0, ...others] = seen;
  assert(left > 1 << 20 && left <= lost, `${left}`);
  assertEquals(others, []);
});

Deno.test("What a callback lost while send was writing it stays in bufferedAmount", async () => {
  await using server = await HandServer.listen();
  const socket: WebSocket = new WebSocket(server.url, {
    maxBufferedAmount: 71_000,
    onFrame: (direction, { length }) => {
      // Cuts the connection, since both messages count already.
      if (direction === "sent" && length === 70_000) socket.send("more");
    },
  });
  await next(socket, "open");
  const close = next(socket, "close");
  socket.send(new Uint8Array(1_000));
  socket.send(new Uint8Array(70_000));
  await close;
  assertEquals(socket.bufferedAmount, 71_004);
});

Deno.test("A message during whose send a callback closes is sent, and does not stay in bufferedAmount", async () => {
  await using server = await foreignServer();
  for (const size of [10, 100_000]) {
    const socket: WebSocket = new WebSocket(server.url, {
      onFrame: (direction, { length }) => {
        if (direction === "sent" && length === size) socket.close(1000);
      },
    });
    await next(socket, "open");
    const close = next(socket, "close");
    socket.send("a".repeat(size));
    assertEquals([socket.readyState, socket.bufferedAmount], [2, size]);
    assertEquals((await close).wasClean, true);
    assertEquals(socket.bufferedAmount, 0);
  }
});

Deno.test("What was sent long before the connection was lost does not count in bufferedAmount", async () => {
  for (const dialer of [dialRaw, dialNative]) {
    await using server = await HandServer.listen();
    const { socket, peer } = await openUnread(server, dialer);
    socket.send(new Uint8Array(8 << 20));
    await turn();
    peer.stream.resume();
    assertEquals((await peer.frames.take())?.payload.length, 8 << 20);
    await eventually(() => socket.bufferedAmount === 0);
    const close = next(socket, "close");
    peer.cut();
    await close;
    assertEquals(socket.bufferedAmount, 0);
  }
});

Deno.test("A Blob that could not be read stays in bufferedAmount, and what waited behind it", async () => {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url);
  await next(socket, "open");
  const close = next(socket, "close");
  const blob = new Blob(["12"]);
  Object.defineProperty(blob, "arrayBuffer", {
    value: () => Promise.reject(new Error("gone")),
  });
  socket.send(blob);
  socket.send("behind");
  assertEquals(socket.bufferedAmount, 8);
  await close;
  assertEquals(socket.bufferedAmount, 8);
});
