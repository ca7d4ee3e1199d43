import { Buffer } from "node:buffer";
import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { ConnectionError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { ProtocolError } from "../protocol/wire/errors.ts";
import { NativeSocket } from "./native_socket.ts";
import {
  BINARY,
  CLOSE,
  closeBody,
  listenTcp,
  PING,
  PONG,
  Recorder,
  TEXT,
  urlOf,
  WirePeer,
} from "../_support/native.ts";
import {
  bytes,
  LOST,
  once,
  turn,
  withClient,
  withOpenClient,
} from "../_support/native_client.ts";

Deno.test("a client exchanges texts and binary messages", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    await peer.send(TEXT, "hello");
    await peer.send(BINARY, bytes(1, 2, 3));
    await peer.send(BINARY, bytes(4));
    await reader.heard(3);
    assertEquals(reader.reports, ["hello", bytes(1, 2, 3), bytes(4)]);
    const [, first, second] = reader.reports;
    assertInstanceOf(first, Uint8Array);
    assertInstanceOf(second, Uint8Array);
    assert(first.buffer !== second.buffer);
    assertEquals(first.buffer.byteLength, 3);

    socket.write("grüße");
    const text = await peer.next();
    assertEquals(text?.opcode, TEXT);
    assertEquals(new TextDecoder().decode(text?.payload), "grüße");
  }));

Deno.test("the bytes of a message are the caller's again as soon as it is written", () =>
  withOpenClient(async ({ socket, peer }) => {
    const buffer = new Uint8Array(100_000).fill(1);
    socket.write(buffer.subarray(7, 99_999));
    buffer.fill(2);
    const sent = await peer.next();
    assertEquals(sent?.opcode, BINARY);
    assertEquals(sent?.payload.length, 99_992);
    assert(sent?.payload.every((byte) => byte === 1));
  }));

Deno.test("bytes in resizable memory, which some runtimes refuse, are copied", () =>
  withOpenClient(async ({ ws, socket, peer }) => {
    const sent: unknown[] = [];
    const send = ws.send.bind(ws);
    ws.send = (data) => {
      sent.push(data);
      send(data);
    };
    const buffer = new ArrayBuffer(4, { maxByteLength: 8 });
    const bytes = new Uint8Array(buffer, 1, 2);
    bytes.set([7, 8]);
    socket.write(bytes);
    assertEquals((await peer.next())?.payload, new Uint8Array([7, 8]));
    assert(sent[0] instanceof Uint8Array && sent[0].buffer !== buffer);
    socket.write(sent[0]);
    await peer.next();
    assert(sent[1] === sent[0]);
  }));

Deno.test("bytes in shared memory, which the runtime refuses, are sent all the same", () =>
  withOpenClient(async ({ ws, socket, peer }) => {
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set([1, 2, 3, 4]);
    assertThrows(() => Reflect.apply(ws.send, ws, [shared]), TypeError);
    socket.write(shared.subarray(1));
    assertEquals((await peer.next())?.payload, bytes(2, 3, 4));
  }));

Deno.test("messages that arrive before the start are delivered first, in order", () =>
  withClient(async ({ ws, socket, listener }) => {
    using peer = await WirePeer.accept(listener);
    await peer.send(TEXT, "one");
    await peer.send(TEXT, "two");
    for (let seen = 0; seen < 2; seen++) await once(ws, "message");
    const reader = new Recorder();
    socket.start(reader);
    assertEquals(reader.reports, ["one", "two"]);
    await peer.send(TEXT, "three");
    await reader.heard(3);
    assertEquals(reader.reports, ["one", "two", "three"]);
  }));

Deno.test("messages that arrived before the start and the end are still delivered, and then the end", () =>
  withClient(async ({ socket, listener }) => {
    using peer = await WirePeer.accept(listener);
    await peer.send(TEXT, "one");
    await peer.send(CLOSE, closeBody(1000));
    const end = await socket.closed;
    const reader = new Recorder();
    socket.start(reader);
    assertEquals(reader.reports, ["one", end]);
  }));

