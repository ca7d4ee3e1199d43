import { assertEquals } from "@std/assert";
import {
  decodeAscii,
  decodeUtf8,
  endOfWholeUtf8,
  findInvalidUtf8,
  isWholeUtf8,
} from "./utf8.ts";
import { chance, hex, join, utf8 } from "../../_support/bytes.ts";

const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What the runtime's strict decoder says. */
function strictly(bytes: Uint8Array): string | undefined {
  try {
    return fatal.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Where the runtime's strict decoder finds fault when it gets the bytes one by one. */
function faultOf(bytes: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let i = 0; i < bytes.length; i++) {
    try {
      decoder.decode(bytes.subarray(i, i + 1), { stream: true });
    } catch {
      return i;
    }
  }
  return -1;
}

Deno.test("utf8: every sequence of two bytes, and of three from the edges, as the runtime has it", () => {
  const edges = [
    ...[0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2],
    ...[0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5],
    0xff,
  ];
  const all: Uint8Array[] = [];
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) all.push(Uint8Array.of(a, b));
  }
  for (const a of edges) {
    for (const b of edges) {
      for (const c of edges) {
        all.push(Uint8Array.of(a, b, c), Uint8Array.of(a, b, c, 0xbf));
      }
    }
  }
  for (const bytes of all) {
    const { length } = bytes;
    const whole = strictly(bytes);
    const fault = faultOf(bytes);
    assertEquals(findInvalidUtf8(bytes, 0, length), fault, String(bytes));
    assertEquals(isWholeUtf8(bytes, 0, length), whole !== undefined);
    assertEquals(decodeUtf8(bytes), whole);
    const long = join(utf8("x".repeat(40)), bytes);
    assertEquals(isWholeUtf8(long, 0, long.length), whole !== undefined);
    if (fault === -1) {
      // What is cut off is left for later, and no more than that.
      const end = endOfWholeUtf8(bytes, 0, length);
      assertEquals(isWholeUtf8(bytes, 0, end), true);
      assertEquals(end === length, whole !== undefined);
    }
  }
});

Deno.test("utf8: random mutations of long text, as the runtime has it", () => {
  const seed = Number(new Date());
  const next = chance(seed);
  for (let i = 0; i < 500; i++) {
    const bytes = utf8("aé€😀\ufeff\ufffd".repeat(1 + next(40)));
    if (next(3) > 0) bytes[next(bytes.length)] = next(256);
    assertEquals(decodeUtf8(bytes), strictly(bytes), `seed ${seed}`);
    assertEquals(
      findInvalidUtf8(bytes, 0, bytes.length),
      faultOf(bytes),
      `seed ${seed}`,
    );
  }
});

Deno.test("utf8: a byte order mark and U+FFFD are text like any other", () => {
  assertEquals(decodeUtf8(hex("ef bb bf 61")), "\ufeffa");
  assertEquals(decodeUtf8(hex("ef bf bd")), "\ufffd");
});

Deno.test("utf8: ASCII byte by byte", () => {
  assertEquals(decodeAscii(utf8("xHello!"), 1, 6), "Hello");
});
