import { assert, assertEquals, assertThrows } from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import { ConfigError } from "../base/errors.ts";
import { Connection } from "../connection/connection.ts";
import { PING, PONG, rawWithPeer, TEXT, turns } from "../_support/raw.ts";
import { BINARY, CLOSE, closeBody } from "../_support/raw.ts";
import { frame, join, peerOf, utf8 } from "../_support/bytes.ts";

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

  test("payloads of pings and pongs belong to the reader", async () => {
    const { socket, peer } = rawWithPeer(role);
    const seen: Uint8Array[] = [];
    const take = (payload: Uint8Array) => {
      seen.push(payload.slice());
      detach(payload);
    };
    socket.start(
      Object.assign(new RecordingReader(), { ping: take, pong: take }),
    );
    await peer.raw(
      join(peer.frame(PING, "one"), peer.frame(PONG, "two"), peer.frame(PING)),
    );
    assertEquals(await peer.nextText(), [PONG, "one"]);
    assertEquals(await peer.nextText(), [PONG, ""]);
    assertEquals(seen, [utf8("one"), utf8("two"), utf8("")]);
    socket.terminate();
  });

  test("pings are answered for a reader that does not want to know of them", async () => {
    const { socket, peer } = rawWithPeer(role);
    socket.start(Object.assign(new RecordingReader(), { ping: undefined }));
    await peer.send(PING, "one");
    assertEquals(await peer.nextText(), [PONG, "one"]);
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

  test("an empty rest of the handshake is ignored", async () => {
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
  assertThrows(() => new Connection(socket), ConfigError, "borrow");
  socket.terminate();
});
