/** What every socket promises, of whatever kind and in either role. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RecordingReader } from "../../testing/mod.ts";
import { ConnectionError } from "../base/errors.ts";
import type { Message } from "../base/message.ts";
import { utf8 } from "./bytes.ts";
import { turns } from "./raw.ts";
import type { Socket } from "../socket/socket.ts";

/** Two sockets that talk to each other: the one under test, and its peer. */
export interface Pair extends AsyncDisposable {
  readonly socket: Socket;
  readonly peer: Socket;
}

/** What a kind of socket can do, and what not. */
export interface Traits {
  /** It shows pings and pongs, and can ping. */
  readonly controlFrames: boolean;
  /** Whether reading can be paused. */
  readonly flowControl: boolean;
  /** It can stream messages of unknown length. */
  readonly streams: boolean;
  /** It may say 1001 to its peer: a client of the runtime's says 1000 in its place. */
  readonly saysAnyCode: boolean;
  /** A cut is felt by the peer at once, without any close frame. */
  readonly cuts: boolean;
}

/** Runs every case against a kind of socket. */
export function behaviour(
  kind: string,
  traits: Traits,
  open: () => Promise<Pair>,
): void {
  const test = (
    rule: string,
    run: (pair: Pair) => Promise<void>,
    needed = true,
  ) => {
    if (!needed) return;
    Deno.test(`${kind}: ${rule}`, async () => {
      await using pair = await open();
      await run(pair);
    });
  };

  test("messages arrive in order, as they were sent, in both directions", async ({ socket, peer }) => {
    const [mine, theirs] = startBoth(socket, peer);
    const all: Message[] = [
      "",
      "text",
      new Uint8Array(0),
      Uint8Array.of(1, 2, 3),
      "\u{1f41d}\u00fc\ufeff",
      new Uint8Array(70_000).map((_, i) => i),
      "x".repeat(70_000),
    ];
    for (const message of all) {
      socket.write(message);
      peer.write(message);
    }
    for (const message of all) {
      assertEquals(await mine.take(), message);
      assertEquals(await theirs.take(), message);
    }
    const bytes = all.reduce(
      (sum, data) =>
        sum + (typeof data === "string" ? utf8(data).length : data.length),
      0,
    );
    assertEquals(socket.sentBytes, bytes);
  });

  test("many messages in one turn keep their order", async ({ socket, peer }) => {
    const [, theirs] = startBoth(socket, peer);
    for (let i = 0; i < 2_000; i++) socket.write(`${i}`);
    for (let i = 0; i < 2_000; i++) assertEquals(await theirs.take(), `${i}`);
  });

  test("the bytes of a small message are the caller's at once", async ({ socket, peer }) => {
    const [, theirs] = startBoth(socket, peer);
    const data = Uint8Array.of(1, 2, 3);
    assertEquals(socket.write(data), undefined);
    data.fill(9);
    assertEquals(await theirs.take(), Uint8Array.of(1, 2, 3));
  });

  test("messages that arrive before the start are kept", async ({ socket, peer }) => {
    peer.start(new RecordingReader());
    peer.write("early");
    await turns(20);
    const mine = new RecordingReader();
    socket.start(mine);
    assertEquals(await mine.take(), "early");
  });

  test("the end comes once and last: we close", async ({ socket, peer }) => {
    const [mine, theirs] = startBoth(socket, peer);
    socket.write("last words");
    socket.close(3_000, "enough");
    socket.close(3_001, "twice");
    assertClosed(() => socket.write("behind"));
    assertEquals(await theirs.take(), "last words");
    const [here, there] = await Promise.all([socket.closed, peer.closed]);
    assertEquals([there.code, there.reason, there.initiator], [
      3_000,
      "enough",
      "peer",
    ]);
    assertEquals([here.clean, there.clean, here.initiator], [
      true,
      true,
      "local",
    ]);
    assertEquals(here.code, 3_000);
    assertEquals(here.sent?.code, 3_000);
    assertEquals([mine.ends, theirs.ends], [[here], [there]]);
    assertEquals(theirs.messages, ["last words"]);
    assertEquals(socket.bufferedAmount, 0);
  });

  test("the end comes once and last: the peer closes", async ({ socket, peer }) => {
    const [mine] = startBoth(socket, peer);
    peer.write("last words");
    peer.close(3_000, "enough");
    const here = await socket.closed;
    assertEquals([here.code, here.reason, here.clean, here.initiator], [
      3_000,
      "enough",
      true,
      "peer",
    ]);
    assertEquals(here.received, { code: 3_000, reason: "enough" });
    assertEquals(mine.messages, ["last words"]);
    assertEquals(mine.ends, [here]);
    await peer.closed;
  });

  test("both close at once", async ({ socket, peer }) => {
    const [mine, theirs] = startBoth(socket, peer);
    socket.close(3_000);
    peer.close(3_000);
    const ends = await Promise.all([socket.closed, peer.closed]);
    assert(ends.every((end) => end.clean));
    assertEquals([mine.ends.length, theirs.ends.length], [1, 1]);
  });

  test("1001 reaches the peer", async ({ socket, peer }) => {
    startBoth(socket, peer);
    socket.close(1_001, "going");
    assertEquals((await peer.closed).code, 1_001);
    await socket.closed;
  }, traits.saysAnyCode);

  test("a cut ends it with the error, and nothing comes after", async ({ socket, peer }) => {
    const [mine] = startBoth(socket, peer);
    const error = new Error("no patience");
    socket.terminate(error);
    socket.terminate();
    assertClosed(() => socket.write("into the void"));
    socket.close();
    const end = await socket.closed;
    assertEquals([end.code, end.clean, end.error, end.initiator], [
      1_006,
      false,
      error,
      "local",
    ]);
    peer.terminate();
    await peer.closed;
    assertEquals([mine.ends.length, mine.messages.length], [1, 0]);
  });

  test("a cut is felt by the peer as 1006", async ({ socket, peer }) => {
    startBoth(socket, peer);
    socket.terminate();
    assertEquals((await peer.closed).code, 1_006);
  }, traits.cuts);

  test("a reader that is given after the end gets the end", async ({ socket, peer }) => {
    socket.terminate();
    const end = await socket.closed;
    const late = new RecordingReader();
    socket.start(late);
    assertEquals(late.ends, [end]);
    peer.terminate();
  });

  test("a ping is answered and its pong shown", async ({ socket, peer }) => {
    const [mine] = startBoth(socket, peer);
    socket.ping(utf8("payload"));
    peer.write("behind");
    while (mine.pongs.length === 0) await turns(1);
    assertEquals(mine.pongs, [utf8("payload")]);
  }, traits.controlFrames);

  test(
    "a reader that says stop gets nothing more until it resumes, and nothing is lost",
    async ({ socket, peer }) => {
      peer.start(new RecordingReader());
      const mine = new RecordingReader({ capacity: 3 });
      socket.start(mine);
      for (let i = 0; i < 100; i++) peer.write(`${i}`);
      while (mine.messages.length < 3) await turns(1);
      await turns(20);
      assertEquals(mine.messages.length, 3);
      for (let i = 0; i < 100; i++) {
        assertEquals(await mine.take(), `${i}`);
        socket.resume();
      }
    },
    traits.flowControl,
  );

  test(
    "a socket that is closed while reading is paused still ends cleanly",
    async ({ socket, peer }) => {
      peer.start(new RecordingReader());
      const mine = new RecordingReader({ capacity: 1 });
      socket.start(mine);
      for (let i = 0; i < 100; i++) peer.write(`${i}`);
      while (mine.messages.length < 1) await turns(1);
      socket.close(3_000);
      assert((await socket.closed).clean);
      await peer.closed;
      assertEquals(mine.messages, ["0"]);
    },
    traits.flowControl,
  );

  test("a streamed message arrives whole", async ({ socket, peer }) => {
    const [, theirs] = startBoth(socket, peer);
    const pieces = ["a", "\u{1f41d}", "", "c"];
    for (const [i, piece] of pieces.entries()) {
      socket.writeFragment?.({
        type: "text",
        payload: utf8(piece),
        first: i === 0,
        last: i === 3,
      });
    }
    assertEquals(await theirs.take(), "a\u{1f41d}c");
  }, traits.streams);

  test("its properties are true", async ({ socket, peer }) => {
    startBoth(socket, peer);
    assertEquals(socket.controlFrames, traits.controlFrames);
    assertEquals(socket.flowControl, traits.flowControl);
    assertEquals(socket.writeFragment !== undefined, traits.streams);
    assertEquals(socket.bufferedAmount, 0);
    await Promise.resolve();
  });
}

function startBoth(
  socket: Socket,
  peer: Socket,
): [RecordingReader, RecordingReader] {
  const mine = new RecordingReader();
  const theirs = new RecordingReader();
  socket.start(mine);
  peer.start(theirs);
  return [mine, theirs];
}

/** A message that cannot reach the peer is refused at the call. */
function assertClosed(send: () => unknown): void {
  assertEquals(assertThrows(send, ConnectionError).code, "connection-closed");
}