Deno.test("a reader that ends the socket while it gets kept messages gets no more", () =>
  withClient(async ({ ws, socket, listener }) => {
    using peer = await WirePeer.accept(listener);
    await peer.send(TEXT, "one");
    await peer.send(TEXT, "two");
    for (let seen = 0; seen < 2; seen++) await once(ws, "message");
    const reader = new Recorder();
    reader.onMessage = () => socket.terminate();
    socket.start(reader);
    assertEquals(reader.reports, ["one", await socket.closed]);
  }));

Deno.test("a socket that is still connecting keeps messages until it is open", () =>
  withClient(async ({ socket, listener }) => {
    const data = bytes(1, 2, 3);
    socket.write("four");
    socket.write(data);
    data.fill(9);
    assertEquals(socket.bufferedAmount, 7);
    using peer = await WirePeer.accept(listener);
    assertEquals((await peer.next())?.opcode, TEXT);
    assertEquals((await peer.next())?.payload, bytes(1, 2, 3));
    assertEquals(socket.sentBytes, 7);
  }));

Deno.test("a Buffer that is written while connecting may be changed at once", () =>
  withClient(async ({ socket, listener }) => {
    const bytes = Buffer.from([1, 2, 3]);
    socket.write(bytes);
    bytes.fill(0);
    using peer = await WirePeer.accept(listener);
    assertEquals((await peer.next())?.payload, new Uint8Array([1, 2, 3]));
  }));

Deno.test("a close while connecting ends the dial at once", () =>
  withClient(async ({ ws, socket }) => {
    const reader = new Recorder();
    socket.start(reader);
    socket.close(1000);
    assertEquals(reader.reports, [{ ...LOST, initiator: "local" }]);
    await once(ws, "close");
  }));

Deno.test("a close while connecting is sent after the messages written before", () =>
  withClient(async ({ socket, listener }) => {
    socket.write("last words");
    socket.close(4000);
    using peer = await WirePeer.accept(listener);
    assertEquals((await peer.next())?.opcode, TEXT);
    assertEquals(
      (await peer.next())?.payload,
      closeBody(4000),
    );
    await peer.send(CLOSE, closeBody(4000));
    assert((await socket.closed).clean);
  }));

Deno.test("a handshake that nobody answers ends after its timeout", () => {
  const clock = new FakeClock();
  return withClient(async ({ socket, listener }) => {
    using _silent = await WirePeer.hear(listener);
    clock.tick(9_999);
    assertEquals(clock.pending, 1);
    clock.tick(1);
    const end = await socket.closed;
    assertInstanceOf(end.error, HandshakeError);
    assertEquals(end.error.code, "timeout");
    assertEquals(end.code, 1006);
    assertEquals(clock.pending, 0);
  }, { clock });
});

Deno.test("no timer is left once it is open", () => {
  const clock = new FakeClock();
  return withOpenClient(() => {
    assertEquals(clock.pending, 0);
    return Promise.resolve();
  }, { clock });
});

Deno.test("a handshake that is refused ends it with the status", () =>
  withClient(async ({ socket, listener }) => {
    using peer = await WirePeer.hear(listener);
    await peer.raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    const { error } = await socket.closed;
    assertInstanceOf(error, HandshakeError);
    assertEquals(error.status, 403);
  }));

Deno.test("a message over the limit ends it with an error, and the peer gets the reason", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    await peer.send(TEXT, "é".repeat(4));
    await peer.send(TEXT, "é".repeat(4) + "x");
    await peer.send(TEXT, "more");
    const end = await socket.closed;
    assertInstanceOf(end.error, ProtocolError);
    assertEquals(end.error.code, "message-too-large");
    assertEquals(end.error.closeCode, 1009);
    assertEquals(end.initiator, "local");
    // The code that went out, since the runtime's client cannot send 1009.
    assertEquals(end.sent, { code: 1000, reason: end.error.message });
    assertEquals(reader.reports, ["é".repeat(4), end]);
    const answer = await peer.next();
    assertEquals(
      answer?.payload,
      closeBody(
        1000,
        "Cannot receive: the message has 9 bytes, more than maxMessageSize (8 bytes).",
      ),
    );
  }, { maxMessageSize: 8 }));

Deno.test("a limit of 0 is no limit", () =>
  withOpenClient(async ({ peer, reader }) => {
    await peer.send(BINARY, new Uint8Array(3 << 20));
    await reader.heard(1);
    assertInstanceOf(reader.reports[0], Uint8Array);
  }, { maxMessageSize: 0 }));

