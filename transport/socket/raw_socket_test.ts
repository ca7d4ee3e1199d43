import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { Connection } from "../connection/connection.ts";
import { ProtocolError } from "../protocol/wire/errors.ts";
import { PING, PONG, rawWithPeer, TEXT, turns } from "../_support/raw.ts";
import { BINARY, CLOSE, closeBody, testStreams } from "../_support/raw.ts";
import { frame, hex, join, peerOf, utf8 } from "../_support/bytes.ts";
import { RawSocket } from "./raw_socket.ts";

/** A reader that does what a test says with each message. */
class ActingReader extends RecordingReader {
  constructor(readonly act: (data: unknown) => boolean) {
    super();
  }

  override message(
    data: string | Uint8Array,
    size: number,
    at: number,
  ): boolean {
    super.message(data, size, at);
    return this.act(data);
  }
}

/** Gives a view's buffer away, as a message to a worker does. */
function detach({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer();
}

for (const role of ["client", "server"] as const) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test(`raw ${role}: ${name}`, fn);

  test("we close: the peer's answer ends it clean, once, and what comes before it is delivered", async () => {
    const { socket, peer, stream } = rawWithPeer(role);
    const reader = new RecordingReader();
    socket.start(reader);
    socket.write("before");
    socket.close(1001, "going");
    socket.close(1000, "again");
    for (
      const send of [
        () => socket.write("behind"),
        () => void socket.write(new Uint8Array(100_000)),
        () => socket.ping(utf8("behind")),
        () =>
          socket.writeFragment({
            type: "text",
            payload: utf8("behind"),
            first: true,
            last: true,
          }),
      ]
    ) {
      assertEquals(
        assertThrows(send, ConnectionError).code,
        "connection-closed",
      );
    }
    assertEquals(await peer.nextText(), [TEXT, "before"]);
    assertEquals(await peer.nextClose(), [1001, "going"]);
    await peer.send(TEXT, "still read");
    await peer.send(PING, "not answered");
    await peer.send(CLOSE, closeBody(1001, "bye"));
    // The server is the one that ends the stream (section 7.1.1).
    if (role === "server") assertEquals(await peer.next(), undefined);
    peer.stream.close();
    const end = await socket.closed;
    assertEquals(reader.ends, [end]);
    assertEquals([reader.messages, reader.pings], [["still read"], []]);
    assertEquals(end, {
      code: 1001,
      reason: "bye",
      clean: true,
      initiator: "local",
      received: { code: 1001, reason: "bye" },
      sent: { code: 1001, reason: "going" },
      error: undefined,
      dropped: 0,
      inactive: false,
    });
    assertEquals(stream.destroys, 1);
  });

  test("the peer closes: the answer carries its code behind what was buffered", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new RecordingReader();
    socket.start(reader);
    socket.write("before");
    await peer.send(CLOSE, closeBody(4001, "enough"));
    assertEquals(await peer.nextText(), [TEXT, "before"]);
    assertEquals(await peer.nextClose(), [4001, "enough"]);
    peer.stream.close();
    const end = await socket.closed;
    assertEquals([end.code, end.reason, end.clean, end.initiator], [
      4001,
      "enough",
      true,
      "peer",
    ]);
    assertEquals(reader.ends.length, 1);
  });

  test("both close at once: one close frame each, and both are clean", async () => {
    const { socket, peer } = rawWithPeer(role);
    socket.start(new RecordingReader());
    socket.close(1000, "mine");
    await peer.send(CLOSE, closeBody(1001, "yours"));
    assertEquals(await peer.nextClose(), [1000, "mine"]);
    peer.stream.close();
    const end = await socket.closed;
    assertEquals([end.code, end.clean, end.initiator], [1001, true, "local"]);
    assertEquals(end.sent, { code: 1000, reason: "mine" });
  });

  test("an empty close frame reads 1005 and is answered by an empty one", async () => {
    const { socket, peer } = rawWithPeer(role);
    socket.start(new RecordingReader());
    await peer.send(CLOSE);
    assertEquals(await peer.nextText(), [CLOSE, ""]);
    peer.stream.close();
    assertEquals((await socket.closed).code, 1005);
  });

  test("a peer that ends its half right behind its close still gets all that was buffered, and the answer", async () => {
    const { socket, peer } = rawWithPeer(role, {}, 1_000);
    socket.start(new RecordingReader());
    socket.write(new Uint8Array(20_000));
    await peer.send(CLOSE, closeBody(1000));
    await peer.stream.closeWrite?.();
    await turns();
    assertEquals((await peer.next())?.payload.length, 20_000);
    assertEquals(await peer.nextClose(), [1000, ""]);
    assertEquals(await peer.next(), undefined);
    assertEquals((await socket.closed).clean, true);
  });

  test("a close that is not answered ends after its timeout, exactly", async () => {
    const clock = new FakeClock();
    const { socket, stream } = rawWithPeer(role, { clock });
    const reader = new RecordingReader();
    socket.start(reader);
    socket.close(1000, "", { timeout: 700 });
    await clock.advance(699);
    assertEquals(reader.ends, []);
    await clock.advance(1);
    assertEquals(reader.ends.length, 1);
    assertEquals(reader.ends[0]?.code, 1006);
    assertEquals([stream.destroys, clock.pending], [1, 0]);
  });

  test("a close timeout of 0 waits for ever", async () => {
    const clock = new FakeClock();
    const { socket, peer } = rawWithPeer(role, { clock });
    const reader = new RecordingReader();
    socket.start(reader);
    socket.close(1000, "", { timeout: 0 });
    await clock.advance(10_000_000);
    assertEquals([reader.ends.length, clock.pending], [0, 0]);
    peer.stream.close();
    await socket.closed;
  });

  test("a peer that keeps the stream open after the closing handshake is cut after a second", async () => {
    const clock = new FakeClock();
    const { socket, peer, stream } = rawWithPeer(role, { clock });
    socket.start(new RecordingReader());
    await peer.send(CLOSE, closeBody(1000));
    await peer.next();
    await turns();
    assertEquals(stream.destroys, 0);
    await clock.advance(1_000);
    assertEquals((await socket.closed).clean, true);
    assertEquals([stream.destroys, clock.pending], [1, 0]);
  });

  test("a peer that does not take our answer to its close is cut after five seconds", async () => {
    const clock = new FakeClock();
    const { socket, peer } = rawWithPeer(role, { clock }, 100);
    socket.start(new RecordingReader());
    socket.write(new Uint8Array(1_000));
    await peer.send(CLOSE, closeBody(1000));
    await turns();
    await clock.advance(4_999);
    assertEquals(clock.pending, 1);
    await clock.advance(1);
    await socket.closed;
    assertEquals(clock.pending, 0);
  });

  test("the end of the stream without a close frame is 1006, not clean, by the peer", async () => {
    const { socket, peer } = rawWithPeer(role);
    socket.start(new RecordingReader());
    await peer.send(TEXT, "last words");
    await peer.stream.closeWrite?.();
    const end = await socket.closed;
    assertEquals([end.code, end.clean, end.initiator, end.error], [
      1006,
      false,
      "peer",
      undefined,
    ]);
  });

  test("a close behind a held message is found, and the rest is dropped", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new RecordingReader({ capacity: 1 });
    socket.start(reader);
    const three = ["a", "b", "c"].map((text) => [...peer.frame(TEXT, text)]);
    await peer.raw(Uint8Array.from(three.flat()));
    await turns();
    assertEquals(reader.messages, ["a"]);
    socket.close(1000);
    await peer.send(CLOSE, closeBody(1000));
    await peer.next();
    peer.stream.close();
    assertEquals((await socket.closed).clean, true);
    assertEquals(reader.messages, ["a"]);
  });

  test("a reader that closes and says stop in one message still sees a clean end", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new ActingReader(() => {
      socket.close(1000);
      return false;
    });
    socket.start(reader);
    const bytes = [
      ...peer.frame(TEXT, "a"),
      ...peer.frame(TEXT, "b"),
      ...peer.frame(CLOSE, closeBody(1000)),
    ];
    await peer.raw(Uint8Array.from(bytes));
    assertEquals(await peer.nextClose(), [1000, ""]);
    peer.stream.close();
    assertEquals((await socket.closed).clean, true);
    assertEquals(reader.messages, ["a"]);
  });

  test("a reader that cuts in the middle of a read hears of nothing after the end", async () => {
    const clock = new FakeClock();
    const { socket, peer } = rawWithPeer(role, { clock });
    const reader = new ActingReader(() => {
      socket.terminate(new Error("enough"));
      return true;
    });
    socket.start(reader);
    const bytes = [
      ...peer.frame(TEXT, "a"),
      ...peer.frame(PING, "p"),
      ...peer.frame(PONG, "p"),
      ...peer.frame(TEXT, "b"),
      ...peer.frame(0x83, "a violation"),
      ...peer.frame(CLOSE, closeBody(1000)),
    ];
    await peer.raw(Uint8Array.from(bytes));
    const end = await socket.closed;
    await turns();
    assertEquals(end.error?.message, "enough");
    assertEquals(reader.ends.length, 1);
    assertEquals(
      [reader.messages.length, reader.pings.length, reader.pongs.length],
      [1, 0, 0],
    );
    assertEquals(clock.pending, 0);
  });

  test("a socket that is closed before it has a reader sees the answer, and a late reader gets the end", async () => {
    const { socket, peer } = rawWithPeer(role);
    socket.close(1000);
    assertEquals(await peer.nextClose(), [1000, ""]);
    await peer.send(CLOSE, closeBody(1000));
    peer.stream.close();
    assertEquals((await socket.closed).clean, true);
    const reader = new RecordingReader();
    socket.start(reader);
    assertEquals(reader.ends.length, 1);
  });

  test("a cut before the start is reported to the reader", async () => {
    const { socket } = rawWithPeer(role);
    socket.terminate();
    const reader = new RecordingReader();
    socket.start(reader);
    assertEquals(reader.ends, [await socket.closed]);
  });

  test("a cut ends it in the call, with the error", async () => {
    const { socket, peer, stream } = rawWithPeer(role);
    const reader = new RecordingReader();
    socket.start(reader);
    const error = new Error("no patience");
    socket.terminate(error);
    socket.terminate();
    socket.close();
    assertThrows(() => socket.write("into the void"), ConnectionError);
    assertEquals(reader.ends.length, 1);
    const [end] = reader.ends;
    assertEquals([end?.code, end?.error, end?.initiator], [
      1006,
      error,
      "local",
    ]);
    assertEquals([stream.destroys, socket.bufferedAmount], [1, 0]);
    assertEquals(await peer.next(), undefined);
  });

  for (
    const [what, bytes, code, close] of [
      ["a reserved bit", frame(peerOf(role), 0xc1, "x"), "reserved-bits", 1002],
      ["bad UTF-8", frame(peerOf(role), TEXT, hex("ff")), "invalid-utf8", 1007],
      [
        "a message that is too large",
        frame(peerOf(role), BINARY, new Uint8Array(101)),
        "message-too-large",
        1009,
      ],
      [
        "a frame with the wrong masking",
        frame(role, TEXT, "x"),
        undefined,
        1002,
      ],
    ] as const
  ) {
    test(`${what} is answered with ${close} and ends it with an error, data behind it ignored`, async () => {
      const { socket, peer } = rawWithPeer(role, { maxMessageSize: 100 });
      const reader = new RecordingReader();
      socket.start(reader);
      await peer.send(TEXT, "fine");
      await peer.raw(bytes);
      await peer.send(TEXT, "ignored");
      assertEquals((await peer.nextClose())[0], close);
      peer.stream.close();
      const end = await socket.closed;
      assert(end.error instanceof ProtocolError);
      if (code !== undefined) assertEquals(end.error.code, code);
      assertEquals([end.code, end.clean, end.initiator], [
        1006,
        false,
        "local",
      ]);
      assertEquals(end.sent?.code, close);
      assertEquals(reader.messages, ["fine"]);
      assertEquals(reader.ends.length, 1);
    });
  }

  test("a peer that goes on after its violation is cut after a second", async () => {
    const clock = new FakeClock();
    const { socket, peer, stream } = rawWithPeer(role, { clock });
    socket.start(new RecordingReader());
    await peer.send(0x83);
    assertEquals((await peer.nextClose())[0], 1002);
    await turns();
    assertEquals(stream.destroys, 0);
    assert(stream.ended);
    await clock.advance(1_000);
    assertEquals([stream.destroys, clock.pending], [1, 0]);
  });

  test("a fragment too many is answered with 1009, and empty ones count", async () => {
    const { socket, peer } = rawWithPeer(role, { maxFragments: 3 });
    socket.start(new RecordingReader());
    await peer.send(0x01);
    for (let i = 0; i < 3; i++) await peer.send(0x00);
    assertEquals((await peer.nextClose())[0], 1009);
    socket.terminate();
  });

  test("a frame over maxFrameSize ends with 1009", async () => {
    const { socket, peer } = rawWithPeer(role, { maxFrameSize: 10 });
    socket.start(new RecordingReader());
    await peer.send(BINARY, new Uint8Array(11));
    assertEquals((await peer.nextClose())[0], 1009);
    socket.terminate();
  });

  test("pings are answered with their payload and shown, pongs are shown", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new RecordingReader();
    socket.start(reader);
    await peer.send(PING, "one");
    assertEquals(await peer.nextText(), [PONG, "one"]);
    await peer.send(PONG, "unasked");
    socket.ping(utf8("ours"));
    assertEquals(await peer.nextText(), [PING, "ours"]);
    assertEquals(reader.pings, [utf8("one")]);
    assertEquals(reader.pongs, [utf8("unasked")]);
    socket.terminate();
  });

  test("of a flood of pings the newest is answered", async () => {
    const { socket, peer } = rawWithPeer(role, {}, 1_000_000);
    socket.start(new RecordingReader());
    const flood = Array.from(
      { length: 1_000 },
      (_, i) => [...peer.frame(PING, `${i}`)],
    );
    await peer.raw(Uint8Array.from(flood.flat()));
    await peer.send(CLOSE, closeBody(1000));
    const answers: string[] = [];
    for (;;) {
      const next = await peer.nextText();
      if (next?.[0] !== PONG) break;
      answers.push(next[1]);
    }
    assertEquals(answers.at(-1), "999");
    assert(answers.length < 200, `${answers.length} answers`);
    peer.stream.close();
    await socket.closed;
  });

  test("a flood of pings makes the peer wait, and nothing is lost", async () => {
    const clock = new FakeClock();
    const { socket, peer, stream } = rawWithPeer(role, { clock }, 1_000_000);
    const reader = new RecordingReader();
    socket.start(reader);
    const ping = peer.frame(PING);
    const flood = new Uint8Array(1_280 * ping.length);
    for (let at = 0; at < flood.length; at += ping.length) flood.set(ping, at);
    await peer.raw(flood);
    await turns();
    await peer.send(TEXT, "behind");
    for (let part = 1; part < 10; part++) {
      await turns();
      assert(stream.unreadBytes > 0);
      assertEquals(reader.pings.length, part * 128);
      await clock.advance(2);
    }
    assertEquals([reader.pings.length, reader.messages], [1_280, []]);
    await clock.advance(2);
    await turns();
    assertEquals(reader.messages, ["behind"]);
    assertEquals(clock.pending, 0);
    await peer.raw(flood);
    await turns();
    socket.terminate();
    assertEquals(clock.pending, 0);
  });

  test("a reader that says stop in the middle of a read gets the rest when it resumes", async () => {
    const { socket, peer, stream } = rawWithPeer(role, {}, 10_000);
    const reader = new RecordingReader({ capacity: 2 });
    socket.start(reader);
    const all = Array.from({ length: 20 }, (_, i) => `message ${i}`);
    await peer.raw(
      Uint8Array.from(all.flatMap((text) => [...peer.frame(TEXT, text)])),
    );
    await turns();
    assertEquals(reader.messages.length, 2);
    const got: unknown[] = [];
    while (got.length < 20) {
      got.push(await reader.take());
      socket.resume();
    }
    assertEquals(got, all);
    await peer.send(TEXT, "and on");
    assertEquals(await reader.take(), "and on");
    assertEquals(stream.unreadBytes, 0);
    socket.terminate();
  });

  test("a reader that resumes before it has said stop is not forgotten", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new ActingReader(() => {
      socket.resume();
      return false;
    });
    socket.start(reader);
    const bytes = ["a", "b", "c"].flatMap((text) => [
      ...peer.frame(TEXT, text),
    ]);
    await peer.raw(Uint8Array.from(bytes));
    await turns();
    assertEquals(reader.messages, ["a", "b", "c"]);
    socket.terminate();
  });

  test("a reader that says stop makes the peer wait: nothing more is read", async () => {
    const { socket, peer, stream } = rawWithPeer(role, {}, 50_000);
    const reader = new RecordingReader({ capacity: 1 });
    socket.start(reader);
    await peer.send(TEXT, "one");
    await turns();
    await peer.raw(new Uint8Array(40_000));
    await turns();
    assertEquals(stream.unreadBytes, 40_000);
    socket.terminate();
  });

  for (const binary of ["view", "copy"] as const) {
    test(`messages that a reader keeps never change: ${binary}`, async () => {
      const { socket, peer } = rawWithPeer(role, { binary });
      const reader = new RecordingReader();
      socket.start(reader);
      for (let round = 0; round < 20; round++) {
        const bytes: number[] = [];
        for (let i = 0; i < 20; i++) {
          const payload = new Uint8Array(1 + 37 * i).fill(round * 20 + i);
          bytes.push(...peer.frame(BINARY, payload));
        }
        await peer.raw(Uint8Array.from(bytes));
        await turns(1);
      }
      await peer.send(TEXT, "done");
      while (await reader.take() !== "done");
      for (const [n, data] of reader.messages.slice(0, -1).entries()) {
        assert(typeof data !== "string");
        assertEquals(data, new Uint8Array(1 + 37 * (n % 20)).fill(n));
      }
      socket.terminate();
    });
  }

  test("a copy that is detached harms no other message, a view ends the connection", async () => {
    for (const binary of ["copy", "view"] as const) {
      const { socket, peer } = rawWithPeer(role, { binary });
      const seen: string[] = [];
      const reader = new ActingReader((data) => {
        if (data instanceof Uint8Array) {
          seen.push(new TextDecoder().decode(data));
          detach(data);
        }
        return true;
      });
      socket.start(reader);
      const bytes = ["a", "bb", "ccc"].map((text) => peer.frame(BINARY, text));
      await peer.raw(join(...bytes));
      if (binary === "copy") {
        await turns();
        assertEquals(seen, ["a", "bb", "ccc"]);
        socket.terminate();
        continue;
      }
      assertEquals((await peer.nextClose())[0], 1011);
      peer.stream.close();
      assert((await socket.closed).error?.message.includes("detached"));
    }
  });

  test("a copy has a buffer of its own", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new RecordingReader();
    socket.start(reader);
    await peer.raw(
      Uint8Array.from([
        ...peer.frame(BINARY, "one"),
        ...peer.frame(BINARY, "two"),
      ]),
    );
    for (const text of ["one", "two"]) {
      const data = await reader.take();
      assert(data instanceof Uint8Array);
      assertEquals(data, utf8(text));
      assertEquals(data.buffer.byteLength, 3);
    }
    socket.terminate();
  });

  test("a borrowed message is valid until the reader returns", async () => {
    const { socket, peer } = rawWithPeer(role, { binary: "borrow" });
    const seen: string[] = [];
    const reader = new ActingReader((data) => {
      if (typeof data === "string") return true;
      seen.push(new TextDecoder().decode(data as Uint8Array));
      return true;
    });
    socket.start(reader);
    for (const text of ["one", "two", "three"]) {
      await peer.send(BINARY, text);
      await turns(1);
    }
    assertEquals(seen, ["one", "two", "three"]);
    socket.terminate();
  });

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

  test("bytes that came right behind the handshake come first", async () => {
    const early = frame(peerOf(role), TEXT, "early");
    const { socket, peer } = rawWithPeer(role, { early });
    await peer.send(TEXT, "later");
    const reader = new RecordingReader();
    socket.start(reader);
    assertEquals(await reader.take(), "early");
    assertEquals(await reader.take(), "later");
    socket.terminate();
  });

  test("an empty remainder of the handshake is none", async () => {
    const { socket, peer } = rawWithPeer(role, {
      early: new Uint8Array(0),
      binary: "borrow",
    });
    const reader = new RecordingReader();
    socket.start(reader);
    await peer.send(TEXT, "x");
    assertEquals(await reader.take(), "x");
    socket.terminate();
  });

  test("nothing is read before the start", async () => {
    const { socket, peer, stream } = rawWithPeer(role);
    await peer.send(TEXT, "kept");
    await turns();
    assert(stream.unreadBytes > 0);
    const reader = new RecordingReader();
    socket.start(reader);
    assertEquals(await reader.take(), "kept");
    socket.terminate();
  });
}

Deno.test("a connection refuses a socket that lends its messages", () => {
  const { socket } = rawWithPeer("server", { binary: "borrow" });
  assertThrows(() => Connection.fromSocket(socket), ConfigError, "borrow");
  socket.terminate();
});

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
