import {
  checkFields,
  checkFunction,
  type OptionNames,
  refuseOption,
  signalOf,
  type WaitOptions,
} from "./options.ts";
import { handled, onAbort, rejected } from "./promise.ts";
import {
  BatchIterator,
  ItemIterator,
  type Waitable,
  type Waiter,
} from "./queue_iterators.ts";
import { Ring } from "./ring.ts";

/** Options of a {@link Queue}. */
export interface QueueOptions<T> {
  /** The number of items that it holds before it is full, from 0; `Infinity` for no limit. */
  readonly capacity: number;
  /**
   * The total weight that it holds before it is full, from 0, in the unit of `weigh`.
   *
   * @default {Infinity}
   */
  readonly maxWeight?: number;
  /**
   * Returns the weight of an item; must return the same for each call.
   *
   * @default {no item weighs anything}
   */
  readonly weigh?: (item: T) => number;
  /**
   * Called when a reader finds the queue empty, before it waits.
   *
   * @default {none}
   */
  readonly onIdle?: () => void;
}

const NAMES: OptionNames<QueueOptions<unknown>> = {
  capacity: true,
  maxWeight: true,
  weigh: true,
  onIdle: true,
};

/** @throws {ConfigError} `invalid-option` if it is not a number from 0. */
function limit(field: string, value: unknown): number {
  if (typeof value === "number" && value >= 0) return value;
  throw refuseOption(field, "a number from 0", value);
}

/**
 * A first-in, first-out queue. The producer never waits, and consumers read asynchronously.
 *
 * - Each item is delivered once, even if several loops read.
 * - Leaving a loop (`break`) loses nothing: the next loop continues with the next item.
 * - Cancelling {@link Queue.take} loses nothing.
 * - After {@link Queue.close}, the items that are left can still be read. Then loops end.
 * - `push` never refuses an item. Its result tells the producer when to pause.
 */
export class Queue<T> implements AsyncIterable<T> {
  readonly #capacity: number;
  readonly #maxWeight: number;
  readonly #weigh: ((item: T) => number) | undefined;
  readonly #onIdle: (() => void) | undefined;
  readonly #ring = new Ring<T>();
  #weight = 0;

  #waiters: Waiter<T>[] | undefined;
  #spaceCallbacks: (() => void)[] | undefined;
  #closed = false;

  /**
   * Creates an empty queue.
   *
   * @throws {ConfigError} If an option cannot be used.
   */
  constructor(options: QueueOptions<T>) {
    checkFields("", NAMES, options);
    // In JavaScript, the options may be missing.
    const { capacity, maxWeight = Infinity, weigh, onIdle }: Partial<
      QueueOptions<T>
    > = options ?? {};
    checkFunction("weigh", weigh);
    checkFunction("onIdle", onIdle);
    this.#capacity = limit("capacity", capacity);
    this.#maxWeight = limit("maxWeight", maxWeight);
    this.#weigh = weigh;
    this.#onIdle = onIdle;
  }

  /** The number of items that wait to be read. */
  get size(): number {
    return this.#ring.size;
  }

  /** Whether a producer should pause. */
  get full(): boolean {
    return this.#ring.size >= this.#capacity || this.#weight >= this.#maxWeight;
  }