Deno.test("bytes that wait are counted, and reported each time the peer takes some", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    const size = 1 << 23;
    socket.write(new Uint8Array(size));
    socket.write(new Uint8Array(size));
    assertEquals(socket.bufferedAmount, 2 * size);
    assertEquals([2 * size, 2 * size + 1].map((n) => socket.hasSpace(n)), [
      false,
      true,
    ]);
    await turn();
    assertEquals(socket.bufferedAmount, 2 * size);
    assertEquals(reader.reports, []);
    await peer.next();
    await peer.next();
    while (socket.bufferedAmount > 0) {
      await reader.heard(reader.reports.length + 1);
    }
    assertGreater(reader.reports.length, 0);
    assert(reader.reports.every((thing) => thing === "drain"));
  }));

Deno.test("nothing looks at an empty buffer", async () => {
  const clock = new FakeClock();
  await withOpenClient(async ({ socket, peer, reader }) => {
    socket.write("hello");
    assertEquals(clock.pending, 1);
    await peer.next();
    while (socket.bufferedAmount > 0) await turn();
    clock.tick(50);
    assertEquals(reader.reports, ["drain"]);
    assertEquals(clock.pending, 0);
  }, { clock });
});

Deno.test("no look at the buffer outlives the socket", async () => {
  const clock = new FakeClock();
  await withOpenClient(({ socket }) => {
    socket.write(new Uint8Array(1 << 23));
    assertEquals(clock.pending, 1);
    socket.terminate();
    assertEquals(clock.pending, 0);
    return Promise.resolve();
  }, { clock });
});

Deno.test("it cannot ping, and says so", () =>
  withOpenClient(({ socket }) => {
    assertEquals(socket.controlFrames, false);
    assertEquals(socket.flowControl, false);
    const error = assertThrows(() => socket.ping(bytes()), ConnectionError);
    assertEquals(error.code, "ping-unsupported");
    return Promise.resolve();
  }));

Deno.test("the runtime answers a ping, and shows neither pings nor pongs", () =>
  withOpenClient(async ({ peer, reader }) => {
    await peer.send(PING, "are you there");
    const answer = await peer.next();
    assertEquals(answer?.opcode, PONG);
    assertEquals(new TextDecoder().decode(answer?.payload), "are you there");
    await peer.send(PONG, "unasked");
    await peer.send(TEXT, "after");
    await reader.heard(1);
    assertEquals(reader.reports, ["after"]);
  }));

Deno.test("a reader that throws ends the socket and not the process", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    const error = new Error("of the reader");
    reader.onMessage = () => {
      throw error;
    };
    await peer.send(TEXT, "hello");
    assertEquals((await socket.closed).error, error);
  }));

Deno.test("a changed binaryType ends the socket instead of corrupting messages", () =>
  withOpenClient(async ({ ws, socket, peer, reader }) => {
    ws.binaryType = "blob";
    await peer.send(BINARY, bytes(1));
    const end = await socket.closed;
    assertInstanceOf(end.error, TypeError);
    assertEquals(reader.reports, [end]);
  }));

Deno.test("a WebSocket that is closed already has ended, without an event to wait for", async () => {
  using listener = listenTcp();
  const ws = new WebSocket(urlOf(listener));
  ws.close();
  await once(ws, "close");
  const reader = new Recorder();
  new NativeSocket(ws).start(reader);
  assertEquals(reader.reports, [LOST]);
});

Deno.test("a WebSocket that is closing already has as long as any", () => {
  const clock = new FakeClock();
  return withOpenClient(async ({ ws, peer }) => {
    ws.close();
    await peer.next();
    const socket = new NativeSocket(ws, { clock });
    clock.tick(5_000);
    assertEquals((await socket.closed).code, 1006);
  });
});

Deno.test("a WebSocket of one's own is known by its URL", () =>
  withOpenClient(({ ws, socket }) => {
    assertEquals(socket.url, ws.url);
    assertEquals(socket.remoteAddr, undefined);
    assertEquals(socket.protocol, "");
    assertEquals(socket.extensions, "");
    return Promise.resolve();
  }));
