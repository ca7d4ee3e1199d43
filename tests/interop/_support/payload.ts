import { assert, assertEquals } from "@std/assert";

/** Sizes in bytes on both sides of every length encoding, up to 1 MiB. */
export const SIZES = [0, 1, 125, 126, 65_535, 65_536, 1_048_576];

/** Bytes that compress. */
export function pattern(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(size).map((_, i) => i * 31 >> 3);
}

/** Bytes that do not compress. */
export function noise(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 65_536) {
    crypto.getRandomValues(bytes.subarray(i, i + 65_536));
  }
  return bytes;
}

/** Text of a size in bytes, with characters of one and of four bytes. */
export function text(size: number): string {
  return "x".repeat(size % 4) + "\u{1f41d}".repeat(size >> 2);
}

/** Throws if a message is not the expected one. Does not print a megabyte. */
export function assertSame(
  got: string | Uint8Array,
  wanted: string | Uint8Array,
): void {
  assertEquals(typeof got, typeof wanted, "The type of the message");
  assertEquals(got.length, wanted.length, "The length of the message");
  if (typeof got === "string" || typeof wanted === "string") {
    assert(got === wanted, "The text differs");
  } else {
    assert(got.every((byte, i) => byte === wanted[i]), "The bytes differ");
  }
}
