import { assert, assertEquals, assertThrows } from "@std/assert";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import {
  isDeflateSupported,
  zlibCodec,
  ZlibDeflater,
  ZlibInflater,
} from "./deflate.ts";
import { ProtocolError } from "./errors.ts";
import type { CodecOptions } from "./compression.ts";
import { chance, hex, join, toHex, utf8 } from "../../_support/bytes.ts";

const SEED = Number(new Date()) >>> 0;
const Z_SYNC_FLUSH = 2;
const TAIL = hex("00 00 ff ff");
const MiB = 1 << 20;
const NO_LIMIT = Infinity;

const OPTIONS: CodecOptions = {
  windowBits: 15,
  noContextTakeover: false,
  level: 6,
  memLevel: 8,
  threshold: 0,
};

type Step = () => number;
const STEPS: Readonly<Record<string, () => Step>> = {
  whole: () => () => Infinity,
  "byte by byte": () => () => 1,
  "at random": () => {
    const next = chance(SEED);
    return () => next(8);
  },
};

/** Inflates a message in pieces; a piece may be empty. */
function inflate(
  inflater: ZlibInflater,
  bytes: Uint8Array,
  step: Step = () => Infinity,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  do {
    const piece = bytes.slice(at, at + step());
    at += piece.length;
    parts.push(inflater.inflate(piece, at === bytes.length, NO_LIMIT).slice());
  } while (at < bytes.length);
  return join(...parts);
}

/** Runs a test with coders that are closed at its end. */
function withCoders(
  options: Partial<CodecOptions>,
  run: (deflater: ZlibDeflater, inflater: ZlibInflater) => void,
): void {
  const deflater = new ZlibDeflater({ ...OPTIONS, ...options });
  const inflater = new ZlibInflater({ ...OPTIONS, ...options });
  try {
    run(deflater, inflater);
  } finally {
    deflater.close();
    inflater.close();
  }
}

/** Bytes that do not compress. */
function noise(size: number): Uint8Array<ArrayBuffer> {
  const next = chance(SEED);
  return Uint8Array.from({ length: size }, () => next(256));
}

/** Text that compresses about as well as JSON does. */
function prose(size: number): Uint8Array<ArrayBuffer> {
  const next = chance(SEED);
  let text = "";
  while (text.length < size) text += `{"id":${next(1e6)},"name":"bee"},`;
  return utf8(text.slice(0, size));
}

Deno.test("deflate: this runtime's zlib can be driven", () => {
  assert(isDeflateSupported());
});

/** The examples of RFC 7692, section 7.2.3. */
const EXAMPLES = {
  "7.2.3.1, one block": ["f2 48 cd c9 c9 07 00", "Hello"],
  "7.2.3.3, no compression": ["00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello"],
  "7.2.3.4, BFINAL": ["f3 48 cd c9 c9 07 00 00", "Hello"],
  "7.2.3.5, two blocks": [
    "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
    "Hello",
  ],
  "7.2.3.6, an empty message": ["00", ""],
} as const;

for (const [name, [bytes, text]] of Object.entries(EXAMPLES)) {
  for (const noContextTakeover of [false, true]) {
    const how = noContextTakeover ? "without" : "with";
    Deno.test(`deflate: example of section ${name} is inflated, ${how} context takeover`, () => {
      for (const [feeding, makeStep] of Object.entries(STEPS)) {
        withCoders({ noContextTakeover }, (_, inflater) => {
          const step = makeStep();
          for (let i = 0; i < 3; i++) {
            const got = inflate(inflater, hex(bytes), step);
            assertEquals(
              toHex(got),
              toHex(utf8(text)),
              `${feeding}, message ${i}, seed ${SEED}`,
            );
          }
        });
      }
    });
  }
}

Deno.test("deflate: a message may go on from the window of the one before it", () => {
  // RFC 7692, section 7.2.3.2.
  for (const makeStep of Object.values(STEPS)) {
    withCoders({}, (_, inflater) => {
      const step = makeStep();
      for (const bytes of ["f2 48 cd c9 c9 07 00", "f2 00 11 00 00"]) {
        const got = inflate(inflater, hex(bytes), step);
        assertEquals(toHex(got), toHex(utf8("Hello")));
      }
    });
  }
});

Deno.test("deflate: a window that was given up is not there any more", () => {
  withCoders({ noContextTakeover: true }, (_, inflater) => {
    inflate(inflater, hex("f2 48 cd c9 c9 07 00"));
    const error = assertThrows(
      () => inflate(inflater, hex("f2 00 11 00 00")),
      ProtocolError,
    );
    assertEquals(error.code, "invalid-deflate-data");
  });
});

