/**
 * Returns a function that returns numbers from 0 up to but not including 1, always the same ones for the same seed.
 * Only for tests: the numbers are not secure.
 *
 * @example
 * ```ts
 * import { seededRandom } from "@honeybee/honeybee/testing";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(seededRandom(7)(), seededRandom(7)());
 * ```
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // A counter that steps by the golden ratio, its bits mixed.
    state = (state + 0x9e3779b9) >>> 0;
    let bits = state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
}
