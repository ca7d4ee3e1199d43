/**
 * Decides whether a peer is alive: pings, their deadlines, and progress in bytes (RFC 6455, section 5.5.2).
 *
 * @module
 */

import type { Clock } from "../../base/clock.ts";
import { ConnectionError, toError } from "../../base/errors.ts";
import { Schedule, type Task } from "../../base/schedule.ts";
import type { Socket, SocketActivity } from "../../socket/socket.ts";
import { Pinger, type PingListener } from "./pinger.ts";
import { ReadingTime } from "./reading_time.ts";

/** Part of the interval by which each ping may come earlier or later. */
const JITTER = 0.1;

/** The options of a connection that say how its peer is judged, in milliseconds. */
export interface LivenessOptions {
  readonly clock: Clock;
  /** Between pings; 0 sends none. */
  readonly pingInterval: number;
  /** Within which a byte has to arrive after a ping; 0 for no limit. */
  readonly pingTimeout: number;
  /** Within which a piece of output has to be written while there is some; 0 for no limit. */
  readonly writeTimeout: number;
}

/** What a {@link Liveness} needs of its connection. */
export interface LivenessHost {
  /** When reading was last resumed: `Infinity` while it is paused, 0 if it never was. */
  readonly resumedAt: number;
  /** Whether a caller waits for the peer to take output. */
  readonly sendWaits: boolean;
  /** A pong has answered a ping, `at` epoch milliseconds. */
  heartbeat(latency: number, at: number): void;
  /** The peer is dead, or the socket cannot ping. Called at most once. */
  dead(error: Error): void;
}

/** A ping that no byte of the peer has followed. */
export interface UnansweredPing {
  /**
   * When it was written, in milliseconds of the clock. While it waits behind other output, when that was written last.
   */
  readonly sentAt: number;
  /** Milliseconds that a slow peer needs to read what was written before. */
  readonly readingTime: number;
}

/** A ping after which a byte has to arrive, with the counts of bytes at that moment. */
interface Probe {
  /** When the ping was written; until then, when it was buffered. */
  sentAt: number;
  /** Bytes that had arrived when the ping was buffered. */
  readonly receivedBytes: number;
  /** Written bytes from which on the ping has been written. */
  readonly position: number;
  /** Milliseconds that a slow peer needs to read what was written before the ping, once that is known. */
  readingTime: number | undefined;
}

/**
 * Finds out whether the peer of one connection is alive.
 *
 * - Pings go out every `pingInterval`, for as long as the connection is open. At most one waits to be written.
 * - Within `pingTimeout` after a ping was written some byte has to arrive. The peer gets the time in addition that it
 *   takes to read what was written before the ping at 64 KiB/s, at most 64 s. While the ping waits behind other
 *   output, every piece that is written starts the time again: the system is full then, so the peer reads.
 * - While there is output, a piece of it has to be written within `writeTimeout`, with the same addition.
 * - While reading is paused neither limit applies, and afterwards both start again. The exception is
 *   `writeTimeout` while a `send` waits: two programs that both await `send` in their reading loop would wait for
 *   each other forever.
 *
 * Deadlines are checked when they are due. They are not moved with each byte, which would cost time.
 */
export class Liveness implements PingListener {
  readonly #socket: Socket;
  readonly #activity: SocketActivity;
  readonly #options: LivenessOptions;
  readonly #host: LivenessHost;
  readonly #schedule: Schedule;
  readonly #pinger: Pinger;
  readonly #readingTime: ReadingTime;
  #stopped = false;

  #nextPing: Task | undefined;
  /** Written bytes from which on the newest ping has been written. */
  #pingPosition = 0;
  /** Bytes that had arrived when the newest ping was about to be buffered. */
  #receivedBefore = 0;
  /** The oldest ping that no byte has followed, as far as that was looked at. */
  #probe: Probe | undefined;
  #pingDeadline: Task | undefined;

  /** There is output that the stream has not completed. */
  #writing = false;
  #writingSince = 0;
  #writeDeadline: Task | undefined;

  /** Begins to ping, if the socket can. */
  constructor(
    socket: Socket,
    activity: SocketActivity,
    options: LivenessOptions,
    host: LivenessHost,
  ) {
    this.#socket = socket;
    this.#activity = activity;
    this.#options = options;
    this.#host = host;
    this.#schedule = Schedule.of(options.clock);
    this.#pinger = new Pinger(socket, options.clock, this);
    this.#readingTime = new ReadingTime(activity);
    if (options.pingInterval > 0 && socket.controlFrames) this.#pingLater();
  }

