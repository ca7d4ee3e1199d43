import { assert, assertEquals, assertThrows } from "@std/assert";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { zlibCodec, ZlibDeflater, ZlibInflater } from "./deflate.ts";
import { ProtocolError } from "./errors.ts";
import { chance, hex, join, toHex, utf8 } from "../../_support/bytes.ts";
import {
  inflate,
  MiB,
  NO_LIMIT,
  noise,
  OPTIONS,
  prose,
  SEED,
  STEPS,
  TAIL,
  withCoders,
  Z_SYNC_FLUSH,
} from "../_support/deflate.ts";

Deno.test("deflate: neither changes nor keeps its input", () => {
  withCoders({}, (deflater, inflater) => {
    const data = prose(10_000);
    const before = toHex(data);
    const bytes = deflater.deflate(data, true).slice();
    assertEquals(toHex(data), before);
    const compressed = toHex(bytes);
    const piece = bytes.slice(0, 100);
    const first = inflater.inflate(piece, false, NO_LIMIT).slice();
    piece.fill(0xff);
    const second = inflater.inflate(bytes.subarray(100), true, NO_LIMIT);
    assert(toHex(join(first, second)) === before);
    assertEquals(toHex(bytes), compressed);
  });
});

Deno.test("deflate: many connections do not disturb each other", () => {
  const coders = Array.from({ length: 5 }, () => ({
    deflater: new ZlibDeflater(OPTIONS),
    inflater: new ZlibInflater(OPTIONS),
  }));
  const next = chance(SEED);
  for (let round = 0; round < 40; round++) {
    for (const [i, { deflater, inflater }] of coders.entries()) {
      const data = utf8(`${i} `.repeat(next(300)));
      const bytes = deflater.deflate(data, true).slice();
      const half = next(bytes.length);
      const first = inflater.inflate(bytes.subarray(0, half), false, NO_LIMIT)
        .slice();
      const other = coders[(i + 1) % coders.length];
      other?.inflater.inflate(new Uint8Array(0), false, NO_LIMIT);
      const second = inflater.inflate(bytes.subarray(half), true, NO_LIMIT);
      assert(toHex(join(first, second)) === toHex(data), `seed ${SEED}`);
    }
  }
  for (const { deflater, inflater } of coders) {
    deflater.close();
    inflater.close();
  }
});

for (let windowBits = 9; windowBits <= 15; windowBits++) {
  Deno.test(`deflate: a compressor keeps to a window of ${windowBits} bits`, () => {
    // What it could refer to comes again within the largest window, but beyond all smaller ones.
    const size = 2 ** windowBits;
    const data = join(noise(size), noise(size));
    withCoders({ windowBits }, (deflater, inflater) => {
      const bytes = deflater.deflate(data, true).slice();
      assert(toHex(inflate(inflater, bytes)) === toHex(data));
      const narrow = inflateRawSync(join(bytes, TAIL), {
        windowBits,
        finishFlush: Z_SYNC_FLUSH,
      });
      assert(toHex(narrow) === toHex(data));
    });
  });
}

Deno.test("deflate: a window of 8 bits can be read but not written, so everything goes out plain", () => {
  const options = { ...OPTIONS, windowBits: 8 };
  assertEquals(zlibCodec.deflater(options), undefined);
  const inflater = zlibCodec.inflater(options);
  const got = inflater.inflate(hex("f2 48 cd c9 c9 07 00"), true, 5);
  assertEquals(toHex(got), toHex(utf8("Hello")));
  inflater.close();
});

const BAD = {
  "a block of no type": "ff ff ff ff",
  "a stored block whose lengths differ": "00 05 00 fa fe 48 65 6c 6c 6f 00",
  "a distance beyond the window": "f2 00 11 00 00",
  "rubbish behind a last block": "f3 48 cd c9 c9 07 00 ff ff",
};
for (const [what, bytes] of Object.entries(BAD)) {
  Deno.test(`deflate: ${what} fails with 1007, and so does all that follows`, () => {
    for (const makeStep of Object.values(STEPS)) {
      withCoders({}, (_, inflater) => {
        for (const message of [bytes, "f2 48 cd c9 c9 07 00"]) {
          const error = assertThrows(
            () => inflate(inflater, hex(message), makeStep()),
            ProtocolError,
          );
          assertEquals(
            [error.code, error.closeCode],
            ["invalid-deflate-data", 1007],
          );
          assert(error.cause instanceof Error);
        }
      });
    }
  });
}

Deno.test("deflate: a stored block that is cut off fails at its own message", () => {
  for (const length of [5, 6, 7, 8]) {
    const whole = hex("00 05 00 fa ff 68 65 6c 6c 6f 00");
    withCoders({}, (_, inflater) => {
      assertEquals(inflate(inflater, whole), utf8("hello"));
      const error = assertThrows(
        () => inflate(inflater, whole.slice(0, length)),
        ProtocolError,
      );
      assertEquals(error.code, "invalid-deflate-data");
    });
  }
});

Deno.test("deflate: random bytes give violations and nothing worse", () => {
  const next = chance(SEED);
  for (let i = 0; i < 500; i++) {
    const inflater = new ZlibInflater(OPTIONS);
    try {
      for (let j = 0; j < 5; j++) {
        const bytes = Uint8Array.from({ length: next(200) }, () => next(256));
        if (next(2) === 0) {
          bytes.set(hex("f3 48 cd c9 c9 07 00").subarray(0, bytes.length));
        }
        const { length } = inflater.inflate(bytes, next(2) === 0, 1_000);
        assert(length <= 1_000);
      }
    } catch (error) {
      assert(error instanceof ProtocolError, `seed ${SEED}: ${error}`);
    } finally {
      inflater.close();
    }
  }
});

Deno.test("deflate: a bomb ends early, having used little memory", () => {
  const bomb = deflateRawSync(new Uint8Array(64 * MiB), { level: 9 });
  withCoders({}, (_, inflater) => {
    const before = Deno.memoryUsage();
    const error = assertThrows(
      () => inflater.inflate(bomb, true, MiB),
      ProtocolError,
    );
    const after = Deno.memoryUsage();
    assertEquals(error.code, "message-too-large");
    assert(after.external - before.external < 4 * MiB);
    assert(after.rss - before.rss < 32 * MiB);
  });
});

Deno.test("deflate: closing frees what was taken, and closing twice is safe", () => {
  const use = () => {
    for (let i = 0; i < 100; i++) {
      withCoders({ memLevel: 9 }, (deflater, inflater) => {
        inflate(inflater, deflater.deflate(prose(100), true));
        deflater.close();
        inflater.close();
      });
    }
  };
  use();
  const before = Deno.memoryUsage().rss;
  for (let i = 0; i < 4; i++) use();
  // Each pair takes more than 256 KiB: 100 MiB, if they stayed.
  assert(Deno.memoryUsage().rss - before < 50 * MiB);
});

Deno.test("deflate: nothing comes out after closing", () => {
  for (const used of [false, true]) {
    const deflater = new ZlibDeflater(OPTIONS);
    const inflater = new ZlibInflater(OPTIONS);
    if (used) inflate(inflater, deflater.deflate(utf8("a"), true));
    deflater.close();
    inflater.close();
    assertEquals(deflater.deflate(utf8("a"), true).length, 0);
    assertEquals(inflater.inflate(hex("00"), true, NO_LIMIT).length, 0);
  }
});
