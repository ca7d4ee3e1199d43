/** Sizes of the buffer that an adapter with a read loop reads into. An idle connection holds the smallest. */
const MIN_READ = 1_024;
const MAX_READ = 65_536;
const GROWTH = 4;
/** Milliseconds without a byte after which a connection counts as idle. */
const IDLE_AFTER = 1_000;

/** The buffer of a read loop: grows when a read fills it, and shrinks when the connection has been idle. */
export class ReadBuffer {
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Bytes at the start that a handler keeps. */
  #kept = 0;
  #size = MIN_READ;
  #usedAt = 0;

  /** Returns the memory to read into. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes;
    if (bytes !== undefined && bytes.length === this.#size) {
      // What is left of a block is used while it takes as much as a small read.
      if (this.#kept === 0) return bytes;
      if (bytes.length - this.#kept >= Math.max(MIN_READ, this.#size / 4)) {
        return bytes.subarray(this.#kept);
      }
    }
    this.#kept = 0;
    return this.#bytes = new Uint8Array(this.#size);
  }

  /**
   * Notes the result of a read.
   *
   * @param filled Whether the read filled the memory.
   * @param kept Bytes at the start of the memory that a handler keeps; 0 if the memory is free again.
   * @param at Milliseconds, on any clock.
   */
  used(filled: boolean, kept: number, at: number): void {
    this.#kept = kept === 0 ? this.#kept : this.#kept + kept;
    if (filled) this.#size = Math.min(MAX_READ, GROWTH * this.#size);
    else if (at - this.#usedAt > IDLE_AFTER) this.#size = MIN_READ;
    this.#usedAt = at;
  }
}
