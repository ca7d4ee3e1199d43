import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import { ConnectionError } from "../base/errors.ts";
import { PING, rawWithPeer, TEXT, turns } from "../_support/raw.ts";
import { CLOSE, closeBody, testStreams } from "../_support/raw.ts";
import { frame, join, utf8 } from "../_support/bytes.ts";
import type {
  ByteStream,
  ByteStreamHandler,
} from "../net/stream/byte_stream.ts";
import { RawSocket } from "./raw_socket.ts";

for (const role of ["client", "server"] as const) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test(`raw ${role}: ${name}`, fn);

  test("a large message goes out from the caller's memory, which is not changed, and belongs to the caller again when it is written", async () => {
    const { socket, peer } = rawWithPeer(role, {}, 100_000);
    socket.start(new RecordingReader());
    const data = new Uint8Array(1_000_000).map((_, i) => i * 7);
    const before = data.slice();
    let out = false;
    const sent = socket.write(data)?.then(() => out = true);
    assert(sent !== undefined);
    await turns();
    assertEquals(out, false);
    assert(socket.bufferedAmount > 0);
    const got = await peer.next();
    await sent;
    assertEquals(got?.payload, before);
    assertEquals(data, before);
    assertEquals(socket.bufferedAmount, 0);
    socket.terminate();
  });

  test("with copy the bytes are the caller's at once", async () => {
    const { socket, peer } = rawWithPeer(role);
    socket.start(new RecordingReader());
    const data = new Uint8Array(200_000).fill(1);
    assertEquals(socket.write(data, true), undefined);
    data.fill(2);
    assertEquals(
      (await peer.next())?.payload,
      new Uint8Array(200_000).fill(1),
    );
    socket.terminate();
  });

  test("a borrowed message that cannot go out rejects, also when nobody awaits it", async () => {
    const { socket } = rawWithPeer(role, {}, 1_000);
    socket.start(new RecordingReader());
    const sent = socket.write(new Uint8Array(100_000));
    void socket.write(new Uint8Array(100_000));
    await turns();
    socket.terminate(new Error("cut"));
    const error = await assertRejects(
      () => Promise.resolve(sent),
      ConnectionError,
    );
    assert(error.cause instanceof Error);
    assertEquals(error.cause.message, "cut");
  });

  test("a streamed message goes out in its fragments, with control frames between", async () => {
    const { socket, peer } = rawWithPeer(role);
    socket.start(new RecordingReader());
    const send = (text: string, first: boolean, last: boolean) =>
      socket.writeFragment({ type: "text", payload: utf8(text), first, last });
    send("one", true, false);
    assertEquals(await peer.nextText(), [0x01, "one"]);
    socket.ping(utf8("between"));
    assertEquals(await peer.nextText(), [PING, "between"]);
    send("two", false, false);
    send("three", false, true);
    socket.write("next");
    assertEquals(await peer.nextText(), [0x00, "two"]);
    assertEquals(await peer.nextText(), [0x80, "three"]);
    assertEquals(await peer.nextText(), [TEXT, "next"]);
    socket.terminate();
  });

  test("fragmentSize cuts messages", async () => {
    const { socket, peer } = rawWithPeer(role, { fragmentSize: 4 });
    socket.start(new RecordingReader());
    socket.write("123456789");
    assertEquals(await peer.nextText(), [0x01, "1234"]);
    assertEquals(await peer.nextText(), [0x00, "5678"]);
    assertEquals(await peer.nextText(), [0x80, "9"]);
    socket.terminate();
  });

  test("small messages of one turn are written together", async () => {
    const { socket, stream } = rawWithPeer(role);
    socket.start(new RecordingReader());
    for (let i = 0; i < 100; i++) socket.write(`message ${i}`);
    await turns();
    assertEquals([stream.writes.length, socket.bufferedAmount], [1, 0]);
    assertEquals(socket.sentBytes, 990);
    socket.terminate();
  });

  test("a lone answer is written at once, and several are gathered from the next arrival on", async () => {
    const { socket, peer, stream } = rawWithPeer(role);
    const reader = new RecordingReader();
    socket.start(reader);
    const atOnce: number[] = [];
    for (const answers of [1, 1, 2, 2, 1, 1]) {
      await peer.send(TEXT, utf8("question"));
      assertEquals(await reader.take(), "question");
      const before = stream.writes.length;
      for (let i = 0; i < answers; i++) socket.write(`answer ${i}`);
      atOnce.push(stream.writes.length - before);
      await turns();
      assertEquals(socket.bufferedAmount, 0);
    }
    // Each round depends on the number of answers in the round before.
    assertEquals(atOnce, [1, 1, 1, 0, 0, 1]);
    socket.terminate();
  });

  test("a write that fails ends it with the failure, and no rejection goes unhandled", async () => {
    const { socket, peer, stream } = rawWithPeer(role);
    const reader = new RecordingReader();
    socket.start(reader);
    stream.breakWriting(new Error("Connection reset"));
    socket.write("x");
    const borrowed = socket.write(new Uint8Array(100_000));
    await turns();
    assertThrows(() => socket.write("y"), ConnectionError, "draining");
    peer.stream.close();
    const end = await socket.closed;
    assertEquals([end.code, end.error?.message, end.initiator], [
      1006,
      "Connection reset",
      "peer",
    ]);
    assertEquals(reader.ends.length, 1);
    const error = await assertRejects(
      () => Promise.resolve(borrowed),
      ConnectionError,
    );
    assertEquals(error.code, "connection-closed");
  });

  test("after a write that failed what the peer had sent is delivered, and its close is known", async () => {
    const { socket, peer, stream } = rawWithPeer(role);
    const reader = new RecordingReader({ capacity: 10 });
    socket.start(reader);
    const all = Array.from({ length: 100 }, (_, i) => `${i}`);
    await peer.raw(join(...all.map((text) => peer.frame(TEXT, text))));
    await peer.send(CLOSE, closeBody(4000, "done"));
    stream.breakWriting(new Error("EPIPE"));
    socket.ping(utf8("lost"));
    await turns();
    const got: unknown[] = [];
    for (;;) {
      const message = await reader.take();
      if (message === undefined) break;
      got.push(message);
      socket.resume();
    }
    assertEquals(got, all);
    const end = await socket.closed;
    assertEquals([end.code, end.reason, end.clean, end.sent, end.error], [
      4000,
      "done",
      false,
      undefined,
      undefined,
    ]);
  });

  test("large output is written in pieces, and each of them is reported", async () => {
    const { socket, peer, stream } = rawWithPeer(role, {}, 10_000);
    const reader = new RecordingReader();
    socket.start(reader);
    void socket.write(new Uint8Array(1_000_000));
    await turns();
    assert(socket.bufferedAmount > 900_000);
    assertEquals((await peer.next())?.payload.length, 1_000_000);
    await turns();
    assert(stream.writes.every((size) => size <= 262_144));
    assertEquals(reader.drains, stream.writes.length);
    assert(reader.drains >= 4);
    assertEquals(socket.bufferedAmount, 0);
    assertEquals(
      socket.activity.writtenBytes,
      stream.writes.reduce((sum, size) => sum + size),
    );
    socket.terminate();
  });
}

