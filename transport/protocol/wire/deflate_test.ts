import { assert, assertEquals, assertThrows } from "@std/assert";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { isDeflateSupported } from "./deflate.ts";
import { ProtocolError } from "./errors.ts";
import { chance, hex, join, toHex, utf8 } from "../../_support/bytes.ts";
import {
  inflate,
  MiB,
  noise,
  prose,
  SEED,
  STEPS,
  TAIL,
  withCoders,
  Z_SYNC_FLUSH,
} from "../_support/deflate.ts";

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

Deno.test("deflate: a window that was reset is no longer used", () => {
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
            // No other message is needed to decompress it.
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

Deno.test("deflate: what another compressor made is inflated up to the last byte of space", () => {
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
