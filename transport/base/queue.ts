import { signalOf } from "./options.ts";
import { handled, onAbort, rejected } from "./promise.ts";

/** Where items go on to: one that is full is told no more until it has space. */
export interface Sink<T> {
  /**
   * Takes an item, always.
   *
   * @returns `false` when the next one should wait until there is space.
   */
  push(item: T): boolean;
  /** Calls `callback` once, as soon as there is space; at once when there is. */
  onSpace(callback: () => void): void;
}

/** Options of a {@link Queue}. */
export interface QueueOptions<T> {
  /** How many items it holds before it is full. */
  readonly capacity: number;
  /** How much it holds before it is full, in the unit of `weigh`. @default Infinity */
  readonly maxWeight?: number;
  /** What an item weighs; must give the same each time. @default nothing weighs anything */
  readonly weigh?: (item: T) => number;
  /** Called when a reader finds the queue empty, before it waits. */
  readonly onIdle?: () => void;
  /** Called with what a reader has done with when it comes for more or leaves. */
  readonly onDone?: ((item: T) => void) | undefined;
}

interface Waiter<T> {
  readonly resolve: (item: T | undefined) => void;
}

const FIRST_SLOTS = 8;
/** The ring of a queue that nothing was put into yet: most queues of idle peers. */
const NO_SLOTS: never[] = [];

/**
 * A first-in, first-out queue between a producer that must not wait and
 * consumers that read asynchronously.
 *
 * - Each item is delivered once, shared by however many loops read.
 * - Leaving a loop (`break`) withdraws its waiting read; what is there stays for the next.
 * - {@link Queue.take} that is cancelled loses nothing.
 * - After {@link Queue.close} what is left can still be read; then readers end.
 * - `push` never refuses: it says when the producer should hold back.
 */
export class Queue<T> implements AsyncIterable<T>, Sink<T> {
  readonly #capacity: number;
  readonly #maxWeight: number;
  readonly #weigh: ((item: T) => number) | undefined;
  readonly #onIdle: (() => void) | undefined;
  readonly #onDone: ((item: T) => void) | undefined;

  /** The ring: its length is a power of two, empty until the first item. */
  #slots: (T | undefined)[] = NO_SLOTS;
  #head = 0;
  #size = 0;
  #weight = 0;

  #waiters: Waiter<T>[] | undefined;
  #spaceCallbacks: (() => void)[] | undefined;
  #outlet: Sink<T> | undefined;
  /** The outlet said no and has not called back yet. */
  #outletFull = false;
  #closed = false;
  /** What {@link Queue.take} gave last: its reader is done with it when he comes for more. */
  #taken: T | undefined;
  #onDrained: (() => void) | undefined;

  /** Makes an empty queue. */
  constructor(options: QueueOptions<T>) {
    this.#capacity = options.capacity;
    this.#maxWeight = options.maxWeight ?? Infinity;
    this.#weigh = options.weigh;
    this.#onIdle = options.onIdle;
    this.#onDone = options.onDone;
  }

  /** How many items wait to be read. */
  get size(): number {
    return this.#size;
  }

  /** Whether a producer should hold back. */
  get full(): boolean {
    return this.#size >= this.#capacity || this.#weight >= this.#maxWeight;
  }

