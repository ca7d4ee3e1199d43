const FIRST_SLOTS = 8;
/** The largest empty ring that keeps its memory. */
const KEPT_SLOTS = 4_096;
/** The slots of a ring that nothing was put into yet, shared: most queues of idle peers are empty. */
const NO_SLOTS: never[] = [];

/**
 * A first-in, first-out buffer of items, in a ring that grows as needed. `undefined` cannot be an item.
 *
 * A ring takes and removes an item in constant time, where `Array.shift` moves all others.
 */
export class Ring<T> {
  /** The length is a power of two, or 0 before the first item. */
  #slots: (T | undefined)[] = NO_SLOTS;
  #head = 0;
  #size = 0;

  /** The number of items. */
  get size(): number {
    return this.#size;
  }

  /** Adds an item after all others. */
  push(item: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
  }

  /** The oldest item, which stays; `undefined` if there is none. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head];
  }

  /** Removes the oldest item; `undefined` if there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    if (--this.#size === 0) this.#reset();
    return item;
  }

  /** Removes all items and adds them to `items`, the oldest first. */
  drainTo(items: T[]): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let i = 0; i < this.#size; i++) {
      const place = (this.#head + i) & mask;
      const item = slots[place];
      if (item !== undefined) items.push(item);
      slots[place] = undefined;
    }
    this.#size = 0;
    this.#reset();
  }

  #grow(): void {
    const old = this.#slots;
    const slots: (T | undefined)[] = new Array(
      Math.max(FIRST_SLOTS, 2 * old.length),
    );
    for (let i = 0; i < this.#size; i++) {
      slots[i] = old[(this.#head + i) & (old.length - 1)];
    }
    this.#slots = slots;
    this.#head = 0;
  }

  /** Begins at the first slot again, and gives the memory of a burst back. */
  #reset(): void {
    this.#head = 0;
    if (this.#slots.length > KEPT_SLOTS) this.#slots = NO_SLOTS;
  }
}
