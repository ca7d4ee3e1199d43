/** The sender, the receiver and the shipped compressors together. */

import { assert, assertEquals } from "@std/assert";
import { inflateRawSync } from "node:zlib";
import { ZlibDeflater, ZlibInflater } from "./deflate.ts";
import type { FrameHeader, Role } from "./frame.ts";
import type { CodecOptions } from "./compression.ts";
import { Receiver } from "../receive/receiver.ts";
import { Sender, type SenderOptions } from "../send/sender.ts";
import {
  chance,
  type Event,
  feed,
  hex,
  join,
  NO_LIMITS,
  peerOf,
  toHex,
  utf8,
} from "../../_support/bytes.ts";

const SEED = Number(new Date()) >>> 0;
const CODEC: CodecOptions = {
  windowBits: 15,
  noContextTakeover: false,
  level: 1,
  memLevel: 8,
  threshold: 0,
};

/** Everything that a sender has to write. */
function drain(sender: Sender): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let piece = sender.take(); piece; piece = sender.take()) {
    pieces.push(piece.slice());
    sender.release();
  }
  return join(...pieces);
}

/** Sends, and gives what is received, fed whole, byte by byte or at random. */
function roundTrip(
  role: Role,
  codec: Partial<CodecOptions>,
  send: (sender: Sender) => void,
  options: Partial<SenderOptions> = {},
): { readonly events: Event[]; readonly frames: FrameHeader[] } {
  const deflater = new ZlibDeflater({ ...CODEC, ...codec });
  const sender = new Sender({ role, deflater, ...options });
  send(sender);
  const bytes = drain(sender);
  deflater.close();
  const next = chance(SEED);
  const steps = [
    () => bytes.length,
    () => 1 + next(next(2) === 0 ? 9 : 100_000),
    ...(bytes.length < 50_000 ? [() => 1] : []),
  ];
  const [first, ...others] = steps.map((sizes) => {
    const inflater = new ZlibInflater({ ...CODEC, ...codec });
    const frames: FrameHeader[] = [];
    const events = feed(
      bytes,
      { ...NO_LIMITS, role: peerOf(role), inflater },
      { sizes, stops: next(2) === 0, direct: next(2) === 0, watched: true },
      frames,
    );
    inflater.close();
    return { events, frames };
  });
  for (const { events } of others) {
    assert(
      JSON.stringify(events) === JSON.stringify(first?.events),
      `it depends on the feeding, seed ${SEED}`,
    );
  }
  return first ?? { events: [], frames: [] };
}

/** Bytes that do not compress. */
function noise(size: number): Uint8Array<ArrayBuffer> {
  const next = chance(SEED);
  return Uint8Array.from({ length: size }, () => next(256));
}

const ROLES: readonly Role[] = ["client", "server"];
const CODECS: Readonly<Record<string, Partial<CodecOptions>>> = {
  "context takeover": {},
  "no context takeover": { noContextTakeover: true },
  "a window of 9 bits": { windowBits: 9 },
  "a threshold": { threshold: 100 },
  "the highest level": { level: 9, memLevel: 9 },
};

