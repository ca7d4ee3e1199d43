import { assert, assertEquals, assertThrows } from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { memoryStreams } from "../net/stream/memory_stream.ts";
import { ProtocolError } from "../protocol/wire/errors.ts";
import { PING, rawWithPeer, TEXT, turns } from "../_support/raw.ts";
import { BINARY, CLOSE, closeBody } from "../_support/raw.ts";
import { frame, hex, peerOf, utf8 } from "../_support/bytes.ts";
import { RawSocket } from "./raw_socket.ts";

Deno.test("a raw socket refuses options that it cannot use", () => {
  for (
    const [field, value] of [
      ["role", undefined],
      ["role", "x"],
      ["binary", "blob"],
      ["maxMessageSize", -1],
      ["maxFrameSize", 1.5],
      ["maxFragments", "10"],
      ["fragmentSize", NaN],
    ] as const
  ) {
    const [stream] = memoryStreams();
    const options = { role: "client", url: "ws://test/", [field]: value };
    const error = assertThrows(
      () => Reflect.construct(RawSocket, [stream, options]),
      ConfigError,
    );
    assertEquals([error.code, error.field], ["invalid-option", field]);
  }
});

for (const role of ["client", "server"] as const) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test(`raw ${role}: ${name}`, fn);

  test("await using closes it with 1000 and waits for the end", async () => {
    const { socket, peer } = rawWithPeer(role);
    let isOver = false;
    const disposing = socket[Symbol.asyncDispose]()
      .then(() => void (isOver = true));
    assertEquals(await peer.nextClose(), [1000, ""]);
    assertEquals(isOver, false);
    await peer.send(CLOSE, closeBody(1000));
    peer.stream.close();
    await disposing;
    assertEquals((await socket.closed).clean, true);
  });

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
}
