import { decide, notify } from "../../base/callbacks.ts";
import type { Clock } from "../../base/clock.ts";
import { handled, onAbort } from "../../base/promise.ts";
import { Schedule, type Task } from "../../base/schedule.ts";
import type { SocketActivity } from "../../socket/socket.ts";
import type { UnansweredPing } from "./liveness.ts";
import { PeerProgress, type ProgressOptions } from "./peer_progress.ts";
import { ReadingTime } from "./reading_time.ts";

/** Bytes per second below which bytes do not end a silence: a byte now and then is not enough. */
const MIN_RATE = 1_024;
const RECEIVED: ProgressOptions = { minRate: MIN_RATE, countWritten: false };
const RECEIVED_OR_WRITTEN: ProgressOptions = {
  minRate: MIN_RATE,
  countWritten: true,
};
/** The longest time for which the rate of a peer is measured before it is judged, in milliseconds. */
const MEASURE = 2_000;

/** What a slow peer gets in addition to the time for reading, so that its answer can arrive: an eighth. */
const READING_MARGIN = 1.125;

/** What {@link watchSilence} needs of a connection. */
export interface SilentPeer {
  /** Whether it can ping. */
  readonly controlFrames: boolean;
  /**
   * What passed through its socket.
   *
   * @default {only messages and heartbeats count}
   */
  readonly activity: SocketActivity | undefined;
  /** When the last message or heartbeat arrived, in milliseconds of the clock. */
  readonly lastSignAt: number;
  /** When reading was last resumed: `Infinity` while it is paused, 0 if it never was. */
  readonly resumedAt: number;
  /** The oldest ping that no byte of the peer has followed. */
  readonly unanswered: UnansweredPing | undefined;
  /** Sends a ping. */
  ping(): Promise<unknown>;
}

/** Options of {@link watchSilence}. */
export interface SilenceOptions {
  /** The connection to watch. It is connected. */
  readonly connection: SilentPeer;
  /** The longest silence allowed in milliseconds; 0 for no limit. */
  readonly timeout: number;
  /** The source of time. */
  readonly clock: Clock;
  /**
   * When something was last sent, in milliseconds of the clock, if that counts as a sign of life. If it throws or
   * returns no number, nothing was sent, and the process gets a warning.
   *
   * @default {it does not}
   */
  readonly lastSentAt?: (() => number) | undefined;
  /**
   * Ends the watch, as the returned function does.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
  /** Called once if the peer was silent for longer than `timeout`. What it throws becomes a warning of the process. */
  readonly onSilence: () => void;
}

/**
 * Watches for a peer that is silent for too long.
 *
 * - Messages, heartbeats, and bytes that arrive at 1 KiB/s or more end a silence. If the socket cannot ping, output
 *   that it takes at that rate does as well.
 * - A peer that was silent for half of the time gets a ping, unless one is under way, and at least the other half of
 *   the time to answer.
 * - While reading is paused the silence is not the peer's fault. The time starts again when reading is resumed.
 * - If much was sent, a slow peer gets the time that it takes to read that at 64 KiB/s, at most 64 s, and an eighth
 *   more to answer a ping.
 *
 * @returns A function that ends the watch. For idle peers it is cheaper than a signal, which takes 700 bytes.
 */
export function watchSilence(options: SilenceOptions): () => void {
  const { timeout, signal } = options;
  if (timeout === 0 || signal?.aborted) return () => {};
  const watch = new SilenceWatch(options);
  const stop = () => watch.stop();
  watch.onStop = onAbort(signal, stop);
  return stop;
}

/** What {@link watchSilence} does, for a `timeout` above 0, with a method in place of a signal and a function. */
export class SilenceWatch {
  readonly #options: SilenceOptions;
  readonly #progress: PeerProgress | undefined;
  /** Present if the socket counts bytes and cannot ping. */
  readonly #readingTime: ReadingTime | undefined;
  /** When the peer gave a sign of life last, other than bytes. At first, the beginning of the watch. */
  #signAt: number;
  /** Its rate is being measured before it is judged. */
  #measuring = false;
  #task: Task;
  #stopped = false;

  /** Called when the watch has ended. */
  onStop: (() => void) | undefined;

  /** Begins to watch. */
  constructor(options: SilenceOptions) {
    this.#options = options;
    const { clock, timeout, connection: { activity, controlFrames } } = options;
    this.#signAt = clock.now();
    this.#progress = activity && new PeerProgress(
      activity,
      this.#signAt,
      controlFrames ? RECEIVED : RECEIVED_OR_WRITTEN,
    );
    if (activity !== undefined && !controlFrames) {
      this.#readingTime = new ReadingTime(activity);
    }
    this.#task = this.#lookAt(this.#signAt + timeout / 2);
  }

  /** Ends the watch. */
  stop(): void {
    this.#stopped = true;
    Schedule.of(this.#options.clock).cancel(this.#task);
    this.onStop?.();
  }

  #lookAt(due: number): Task {
    const schedule = Schedule.of(this.#options.clock);
    return schedule.deadlineAt(due, () => this.#lookNow());
  }

  #lookNow(): void {
    const { clock, onSilence } = this.#options;
    const next = this.#look(clock.now());
    if (this.#stopped) return;
    if (next !== undefined) this.#task = this.#lookAt(next);
    else {
      this.onStop?.();
      notify(onSilence, warn);
    }
  }

  /** When to look next; `undefined` if the peer was silent for too long. */
  #look(now: number): number | undefined {
    const { connection, timeout } = this.#options;
    this.#progress?.update(now);
    const aliveAt = this.#aliveAt(now);
    const half = timeout / 2;
    if (!connection.controlFrames) {
      const extension = this.#readingTime?.update() ?? 0;
      return this.#judge(aliveAt + timeout + extension, now);
    }
    if (connection.unanswered === undefined) {
      if (aliveAt + half > now) return aliveAt + half;
      handled(connection.ping());
    }
    const { sentAt, readingTime } = connection.unanswered ??
      { sentAt: now, readingTime: 0 };
    const answerBy = sentAt + Math.max(half, readingTime * READING_MARGIN);
    return this.#judge(Math.max(aliveAt + timeout, answerBy), now);
  }

  /** When the peer gave a sign of life last. */
  #aliveAt(now: number): number {
    const { connection, lastSentAt } = this.#options;
    const { resumedAt, lastSignAt } = connection;
    if (resumedAt === Infinity) return now;
    const sentAt = lastSentAt === undefined ? 0 : askTime(lastSentAt);
    const signAt = Math.max(lastSignAt, resumedAt, sentAt);
    if (signAt > this.#signAt) {
      this.#signAt = signAt;
      // The bytes of this sign of life must not count as another one.
      this.#progress?.measure(now);
    }
    return Math.max(this.#signAt, this.#progress?.lastAt ?? 0);
  }

  #judge(due: number, now: number): number | undefined {
    if (due > now) {
      this.#measuring = false;
      return due;
    }
    if (this.#measuring || !this.#progress?.moved) return undefined;
    // The bytes were too slow on average. A second measurement shows whether they are fast enough now.
    this.#measuring = true;
    this.#progress.measure(now);
    return now + Math.min(MEASURE, this.#options.timeout);
  }
}

function askTime(lastSentAt: () => number): number {
  return decide(lastSentAt, {
    name: "lastSentAt",
    rule: "a finite number of milliseconds",
    accepts: (value): value is number => Number.isFinite(value),
    fallback: 0,
    onError: warn,
  });
}

function warn(error: Error): void {
  globalThis.process.emitWarning(error);
}
