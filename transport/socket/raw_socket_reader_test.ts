/** What a raw socket reports beside messages: frames, and that the connection is closing. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import { frame, utf8 } from "../_support/bytes.ts";
import {
  CLOSE,
  closeBody,
  PING,
  PONG,
  rawWithPeer,
  testStreams,
  TEXT,
  turns,
} from "../_support/raw.ts";
import { ConnectionError } from "../base/errors.ts";
import { describeFrame, type FrameHeader } from "../protocol/wire/frame.ts";
import { RawSocket } from "./raw_socket.ts";
import type { FrameDirection } from "./socket.ts";

/** Records all calls, in order. */
class TellingReader extends RecordingReader {
  readonly reports: string[] = [];

  override message(
    data: string | Uint8Array,
    size: number,
    at: number,
  ): boolean {
    this.reports.push(`message ${data}`);
    return super.message(data, size, at);
  }

  frame(direction: FrameDirection, header: FrameHeader): void {
    this.reports.push(`${direction} ${describeFrame(header)}`);
  }

  closing(sends: boolean): void {
    this.reports.push(`closing, ${sends ? "can send" : "cannot send"}`);
  }

  override end(end: Parameters<RecordingReader["end"]>[0]): void {
    this.reports.push(`end ${end.code}`);
    super.end(end);
  }
}

/** Notes only that it is closing. */
class ClosingReader extends RecordingReader {
  readonly reports: boolean[] = [];

  closing(sends: boolean): void {
    this.reports.push(sends);
  }
}

/** Reports that messages may still be answered for as long as `busy` is set. */
class AnsweringReader extends ClosingReader {
  busy = true;

  answering(): boolean {
    return this.busy;
  }
}

for (const role of ["client", "server"] as const) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test(`raw ${role}: ${name}`, fn);

  test("a reader is shown the header of every frame, in both directions and in order", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new TellingReader();
    socket.start(reader);
    socket.write("abc");
    socket.writeFragment({
      type: "binary",
      payload: utf8("de"),
      first: true,
      last: false,
    });
    socket.writeFragment({
      type: "binary",
      payload: utf8("f"),
      first: false,
      last: true,
    });
    await peer.send(TEXT, "ghij");
    await peer.send(PING, "k");
    await peer.send(PONG, "");
    await peer.send(CLOSE, closeBody(1000));
    await socket.closed;
    const shown = (
      first: number,
      length: number,
      direction: FrameDirection,
    ) => {
      const masked = (direction === "sent") === (role === "client");
      return `${direction} ${
        describeFrame({
          fin: first >= 0x80,
          rsv1: false,
          rsv2: false,
          rsv3: false,
          opcode: first & 15,
          masked,
          length,
        })
      }`;
    };
    assertEquals(reader.reports, [
      shown(TEXT, 3, "sent"),
      shown(0x02, 2, "sent"),
      shown(0x80, 1, "sent"),
      shown(TEXT, 4, "received"),
      "message ghij",
      shown(PING, 1, "received"),
      shown(PONG, 1, "sent"),
      shown(PONG, 0, "received"),
      shown(CLOSE, 2, "received"),
      "closing, can send",
      shown(CLOSE, 2, "sent"),
      "closing, cannot send",
      "end 1000",
    ]);
    peer[Symbol.dispose]();
  });

  test("a reader that throws when it is shown a frame ends the connection with 1011", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new TellingReader();
    reader.frame = () => {
      throw new Error("not this one");
    };
    socket.start(reader);
    await peer.send(TEXT, "x");
    assertEquals((await peer.nextClose())[0], 1011);
    peer[Symbol.dispose]();
    assertEquals((await socket.closed).error?.message, "not this one");
  });

  test("the peer's close is reported twice: answers can be sent first, and then nothing", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new ClosingReader();
    socket.start(reader);
    await peer.send(CLOSE, closeBody(1000));
    while (reader.reports.length === 0) await Promise.resolve();
    assertEquals(reader.reports, [true]);
    socket.write("an answer");
    assertThrows(() => socket.ping(utf8("p")), ConnectionError);
    assertEquals(await peer.nextText(), [TEXT, "an answer"]);
    await peer.nextClose();
    assertEquals(reader.reports, [true, false]);
    peer[Symbol.dispose]();
    await socket.closed;
    assertEquals(reader.reports, [true, false]);
  });

  test("the peer's close is answered when the reader has answered its messages", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new AnsweringReader();
    socket.start(reader);
    await peer.send(TEXT, "a question");
    await peer.send(CLOSE, closeBody(1000));
    await turns();
    assertEquals([reader.messages, reader.reports], [["a question"], [true]]);
    socket.write("an answer");
    reader.busy = false;
    assertEquals(await peer.nextText(), [TEXT, "an answer"]);
    assertEquals((await peer.nextClose())[0], 1000);
    peer[Symbol.dispose]();
    assertEquals((await socket.closed).clean, true);
  });

  test("a reader that answers for ever holds back the answer to a close for at most closeTimeout", async () => {
    const clock = new FakeClock();
    const { socket, peer } = rawWithPeer(role, { clock });
    const reader = new AnsweringReader();
    socket.start(reader, { closeTimeout: 1_000 });
    await peer.send(CLOSE, closeBody(1000));
    await turns();
    clock.tick(999);
    await turns();
    assertEquals(reader.reports, [true]);
    clock.tick(1);
    assertEquals((await peer.nextClose())[0], 1000);
    assertEquals(reader.reports, [true, false]);
    peer[Symbol.dispose]();
    await socket.closed;
  });

  test("a violation is answered even while the reader answers", async () => {
    const { socket, peer } = rawWithPeer(role);
    socket.start(new AnsweringReader());
    await peer.send(0x83);
    assertEquals((await peer.nextClose())[0], 1002);
    peer[Symbol.dispose]();
    await socket.closed;
  });

  test("our close, a violation and a failed write are reported once", async () => {
    for (
      const begin of [
        ({ socket }: ReturnType<typeof rawWithPeer>) => socket.close(1000),
        ({ peer }: ReturnType<typeof rawWithPeer>) => void peer.send(0x83),
      ]
    ) {
      const rig = rawWithPeer(role);
      const reader = new ClosingReader();
      rig.socket.start(reader);
      begin(rig);
      await turns();
      assertEquals(reader.reports, [false]);
      rig.peer[Symbol.dispose]();
      await rig.socket.closed;
      assertEquals(reader.reports, [false]);
    }
    const [stream, other] = testStreams();
    const socket = new RawSocket(stream, { role, url: "ws://test/" });
    const reader = new ClosingReader();
    socket.start(reader);
    other.destroy();
    const sent = socket.write(new Uint8Array(100_000));
    await assertRejects(() => Promise.resolve(sent), ConnectionError);
    await socket.closed;
    // At the end of the stream it comes at once, or behind the failed write.
    assertEquals(reader.reports.filter((sends) => sends), []);
    assertEquals(reader.ends.length, 1);
  });

  test("an end that comes at once is not reported as closing", async () => {
    const { socket, peer } = rawWithPeer(role);
    const reader = new ClosingReader();
    socket.start(reader);
    await peer.raw(
      frame(role === "client" ? "server" : "client", TEXT, "last"),
    );
    await reader.take();
    socket.terminate();
    await socket.closed;
    assertEquals([reader.reports, reader.ends.length], [[], 1]);
  });
}
