import type { SocketActivity } from "../../socket/socket.ts";

/** What counts as progress of a peer. */
export interface ProgressOptions {
  /** Bytes per second below which it does not count. */
  readonly minRate: number;
  /** Whether output that the system takes counts, although it may not have reached the peer. */
  readonly countWritten: boolean;
}

/** Finds out, from the bytes that pass through a socket, when its peer last made progress that was fast enough. */
export class PeerProgress {
  readonly #activity: SocketActivity;
  readonly #options: ProgressOptions;

  #lastAt = 0;
  /** Where the present measurement of the rate began. */
  #since = 0;
  #received = 0;
  #written = 0;

  /** Begins at `now`, in milliseconds of the clock. */
  constructor(activity: SocketActivity, now: number, options: ProgressOptions) {
    this.#activity = activity;
    this.#options = options;
    this.measure(now);
  }

  /** When the peer made progress last, as far as {@link PeerProgress.update} has seen; 0 before that. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Whether bytes that count have passed since the measurement of the rate began. */
  get moved(): boolean {
    const { receivedBytes, writtenBytes } = this.#activity;
    return receivedBytes > this.#received ||
      this.#options.countWritten && writtenBytes > this.#written;
  }

  /** Looks at what has passed until `now`. */
  update(now: number): void {
    const { receivedAt, receivedBytes, wroteAt, writtenBytes } = this.#activity;
    const { minRate, countWritten } = this.#options;
    const least = minRate * (now - this.#since) / 1_000;
    if (receivedBytes - this.#received > least) {
      this.#progressed(receivedAt, now);
    } else if (countWritten && writtenBytes - this.#written > least) {
      this.#progressed(wroteAt, now);
    }
  }

  /** Measures the rate again from `now` on. */
  measure(now: number): void {
    this.#since = now;
    this.#received = this.#activity.receivedBytes;
    this.#written = this.#activity.writtenBytes;
  }

  #progressed(at: number, now: number): void {
    this.#lastAt = at;
    this.measure(now);
  }
}
