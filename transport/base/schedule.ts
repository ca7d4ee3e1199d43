import {
  clearImmediate,
  clearTimeout,
  setImmediate,
  setTimeout,
} from "node:timers";
import { type Clock, clockOf } from "./clock.ts";
import { toError } from "./errors.ts";

/** Longest delay a runtime's timer takes; a later task is reached in steps. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** The lateness of a deadline, in milliseconds, from which the process counts as having been away. */
const AWAY = 250;
/** The lateness of a deadline, in milliseconds, up to which it is decided at once. */
const PUNCTUAL = 50;
/** Longest extension of a deadline for one absence of the process, in milliseconds. */
const MAX_EXTENSION = 1_000;
/** The maximum number of extensions of one deadline: a process that is always late must still end dead connections. */
const MAX_EXTENSIONS = 8;
/**
 * How long before a deadline the schedule looks whether timers are late. Without it, an absence that ends just
 * before the deadline is not noticed.
 */
const LOOK_AHEAD = 300;

/** Operations that Deno completes in one turn of the event loop, at most. A task stands for about one stream. */
const OPERATIONS_PER_TURN = 128;

/** A call that waits in a {@link Schedule}. */
export interface Task {
  /** When the schedule looks at it next, in milliseconds of the clock. */
  due: number;
  /** Its index in the heap, -1 when it is not there. */
  place: number;
  readonly run: () => void;
  /** Only for deadlines: see {@link Schedule.deadline}. */
  readonly judgement: { readonly due: number; extensions: number } | undefined;
}

const schedules = new WeakMap<Clock, Schedule>();

