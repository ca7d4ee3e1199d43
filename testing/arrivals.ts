/**
 * What has arrived at a socket in memory and waits to be handed over: until the
 * socket is started, and while its reader holds the peer back.
 */
export class Arrivals<T> {
  readonly #deliver: (item: T) => boolean;
  #items: T[] = [];
  #open = false;
  #held = false;
  #delivering = false;

  /** @param deliver Hands an item over; `false` holds the next ones back. */
  constructor(deliver: (item: T) => boolean) {
    this.#deliver = deliver;
  }

  /** Whether the reader holds the peer back. */
  get held(): boolean {
    return this.#held;
  }

  /** Lets items through from now on. */
  open(): void {
    this.#open = true;
  }

  /** Lets items through again after the reader held them back. */
  resume(): void {
    this.#held = false;
  }

  /** Adds an item. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Hands over what may be handed over. */
  deliver(): void {
    // A reader may call back into the socket from inside of a delivery.
    if (this.#delivering || !this.#open) return;
    this.#delivering = true;
    while (!this.#held) {
      const item = this.#items.shift();
      if (item === undefined) break;
      if (!this.#deliver(item)) this.#held = true;
    }
    this.#delivering = false;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#items = [];
  }
}
