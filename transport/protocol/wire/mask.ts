/**
 * Masking (RFC 6455, section 5.3): each byte of a payload is XORed with one byte of the key, and the bytes of the key
 * are used in rotation.
 *
 * Keys are 32-bit integers with the first byte on the wire lowest, which is how
 * an `Int32Array` sees them on every machine that the runtime supports.
 *
 * @module
 */

import { onBun } from "../../base/runtime.ts";

/**
 * From this many bytes on, 64-bit words are faster in spite of their BigInts. Not on Bun, whose engine allocates each of
 * them: 4 KiB take 47 us with 64-bit words, and less than 1 us with 32-bit words.
 */
const WIDE = onBun ? Infinity : 1024;
/** Below this many bytes, making a wide view costs more than it saves. */
const NARROW = 64;

/** Returns the key for the rest of a payload after its first `phase` bytes. */
export function rotateKey(key: number, phase: number): number {
  const shift = (phase & 3) << 3;
  return shift === 0 ? key | 0 : key >>> shift | key << (32 - shift);
}

/**
 * Masks or unmasks bytes in place.
 *
 * @param key The key as a 32-bit integer, the first byte on the wire lowest.
 * @param phase How many bytes of the same payload went before these.
 *
 * @example
 * ```ts
 * import { mask } from "@honeybee/honeybee/protocol";
 *
 * const bytes = new Uint8Array([0x7f, 0x9f, 0x4d, 0x51, 0x58]);
 * mask(bytes, 0x3d21fa37);
 * console.log(new TextDecoder().decode(bytes)); // "Hello"
 * ```
 */
export function mask(bytes: Uint8Array, key: number, phase = 0): void {
  const turned = rotateKey(key, phase);
  const { length } = bytes;
  if (length >= NARROW) {
    const start = bytes.byteOffset;
    new MaskView(bytes.buffer).mask(start, start + length, turned);
    return;
  }
  for (let i = 0; i < length; i++) {
    bytes[i] = (bytes[i] ?? 0) ^ (turned >>> ((i & 3) << 3));
  }
}

/**
 * A buffer with the wide views that masking uses.
 *
 * Views cost more than masking a small frame, so a buffer that is used again
 * and again keeps them. All positions count from the start of the buffer.
 */
export class MaskView {
  /** The buffer. */
  readonly buffer: ArrayBufferLike;
  /** All of it as bytes. */
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  #wide: BigUint64Array | undefined;