/**
 * All timers of one clock behind one timer, so that ten thousand idle connections cost one timer and not ten
 * thousand. Nothing is left running while no task waits.
 *
 * A task must not throw. If one does, the error becomes a warning of the process, and all other tasks run.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #heap: Task[] = [];
  #cancelTimer: (() => void) | undefined;
  #armedFor = Infinity;
  /** Tasks that are due and run next. */
  readonly #ready = new Set<Task>();
  /** Deadlines that are due and wait for pending I/O. */
  readonly #judging = new Set<Task>();
  /** The same, for the next time. */
  #nextToJudge = new Set<Task>();
  #immediate: ReturnType<typeof setImmediate> | undefined;
  #turnTimer: ReturnType<typeof setTimeout> | undefined;
  /** Turns of the event loop until the deadlines are judged. */
  #turnsLeft = 0;

  /** Use {@link Schedule.of}, so that all users of a clock share one timer. */
  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The schedule of a clock. */
  static of(clock: Clock): Schedule {
    const guarded = clockOf(clock);
    let schedule = schedules.get(guarded);
    if (schedule === undefined) {
      schedule = new Schedule(guarded);
      schedules.set(guarded, schedule);
    }
    return schedule;
  }

  /** How many tasks wait. */
  get size(): number {
    return this.#heap.length + this.#ready.size + this.#judging.size +
      this.#nextToJudge.size;
  }

  /** Calls `run` once, `delay` milliseconds from now or as soon as possible after that: for work. */
  after(delay: number, run: () => void): Task {
    return this.at(this.#clock.now() + delay, run);
  }

  /** Calls `run` once, when the clock reads `due` or as soon as possible after that: for work. */
  at(due: number, run: () => void): Task {
    return this.#add({ due, place: -1, run, judgement: undefined });
  }

  /** Like {@link Schedule.deadlineAt}, `delay` milliseconds from now. */
  deadline(delay: number, run: () => void): Task {
    return this.deadlineAt(this.#clock.now() + delay, run);
  }

  /**
   * Calls `run` once, at `due` or later: for judging whether a peer did something in time.
   *
   * If the process was away (the event loop blocked, the process stopped, the machine asleep), its timers are
   * late, and run before the I/O that waits in the system. Therefore a deadline that is late by L > 250 ms is
   * extended by max(250 ms, min(L, 1 s)), at most 8 times. A deadline that is late by more than 50 ms, or that was
   * extended, is judged after one `setImmediate`, and after more turns of the event loop where many tasks wait: with
   * thousands of busy streams, what has arrived is read in the course of many turns.
   */
  deadlineAt(due: number, run: () => void): Task {
    const now = this.#clock.now();
    const look = due - LOOK_AHEAD;
    return this.#add({
      due: look > now ? look : Math.max(due, now),
      place: -1,
      run,
      judgement: { due, extensions: 0 },
    });
  }

  /** Withdraws a task. Safe when it has run already, or is `undefined`. */
  cancel(task: Task | undefined): void {
    if (task === undefined) return;
    this.#ready.delete(task);
    this.#nextToJudge.delete(task);
    if (this.#judging.delete(task) && this.#judging.size === 0) {
      clearImmediate(this.#immediate);
      clearTimeout(this.#turnTimer);
      this.#judgeNext();
    }
    if (task.place < 0) return;
    this.#removeAt(task.place);
    if (this.#heap.length === 0) this.#disarm();
  }

  #add(task: Task): Task {
    task.place = this.#heap.length;
    this.#heap.push(task);
    this.#up(task.place, task);
    if (task.place === 0) this.#arm();
    return task;
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
      if (first.judgement === undefined) this.#ready.add(first);
      else this.#look(first, first.judgement, now);
    }
    runAll(this.#ready);
    this.#arm();
  }

  /** Decides whether a deadline is due, or moves. */
  #look(
    task: Task,
    judgement: { readonly due: number; extensions: number },
    now: number,
  ): void {
    const lateness = now - task.due;
    if (lateness > AWAY && judgement.extensions < MAX_EXTENSIONS) {
      judgement.extensions++;
      const extension = Math.max(AWAY, Math.min(lateness, MAX_EXTENSION));
      task.due = Math.max(judgement.due, now + extension);
      this.#add(task);
    } else if (judgement.due > now) {
      task.due = judgement.due;
      this.#add(task);
    } else if (lateness > PUNCTUAL || judgement.extensions > 0) {
      this.#nextToJudge.add(task);
      if (this.#judging.size === 0) this.#judgeNext();
    } else this.#ready.add(task);
  }

  /** Begins to wait until the deadlines that have come can be judged. */
  #judgeNext(): void {
    if (this.#nextToJudge.size === 0) return;
    for (const task of this.#nextToJudge) this.#judging.add(task);
    this.#turnsLeft = Math.ceil(this.size / OPERATIONS_PER_TURN);
    this.#nextToJudge.clear();
    this.#immediate = setImmediate(() => this.#turn());
  }

  #turn(): void {
    if (--this.#turnsLeft > 0) {
      // Not setImmediate, several of which in a row keep Deno from looking at I/O.
      this.#turnTimer = setTimeout(() => this.#turn(), 1);
      return;
    }
    runAll(this.#judging);
    // A task that was cancelled meanwhile may have begun with the next.
    if (this.#judging.size === 0) this.#judgeNext();
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

/** Runs tasks. One that throws stops no other, one that an earlier one withdraws does not run. */
function runAll(tasks: Set<Task>): void {
  for (const task of [...tasks]) {
    if (!tasks.delete(task)) continue;
    try {
      task.run();
    } catch (error) {
      globalThis.process.emitWarning(toError(error));
    }
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

/**
 * Waits until a promise settles, for at most `delay` milliseconds of the clock. An absence of the process extends them,
 * as it does for {@link Schedule.deadline}.
 *
 * @returns Whether it has settled in time.
 */
export async function settlesWithin(
  clock: Clock,
  delay: number,
  promise: Promise<unknown>,
): Promise<boolean> {
  const outcome = Promise.withResolvers<boolean>();
  const schedule = Schedule.of(clock);
  const task = schedule.deadline(delay, () => outcome.resolve(false));
  const settle = () => outcome.resolve(true);
  promise.then(settle, settle);
  const inTime = await outcome.promise;
  schedule.cancel(task);
  return inTime;
}
