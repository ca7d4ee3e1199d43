import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  expectIncoming,
  expectWrite,
  FakeClock,
  MockSocket,
  socketPair,
} from "../../testing/mod.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { connectionPair, TARGET } from "./_support/pair.ts";
import { Connection } from "./connection.ts";

Deno.test("Sends keep the order of their calls, and count", async () => {
  const { client, server } = connectionPair();
  void client.send("one");
  assert(client.trySend(new Uint8Array([1, 2])));
  await client.send("three");
  await expectIncoming(server, "one");
  await expectIncoming(server, new Uint8Array([1, 2]));
  await expectIncoming(server, "three");
  const { sentMessages, sentBytes } = client.stats();
  const { receivedMessages, receivedBytes } = server.stats();
  assertEquals([sentMessages, sentBytes], [3, 10]);
  assertEquals([receivedMessages, receivedBytes], [3, 10]);
  await client.close();
});

Deno.test("A send waits for space in the buffer, and is withdrawn by its signal or its timeout", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock, buffering: true });
  const connection = new Connection(socket, {
    clock,
    highWaterMark: 4,
    pingInterval: 0,
  });
  const full = connection.send("full");
  const cancel = new AbortController();
  const cancelled = connection.send("no", { signal: cancel.signal });
  const late = connection.send("no", { timeout: 50 });
  const waits = connection.send("yes");
  assertEquals(connection.trySend("no"), false);
  cancel.abort(new Error("changed my mind"));
  await assertRejects(() => cancelled, Error, "changed my mind");
  await clock.advance(50);
  const error = await assertRejects(() => late, ConnectionError);
  assertEquals(error.code, "send-timeout");
  socket.drain();
  await full;
  await waits;
  await expectWrite(socket, "full");
  await expectWrite(socket, "yes");
  assertEquals(connection.stats().failedSends, 2);
  await connection.close();
});

Deno.test("A peer that reads nothing for writeTimeout ends the connection, and all calls that wait", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock, buffering: true });
  const connection = new Connection(socket, {
    clock,
    highWaterMark: 4,
    writeTimeout: 1_000,
    pingInterval: 0,
  });
  connection.trySend("full");
  const waits = connection.send("more");
  await clock.advance(999);
  assertEquals(connection.state, "connected");
  await clock.advance(1);
  const error = await assertRejects(() => waits, ConnectionError);
  assertEquals(error.code, "write-timeout");
  const end = await connection.errors.take();
  assertEquals(end?.code, "write-timeout");
  assertStrictEquals(end?.cause, error);
  assertEquals(clock.pending, 0);
});

Deno.test("Values that are not messages, and sends before connect or after close, are refused by name", async () => {
  const { client } = connectionPair();
  // @ts-expect-error: what JavaScript may do.
  const wrong = await assertRejects(() => client.send(5), ConfigError);
  assertEquals(wrong.code, "invalid-argument");
  await client.close();
  for (
    const [connection, code] of [
      [client, "connection-closed"],
      [new Connection(TARGET), "not-connected"],
    ] as const
  ) {
    const failures = [
      await assertRejects(() => connection.send("x"), ConnectionError),
      await assertRejects(() => connection.ping(), ConnectionError),
      await assertRejects(
        () => connection.sendStream(ReadableStream.from(["x"])),
        ConnectionError,
      ),
      assertThrows(() => connection.trySend("x"), ConnectionError),
    ];
    assertEquals(failures.map((error) => error.code), Array(4).fill(code));
  }
});

Deno.test("A send that the socket refuses fails at the call, and is counted", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  socket.behaviour.write = () => {
    throw new ConnectionError("connection-closed", "the peer is closing");
  };
  assertThrows(() => connection.trySend("x"), ConnectionError, "closing");
  await assertRejects(() => connection.send("x"), ConnectionError, "closing");
  const { failedSends, sentMessages } = connection.stats();
  assertEquals([failedSends, sentMessages], [2, 0]);
  socket.behaviour.write = undefined;
  await connection.close();
});

Deno.test("A send whose message was buffered when the connection ended fails with an unknown delivery", async () => {
  const socket = new MockSocket({ buffering: true });
  const connection = new Connection(socket, { highWaterMark: 4 });
  const buffered = connection.send("buffered");
  const waiting = connection.send("waiting");
  socket.end();
  const errors = await Promise.all(
    [buffered, waiting].map((sent) =>
      assertRejects(() => sent, ConnectionError)
    ),
  );
  assertEquals(errors.map(({ code, delivered }) => [code, delivered]), [
    ["connection-closed", "unknown"],
    ["connection-closed", undefined],
  ]);
  assertEquals(connection.stats().failedSends, 2);
});

