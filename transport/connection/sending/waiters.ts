import type { Clock } from "../../base/clock.ts";
import { ConnectionError } from "../../base/errors.ts";
import { handled, onAbort, rejected } from "../../base/promise.ts";
import { Schedule } from "../../base/schedule.ts";

/** What may end the wait of a call. */
export interface WaitLimits {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; 0 for no limit. */
  readonly timeout?: number | undefined;
}

/** A call that waits. */
export interface Waiter {
  /** Ends the call. */
  readonly resolve: () => void;
  /** Fails the call. */
  readonly reject: (reason: unknown) => void;
}

/** A call in the queue. */
interface Place extends Waiter {
  /** Takes the call out of the queue. */
  readonly leave: () => void;
  readonly onTurn: (waiter: Waiter) => void;
}

/** A queue of calls that wait until it is their turn, their signal aborts, or their timeout expires. */
export class Waiters {
  readonly #clock: Clock;
  readonly #delivered: "unknown" | undefined;
  readonly #calls = new Set<Place>();

  /**
   * Begins empty.
   *
   * @param delivered The `delivered` of the error of a call whose timeout expires.
   */
  constructor(clock: Clock, delivered?: "unknown") {
    this.#clock = clock;
    this.#delivered = delivered;
  }

  /** How many wait. */
  get size(): number {
    return this.#calls.size;
  }

  /**
   * Waits for its turn.
   *
   * @param onTurn Settles the call when its turn has come. Default: resolves it.
   * @throws {ConnectionError} `send-timeout`.
   * @throws The signal's reason when it aborts.
   */
  wait(
    options: WaitLimits | undefined,
    onTurn: (waiter: Waiter) => void = ({ resolve }) => resolve(),
  ): Promise<void> {
    const { signal, timeout = 0 } = options ?? {};
    if (signal?.aborted) return rejected(signal.reason);
    return handled(
      new Promise((resolve, reject) => {
        const schedule = Schedule.of(this.#clock);
        const leave = () => {
          this.#calls.delete(place);
          removeListener();
          schedule.cancel(task);
        };
        const fail = (reason: unknown) => {
          leave();
          reject(reason);
        };
        const place: Place = { resolve, reject: fail, leave, onTurn };
        this.#calls.add(place);
        const task = timeout === 0
          ? undefined
          : schedule.deadline(timeout, () =>
            fail(
              new ConnectionError(
                "send-timeout",
                `Cannot send: the buffer did not fall below highWaterMark within ${timeout} ms.`,
                { delivered: this.#delivered },
              ),
            ));
        const removeListener = onAbort(signal, () => fail(signal?.reason));
      }),
    );
  }

  /** Gives the first call its turn. Returns whether there was one. */
  next(): boolean {
    for (const place of this.#calls) {
      place.leave();
      place.onTurn(place);
      return true;
    }
    return false;
  }

  /** Fails all. */
  rejectAll(reason: unknown): void {
    for (const place of [...this.#calls]) place.reject(reason);
  }
}
