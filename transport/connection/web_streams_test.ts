import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { MockSocket } from "../../testing/mock_socket.ts";
import { socketPair } from "../../testing/socket_pair.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { Connection } from "./connection.ts";

function pair() {
  const sockets = socketPair();
  return {
    client: new Connection(sockets.client),
    server: new Connection(sockets.server),
  };
}

Deno.test("What is written to writable can be read from readable, and both end with the connection", async () => {
  const { client, server } = pair();
  const writer = client.writable.getWriter();
  await writer.write("text");
  await writer.write(new Uint8Array([1, 2]));
  await writer.close();
  const read: unknown[] = [];
  for await (const message of server.readable) read.push(message);
  assertEquals(read, ["text", new Uint8Array([1, 2])]);
  assertEquals((await client.closed).sent?.code, 1000);
  assertEquals(client.readable, client.readable);
  assertEquals(client.writable, client.writable);
});

Deno.test("readable takes a message off the queue only when its reader asks", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket, { incomingBufferSize: 2 });
  const reader = connection.readable.getReader();
  for (let i = 0; i < 5; i++) socket.receive(String(i));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([connection.incoming.size, socket.paused], [2, true]);
  for (let i = 0; i < 5; i++) {
    assertEquals((await reader.read()).value, String(i));
  }
  await reader.cancel();
  assertEquals(socket.closes.map(({ code }) => code), [1000]);
});

Deno.test("Cancelling readable ends its read, which takes no message that arrives later", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock, behaviour: { close() {} } });
  const connection = new Connection(socket, { clock });
  const reader = connection.readable.getReader();
  const read = reader.read();
  // The stream asks for a message in a later microtask.
  await clock.settle();
  const cancelled = reader.cancel();
  assertEquals((await read).done, true);
  socket.receive("late");
  socket.receiveClose();
  await cancelled;
  assertEquals(await connection.incoming.take(), "late");
});

Deno.test("writable waits for space in the buffer", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock, buffering: true });
  const connection = new Connection(socket, { clock, highWaterMark: 4 });
  const writer = connection.writable.getWriter();
  const first = writer.write("full");
  const second = writer.write("more");
  await clock.settle();
  assertEquals(socket.written, ["full"]);
  socket.drain(0);
  await first;
  await clock.settle();
  assertEquals(socket.written, ["full", "more"]);
  socket.drain(0);
  await second;
  writer.releaseLock();
  await connection.close();
});

Deno.test("An end that was not clean fails both streams with its error", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const reader = connection.readable.getReader();
  const writer = connection.writable.getWriter();
  const closed = assertRejects(() => writer.closed, ConnectionError);
  socket.receive("last");
  socket.end({ error: new Error("reset") });
  assertEquals((await reader.read()).value, "last");
  const error = await assertRejects(() => reader.read(), ConnectionError);
  assertEquals([error.code, error.message], [
    "read-error",
    "Cannot use the connection: reset.",
  ]);
  assertEquals((await closed).code, "read-error");
});

Deno.test("A clean end closes readable, and writable takes no more", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const reader = connection.readable.getReader();
  const writer = connection.writable.getWriter();
  const closed = assertRejects(() => writer.closed, ConnectionError);
  socket.receiveClose();
  assertEquals((await reader.read()).done, true);
  await closed;
  const error = await assertRejects(() => writer.write("x"), ConnectionError);
  assertEquals(error.code, "connection-closed");
});

Deno.test("A writer that is aborted closes with 1011; a value that is not a message fails it", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  await connection.writable.abort(new Error("no more"));
  assertEquals(socket.closes.map(({ code }) => code), [1011]);

  const { client } = pair();
  const writer: WritableStreamDefaultWriter = client.writable.getWriter();
  await assertRejects(() => writer.write(5), ConfigError);
  await client.close();
});

Deno.test("A writer that is aborted does not wait for a peer that does not read", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock, buffering: true });
  const connection = new Connection(socket, { clock, highWaterMark: 4 });
  const writer = connection.writable.getWriter();
  const writing = Promise.allSettled([
    writer.write("full"),
    writer.write("more"),
  ]);
  await clock.settle();
  const aborting = writer.abort(new Error("no more"));
  await clock.settle();
  assertEquals(socket.closes.map(({ code }) => code), [1011]);
  socket.receiveClose(1011);
  await aborting;
  const results = await writing;
  assertEquals(results.map(({ status }) => status), ["rejected", "rejected"]);
  assertEquals(socket.written, ["full"]);
});

Deno.test("Two connections can be piped together both ways, and end together", async () => {
  const left = pair();
  const right = pair();
  const pipes = Promise.allSettled([
    left.server.readable.pipeTo(right.client.writable),
    right.client.readable.pipeTo(left.server.writable),
  ]);
  await left.client.send("there");
  assertEquals(await right.server.incoming.take(), "there");
  await right.server.send("and back");
  assertEquals(await left.client.incoming.take(), "and back");
  await left.client.close();
  await pipes;
  const { code } = await right.server.closed;
  assert(code === 1000, String(code));
});
