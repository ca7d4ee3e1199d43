import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { ConnectionError } from "../transport/base/errors.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { eventually } from "../testing/eventually.ts";
import { next, recordEvents, turn } from "./_support/events.ts";
import { BINARY, HandServer, TEXT } from "./_support/hand_server.ts";
import { type Server, testEveryServer } from "./_support/servers.ts";
import type { BinaryType } from "./payload.ts";
import { WebSocket } from "./websocket.ts";

/** Sends messages one after the other and gives what comes back. */
async function echoes(
  server: Server,
  binaryType: BinaryType,
  messages: readonly unknown[],
): Promise<unknown[]> {
  const socket = new WebSocket(server.url, server.options);
  socket.binaryType = binaryType;
  await next(socket, "open");
  const echoes: unknown[] = [];
  for (const message of messages) {
    const answer = next(socket, "message");
    Reflect.apply(socket.send, socket, [message]);
    echoes.push((await answer).data);
  }
  const close = next(socket, "close");
  socket.close();
  assertEquals((await close).wasClean, true);
  return echoes;
}

testEveryServer(
  "Texts come back as they were sent, the empty one too",
  async (server) => {
    const texts = [
      "",
      "Message to send",
      "¥¥¥¥¥¥",
      "\ufeffbyte order mark",
      "\u{1f41d}".repeat(20_000),
      // Around the lengths at which a frame's header grows (RFC 6455, section 5.2).
      ...[125, 126, 65_535, 65_536].map((length) => "a".repeat(length)),
    ];
    assertEquals(await echoes(server, "blob", texts), texts);
  },
);

testEveryServer(
  "What is neither a string nor bytes is sent as its text",
  async (server) => {
    const sent = [null, undefined, 42, { toString: () => "named" }];
    assertEquals(await echoes(server, "blob", sent), [
      "null",
      "undefined",
      "42",
      "named",
    ]);
  },
);

testEveryServer(
  "A surrogate without its other half is sent as the replacement character",
  async (server) => {
    assertEquals(
      await echoes(server, "blob", ["\ud807", "a\udc00b", "\ud83d\udc1d"]),
      [
        "\ufffd",
        "a\ufffdb",
        "\u{1f41d}",
      ],
    );
  },
);

testEveryServer(
  "Every kind of bytes is sent: buffers, and views of a part of one",
  async (server) => {
    const buffer = new Uint8Array(64).map((_, i) => i * 3).buffer;
    const sent = [
      buffer,
      new ArrayBuffer(0),
      new ArrayBuffer(65_536),
      new Int8Array(buffer),
      new Uint8Array(buffer, 2),
      new Uint8Array(buffer, 2, 4),
      new Uint8ClampedArray(buffer, 1, 5),
      new Int16Array(buffer, 2),
      new Uint16Array(buffer, 2, 4),
      new Int32Array(buffer),
      new Uint32Array(buffer, 8),
      // Node.js 22 has none.
      ...("Float16Array" in globalThis ? [new Float16Array(buffer, 4, 3)] : []),
      new Float32Array(buffer, 4, 3),
      new Float64Array(buffer, 8, 2),
      new BigInt64Array(buffer, 8, 2),
      new DataView(buffer, 7, 9),
    ];
    const expected = sent.map((item) =>
      item instanceof ArrayBuffer
        ? item
        : item.buffer.slice(item.byteOffset, item.byteOffset + item.byteLength)
    );
    assertEquals(await echoes(server, "arraybuffer", sent), expected);
  },
);

testEveryServer("Shared memory is sent as bytes", async (server) => {
  const shared = new SharedArrayBuffer(3);
  new Uint8Array(shared).set([1, 2, 3]);
  const [whole, part] = await echoes(server, "arraybuffer", [
    shared,
    new Uint8Array(shared, 1),
  ]);
  assertEquals(whole, Uint8Array.of(1, 2, 3).buffer);
  assertEquals(part, Uint8Array.of(2, 3).buffer);
});

testEveryServer(
  "A Blob is sent as bytes, and comes back as a Blob",
  async (server) => {
    const [echo] = await echoes(server, "blob", [
      new Blob([new Uint8Array(65_000).fill(7)]),
    ]);
    assert(echo instanceof Blob);
    assertEquals(echo.size, 65_000);
    assertEquals(
      new Uint8Array(await echo.arrayBuffer()),
      new Uint8Array(65_000).fill(7),
    );
  },
);

