import type { Clock } from "../../base/clock.ts";
import { ConnectionError, toError } from "../../base/errors.ts";
import { Schedule, type Task } from "../../base/schedule.ts";
import type { Socket, SocketActivity } from "../../socket/socket.ts";
import { PeerProgress } from "./peer_progress.ts";
import { Pinger } from "./pinger.ts";

/** Part of the interval by which each ping may come earlier or later. */
const JITTER = 0.1;

/** What a {@link Liveness} needs. */
export interface LivenessOptions {
  readonly socket: Socket;
  /** What passes through the socket. */
  readonly activity: SocketActivity;
  readonly clock: Clock;
  /** Milliseconds between pings; 0 sends none. */
  readonly pingInterval: number;
  /** Milliseconds within which a byte has to arrive after a ping; 0 for no limit. */
  readonly pingTimeout: number;
  /** Milliseconds within which a piece of output has to be written while there is some; 0 for no limit. */
  readonly writeTimeout: number;
  /** Until when the peer was held back: `Infinity` while it is, 0 if it never was. */
  readonly heldUntil: () => number;
  /** Whether a caller waits for the peer to take output. */
  readonly sendWaits: () => boolean;
  /** A pong has answered a ping, `at` epoch milliseconds. */
  readonly onHeartbeat: (latency: number, at: number) => void;
  /** The peer is dead, or the socket cannot ping. Called at most once. */
  readonly onDead: (error: Error) => void;
}

/**
 * Finds out whether the peer of one connection is alive.
 *
 * - Pings go out every `pingInterval`, for as long as the connection is open. At most one waits to be written.
 * - After a ping some byte has to arrive within `pingTimeout`.
 * - While there is output, a piece of it has to be written within `writeTimeout`.
 * - Both limits are extended by the time that a slow peer needs to read what the system holds: see
 *   {@link PeerProgress}.
 * - While we hold the peer back neither limit applies, and afterwards both start again. The exception is
 *   `writeTimeout` while a `send` waits: two programs that both await `send` in their reading loop would wait for
 *   each other for ever.
 *
 * The deadlines are looked at when they are due, not moved with each byte.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #schedule: Schedule;
  readonly #pinger: Pinger;
  readonly #progress: PeerProgress;
  #stopped = false;

  #nextPing: Task | undefined;
  /** Written bytes from which on the newest ping is not in our buffer any more. */
  #pingPosition = 0;
  /** When the oldest ping went out that no byte has followed, and the bytes that had arrived then. */
  #askedAt = 0;
  #askedAtBytes = -1;
  #pingDeadline: Task | undefined;

  /** There is output that the stream has not completed. */
  #writing = false;
  #writingSince = 0;
  #writeDeadline: Task | undefined;

  /** Begins to ping, if the socket can. */
  constructor(options: LivenessOptions) {
    this.#options = options;
    const { socket, activity, clock, pingInterval, onHeartbeat } = options;
    this.#schedule = Schedule.of(clock);
    this.#pinger = new Pinger(
      socket,
      clock,
      () => this.#asked(),
      onHeartbeat,
    );
    this.#progress = new PeerProgress(activity, clock.now());
    if (pingInterval > 0 && socket.controlFrames) this.#pingLater();
  }

  /** Sends a ping and waits for its pong: gives the round trip in milliseconds. */
  ping(signal: AbortSignal | undefined): Promise<number> {
    return this.#pinger.ping(signal);
  }

  /** A pong has arrived, at `at` epoch milliseconds. */
  pong(payload: Uint8Array, at: number): void {
    this.#pinger.pong(payload, at);
  }

  /** Output was buffered. */
  written(): void {
    const { socket, clock, writeTimeout } = this.#options;
    if (this.#writing || writeTimeout === 0) return;
    if (socket.bufferedAmount === 0) return;
    this.#writing = true;
    this.#writingSince = clock.now();
    this.#writeDeadline ??= this.#schedule.deadline(
      writeTimeout,
      () => this.#checkWriting(),
    );
  }

  /** The stream has completed output. */
  drained(): void {
    if (this.#options.socket.bufferedAmount === 0) this.#writing = false;
  }

  /** The connection has ended. Pings that wait for a pong are settled. */
  stop(): void {
    this.#stopped = true;
    this.#schedule.cancel(this.#nextPing);
    this.#schedule.cancel(this.#pingDeadline);
    this.#schedule.cancel(this.#writeDeadline);
    this.#pinger.stop();
  }

  #pingLater(): void {
    const { clock, pingInterval } = this.#options;
    const delay = pingInterval * (1 + JITTER * (2 * clock.random() - 1));
    this.#nextPing = this.#schedule.after(delay, () => {
      this.#pingNow();
      if (!this.#stopped) this.#pingLater();
    });
  }

  #pingNow(): void {
    const { socket, activity } = this.#options;
    const queued = this.#pinger.waits && socket.bufferedAmount > 0 &&
      activity.writtenBytes < this.#pingPosition;
    if (queued) return;
    try {
      this.#pinger.send();
    } catch (error) {
      this.#dead(toError(error));
    }
  }

  /** A ping was buffered. */
  #asked(): void {
    const { socket, activity, clock, pingTimeout } = this.#options;
    this.#pingPosition = activity.writtenBytes + socket.bufferedAmount;
    const now = clock.now();
    this.#progress.update(now);
    // An earlier ping that nothing has followed keeps its deadline.
    if (activity.receivedBytes <= this.#askedAtBytes) return;
    this.#askedAt = now;
    this.#askedAtBytes = activity.receivedBytes;
    if (pingTimeout === 0 || this.#stopped) return;
    this.#pingDeadline ??= this.#schedule.deadline(
      pingTimeout,
      () => this.#checkAnswer(),
    );
  }

  #checkAnswer(): void {
    this.#pingDeadline = undefined;
    const { activity, clock, pingTimeout, heldUntil } = this.#options;
    const now = clock.now();
    this.#progress.update(now);
    if (activity.receivedBytes > this.#askedAtBytes) return;
    const held = heldUntil();
    const since = held === Infinity
      ? now
      : Math.max(this.#askedAt, held, this.#progress.lastAt);
    const due = since + pingTimeout + this.#progress.extension;
    if (due > now) {
      this.#pingDeadline = this.#schedule.deadlineAt(
        due,
        () => this.#checkAnswer(),
      );
      return;
    }
    this.#dead(
      new ConnectionError(
        "ping-timeout",
        `Nothing arrived from the peer for ${
          Math.round(now - since)
        } ms after a ping. pingTimeout is ${pingTimeout} ms.`,
      ),
    );
  }

  #checkWriting(): void {
    this.#writeDeadline = undefined;
    if (!this.#writing) return;
    const { activity, clock, writeTimeout, heldUntil, sendWaits } =
      this.#options;
    const now = clock.now();
    this.#progress.update(now);
    const held = sendWaits() ? 0 : heldUntil();
    const since = held === Infinity
      ? now
      : Math.max(this.#writingSince, activity.wroteAt, held);
    const due = since + writeTimeout + this.#progress.extension;
    if (due > now) {
      this.#writeDeadline = this.#schedule.deadlineAt(
        due,
        () => this.#checkWriting(),
      );
      return;
    }
    this.#dead(
      new ConnectionError(
        "write-timeout",
        `The peer took nothing for ${
          Math.round(now - since)
        } ms. writeTimeout is ${writeTimeout} ms.`,
      ),
    );
  }

  #dead(error: Error): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.onDead(error);
  }
}
