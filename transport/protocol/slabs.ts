import { MaskView } from "./mask.ts";

/** The size in bytes of the slab that a sender begins with. */
export const SMALL_SLAB = 4096;
/** The size in bytes of the slab that a sender goes over to when it has more to say. */
export const LARGE_SLAB = 65_536;

/** How many slabs of each size are kept when nobody uses them: 1 MiB and 4 MiB. */
const MAX_SMALL = 256;
const MAX_LARGE = 64;

const small: MaskView[] = [];
const large: MaskView[] = [];

/**
 * Takes a slab with room for `size` bytes: a small one where that will do, else a large one.
 *
 * All connections share the slabs: whoever takes one holds it only while there is
 * something in it, so that idle connections hold none. What is in it is undefined.
 */
export function takeSlab(size: number): MaskView {
  return size <= SMALL_SLAB
    ? small.pop() ?? new MaskView(new ArrayBuffer(SMALL_SLAB))
    : large.pop() ?? new MaskView(new ArrayBuffer(LARGE_SLAB));
}

/** Gives a slab back. Nobody may write from it or to it any more. */
export function giveSlab(slab: MaskView): void {
  const { length } = slab.bytes;
  if (length === LARGE_SLAB) {
    if (large.length < MAX_LARGE) large.push(slab);
  } else if (length === SMALL_SLAB && small.length < MAX_SMALL) {
    small.push(slab);
  }
}
