import { onAbort, rejected } from "../transport/base/promise.ts";
import type { Dialer } from "../transport/client/dialer.ts";

/** Bounds the dials in flight: those beyond wait their turn, in order. */
export class DialGate {
  readonly #most: number;
  readonly #waiting = new Set<() => void>();
  #inFlight = 0;

  /** Lets `most` dials through at a time. */
  constructor(most: number) {
    this.#most = most;
  }

  /** A dialer that waits its turn, then dials as `dialer` does. */
  guard(dialer: Dialer): Dialer {
    return async (url, options) => {
      await this.#enter(options.signal);
      try {
        return await dialer(url, options);
      } finally {
        this.#leave();
      }
    };
  }

  #enter(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return rejected(signal.reason);
    if (this.#inFlight < this.#most) {
      this.#inFlight++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = () => {
        remove();
        this.#inFlight++;
        resolve();
      };
      const remove = onAbort(signal, () => {
        this.#waiting.delete(enter);
        reject(signal?.reason);
      });
      this.#waiting.add(enter);
    });
  }

  #leave(): void {
    this.#inFlight--;
    for (const enter of this.#waiting) {
      this.#waiting.delete(enter);
      enter();
      return;
    }
  }
}
