import type { FakeClock } from "../../../../testing/fake_clock.ts";
import { MockSocket } from "../../../../testing/mock_socket.ts";

/** A mock socket with an activity that the test sets. */
export class ActiveSocket extends MockSocket {
  override readonly activity: {
    receivedAt: number;
    receivedBytes: number;
    wroteAt: number;
    writtenBytes: number;
  };
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    super({ clock, buffering: true });
    this.#clock = clock;
    const now = clock.now();
    this.activity = {
      receivedAt: now,
      receivedBytes: 0,
      wroteAt: now,
      writtenBytes: 0,
    };
  }

  /** Bytes arrive, of whatever kind. */
  arrive(bytes: number): void {
    this.activity.receivedAt = this.#clock.now();
    this.activity.receivedBytes += bytes;
  }

  /** The stream completes so many bytes of output that was buffered. */
  complete(bytes: number): void {
    this.activity.wroteAt = this.#clock.now();
    this.activity.writtenBytes += bytes;
    this.drain(Math.max(0, this.bufferedAmount - bytes));
  }
}
