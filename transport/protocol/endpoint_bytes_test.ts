import { assert, assertEquals } from "@std/assert";
import { chance, join, utf8 } from "../_support/bytes.ts";
import {
  BINARY,
  CLOSE,
  closeBody,
  PING,
  PONG,
  Rig,
  TEXT,
} from "./_support/endpoint.ts";

const TIMEOUT = 5_000;

for (const role of ["client", "server"] as const) {
  const test = (name: string, run: () => void) =>
    Deno.test(`endpoint, ${role}: ${name}`, run);

  // Floods.

  test("a flood of pings is taken in parts with pauses, and only the newest that waits is answered", () => {
    for (const binary of ["copy", "view"] as const) {
      const rig = new Rig(role, { binary });
      const flood = Array.from(
        { length: 1_000 },
        (_, i) => rig.frame(PING, `${i}`),
      );
      const bytes = join(...flood, rig.frame(TEXT, "behind"));
      rig.endpoint.receive(bytes, rig.now);
      if (binary === "copy") bytes.fill(0);
      for (let part = 1; part < 8; part++) {
        assertEquals(rig.events.length, part * 128);
        assertEquals([rig.endpoint.reading, rig.endpoint.deadline], [
          false,
          rig.now + 2,
        ]);
        // Messages are taken: that does not shorten the pause.
        rig.endpoint.resume(rig.now);
        assertEquals(rig.events.length, part * 128);
        const answers = rig.write();
        assert(answers.length <= 16, `${answers.length} answers`);
        assertEquals(answers.at(-1), `pong ${part * 128 - 1}`);
        rig.deadline();
      }
      assertEquals(rig.events.length, 1_001);
      assertEquals(rig.events.at(-1), "text behind");
      rig.deadline();
      assertEquals([rig.endpoint.reading, rig.endpoint.deadline], [
        true,
        undefined,
      ]);
    }
  });

  test("a close, an end of the stream and a hold in the middle of a flood", () => {
    const flood = (rig: Rig) =>
      rig.bytes(
        ...Array.from({ length: 200 }, () => rig.frame(PONG)),
        rig.frame(TEXT, "a"),
        rig.frame(TEXT, "b"),
        rig.frame(CLOSE, closeBody(4000)),
      );
    const closing = new Rig(role);
    flood(closing);
    closing.endpoint.close(1000, "", TIMEOUT, closing.now);
    assertEquals(closing.endpoint.state, "finishing");
    assertEquals(closing.events.slice(-2), ["text a", "text b"]);
    const ended = new Rig(role);
    flood(ended);
    ended.endpoint.streamEnded(ended.now);
    assertEquals(ended.endpoint.state, "open");
    ended.deadline();
    assertEquals(ended.endpoint.state, "peer-closing");
    const held = new Rig(role);
    held.takes = false;
    flood(held);
    held.deadline();
    assertEquals(held.events.at(-1), "text a");
    held.deadline();
    assertEquals([held.events.at(-1), held.endpoint.reading], [
      "text a",
      false,
    ]);
    held.endpoint.resume(held.now);
    held.endpoint.resume(held.now);
    assertEquals([held.events.at(-1), held.endpoint.state], [
      "text b",
      "peer-closing",
    ]);
  });

  test("a flood of messages is taken in parts with pauses, in order, whether the handler pauses or not", () => {
    const count = 5_000;
    for (const binary of ["copy", "view"] as const) {
      for (const pauses of [false, true]) {
        const rig = new Rig(role, { binary });
        const flood = Array.from(
          { length: count },
          (_, i) => rig.frame(TEXT, `${i}`),
        );
        // As a handler does whose queue is full now and then.
        rig.onMessage = () => rig.takes = !pauses || rig.events.length % 7 > 0;
        const resume = () => {
          for (let i = 0; i < 700; i++) rig.endpoint.resume(rig.now);
        };
        rig.bytes(...flood);
        for (const part of [2_048, 4_096]) {
          resume();
          assertEquals(rig.events.length, part);
          assertEquals([rig.endpoint.reading, rig.endpoint.deadline], [
            false,
            rig.now + 1,
          ]);
          rig.deadline();
        }
        resume();
        assertEquals(rig.events, flood.map((_, i) => `text ${i}`));
        assertEquals([rig.endpoint.reading, rig.endpoint.deadline], [
          true,
          undefined,
        ]);
      }
    }
  });

  test("a flood of messages is delivered to its end although the stream ends or breaks", () => {
    for (
      const happen of [
        ({ endpoint, now }: Rig) => endpoint.streamEnded(now),
        ({ endpoint, now }: Rig) => endpoint.streamFailed(new Error("x"), now),
        ({ endpoint, now }: Rig) => endpoint.writeFailed(new Error("x"), now),
      ]
    ) {
      for (const first of [TEXT, PONG]) {
        const rig = new Rig(role);
        rig.bytes(
          ...Array.from({ length: 5_000 }, () => rig.frame(first)),
          rig.frame(CLOSE, closeBody(4000)),
        );
        happen(rig);
        for (let i = 0; i < 60 && rig.endpoint.end === undefined; i++) {
          rig.deadline();
          rig.endpoint.answersDone(rig.now);
          rig.write();
        }
        assertEquals(rig.events.length, 5_000);
        assertEquals([rig.endpoint.end?.code, rig.endpoint.end?.dropped], [
          4000,
          0,
        ]);
      }
    }
  });

  test("a few pings among messages are no flood, and a close ends one", () => {
    const rig = new Rig(role);
    rig.bytes(...Array.from({ length: 16 }, () => rig.frame(PING, "p")));
    assert(rig.endpoint.reading);
    assertEquals(rig.write().length, 16);
    rig.bytes(...Array.from({ length: 17 }, () => rig.frame(PONG)));
    assert(!rig.endpoint.reading);
    rig.endpoint.close(1000, "", TIMEOUT, rig.now);
    assert(rig.endpoint.reading);
    assertEquals(rig.endpoint.deadline, rig.now + TIMEOUT);
  });

  // Output and counters.

  test("the handshake response goes out before everything", () => {
    const rig = new Rig(role, { handshakeResponse: utf8("HTTP/1.1 101\r\n") });
    rig.endpoint.message("first");
    const size = rig.endpoint.bufferedAmount;
    const piece = rig.endpoint.take();
    assertEquals(new TextDecoder().decode(piece), "HTTP/1.1 101\r\n");
    assertEquals(rig.endpoint.take(), undefined);
    assertEquals(rig.endpoint.bufferedAmount, size);
    rig.endpoint.written(rig.now);
    assertEquals(rig.write(), ["text first"]);
    assertEquals(rig.endpoint.activity.writtenBytes, size);
    const cut = new Rig(role, { handshakeResponse: utf8("HTTP/1.1 101\r\n") });
    cut.endpoint.terminate();
    assertEquals(cut.endpoint.bufferedAmount, 0);
  });

  test("activity counts the bytes of the wire and notes when they passed", () => {
    const rig = new Rig(role);
    const { activity } = rig.endpoint;
    assertEquals([activity.receivedAt, activity.wroteAt], [1_000, 1_000]);
    const bytes = rig.frame(TEXT, "hello");
    rig.now = 1_010;
    rig.bytes(bytes);
    rig.endpoint.message("hello");
    const size = rig.endpoint.bufferedAmount;
    rig.endpoint.take();
    rig.now = 1_020;
    rig.endpoint.written(rig.now);
    assertEquals({ ...activity }, {
      receivedAt: 1_010,
      receivedBytes: bytes.length,
      wroteAt: 1_020,
      writtenBytes: size,
    });
    assertEquals([rig.endpoint.sentBytes, rig.endpoint.bufferedAmount], [5, 0]);
  });

  test("a large message can be read straight to its place, unless reading is paused or bytes are ignored", () => {
    const rig = new Rig(role);
    const bytes = rig.frame(BINARY, new Uint8Array(300_000).fill(7));
    rig.bytes(bytes.subarray(0, 100_000));
    let at = 100_000;
    for (;;) {
      const target = rig.endpoint.target();
      if (target === undefined) break;
      const count = Math.min(target.length, 50_000);
      target.set(bytes.subarray(at, at + count));
      rig.endpoint.filled(count, rig.now);
      at += count;
    }
    rig.bytes(bytes.subarray(at));
    assertEquals(rig.events, [`binary ${"07".repeat(300_000)}`]);
    assertEquals(rig.endpoint.activity.receivedBytes, bytes.length);
    rig.endpoint.terminate();
    assertEquals(rig.endpoint.target(), undefined);
    rig.endpoint.filled(0, rig.now);
  });

  test("a violation in bytes that were read straight to their place takes effect at once", () => {
    const rig = new Rig(role);
    const bytes = rig.frame(TEXT, new Uint8Array(300_000).fill(0x61));
    rig.bytes(bytes.subarray(0, 100_000));
    const target = rig.endpoint.target();
    // No text, whether it is masked or not.
    target?.fill(0xff, 0, 1_000);
    rig.endpoint.filled(1_000, rig.now);
    assertEquals(rig.endpoint.state, "failing");
    assertEquals(rig.write(), ["close 1007"]);
  });

  test("frames of both directions can be watched", () => {
    const seen: string[] = [];
    const rig = new Rig(role);
    rig.endpoint.watchFrames((direction, { opcode, length }) =>
      void seen.push(`${direction} ${opcode} ${length}`)
    );
    rig.receive(PING, "p");
    rig.receive(TEXT, "hello");
    rig.endpoint.message("answer");
    rig.endpoint.close(1000, "", TIMEOUT, rig.now);
    assertEquals(seen, [
      "received 9 1",
      "sent 10 1",
      "received 1 5",
      "sent 1 6",
      "sent 8 2",
    ]);
  });

  // The same, however the input is divided.

  test("the result of a stream does not depend on how it is divided", () => {
    const seed = Number(new Date());
    const next = chance(seed);
    for (let round = 0; round < 300; round++) {
      const parts: Uint8Array[] = [];
      const probe = new Rig(role);
      for (let i = next(8); i >= 0; i--) {
        const kind = next(9);
        parts.push(
          kind < 3
            ? probe.frame(TEXT, `text ${i}`)
            : kind < 5
            ? probe.frame(BINARY, new Uint8Array(next(600)))
            : kind === 5
            ? probe.frame(PING, `${i}`)
            : kind === 6
            ? join(probe.frame(0x01, "a"), probe.frame(0x80, "b"))
            : next(4) > 0
            ? probe.frame(PONG)
            : next(2) === 0
            ? probe.frame(CLOSE, closeBody(4000 + i))
            : probe.frame(0x80 | next(16), "x"),
        );
      }
      const bytes = join(...parts);
      const closes = next(3) === 0;
      const holds = next(2) === 0;
      const run = (size: () => number) => {
        const rig = new Rig(role);
        if (closes) rig.endpoint.close(1000, "", TIMEOUT, rig.now);
        rig.takes = !holds;
        for (let at = 0; at < bytes.length;) {
          const step = Math.min(size(), bytes.length - at);
          rig.endpoint.receive(bytes.slice(at, at + step), rig.now);
          at += step;
          for (let i = 0; i < 10 && holds && !closes; i++) {
            rig.endpoint.resume(rig.now);
          }
        }
        rig.endpoint.streamEnded(rig.now);
        rig.endpoint.answersDone(rig.now);
        const written = rig.write();
        const { end, state } = rig.endpoint;
        return {
          state,
          written,
          events: rig.events,
          end: { ...end, error: String(end?.error) },
        };
      };
      const whole = run(() => bytes.length);
      assertEquals(run(() => 1), whole, `byte by byte, seed ${seed}`);
      assertEquals(run(() => 1 + next(40)), whole, `random, seed ${seed}`);
    }
  });
}