  /** Makes the views of a buffer. */
  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  }

  /** Masks or unmasks the bytes from `start` up to `end`; `key` begins at `start`. */
  mask(start: number, end: number, key: number): void {
    const bytes = this.bytes;
    let i = start;
    while ((i & 3) !== 0 && i < end) {
      bytes[i] = (bytes[i] ?? 0) ^ key;
      key = key >>> 8 | key << 24;
      i++;
    }
    if (end - i >= WIDE) i = this.#maskWide(i, end, key);
    const words = this.#words;
    let j = i >>> 2;
    const last = end >>> 2;
    for (const stop = last - 7; j < stop; j += 8) {
      words[j] = (words[j] ?? 0) ^ key;
      words[j + 1] = (words[j + 1] ?? 0) ^ key;
      words[j + 2] = (words[j + 2] ?? 0) ^ key;
      words[j + 3] = (words[j + 3] ?? 0) ^ key;
      words[j + 4] = (words[j + 4] ?? 0) ^ key;
      words[j + 5] = (words[j + 5] ?? 0) ^ key;
      words[j + 6] = (words[j + 6] ?? 0) ^ key;
      words[j + 7] = (words[j + 7] ?? 0) ^ key;
    }
    for (; j < last; j++) words[j] = (words[j] ?? 0) ^ key;
    // If there was no whole word, i is already after j.
    if (j << 2 > i) i = j << 2;
    for (; i < end; i++) {
      bytes[i] = (bytes[i] ?? 0) ^ key;
      key = key >>> 8 | key << 24;
    }
  }

  /**
   * Masks or unmasks as {@link MaskView.mask} does, and returns whether the result is ASCII, which costs almost nothing
   * in the same pass.
   */
  maskText(start: number, end: number, key: number): boolean {
    const bytes = this.bytes;
    const words = this.#words;
    let seen = 0;
    let i = start;
    while ((i & 3) !== 0 && i < end) {
      const value = (bytes[i] ?? 0) ^ (key & 0xff);
      bytes[i] = value;
      seen |= value;
      key = key >>> 8 | key << 24;
      i++;
    }
    let j = i >>> 2;
    const last = end >>> 2;
    for (const stop = last - 3; j < stop; j += 4) {
      const a = (words[j] ?? 0) ^ key;
      const b = (words[j + 1] ?? 0) ^ key;
      const c = (words[j + 2] ?? 0) ^ key;
      const d = (words[j + 3] ?? 0) ^ key;
      words[j] = a;
      words[j + 1] = b;
      words[j + 2] = c;
      words[j + 3] = d;
      seen |= a | b | c | d;
    }
    for (; j < last; j++) {
      const a = (words[j] ?? 0) ^ key;
      words[j] = a;
      seen |= a;
    }
    if (j << 2 > i) i = j << 2;
    for (; i < end; i++) {
      const value = (bytes[i] ?? 0) ^ (key & 0xff);
      bytes[i] = value;
      seen |= value;
      key = key >>> 8 | key << 24;
    }
    return (seen & 0x80808080) === 0;
  }

  /** Whether the bytes from `start` up to `end` are all ASCII. */
  isAscii(start: number, end: number): boolean {
    const bytes = this.bytes;
    const words = this.#words;
    let seen = 0;
    let i = start;
    while ((i & 3) !== 0 && i < end) seen |= bytes[i++] ?? 0;
    let j = i >>> 2;
    const last = end >>> 2;
    for (const stop = last - 3; j < stop; j += 4) {
      seen |= (words[j] ?? 0) | (words[j + 1] ?? 0) | (words[j + 2] ?? 0) |
        (words[j + 3] ?? 0);
    }
    for (; j < last; j++) seen |= words[j] ?? 0;
    if (j << 2 > i) i = j << 2;
    while (i < end) seen |= bytes[i++] ?? 0;
    return (seen & 0x80808080) === 0;
  }

  #maskWide(start: number, end: number, key: number): number {
    const wide = this.#wide ??= new BigUint64Array(
      this.buffer,
      0,
      this.buffer.byteLength >>> 3,
    );
    const word = BigInt(key >>> 0);
    const pair = word << 32n | word;
    let i = start;
    if ((i & 7) !== 0) {
      const at = i >>> 2;
      this.#words[at] = (this.#words[at] ?? 0) ^ key;
      i += 4;
    }
    let j = i / 8;
    const last = Math.floor(end / 8);
    for (const stop = last - 7; j < stop; j += 8) {
      wide[j] = (wide[j] ?? 0n) ^ pair;
      wide[j + 1] = (wide[j + 1] ?? 0n) ^ pair;
      wide[j + 2] = (wide[j + 2] ?? 0n) ^ pair;
      wide[j + 3] = (wide[j + 3] ?? 0n) ^ pair;
      wide[j + 4] = (wide[j + 4] ?? 0n) ^ pair;
      wide[j + 5] = (wide[j + 5] ?? 0n) ^ pair;
      wide[j + 6] = (wide[j + 6] ?? 0n) ^ pair;
      wide[j + 7] = (wide[j + 7] ?? 0n) ^ pair;
    }
    return j * 8;
  }
}

/** How many keys are drawn at a time: one call of the generator costs as much as many keys. */
const POOL_SIZE = 1024;

const pool = new Int32Array(POOL_SIZE);
let next = POOL_SIZE;

/** Returns a masking key from a strong source of randomness, as RFC 6455, section 5.3 demands. */
export function randomMaskKey(): number {
  if (next === POOL_SIZE) {
    crypto.getRandomValues(pool);
    next = 0;
  }
  return pool[next++] ?? 0;
}
