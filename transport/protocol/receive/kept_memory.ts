/** Size of the blocks that small reads share. An idle connection holds at most one. */
const BLOCK_SIZE = 1_024;
/** Reads of more bytes get memory of their own. */
const MAX_SHARED = BLOCK_SIZE / 2;

/**
 * Memory for bytes that a handler keeps.
 *
 * Small reads share blocks, since allocating an `ArrayBuffer` costs more than handling a small message (about 1 us).
 */
export class KeptMemory {
  #block: Uint8Array<ArrayBuffer> | undefined;
  #used = 0;

  /** Copies bytes to memory that is never written again. */
  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const { length } = bytes;
    if (length > MAX_SHARED) return new Uint8Array(bytes);
    // A block that a consumer transferred has the length 0.
    if (this.#block === undefined || this.#used + length > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_SIZE);
      this.#used = 0;
    }
    const kept = new Uint8Array(this.#block.buffer, this.#used, length);
    this.#used += length;
    kept.set(bytes);
    return kept;
  }
}
