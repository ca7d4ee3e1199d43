/** Peers that are gone and whose count is remembered. */
const REMEMBERED = 10_000;

/**
 * Counts each peer's sessions, so that what an earlier one had sent is not taken for the
 * present one's. Of peers that are gone a bounded number is remembered; one that was
 * forgotten goes on above all that were, so that no number comes twice for a peer.
 */
export class Sessions {
  readonly #last = new Map<string, number>();
  /** The highest count of all that were forgotten. */
  #floor = 0;

  /** The number of a peer's next session, from 1. */
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
