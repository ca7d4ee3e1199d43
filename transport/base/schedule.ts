import type { Clock } from "./clock.ts";

/** Longest delay a runtime's timer takes; a later task is reached in steps. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A call that waits in a {@link Schedule}. */
export interface Task {
  /** When it is due, in epoch milliseconds. */
  readonly due: number;
  readonly run: () => void;
  /** Its place in the heap, -1 when it no longer waits. */
  place: number;
}

const schedules = new WeakMap<Clock, Schedule>();

/**
 * All deadlines of one clock behind one timer, so that ten thousand idle
 * connections cost one timer and not ten thousand. Nothing is left running
 * while no task waits.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #heap: Task[] = [];
  #cancelTimer: (() => void) | undefined;
  #armedFor = Infinity;

  /** Use {@link Schedule.of}, so that all who share a clock share a timer. */
  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The schedule of a clock. */
  static of(clock: Clock): Schedule {
    let schedule = schedules.get(clock);
    if (schedule === undefined) {
      schedule = new Schedule(clock);
      schedules.set(clock, schedule);
    }
    return schedule;
  }

  /** How many tasks wait. */
  get size(): number {
    return this.#heap.length;
  }

  /** Calls `run` once, `delay` milliseconds from now. `run` must not throw. */
  after(delay: number, run: () => void): Task {
    return this.at(this.#clock.now() + delay, run);
  }

  /** Calls `run` once, when the clock reads `due`. `run` must not throw. */
  at(due: number, run: () => void): Task {
    const task: Task = { due, run, place: this.#heap.length };
    this.#heap.push(task);
    this.#up(task.place, task);
    if (task.place === 0) this.#arm();
    return task;
  }

  /** Takes a task back. Safe when it has run already, or is `undefined`. */
  cancel(task: Task | undefined): void {
    if (task === undefined || task.place < 0) return;
    this.#removeAt(task.place);
    if (this.#heap.length === 0) this.#disarm();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.due >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = first.due;
    const delay = Math.max(0, Math.ceil(first.due - this.#clock.now()));
    this.#cancelTimer = this.#clock.timer(
      () => this.#fire(),
      Math.min(delay, LONGEST_TIMER),
    );
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#armedFor = Infinity;
  }

  #fire(): void {
    this.#cancelTimer = undefined;
    this.#armedFor = Infinity;
    const now = this.#clock.now();
    for (
      let first = this.#heap[0];
      first !== undefined && first.due <= now;
      first = this.#heap[0]
    ) {
      this.#removeAt(0);
      first.run();
    }
    this.#arm();
  }

  #removeAt(place: number): void {
    const heap = this.#heap;
    const gone = heap[place];
    const last = heap.pop();
    if (gone === undefined || last === undefined) return;
    gone.place = -1;
    if (gone === last) return;
    this.#down(place, last);
    if (last.place === place) this.#up(place, last);
  }

  #up(place: number, task: Task): void {
    const heap = this.#heap;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || parent.due <= task.due) break;
      heap[place] = parent;
      parent.place = place;
      place = above;
    }
    heap[place] = task;
    task.place = place;
  }

  #down(place: number, task: Task): void {
    const heap = this.#heap;
    for (;;) {
      let below = 2 * place + 1;
      let child = heap[below];
      const right = heap[below + 1];
      if (child !== undefined && right !== undefined && right.due < child.due) {
        child = right;
        below++;
      }
      if (child === undefined || task.due <= child.due) break;
      heap[place] = child;
      child.place = place;
      place = below;
    }
    heap[place] = task;
    task.place = place;
  }
}

/**
 * Waits `delay` milliseconds of the clock.
 *
 * @throws The signal's reason, at once, when it aborts.
 */
export function sleep(
  clock: Clock,
  delay: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const schedule = Schedule.of(clock);
    const onAbort = () => {
      schedule.cancel(task);
      reject(signal?.reason);
    };
    const task = schedule.after(delay, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