testEveryServer(
  "Messages keep their order although a Blob has to be read first",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    socket.binaryType = "arraybuffer";
    const data: unknown[] = [];
    socket.onmessage = (event) => data.push(event.data);
    await next(socket, "open");
    const changed = Uint8Array.of(4);
    socket.send("first");
    socket.send(new Blob(["second"]));
    socket.send("third");
    socket.send(changed);
    socket.send(new Blob(["fifth"]));
    assertEquals(socket.bufferedAmount, 5 + 6 + 5 + 1 + 5);
    changed[0] = 99;
    await eventually(() => data.length === 5);
    const encoder = new TextEncoder();
    assertEquals(data, [
      "first",
      encoder.encode("second").buffer,
      "third",
      Uint8Array.of(4).buffer,
      encoder.encode("fifth").buffer,
    ]);
    await eventually(() => socket.bufferedAmount === 0);
    const close = next(socket, "close");
    socket.close();
    await close;
  },
);

testEveryServer(
  "Bytes may be changed as soon as send has returned",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    socket.binaryType = "arraybuffer";
    await next(socket, "open");
    const bytes = new Uint8Array(300_000).fill(1);
    const answer = next(socket, "message");
    socket.send(bytes);
    bytes.fill(2);
    assertEquals(
      new Uint8Array((await answer).data),
      new Uint8Array(300_000).fill(1),
    );
    const close = next(socket, "close");
    socket.close();
    await close;
  },
);

testEveryServer(
  "Bytes that wait behind a Blob may be changed at once, whatever holds them",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    socket.binaryType = "arraybuffer";
    await next(socket, "open");
    const came: unknown[] = [];
    socket.onmessage = ({ data }) => came.push(data);
    const resizable = new ArrayBuffer(4, { maxByteLength: 8 });
    const buffers = [new ArrayBuffer(4), new SharedArrayBuffer(4), resizable];
    const sent = buffers.flatMap((buffer) => [
      buffer,
      new DataView(buffer),
      new Uint16Array(buffer),
      Buffer.from(buffer),
    ]);
    for (const buffer of buffers) new Uint8Array(buffer).fill(1);
    socket.send(new Blob(["first"]));
    for (const data of sent) Reflect.apply(socket.send, socket, [data]);
    for (const buffer of buffers) new Uint8Array(buffer).fill(2);
    resizable.resize(8);
    await eventually(() => came.length === sent.length + 1);
    assertEquals(
      came.slice(1),
      sent.map(() => Uint8Array.of(1, 1, 1, 1).buffer),
    );
    const close = next(socket, "close");
    socket.close();
    await close;
  },
);

testEveryServer(
  "bufferedAmount counts bytes of UTF-8 at once, and falls to 0",
  async (server) => {
    for (const compression of [false, true]) {
      const socket = new WebSocket(server.url, {
        ...server.options,
        compression,
      });
      let answers = 0;
      socket.onmessage = () => answers++;
      await next(socket, "open");
      assertEquals(socket.bufferedAmount, 0);
      const sent = [
        ["", 0],
        ["Message to send", 15],
        ["¥¥¥¥¥¥", 12],
        ["\ud807", 3],
        ["c".repeat(65_000), 65_000],
        [new ArrayBuffer(1_000), 1_000],
        [new Uint16Array(10), 20],
        [new Blob(["four"]), 4],
      ] as const;
      let total = 0;
      for (const [data, size] of sent) {
        socket.send(data);
        total += size;
        assertEquals(socket.bufferedAmount, total);
      }
      // It does not fall before the event loop comes round, whatever is awaited.
      for (let i = 0; i < 5; i++) await Promise.resolve();
      assert(socket.bufferedAmount >= total);
      await eventually(() => answers === sent.length);
      await eventually(() => socket.bufferedAmount === 0);
      const close = next(socket, "close");
      socket.close();
      await close;
      assertEquals(socket.bufferedAmount, 0);
    }
  },
);

testEveryServer(
  "After close, messages are not sent but counted, for ever",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    const events = recordEvents(socket);
    await next(socket, "open");
    const close = next(socket, "close");
    socket.close();
    socket.send("four");
    assertEquals(socket.bufferedAmount, 4);
    await close;
    assertEquals(socket.bufferedAmount, 4);
    socket.send(new ArrayBuffer(6));
    assertEquals(socket.bufferedAmount, 10);
    await turn();
    assertEquals(socket.bufferedAmount, 10);
    assertEquals(events, ["open 1", "close 3"]);
  },
);

