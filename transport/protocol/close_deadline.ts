/**
 * The maximum time of a closing handshake while the peer keeps taking what is queued, as a multiple of the close
 * timeout.
 */
export const MAX_CLOSE_EXTENSION = 4;

/**
 * The time by which a closing handshake has to be over.
 *
 * It is put off by one more timeout, up to {@link MAX_CLOSE_EXTENSION} timeouts in all, if something was written in the
 * second half of the timeout that has passed. (In the first half our close frame itself is written, to a peer that may
 * never answer.) All times are milliseconds of a monotonic clock.
 */
export class CloseDeadline {
  /** When it is due; `undefined` for never. */
  due: number | undefined;
  /** The timeout in milliseconds that it was set with. */
  timeout = 0;
  #extensions = 0;
  #progressAt = -Infinity;

  /** Sets the deadline, or brings it forward; it never moves a deadline back. A timeout of 0 changes nothing. */
  limit(now: number, timeout: number): void {
    if (timeout <= 0) return;
    if (this.due === undefined || now + timeout < this.due) {
      this.restart(now, timeout);
    }
  }

  /** Sets the deadline again. */
  restart(now: number, timeout: number): void {
    this.due = now + timeout;
    this.timeout = timeout;
    this.#extensions = MAX_CLOSE_EXTENSION - 1;
  }

  /** Records that something was written. */
  progress(now: number): void {
    this.#progressAt = now;
  }

  /**
   * Puts the deadline off, if there was progress.
   *
   * @returns Whether it was put off.
   */
  extend(now: number): boolean {
    if (this.due === undefined || this.#extensions === 0) return false;
    if (this.#progressAt <= this.due - this.timeout / 2) return false;
    this.#extensions--;
    this.due = now + this.timeout;
    return true;
  }
}
