import type { SocketActivity } from "../../socket/socket.ts";

/**
 * The maximum number of bytes of our output that the system takes although the peer reads nothing: the default maximum
 * of Linux for a send buffer.
 */
const MAX_HIDDEN = 4 * 2 ** 20;
/** The slowest peer that gets enough time to read what the system holds, in bytes per millisecond: 64 KiB/s. */
const SLOWEST_READER = 65_536 / 1_000;

/**
 * Estimates how long a slow peer needs to read our output before it can answer.
 *
 * The system takes about 4 MiB of our output at once and then reports free space in large steps. Therefore output that
 * was written may still have to reach the peer.
 */
export class ReadingTime {
  readonly #activity: SocketActivity;
  #receivedBytes: number;
  #writtenBytes: number;
  /** Bytes that had been written before the last byte arrived, at least. */
  #writtenBefore: number;

  /** Begins with what has passed so far. */
  constructor(activity: SocketActivity) {
    this.#activity = activity;
    this.#receivedBytes = activity.receivedBytes;
    this.#writtenBytes = this.#writtenBefore = activity.writtenBytes;
  }

  /**
   * Looks at what has passed. The more often that happens, the closer is the estimate.
   *
   * @returns Milliseconds that a peer needs to read what was written since its last byte arrived, as far as the
   * system can hold that. At most 64 s.
   */
  update(): number {
    const { receivedBytes, writtenBytes } = this.#activity;
    if (receivedBytes > this.#receivedBytes) {
      this.#receivedBytes = receivedBytes;
      this.#writtenBefore = this.#writtenBytes;
    }
    this.#writtenBytes = writtenBytes;
    const hidden = writtenBytes - this.#writtenBefore;
    return Math.floor(Math.min(hidden, MAX_HIDDEN) / SLOWEST_READER);
  }
}