Deno.test("Nothing can be sent while the connection is being made", async () => {
  await using server = await HandServer.listen(() => undefined);
  const socket = new WebSocket(server.url);
  const error = assertThrows(() => socket.send("early"), DOMException);
  assertEquals(error.name, "InvalidStateError");
  assertEquals(socket.bufferedAmount, 0);
  const close = next(socket, "close");
  socket.close();
  await close;
});

Deno.test("send wants an argument", async () => {
  await using server = await HandServer.listen(() => undefined);
  const socket = new WebSocket(server.url);
  assertThrows(() => Reflect.apply(socket.send, socket, []), TypeError);
  const close = next(socket, "close");
  socket.close();
  await close;
});

Deno.test("A program that sends more than maxBufferedAmount fails the connection", async () => {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url, { maxBufferedAmount: 1 << 20 });
  const events = recordEvents(socket);
  await next(socket, "open");
  const peer = await server.accept();
  peer.stream.pause();
  const failed = next(socket, "error");
  const close = next(socket, "close");
  // One message may be as large as it likes.
  socket.send(new Uint8Array(16 << 20));
  assertEquals(socket.readyState, WebSocket.OPEN);
  socket.send("more");
  assertEquals(socket.readyState, WebSocket.CLOSING);
  const { message, error } = await failed;
  assert(message.includes("maxBufferedAmount is 1048576"));
  assert(error instanceof ConnectionError);
  assertEquals(error.code, "unsent-overflow");
  const { code, wasClean } = await close;
  assertEquals([code, wasClean], [1006, false]);
  assertEquals(events, ["open 1", "error 3", "close 3"]);
});

Deno.test("maxBufferedAmount 0 is no limit", async () => {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url, { maxBufferedAmount: 0 });
  await next(socket, "open");
  const peer = await server.accept();
  peer.stream.pause();
  const piece = new Uint8Array(16 << 20);
  for (let i = 0; i < 6; i++) socket.send(piece);
  assertEquals(socket.readyState, WebSocket.OPEN);
  const close = next(socket, "close");
  peer.cut();
  await close;
});

Deno.test("A Blob that cannot be read fails the connection", async () => {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url);
  await next(socket, "open");
  const failed = next(socket, "error");
  const close = next(socket, "close");
  const cause = new Error("gone");
  const blob = new Blob(["12"]);
  Object.defineProperty(blob, "arrayBuffer", {
    value: () => Promise.reject(cause),
  });
  socket.send("before");
  socket.send(blob);
  socket.send("behind");
  const { error } = await failed;
  assert(error instanceof Error);
  assertEquals(error.cause, cause);
  assertEquals((await close).code, 1006);
});

Deno.test("close waits for Blobs that are still being read", async () => {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url);
  await next(socket, "open");
  const peer = await server.accept();
  const close = next(socket, "close");
  socket.send(new Blob(["blob"]));
  socket.send("text");
  socket.close(1000);
  const decoder = new TextDecoder();
  const seen: [number, string][] = [];
  for (let i = 0; i < 3; i++) {
    const frame = await peer.frames.take();
    seen.push([frame?.first ?? 0, decoder.decode(frame?.payload)]);
  }
  assertEquals(seen, [[BINARY, "blob"], [TEXT, "text"], [0x88, "\x03\ufffd"]]);
  peer.close(1000);
  peer.stream.end();
  assertEquals((await close).wasClean, true);
});

Deno.test("close waits for a Blob no longer than closeTimeout", async () => {
  await using server = await HandServer.listen();
  const clock = new FakeClock();
  const socket = new WebSocket(server.url, { clock, closeTimeout: 1_000 });
  const events = recordEvents(socket);
  await next(socket, "open");
  const blob = new Blob(["12"]);
  Object.defineProperty(blob, "arrayBuffer", {
    value: () => new Promise(() => {}),
  });
  socket.send(blob);
  const close = next(socket, "close");
  socket.close(1000);
  clock.tick(999);
  await turn();
  assertEquals(events, ["open 1"]);
  clock.tick(1);
  const { code, wasClean } = await close;
  assertEquals([code, wasClean, socket.bufferedAmount], [1006, false, 2]);
  assertEquals(events, ["open 1", "close 3"]);
});
