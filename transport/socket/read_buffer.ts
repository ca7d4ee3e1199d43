/** First size: an idle connection holds no more. */
const SMALLEST = 1_024;
const LARGEST = 65_536;
const STEP = 4;
/** Milliseconds of silence after which a connection counts as idle. */
const IDLE_AFTER = 1_000;

/**
 * The buffer that a raw socket reads into: grows when a read fills it, and shrinks
 * when the connection has been idle.
 */
export class ReadBuffer {
  #bytes: Uint8Array | undefined;
  #size = SMALLEST;
  #usedAt = 0;

  /** Where to read to. The same bytes again and again, save when the size changes. */
  take(): Uint8Array {
    if (this.#bytes?.length !== this.#size) {
      this.#bytes = new Uint8Array(this.#size);
    }
    return this.#bytes;
  }

  /**
   * Tells how much a read gave, and when.
   *
   * @param small Whether the next read is to be a small one.
   * @returns Whether the next read gets other bytes than this one had.
   */
  used(count: number, at: number, small: boolean): boolean {
    const before = this.#size;
    if (small) this.#size = SMALLEST;
    else if (count === before) this.#size = Math.min(LARGEST, STEP * before);
    else if (at - this.#usedAt > IDLE_AFTER) this.#size = SMALLEST;
    this.#usedAt = at;
    return this.#size !== before;
  }

  /** Somebody else has the bytes now: never reads into them again. */
  forget(): void {
    this.#bytes = undefined;
  }
}
