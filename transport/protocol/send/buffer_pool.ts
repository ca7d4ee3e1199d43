import { MaskView } from "../wire/mask.ts";

/** Size in bytes of the buffer that a sender begins with. */
export const SMALL_BUFFER = 4096;
/**
 * Size in bytes of the buffer that a sender changes to when it has more to send: 64 KiB of payload, and headers, so that
 * four messages of 16 KiB fit, not three.
 */
export const LARGE_BUFFER = 66_560;

/** The maximum number of unused buffers that are kept of each size: 1 MiB and 8 MiB in all. */
const MAX_SMALL = 256;
const MAX_LARGE = 128;

const small: MaskView[] = [];
const large: MaskView[] = [];

/**
 * Takes a buffer of at least `size` bytes, at most 66,560, with undefined content.
 *
 * All connections share the pool and keep a buffer only while it contains something, so idle connections have none.
 */
export function takeBuffer(size: number): MaskView {
  return size <= SMALL_BUFFER
    ? small.pop() ?? new MaskView(new ArrayBuffer(SMALL_BUFFER))
    : large.pop() ?? new MaskView(new ArrayBuffer(LARGE_BUFFER));
}

/** Returns a buffer to the pool. The caller must not use it any more. */
export function giveBuffer(buffer: MaskView): void {
  const { length } = buffer.bytes;
  if (length === LARGE_BUFFER) {
    if (large.length < MAX_LARGE) large.push(buffer);
  } else if (length === SMALL_BUFFER && small.length < MAX_SMALL) {
    small.push(buffer);
  }
}
