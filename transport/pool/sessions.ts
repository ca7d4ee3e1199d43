/** The maximum number of peers whose latest number is remembered. */
const REMEMBERED = 10_000;

/**
 * Numbers the connections of each peer, so that messages of an earlier connection can be distinguished from those of
 * the present one. Only a limited number of peers is remembered. A peer that was forgotten gets a number above those of
 * all forgotten peers, so no peer gets a number twice.
 */
export class Sessions {
  readonly #last = new Map<string, number>();
  /** The highest number of all peers that were forgotten. */
  #floor = 0;

  /** Returns the number of a peer's next connection, from 1. */
  next(id: string): number {
    const session = (this.#last.get(id) ?? this.#floor) + 1;
    this.#last.delete(id);
    this.#last.set(id, session);
    if (this.#last.size > REMEMBERED) this.#forget();
    return session;
  }

  #forget(): void {
    for (const [id, session] of this.#last) {
      this.#floor = Math.max(this.#floor, session);
      this.#last.delete(id);
      return;
    }
  }
}
