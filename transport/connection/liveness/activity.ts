import type { Clock } from "../../base/clock.ts";
import type { Socket, SocketActivity } from "../../socket/socket.ts";

/**
 * The activity of a socket that does not count bytes, estimated from the messages that it hands over. A message that
 * is still arriving is not seen.
 */
export class ObservedActivity implements SocketActivity {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #reading: ClockReading;
  receivedAt: number;
  receivedBytes = 0;
  wroteAt: number;
  #written = 0;
  #stopped = false;

  /** Begins at the present time. */
  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#reading = ClockReading.of(clock);
    this.receivedAt = this.wroteAt = clock.now();
  }

  get writtenBytes(): number {
    if (!this.#stopped) {
      const { sentBytes, bufferedAmount } = this.#socket;
      this.#written = Math.max(this.#written, sentBytes - bufferedAmount);
    }
    return this.#written;
  }

  /**
   * A message or a control frame has arrived, just now. `at` is its time stamp in epoch milliseconds, if it has one.
   */
  received(payload: number, at = NaN): void {
    this.receivedAt = this.#reading.at(at);
    // Even an empty frame is a sign of life.
    this.receivedBytes += payload + 2;
  }

  /** The socket has taken output. */
  wrote(): void {
    this.wroteAt = this.#clock.now();
    void this.writtenBytes;
  }

  /** Stops: from now on, an empty buffer may mean that the socket has dropped it. */
  stop(): void {
    this.#stopped = true;
  }
}

const readings = new WeakMap<Clock, ClockReading>();

/**
 * The last reading of a clock. Messages that carry the same time stamp, in whole milliseconds, share one: reading the
 * monotonic clock of the runtime costs 100 ns.
 */
class ClockReading {
  readonly #clock: Clock;
  #date = NaN;
  #now = 0;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static of(clock: Clock): ClockReading {
    let reading = readings.get(clock);
    if (reading === undefined) {
      reading = new ClockReading(clock);
      readings.set(clock, reading);
    }
    return reading;
  }

  /** The monotonic time at `date` epoch milliseconds, which is the present. */
  at(date: number): number {
    if (date !== this.#date) {
      this.#date = date;
      this.#now = this.#clock.now();
    }
    return this.#now;
  }
}