Deno.test("deflate: messages with and without BFINAL follow each other", () => {
  for (const [feeding, makeStep] of Object.entries(STEPS)) {
    withCoders({}, (_, inflater) => {
      const step = makeStep();
      for (
        const bytes of [
          "f3 48 cd c9 c9 07 00 00",
          "f2 48 cd c9 c9 07 00",
          // The 00 behind the last block left out.
          "f3 48 cd c9 c9 07 00",
          "f3 48 cd c9 c9 07 00 00",
          "f2 48 cd c9 c9 07 00",
          "f2 00 11 00 00",
        ]
      ) {
        const got = inflate(inflater, hex(bytes), step);
        assertEquals(toHex(got), toHex(utf8("Hello")), feeding);
      }
      // Several last blocks in one message.
      const twice = hex("f3 48 cd c9 c9 07 00 f3 48 cd c9 c9 07 00 00");
      const got = inflate(inflater, twice, step);
      assertEquals(toHex(got), toHex(utf8("HelloHello")), feeding);
    });
  }
});

Deno.test("deflate: messages come out as RFC 7692, section 7.2.3 has them", () => {
  withCoders({}, (deflater) => {
    const deflate = () => toHex(deflater.deflate(utf8("Hello"), true));
    assertEquals(deflate(), "f248cdc9c90700");
    // The example repeats all but the first letter: f2 00 11 00 00. All may be repeated too.
    const again = hex(deflate());
    assert(again.length <= 5);
    const first = hex("f2 48 cd c9 c9 07 00");
    const both = inflateRawSync(join(first, TAIL, again, TAIL), {
      finishFlush: Z_SYNC_FLUSH,
    });
    assertEquals(toHex(both), toHex(utf8("HelloHello")));
  });
  withCoders({ noContextTakeover: true }, (deflater) => {
    const deflate = () => toHex(deflater.deflate(utf8("Hello"), true));
    assertEquals(deflate(), "f248cdc9c90700");
    assertEquals(deflate(), "f248cdc9c90700");
  });
  withCoders({ level: 0 }, (deflater) => {
    assertEquals(
      toHex(deflater.deflate(utf8("Hello"), true)),
      "000500faff48656c6c6f00",
    );
  });
});

Deno.test("deflate: an empty message is a single 00, wherever it stands", () => {
  for (const noContextTakeover of [false, true]) {
    withCoders({ noContextTakeover }, (deflater, inflater) => {
      for (const text of ["", "", "a", "", "", "b", ""]) {
        const bytes = deflater.deflate(utf8(text), true);
        if (text === "") assertEquals(toHex(bytes), "00");
        assertEquals(toHex(inflate(inflater, bytes)), toHex(utf8(text)));
      }
    });
  }
});

const SIZES = [
  1,
  125,
  1_024,
  65_531,
  65_535,
  65_536,
  65_537,
  131_072,
  3 * 65_536,
  MiB + 1,
];

for (const [kind, make] of Object.entries({ noise, prose })) {
  for (const level of [0, 1, 6, 9]) {
    Deno.test(`deflate: ${kind} of all sizes comes back, level ${level}`, () => {
      for (const noContextTakeover of [false, true]) {
        withCoders({ level, noContextTakeover }, (deflater, inflater) => {
          for (const size of SIZES) {
            const data = make(size);
            const bytes = deflater.deflate(data, true).slice();
            const next = chance(SEED);
            const got = inflate(inflater, bytes, () => 1 + next(50_000));
            assertEquals(got.length, size);
            assert(toHex(got) === toHex(data), `size ${size}, seed ${SEED}`);
            if (!noContextTakeover) continue;
            // Nobody else's messages are needed to make sense of it.
            const alone = inflateRawSync(join(bytes, TAIL), {
              finishFlush: Z_SYNC_FLUSH,
            });
            assert(toHex(alone) === toHex(data), `size ${size}, seed ${SEED}`);
          }
        });
      }
    });
  }
}

Deno.test("deflate: what another compressor made is inflated up to the last byte of room", () => {
  for (const size of SIZES) {
    const data = prose(size);
    const bytes = deflateRawSync(data, { finishFlush: Z_SYNC_FLUSH })
      .subarray(0, -TAIL.length);
    withCoders({}, (_, inflater) => {
      const got = inflater.inflate(bytes, true, size);
      assert(toHex(got) === toHex(data), `size ${size}`);
    });
    withCoders({}, (_, inflater) => {
      const error = assertThrows(
        () => inflater.inflate(bytes, true, size - 1),
        ProtocolError,
      );
      assertEquals([error.code, error.closeCode], ["message-too-large", 1009]);
    });
  }
});

Deno.test("deflate: a message may be compressed in pieces, empty ones too", () => {
  withCoders({}, (deflater, inflater) => {
    for (let i = 0; i < 3; i++) {
      const data = prose(200_000);
      const next = chance(SEED + i);
      const parts: Uint8Array[] = [];
      for (let at = 0; at < data.length;) {
        const piece = data.subarray(at, at + next(3) * 20_000);
        at += piece.length;
        parts.push(deflater.deflate(piece, false).slice());
      }
      parts.push(deflater.deflate(new Uint8Array(0), true).slice());
      const got = inflate(inflater, join(...parts));
      assert(toHex(got) === toHex(data), `seed ${SEED}`);
    }
  });
});

Deno.test("deflate: neither takes from, nor keeps, nor changes what it is given", () => {
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