  /** Whether {@link Queue.close} was called. What is left may still be read. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Adds an item, or hands it straight to a waiting reader. After `close` it is dropped. */
  push(item: T): boolean {
    if (this.#closed) return false;
    if (this.#size === 0) {
      const waiter = this.#waiters?.shift();
      if (waiter !== undefined) {
        waiter.resolve(item);
        return true;
      }
      if (this.#outlet !== undefined && !this.#outletFull) {
        if (!this.#outlet.push(item)) this.#awaitOutlet(this.#outlet);
        return true;
      }
    }
    this.#put(item);
    return !this.full;
  }

  /** Calls `callback` once, when readers have made room; at once when there is room. */
  onSpace(callback: () => void): void {
    if (!this.full) callback();
    else (this.#spaceCallbacks ??= []).push(callback);
  }

  /** Takes the oldest item without waiting, `undefined` when there is none. */
  shift(): T | undefined {
    const item = this.#remove();
    if (item !== undefined) this.#afterRead();
    return item;
  }

  /** Takes out, without reading them, all items that `matches` picks; the others keep their order. */
  extract(matches: (item: T) => boolean): T[] {
    const taken: T[] = [];
    for (let left = this.#size; left > 0; left--) {
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
   * @returns The item, `undefined` once the queue is closed and empty.
   * @throws The signal's reason when it aborts first; no item is lost by that.
   * @throws {ConfigError} `invalid-option`.
   */
  take(
    options?: { readonly signal?: AbortSignal },
  ): Promise<T | undefined> {
    let signal: AbortSignal | undefined;
    try {
      signal = signalOf(options);
    } catch (error) {
      return rejected(error);
    }
    if (signal?.aborted) return rejected(signal.reason);
    if (this.#taken !== undefined) this.#onDone?.(this.#taken);
    this.#taken = undefined;
    if (this.#size > 0) return Promise.resolve(this.#lend(this.shift()));
    if (this.#closed) return Promise.resolve(undefined);
    return handled(
      new Promise((resolve, reject) => {
        const waiter: Waiter<T> = {
          resolve: (item) => {
            remove();
            resolve(this.#lend(item));
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
    return new ItemIterator(this, this.#onDone, {
      enqueue: (waiter) => this.#enqueue(waiter),
      withdraw: (waiter) => this.#withdraw(waiter),
    });
  }

  /** Reads in arrays of all that is there, never empty ones: the cheapest way. */
  batches(): AsyncIterableIterator<T[], undefined> {
    return new BatchIterator(this, this.#onDone, {
      enqueue: (waiter) => this.#enqueue(waiter),
      withdraw: (waiter) => this.#withdraw(waiter),
      takeAll: (first) => this.#takeAll(first),
    });
  }

  /**
   * Hands everything on to `outlet`, now and from now on, as fast as it has
   * space, without a promise in between.
   *
   * @returns A function that ends it; what has not been handed on stays here.
   */
  pipe(outlet: Sink<T>): () => void {
    this.#outlet = outlet;
    this.#outletFull = false;
    this.#pump(outlet);
    return () => {
      if (this.#outlet === outlet) this.#outlet = undefined;
    };
  }

  /** Hands all that is left to the outlet of {@link Queue.pipe}, whether it has space or not. */
  flush(): void {
    const outlet = this.#outlet;
    if (outlet === undefined) return;
    for (
      let item = this.#remove();
      item !== undefined;
      item = this.#remove()
    ) {
      outlet.push(item);
      this.#afterRead();
    }
  }

  /** Takes no more items. What is left can be read, then readers end. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const waiter of waiters ?? []) waiter.resolve(undefined);
    if (this.#size === 0) this.#drained();
  }

  /** Calls `callback` once, when the queue is closed and all of it has been read. */
  onDrained(callback: () => void): void {
    if (this.#closed && this.#size === 0) callback();
    else this.#onDrained = callback;
  }

  #remove(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    if (item !== undefined && this.#weigh !== undefined) {
      this.#weight -= this.#weigh(item);
    }
    return item;
  }

  /** Takes all items, behind `first` where there is one. What comes in for them stays here. */
  #takeAll(first: T | undefined): T[] {
    const items = first === undefined ? [] : [first];
    if (this.#size === 0) return items;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let i = 0; i < this.#size; i++) {
      const place = (this.#head + i) & mask;
      const item = slots[place];
      if (item !== undefined) items.push(item);
      slots[place] = undefined;
    }
    this.#size = this.#weight = 0;
    this.#afterRead();
    return items;
  }

  #put(item: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
    if (this.#weigh !== undefined) this.#weight += this.#weigh(item);
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

  #afterRead(): void {
    if (this.#size === 0) {
      this.#head = 0;
      if (this.#slots.length > this.#capacity * 2) this.#slots = NO_SLOTS;
      if (this.#closed) this.#drained();
    }
    if (this.#spaceCallbacks !== undefined) this.#callForMore();
  }

  /** Waits until the queue is half empty, so that producers come for many items and not for one. */
  #callForMore(): void {
    if (
      this.#size > this.#capacity >> 1 || this.#weight >= this.#maxWeight
    ) return;
    const callbacks = this.#spaceCallbacks;
    this.#spaceCallbacks = undefined;
    if (callbacks === undefined) return;
    let called = 0;
    while (called < callbacks.length && !this.full) callbacks[called++]?.();
    if (called < callbacks.length) {
      // Those who did not get their turn come before those who just had it.
      this.#spaceCallbacks = callbacks.slice(called).concat(
        this.#spaceCallbacks ?? [],
      );
    }
  }

  #awaitOutlet(outlet: Sink<T>): void {
    this.#outletFull = true;
    outlet.onSpace(() => {
      if (this.#outlet !== outlet) return;
      this.#outletFull = false;
      this.#pump(outlet);
    });
  }

  /** The item goes on before its place is given away, or what comes in for it would overtake it. */
  #pump(outlet: Sink<T>): void {
    while (this.#outlet === outlet && !this.#outletFull) {
      const item = this.#remove();
      if (item === undefined) return;
      if (!outlet.push(item)) this.#awaitOutlet(outlet);
      this.#afterRead();
    }
  }

  #drained(): void {
    const callback = this.#onDrained;
    this.#onDrained = undefined;
    callback?.();
  }

  #lend(item: T | undefined): T | undefined {
    if (this.#onDone !== undefined) this.#taken = item;
    return item;
  }

  #enqueue(waiter: Waiter<T>): void {
    (this.#waiters ??= []).push(waiter);
    this.#onIdle?.();
  }

  #withdraw(waiter: Waiter<T>): void {
    const place = this.#waiters?.indexOf(waiter) ?? -1;
    if (place >= 0) this.#waiters?.splice(place, 1);
  }
}

/** What an iterator needs of its queue's inner life. */
interface Waits<T> {
  enqueue(waiter: Waiter<T>): void;
  withdraw(waiter: Waiter<T>): void;
}

/** What one that reads in arrays needs. */
interface BatchWaits<T> extends Waits<T> {
  takeAll(first: T | undefined): T[];
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

class ItemIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #queue: Queue<T>;
  readonly #onDone: ((item: T) => void) | undefined;
  readonly #waits: Waits<T>;
  #pending: Set<Waiter<T>> | undefined;
  #last: T | undefined;
  #left = false;

  constructor(
    queue: Queue<T>,
    onDone: ((item: T) => void) | undefined,
    waits: Waits<T>,
  ) {
    this.#queue = queue;
    this.#onDone = onDone;
    this.#waits = waits;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#onDone !== undefined) this.#giveBack();
    if (this.#left) return Promise.resolve(END);
    const item = this.#queue.shift();
    if (item !== undefined) return Promise.resolve(this.#deliver(item));
    if (this.#queue.closed) return Promise.resolve(END);
    return new Promise((resolve) => {
      const waiter: Waiter<T> = {
        resolve: (item) => {
          this.#pending?.delete(waiter);
          resolve(item === undefined ? END : this.#deliver(item));
        },
      };
      (this.#pending ??= new Set()).add(waiter);
      this.#waits.enqueue(waiter);
    });
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#left = true;
    this.#giveBack();
    for (const waiter of this.#pending ?? []) {
      this.#waits.withdraw(waiter);
      waiter.resolve(undefined);
    }
    return Promise.resolve(END);
  }

  #deliver(item: T): IteratorYieldResult<T> {
    if (this.#onDone !== undefined) this.#last = item;
    return { done: false, value: item };
  }

  #giveBack(): void {
    const last = this.#last;
    this.#last = undefined;
    if (last !== undefined) this.#onDone?.(last);
  }
}

class BatchIterator<T> implements AsyncIterableIterator<T[], undefined> {
  readonly #queue: Queue<T>;
  readonly #onDone: ((item: T) => void) | undefined;
  readonly #waits: BatchWaits<T>;
  #pending: Waiter<T> | undefined;
  #last: T[] = [];
  #left = false;

  constructor(
    queue: Queue<T>,
    onDone: ((item: T) => void) | undefined,
    waits: BatchWaits<T>,
  ) {
    this.#queue = queue;
    this.#onDone = onDone;
    this.#waits = waits;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T[], undefined>> {
    this.#giveBack();
    let first: T | undefined;
    if (this.#queue.size === 0 && !this.#queue.closed && !this.#left) {
      first = await new Promise<T | undefined>((resolve) => {
        const waiter = { resolve };
        this.#pending = waiter;
        this.#waits.enqueue(waiter);
      });
      this.#pending = undefined;
    }
    let batch: T[] = [];
    if (!this.#left) batch = this.#waits.takeAll(first);
    // It was on its way when the reader left.
    else if (first !== undefined) batch = [first];
    if (batch.length === 0) return END;
    if (this.#onDone !== undefined) this.#last = batch;
    return { done: false, value: batch };
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#left = true;
    this.#giveBack();
    const waiter = this.#pending;
    if (waiter !== undefined) {
      this.#waits.withdraw(waiter);
      waiter.resolve(undefined);
    }
    return Promise.resolve(END);
  }

  #giveBack(): void {
    const last = this.#last;
    if (last.length === 0) return;
    this.#last = [];
    for (const item of last) this.#onDone?.(item);
  }
}
