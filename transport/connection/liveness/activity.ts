import type { Clock } from "../../base/clock.ts";
import type { Socket, SocketActivity } from "../../socket/socket.ts";

/**
 * The activity of a socket that does not count bytes, estimated from the messages that it hands over. A message that
 * is still arriving is not seen.
 */
export class ObservedActivity implements SocketActivity {
  readonly #socket: Socket;
  readonly #clock: Clock;
  receivedAt: number;
  receivedBytes = 0;
  wroteAt: number;

  /** Begins at the present time. */
  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.receivedAt = this.wroteAt = clock.now();
  }

  get writtenBytes(): number {
    const { sentBytes, bufferedAmount } = this.#socket;
    return Math.max(0, sentBytes - bufferedAmount);
  }

  /** A message or a control frame has arrived. */
  received(payload: number): void {
    this.receivedAt = this.#clock.now();
    // Even an empty frame is a sign of life.
    this.receivedBytes += payload + 2;
  }

  /** The socket has taken output. */
  wrote(): void {
    this.wroteAt = this.#clock.now();
  }
}
