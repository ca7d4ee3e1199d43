import { assert, assertEquals } from "@std/assert";
import { mask, MaskView, rotateKey } from "./mask.ts";
import { chance, hex, utf8 } from "../../_support/bytes.ts";

/** Masking as RFC 6455, section 5.3 puts it. */
function transformed(bytes: Uint8Array, key: readonly number[]): Uint8Array {
  return bytes.map((byte, i) => byte ^ (key[i % 4] ?? 0));
}

Deno.test("mask: the example of RFC 6455, section 5.7", () => {
  const bytes = hex("7f 9f 4d 51 58");
  mask(bytes, 0x3d21fa37);
  assertEquals(bytes, utf8("Hello"));
});

Deno.test("mask: every length, alignment and phase, and nothing beside", () => {
  const next = chance(1);
  const key = [0x37, 0xfa, 0x81, 0xfd];
  const word = 0xfd81fa37 | 0;
  const sizes = [0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 63, 64, 65, 127, 1023];
  for (const size of [...sizes, 1024, 1025, 1031, 1088, 2049, 5003]) {
    for (let offset = 0; offset < 9; offset++) {
      const before = Uint8Array.from({ length: size + 24 }, () => next(256));
      const inside = before.subarray(offset, offset + size);
      const expected = before.slice();
      expected.set(transformed(inside, key), offset);

      const whole = before.slice();
      mask(whole.subarray(offset, offset + size), word);
      assertEquals(whole, expected);

      const phase = next(size + 1);
      const pieces = before.slice();
      mask(pieces.subarray(offset, offset + phase), word);
      mask(pieces.subarray(offset + phase, offset + size), word, phase);
      assertEquals(pieces, expected);

      const view = new MaskView(before.slice().buffer);
      view.mask(offset, offset + size, word);
      assertEquals(view.bytes, expected);

      const text = new MaskView(before.slice().buffer);
      const ascii = text.maskText(offset, offset + size, word);
      assertEquals(text.bytes, expected);
      assertEquals(
        ascii,
        expected.subarray(offset, offset + size).every((byte) => byte < 0x80),
      );
    }
  }
});

Deno.test("mask: one byte above 127 is seen wherever it is, and none beside", () => {
  for (const size of [1, 3, 4, 5, 16, 19, 40]) {
    for (let offset = 0; offset < 5; offset++) {
      const end = offset + size;
      const view = new MaskView(new ArrayBuffer(64));
      view.bytes.fill(0xff);
      view.bytes.fill(0x61, offset, end);
      assertEquals(view.isAscii(offset, end), true);
      assertEquals(view.maskText(offset, end, 0), true);
      for (let at = offset; at < end; at++) {
        view.bytes[at] = 0x80;
        assertEquals(view.isAscii(offset, end), false);
        assertEquals(view.maskText(offset, end, 0), false);
        view.bytes[at] = 0x61;
      }
    }
  }
});

Deno.test("rotateKey: turns by bytes, and any number of them", () => {
  const key = 0xfd81fa37 | 0;
  assertEquals(rotateKey(key, 0), key);
  assertEquals(rotateKey(key, 1), 0x37fd81fa);
  assertEquals(rotateKey(key, 6), 0xfa37fd81 | 0);
  assertEquals(rotateKey(key, 2 ** 33 + 3), 0x81fa37fd | 0);
});

Deno.test("mask: a byte of a long payload takes no longer than one of a short payload", () => {
  const view = new MaskView(new ArrayBuffer(65_536));
  const time = (size: number) => {
    const begin = performance.now();
    for (let at = 0; at < 65_536; at += size) view.mask(at, at + size, 1);
    return performance.now() - begin;
  };
  let short = Infinity;
  for (let run = 0; run < 50; run++) short = Math.min(short, time(512));
  // With 64-bit words on an engine that allocates BigInts, more than 20 times as long. The engine optimizes the loop
  // later if the machine is busy.
  let long = Infinity;
  for (let run = 0; run < 2_000 && long >= 10 * short; run++) {
    long = time(65_536);
  }
  assert(long < 10 * short, `${long} ms, ${short} ms`);
});
