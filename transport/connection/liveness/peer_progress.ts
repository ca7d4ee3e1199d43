import type { SocketActivity } from "../../socket/socket.ts";

/**
 * The most bytes of our output that the system takes although the peer reads nothing: the default maximum of Linux
 * for a send buffer.
 */
const HIDDEN_BYTES = 4 * 2 ** 20;
/** The slowest peer that is still given time to read what the system holds, in bytes per millisecond: 64 KiB/s. */
const SLOWEST_READER = 65_536 / 1_000;

/**
 * Tells from the bytes that pass through a socket when its peer was alive last.
 *
 * The system takes about 4 MiB of our output at once and then reports room in large steps. A piece of output that
 * was written is therefore a sign of life only behind 4 MiB that were written since the last byte arrived; and
 * until these have reached a slow peer, neither an answer nor a sign can be expected.
 */
export class PeerProgress {
  readonly #activity: SocketActivity;
  readonly #minRate: number;

  #lastAt: number;
  #receivedBytes: number;
  /** Bytes that had been written before the last byte arrived: at least and at most. */
  #writtenAtLeast: number;
  #writtenAtMost: number;
  #writtenBytes: number;

  /** Where the present measurement of the rate began. */
  #rateSince: number;
  #rateReceived: number;
  #rateWritten: number;

  /**
   * Begins at `now`, in milliseconds of the clock.
   *
   * @param minRate Bytes per second below which progress does not count. @default 0
   */
  constructor(activity: SocketActivity, now: number, minRate = 0) {
    this.#activity = activity;
    this.#minRate = minRate;
    this.#lastAt = now;
    this.#receivedBytes = activity.receivedBytes;
    this.#writtenAtLeast =
      this.#writtenAtMost =
      this.#writtenBytes =
        activity.writtenBytes;
    this.#rateSince = now;
    this.#rateReceived = activity.receivedBytes;
    this.#rateWritten = activity.writtenBytes;
  }

  /** When the peer made progress last, as far as {@link PeerProgress.update} has seen; at first, the beginning. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Milliseconds by which a deadline is to be extended, so that a slow peer can read what the system holds. */
  get extension(): number {
    const hidden = this.#writtenBytes - this.#writtenAtLeast;
    return Math.floor(Math.min(hidden, HIDDEN_BYTES) / SLOWEST_READER);
  }

  /** Whether bytes have passed since the measurement of the rate began. */
  get moved(): boolean {
    return this.#receivedBytes > this.#rateReceived ||
      this.#writtenBytes > this.#rateWritten;
  }

  /** Looks at what has passed until `now`. */
  update(now: number): void {
    const { receivedAt, receivedBytes, wroteAt, writtenBytes } = this.#activity;
    if (receivedBytes > this.#receivedBytes) {
      this.#receivedBytes = receivedBytes;
      this.#writtenAtLeast = this.#writtenBytes;
      this.#writtenAtMost = writtenBytes;
    }
    this.#writtenBytes = writtenBytes;
    const least = this.#minRate * (now - this.#rateSince) / 1_000;
    const received = receivedBytes - this.#rateReceived;
    const written = writtenBytes - this.#writtenAtMost > HIDDEN_BYTES
      ? writtenBytes - this.#rateWritten
      : 0;
    if (received > least) this.#progressed(receivedAt, now);
    if (written > least) this.#progressed(wroteAt, now);
  }

  /** Measures the rate anew from `now` on. */
  measure(now: number): void {
    this.#rateSince = now;
    this.#rateReceived = this.#receivedBytes;
    this.#rateWritten = this.#writtenBytes;
  }

  #progressed(at: number, now: number): void {
    this.#lastAt = Math.max(this.#lastAt, at);
    this.measure(now);
  }
}
