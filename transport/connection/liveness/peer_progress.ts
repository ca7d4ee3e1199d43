import type { SocketActivity } from "../../socket/socket.ts";

/**
 * The most bytes of our output that the system takes although the peer reads nothing: the default maximum of Linux
 * for a send buffer.
 */
const MAX_HIDDEN = 4 * 2 ** 20;
/** The slowest peer that is still given time to read what the system holds, in bytes per millisecond: 64 KiB/s. */
const SLOWEST_READER = 65_536 / 1_000;

/** What counts as progress of a peer. */
export interface ProgressOptions {
  /** Bytes per second below which it does not count. @default 0 */
  readonly minRate?: number;
  /** Whether output that the system takes counts, although it may not have reached the peer. @default false */
  readonly countWritten?: boolean;
}

/**
 * Tells from the bytes that pass through a socket when its peer was alive last.
 *
 * The system takes about 4 MiB of our output at once and then reports room in large steps. Therefore output that was
 * written says nothing about the peer, and until a slow peer has read it, no answer can be expected.
 */
export class PeerProgress {
  readonly #activity: SocketActivity;
  readonly #minRate: number;
  readonly #countWritten: boolean;

  #lastAt: number;
  #receivedBytes: number;
  #writtenBytes: number;
  /** Bytes that had been written before the last byte arrived, at least. */
  #writtenBefore: number;

  /** Where the present measurement of the rate began. */
  #measuredSince: number;
  #measuredReceived: number;
  #measuredWritten: number;

  /** Begins at `now`, in milliseconds of the clock. */
  constructor(
    activity: SocketActivity,
    now: number,
    { minRate = 0, countWritten = false }: ProgressOptions = {},
  ) {
    this.#activity = activity;
    this.#minRate = minRate;
    this.#countWritten = countWritten;
    this.#lastAt = this.#measuredSince = now;
    const { receivedBytes, writtenBytes } = activity;
    this.#receivedBytes = this.#measuredReceived = receivedBytes;
    this.#writtenBytes = this.#measuredWritten = writtenBytes;
    this.#writtenBefore = writtenBytes;
  }

  /** When the peer made progress last, as far as {@link PeerProgress.update} has seen; at first, the beginning. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Whether bytes of those that count have passed since the measurement of the rate began. */
  get moved(): boolean {
    return this.#receivedBytes > this.#measuredReceived ||
      this.#countWritten && this.#writtenBytes > this.#measuredWritten;
  }

  /**
   * Milliseconds that a slow peer needs to read what was written since the last byte arrived, as far as the system
   * can hold that. At most 64 s.
   */
  get extension(): number {
    const hidden = this.#writtenBytes - this.#writtenBefore;
    return Math.floor(Math.min(hidden, MAX_HIDDEN) / SLOWEST_READER);
  }

  /** Looks at what has passed until `now`. */
  update(now: number): void {
    const { receivedAt, receivedBytes, wroteAt, writtenBytes } = this.#activity;
    if (receivedBytes > this.#receivedBytes) {
      this.#receivedBytes = receivedBytes;
      this.#writtenBefore = this.#writtenBytes;
    }
    this.#writtenBytes = writtenBytes;
    const least = this.#minRate * (now - this.#measuredSince) / 1_000;
    const received = receivedBytes - this.#measuredReceived;
    const written = writtenBytes - this.#measuredWritten;
    if (received > least) this.#progressed(receivedAt, now);
    else if (this.#countWritten && written > least) {
      this.#progressed(wroteAt, now);
    }
  }

  /** Measures the rate anew from `now` on. */
  measure(now: number): void {
    this.#measuredSince = now;
    this.#measuredReceived = this.#receivedBytes;
    this.#measuredWritten = this.#writtenBytes;
  }

  #progressed(at: number, now: number): void {
    this.#lastAt = Math.max(this.#lastAt, at);
    this.measure(now);
  }
}