Deno.test("the handshake response goes out first, before the start", async () => {
  const { socket, peer } = rawWithPeer("server", {
    handshakeResponse: frame("server", TEXT, "response"),
  });
  socket.write("second");
  assertEquals(await peer.nextText(), [TEXT, "response"]);
  assertEquals(await peer.nextText(), [TEXT, "second"]);
  socket.terminate();
});

Deno.test("a handshake response that cannot be written ends the socket, and its reader hears of it", async () => {
  const [stream, other] = testStreams();
  other.destroy();
  const socket = new RawSocket(stream, {
    role: "server",
    url: "ws://test/",
    handshakeResponse: utf8("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
  });
  const { error } = await socket.closed;
  assert(error !== undefined);
  const reader = new RecordingReader();
  socket.start(reader);
  assertEquals(reader.ends.length, 1);
});

/** A stream whose writes fail at once, which it reports a little later, as `node:net` does after a reset. */
class BrokenStream implements ByteStream {
  readonly writing = false;
  readonly writable = false;
  writes = 0;
  #handler: ByteStreamHandler | undefined;

  attach(handler: ByteStreamHandler): void {
    this.#handler = handler;
  }

  write(): boolean {
    this.writes++;
    return false;
  }

  /** Reports the failed write. */
  report(): void {
    this.#handler?.writeError(new Error("Connection reset"));
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

Deno.test("messages that are sent before a failed write is reported wait for the report, however many they are", async () => {
  for (const size of [100, 16_000]) {
    const clock = new FakeClock();
    const stream = new BrokenStream();
    const socket = new RawSocket(stream, {
      role: "server",
      url: "ws://test/",
      clock,
    });
    socket.start(new RecordingReader());
    for (let i = 0; i < 40; i++) socket.write(new Uint8Array(size));
    await turns();
    assertEquals([stream.writes, socket.bufferedAmount > 40 * size], [1, true]);
    stream.report();
    clock.tick(250);
    const { clean, error } = await socket.closed;
    assertEquals([clean, error?.message], [false, "Connection reset"]);
  }
});