  /** Whether {@link Queue.close} was called. Items that are left may still be read. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Adds an item, or gives it to a reader that waits. After `close`, the item is dropped.
   *
   * @returns `false` if the queue is full now, so that the producer should pause, or if it is closed.
   */
  push(item: T): boolean {
    if (this.#closed) return false;
    if (this.#ring.size === 0) {
      const waiter = this.#waiters?.shift();
      if (waiter !== undefined) {
        waiter.resolve(item);
        return true;
      }
    }
    this.#put(item);
    return !this.full;
  }

  /** Calls `callback` once, when the queue has space again; at once if it has space. */
  onSpace(callback: () => void): void {
    if (!this.full) callback();
    else (this.#spaceCallbacks ??= []).push(callback);
  }

  /** Removes and returns the oldest item, `undefined` if there is none. Never waits. */
  shift(): T | undefined {
    const item = this.#remove();
    if (item !== undefined) this.#afterRead();
    return item;
  }

  /** Removes and returns all items for which `matches` returns `true`. The others keep their order. */
  extract(matches: (item: T) => boolean): T[] {
    const taken: T[] = [];
    for (let left = this.#ring.size; left > 0; left--) {
      const item = this.#remove();
      if (item === undefined) continue;
      if (matches(item)) taken.push(item);
      else this.#put(item);
    }
    if (taken.length > 0) this.#afterRead();
    return taken;
  }

  /**
   * Waits for one item.
   *
   * @returns The item, or `undefined` once the queue is closed and empty.
   * @throws The signal's reason when it aborts first. No item is lost then.
   * @throws {ConfigError} `invalid-option`.
   */
  take(
    options?: WaitOptions,
  ): Promise<T | undefined> {
    let signal: AbortSignal | undefined;
    try {
      signal = signalOf(options);
    } catch (error) {
      return rejected(error);
    }
    if (signal?.aborted) return rejected(signal.reason);
    if (this.#ring.size > 0) return Promise.resolve(this.shift());
    if (this.#closed) return Promise.resolve(undefined);
    return handled(
      new Promise((resolve, reject) => {
        const waiter: Waiter<T> = {
          resolve: (item) => {
            remove();
            resolve(item);
          },
        };
        const remove = onAbort(signal, () => {
          this.#withdraw(waiter);
          reject(signal?.reason);
        });
        this.#enqueue(waiter);
      }),
    );
  }

  /** Reads item by item. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return new ItemIterator(this.#waitable());
  }

  /** Iterates over arrays of all the items that are there, which are never empty. This is the cheapest way to read. */
  batches(): AsyncIterableIterator<T[], undefined> {
    return new BatchIterator(this.#waitable());
  }

  /**
   * Closes the queue: it accepts no more items. Items that are left can still be read, then readers end. Calling it
   * again has no effect.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const waiter of waiters ?? []) waiter.resolve(undefined);
  }

  #waitable(): Waitable<T> {
    const ring = this.#ring;
    const isClosed = () => this.#closed;
    return {
      get size() {
        return ring.size;
      },
      get closed() {
        return isClosed();
      },
      shift: () => this.shift(),
      takeAll: (first) => this.#takeAll(first),
      enqueue: (waiter) => this.#enqueue(waiter),
      withdraw: (owner) => this.#withdrawAll(owner),
    };
  }

  #remove(): T | undefined {
    const item = this.#ring.shift();
    if (item !== undefined && this.#weigh !== undefined) {
      this.#weight -= this.#weigh(item);
      // An item whose memory was transferred weighs less than before.
      if (this.#ring.size === 0) this.#weight = 0;
    }
    return item;
  }

  /** Removes and returns all items, after `first` if it is given. Items that are added meanwhile stay in the queue. */
  #takeAll(first: T | undefined): T[] {
    const items = first === undefined ? [] : [first];
    if (this.#ring.size === 0) return items;
    this.#ring.drainTo(items);
    this.#weight = 0;
    this.#afterRead();
    return items;
  }

  #put(item: T): void {
    this.#ring.push(item);
    if (this.#weigh !== undefined) this.#weight += this.#weigh(item);
  }

  #afterRead(): void {
    if (this.#spaceCallbacks !== undefined) this.#callForMore();
  }

  /** Waits until the queue is half empty, so that producers add many items at a time and not one. */
  #callForMore(): void {
    if (
      this.#ring.size > this.#capacity >> 1 || this.#weight >= this.#maxWeight
    ) return;
    const callbacks = this.#spaceCallbacks;
    this.#spaceCallbacks = undefined;
    if (callbacks === undefined) return;
    let called = 0;
    while (called < callbacks.length && !this.full) callbacks[called++]?.();
    if (called < callbacks.length) {
      // Callbacks that were not called yet come before those that were just added.
      this.#spaceCallbacks = callbacks.slice(called).concat(
        this.#spaceCallbacks ?? [],
      );
    }
  }

  #enqueue(waiter: Waiter<T>): void {
    (this.#waiters ??= []).push(waiter);
    this.#onIdle?.();
  }

  #withdrawAll(owner: unknown): void {
    const left = this.#waiters?.filter((waiter) => waiter.owner === owner);
    for (const waiter of left ?? []) {
      this.#withdraw(waiter);
      waiter.resolve(undefined);
    }
  }

  #withdraw(waiter: Waiter<T>): void {
    const place = this.#waiters?.indexOf(waiter) ?? -1;
    if (place >= 0) this.#waiters?.splice(place, 1);
  }
}
