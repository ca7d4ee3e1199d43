/** Sizes of the buffer that an adapter with a read loop reads into. An idle connection holds the smallest. */
const MIN_READ = 1_024;
const MAX_READ = 65_536;
const GROWTH = 4;
/** Milliseconds without a byte after which a connection counts as idle. */
const IDLE_AFTER = 1_000;

/** The buffer of a read loop: grows when a read fills it, and shrinks when the connection has been idle. */
export class ReadBuffer {
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #size = MIN_READ;
  #usedAt = 0;

  /** Returns the memory to read into. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes;
    if (bytes?.length === this.#size) return bytes;
    return this.#bytes = new Uint8Array(this.#size);
  }

  /**
   * Records the result of a read.
   *
   * @param filled Whether the read filled the memory.
   * @param at Milliseconds, on any clock.
   */
  used(filled: boolean, at: number): void {
    if (filled) this.#size = Math.min(MAX_READ, GROWTH * this.#size);
    else if (at - this.#usedAt > IDLE_AFTER) this.#size = MIN_READ;
    this.#usedAt = at;
  }
}