  /** The oldest ping that no byte of the peer has followed. */
  get unanswered(): UnansweredPing | undefined {
    const probe = this.#openProbe();
    if (probe === undefined) return undefined;
    const { sentAt, readingTime } = probe;
    if (readingTime !== undefined) return { sentAt, readingTime };
    return {
      sentAt: Math.max(sentAt, this.#activity.wroteAt),
      readingTime: this.#readingTime.update(),
    };
  }

  /** Sends a ping and waits for its pong: gives the round trip in milliseconds. */
  ping(signal: AbortSignal | undefined): Promise<number> {
    return this.#pinger.ping(signal);
  }

  /** A pong has arrived, at `at` epoch milliseconds. */
  pong(payload: Uint8Array, at: number): void {
    this.#pinger.pong(payload, at);
  }

  /** A ping is about to be buffered. */
  sending(): void {
    this.#receivedBefore = this.#activity.receivedBytes;
  }

  /** A ping was buffered. */
  sent(): void {
    const { bufferedAmount } = this.#socket;
    const position = this.#activity.writtenBytes + bufferedAmount;
    this.#pingPosition = position;
    this.#readingTime.update();
    // If no byte has arrived since an earlier ping, the deadline of that ping stays.
    if (this.#openProbe() !== undefined) return;
    const { clock, pingTimeout } = this.#options;
    const probe: Probe = {
      sentAt: clock.now(),
      receivedBytes: this.#receivedBefore,
      position,
      readingTime: undefined,
    };
    this.#probe = probe;
    this.#checkWritten(probe);
    if (pingTimeout === 0 || this.#stopped) return;
    this.#pingDeadline ??= this.#schedule.deadline(
      pingTimeout,
      () => this.#checkAnswer(),
    );
  }

  /** A pong has answered a ping. */
  answered(latency: number, at: number): void {
    this.#host.heartbeat(latency, at);
    if (this.#openProbe() !== undefined) return;
    // The deadline would do nothing. Until then it would take 200 bytes, on every idle connection.
    this.#schedule.cancel(this.#pingDeadline);
    this.#pingDeadline = undefined;
  }

  /** Output was buffered. */
  written(): void {
    if (this.#writing || this.#socket.bufferedAmount === 0) return;
    const { clock, writeTimeout } = this.#options;
    if (writeTimeout === 0) return;
    this.#writing = true;
    this.#writingSince = clock.now();
    this.#writeDeadline ??= this.#schedule.deadline(
      writeTimeout,
      () => this.#checkWriting(),
    );
  }

  /** The stream has completed output. */
  drained(): void {
    if (this.#socket.bufferedAmount === 0) this.#writing = false;
    const probe = this.#probe;
    if (probe !== undefined && probe.readingTime === undefined) {
      this.#checkWritten(probe);
    }
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
    this.#readingTime.update();
    const queued = this.#pinger.waits && this.#socket.bufferedAmount > 0 &&
      this.#activity.writtenBytes < this.#pingPosition;
    if (queued) return;
    try {
      this.#pinger.send();
    } catch (error) {
      this.#dead(toError(error));
    }
  }

  /** Records that a ping was written, if it was. */
  #checkWritten(probe: Probe): void {
    const { wroteAt, writtenBytes } = this.#activity;
    const written = writtenBytes >= probe.position ||
      this.#socket.bufferedAmount === 0;
    if (!written) return;
    probe.sentAt = Math.max(probe.sentAt, wroteAt);
    probe.readingTime = this.#readingTime.update();
  }

  /** The oldest ping that no byte has followed. */
  #openProbe(): Probe | undefined {
    const probe = this.#probe;
    if (probe?.receivedBytes === this.#activity.receivedBytes) {
      return probe;
    }
    return this.#probe = undefined;
  }

  #checkAnswer(): void {
    this.#pingDeadline = undefined;
    const { unanswered } = this;
    if (unanswered === undefined) return;
    const { sentAt, readingTime } = unanswered;
    const { clock, pingTimeout } = this.#options;
    const now = clock.now();
    const { resumedAt } = this.#host;
    const since = resumedAt === Infinity
      ? now
      : Math.max(sentAt + readingTime, resumedAt);
    const due = since + pingTimeout;
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
        `Cannot keep the connection: nothing arrived from the peer within pingTimeout (${pingTimeout} ms) after a ping.`,
      ),
    );
  }

  #checkWriting(): void {
    this.#writeDeadline = undefined;
    if (!this.#writing) return;
    const { clock, writeTimeout } = this.#options;
    const now = clock.now();
    const { resumedAt, sendWaits } = this.#host;
    const paused = sendWaits ? 0 : resumedAt;
    const since = paused === Infinity
      ? now
      : Math.max(this.#writingSince, this.#activity.wroteAt, paused);
    const due = since + writeTimeout + this.#readingTime.update();
    if (due > now) {
      // Checked again after `writeTimeout` at the latest: bytes that arrive meanwhile end the extension.
      this.#writeDeadline = this.#schedule.deadlineAt(
        Math.min(due, now + writeTimeout),
        () => this.#checkWriting(),
      );
      return;
    }
    this.#dead(
      new ConnectionError(
        "write-timeout",
        `Cannot keep the connection: the peer took none of our output within writeTimeout (${writeTimeout} ms).`,
      ),
    );
  }

  #dead(error: Error): void {
    if (this.#stopped) return;
    this.stop();
    this.#host.dead(error);
  }
}