Deno.test("Two programs that await send in their reading loops stall until writeTimeout, not forever", async () => {
  const clock = new FakeClock();
  const sockets = socketPair({ clock });
  const options = {
    clock,
    highWaterMark: 1_000,
    incomingBufferSize: 2,
    pingInterval: 0,
    writeTimeout: 30_000,
  };
  const sides = [sockets.client, sockets.server].map((socket) =>
    new Connection(socket, options)
  );
  const message = "x".repeat(400);
  const loops = sides.map(async (side) => {
    // Each message is answered by two.
    for await (const _ of side.incoming) {
      await side.send(message);
      await side.send(message);
    }
  });
  for (const loop of loops) loop.catch(() => {});
  for (const side of sides) void side.send(message);
  await clock.advance(29_000);
  assertEquals(sides.map(({ state }) => state), ["connected", "connected"]);
  await clock.advance(2_000);
  assertEquals(sides.map(({ state }) => state), ["closed", "closed"]);
  // The side whose stream broke still reads, for a second.
  await clock.advance(1_000);
  const errors = await Promise.all(sides.map(({ errors }) => errors.take()));
  assert(errors.some((error) => error?.code === "write-timeout"));
  await Promise.allSettled(loops);
});

for (const streaming of [true, false]) {
  Deno.test(`A stream is one message at the other side, ${streaming ? "in fragments without an empty one" : "gathered"}`, async () => {
    const sockets = socketPair({ streaming });
    const client = new Connection(sockets.client);
    const server = new Connection(sockets.server);
    const text = "é".repeat(50);
    await client.sendStream(ReadableStream.from([text, "", text]), {
      type: "text",
      chunkSize: 7,
    });
    client.trySend("behind");
    await expectIncoming(server, text + text);
    await expectIncoming(server, "behind");
    assertEquals(client.stats().sentMessages, 2);
    assertEquals(server.stats().receivedMessages, 2);
    await client.close();
  });
}

Deno.test("The last fragment of a stream has FIN, and other sends wait behind it", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const { readable, writable } = new TransformStream<string, string>();
  const writer = writable.getWriter();
  const streamed = connection.sendStream(readable, { chunkSize: 4 });
  await writer.write("abcdef");
  const other = connection.send("other");
  assertEquals(connection.trySend("now"), false);
  assertEquals(socket.written, []);
  await writer.close();
  await Promise.all([streamed, other]);
  assertEquals(
    socket.fragments.map(({ payload, first, last }) => [
      new TextDecoder().decode(payload),
      first,
      last,
    ]),
    [["abcd", true, false], ["ef", false, true]],
  );
  assertEquals(socket.written.at(-1), "other");
  await connection.close();
});

Deno.test("A stream that breaks off in the middle ends the connection; before its first fragment it does not", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const fails = async function* (chunks: string[]) {
    yield* chunks;
    await Promise.resolve();
    throw new Error("source failed");
  };
  await assertRejects(() => connection.sendStream(fails([])), Error, "source");
  assertEquals(connection.state, "connected");
  await assertRejects(
    () => connection.sendStream(fails(["a", "b"]), { chunkSize: 1 }),
    Error,
    "source",
  );
  assertEquals(socket.closes[0]?.code, 1011);
  const error = await connection.errors.take();
  assertEquals(error?.code, "stream-aborted");
  assertEquals(connection.stats().failedSends, 2);
});

Deno.test("Bytes whose buffer was transferred before the call are refused, empty ones are sent", async () => {
  const { client, server } = connectionPair();
  const gone = new Uint8Array(3);
  structuredClone(gone, { transfer: [gone.buffer] });
  assertThrows(() => client.trySend(gone), ConfigError, "transferred");
  await assertRejects(() => client.send(gone), ConfigError, "transferred");
  const shrunk = new ArrayBuffer(10, { maxByteLength: 10 });
  const outside = new Uint8Array(shrunk, 5, 5);
  shrunk.resize(2);
  assertThrows(() => client.trySend(outside), ConfigError, "resized");
  await assertRejects(() => client.send(outside), ConfigError, "resized");
  await assertRejects(
    () => client.sendStream(ReadableStream.from([outside])),
    ConfigError,
    "resized",
  );
  await client.send(new Uint8Array(0));
  await expectIncoming(server, new Uint8Array(0));
  assertEquals(client.stats().sentMessages, 1);
  await client.close();
});