for (const role of ROLES) {
  for (const [what, codec] of Object.entries(CODECS)) {
    Deno.test(`compression: messages of all sizes come through, as ${role}, with ${what}`, () => {
      const texts = [0, 1, 5, 99, 100, 1_000, 30_000, 100_000].map((size) =>
        "aé€😀 bee ".repeat(size / 10 + 1).slice(0, size).toWellFormed()
      );
      // None is taken before the last one has been compressed.
      const binaries = [0, 1, 125, 40_000, 65_500, 65_536, 200_000].map(noise);
      const { events } = roundTrip(role, codec, (sender) => {
        for (const text of texts) sender.message(text);
        for (const data of binaries) sender.message(data);
        for (const data of binaries) sender.lend(data, () => {});
        sender.message("end");
      });
      const expected: Event[] = [
        ...texts.map((text): Event => ["text", text]),
        ...binaries.map((data): Event => ["binary", toHex(data)]),
        ...binaries.map((data): Event => ["binary", toHex(data)]),
        ["text", "end"],
      ];
      assertEquals(events.length, expected.length);
      assert(JSON.stringify(events) === JSON.stringify(expected));
    });
  }

  Deno.test(`compression: fragments and control frames mix, as ${role}`, () => {
    const data = noise(10_000);
    const { events, frames } = roundTrip(role, {}, (sender) => {
      sender.message("before");
      sender.fragment("text", utf8("one "), true, false);
      sender.ping(utf8("p"));
      sender.fragment("text", new Uint8Array(0), false, false);
      sender.fragment("text", utf8("two"), false, true);
      sender.message(data);
      sender.pong(utf8("q"));
      sender.fragment("binary", data, true, false);
      sender.fragment("binary", data, false, false);
      sender.fragment("binary", new Uint8Array(0), false, true);
      sender.message("after");
      sender.close(1000, "bye");
    }, { fragmentSize: 700 });
    assertEquals(events.filter(([kind]) => !/p.ng/.test(kind)), [
      ["text", "before"],
      ["text", "one two"],
      ["binary", toHex(data)],
      ["binary", toHex(join(data, data))],
      ["text", "after"],
      ["close", 1000, "bye"],
    ]);
    assertEquals(events.filter(([kind]) => /p.ng/.test(kind)).sort(), [
      ["ping", "70"],
      ["pong", "71"],
    ]);
    // RSV1 stands on the first frame of a message only (RFC 7692, section 6).
    const dataFrames = frames.filter(({ opcode }) => opcode < 8);
    assert(dataFrames.length > 15);
    assert(
      dataFrames.every(({ opcode, rsv1 }) => rsv1 === (opcode !== 0)),
    );
  });

  Deno.test(`compression: messages below the threshold go out plain, as ${role}`, () => {
    const { events, frames } = roundTrip(role, { threshold: 10 }, (sender) => {
      for (const text of ["", "a", "123456789", "1234567890", "é".repeat(5)]) {
        sender.message(text);
      }
      sender.message(new Uint8Array(9));
      sender.message(new Uint8Array(10));
    });
    assertEquals(events.length, 7);
    assertEquals(frames.map(({ rsv1 }) => Number(rsv1)), [0, 0, 0, 1, 1, 0, 1]);
  });
}

Deno.test("compression: an independent inflater reads what the sender wrote", () => {
  const deflater = new ZlibDeflater({ ...CODEC, noContextTakeover: true });
  const sender = new Sender({ role: "server", deflater });
  sender.message("honeybee ".repeat(10));
  const bytes = drain(sender);
  deflater.close();
  assertEquals(bytes[0], 0xc1);
  assertEquals(bytes[1], bytes.length - 2);
  const payload = join(bytes.subarray(2), hex("00 00 ff ff"));
  assertEquals(
    inflateRawSync(payload, { finishFlush: 2 }).toString(),
    "honeybee ".repeat(10),
  );
});

Deno.test("compression: a bomb fails with 1009 whatever it is fed by, the limit itself does not", () => {
  const MiB = 1 << 20;
  for (const role of ROLES) {
    for (const size of [MiB, MiB + 1, 64 * MiB]) {
      const deflater = new ZlibDeflater(CODEC);
      const sender = new Sender({ role, deflater });
      sender.message(new Uint8Array(size));
      const bytes = drain(sender);
      deflater.close();
      assert(bytes.length < size / 100);
      for (const step of [bytes.length, 1_000, 1]) {
        if (step === 1 && size !== MiB + 1) continue;
        const inflater = new ZlibInflater(CODEC);
        const got: number[] = [];
        const receiver = new Receiver({
          message: (_, length) => got.push(length) > 0,
          ping: () => {},
          pong: () => {},
          close: () => {},
        }, { ...NO_LIMITS, role: peerOf(role), maxMessageSize: MiB, inflater });
        const before = Deno.memoryUsage().external;
        let code: unknown;
        try {
          for (let at = 0; at < bytes.length; at += step) {
            receiver.push(bytes.slice(at, at + step));
          }
        } catch (error) {
          code = Reflect.get(Object(error), "closeCode");
        }
        assert(Deno.memoryUsage().external - before < 8 * MiB);
        inflater.close();
        assertEquals([got, code], size > MiB ? [[], 1009] : [[MiB], undefined]);
      }
    }
  }
});
