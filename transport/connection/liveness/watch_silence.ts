import type { Clock } from "../../base/clock.ts";
import { onAbort } from "../../base/promise.ts";
import { Schedule, type Task } from "../../base/schedule.ts";
import type { SocketActivity } from "../../socket/socket.ts";
import { PeerProgress } from "./peer_progress.ts";

/** Bytes per second below which the bytes of a peer do not end its silence: nobody stays by a byte now and then. */
const MIN_RATE = 1_024;
/** The longest time for which the rate of a peer is measured before it is judged, in milliseconds. */
const MEASURE = 2_000;

/** What {@link watchSilence} needs to know of a connection. */
export interface SilentPeer {
  /** What passed through its socket. @default only messages and heartbeats count */
  readonly activity: SocketActivity | undefined;
  /** When the last message or heartbeat arrived, in milliseconds of the clock. */
  readonly lastSignAt: number;
  /** Until when the peer was held back: `Infinity` while it is, 0 if it never was. */
  readonly heldUntil: number;
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
   * When something was last sent, in milliseconds of the clock, if that counts as a sign of life.
   * @default it does not
   */
  readonly lastSentAt?: (() => number) | undefined;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Called once if the peer was silent for longer than `timeout`. */
  readonly onSilence: () => void;
}

/**
 * Watches for a peer that is silent for too long.
 *
 * - Messages, heartbeats, and bytes that pass at 1 KiB/s or more in either direction end a silence.
 * - While the peer is held back its silence is not its fault. Its time starts again when it is let go on.
 * - If the system still holds output that the peer has to read before it can answer, the peer gets more time: as
 *   long as it takes to read that at 64 KiB/s, at most 64 s.
 */
export function watchSilence(options: SilenceOptions): void {
  const { connection, timeout, clock, signal, lastSentAt, onSilence } = options;
  if (timeout === 0 || signal.aborted) return;
  const schedule = Schedule.of(clock);
  const startedAt = clock.now();
  const { activity } = connection;
  const progress = activity && new PeerProgress(activity, startedAt, MIN_RATE);
  let measuring = false;
  let task: Task;
  const look = () => {
    const now = clock.now();
    progress?.update(now);
    const { heldUntil, lastSignAt } = connection;
    const aliveAt = heldUntil === Infinity ? now : Math.max(
      startedAt,
      lastSignAt,
      heldUntil,
      progress?.lastAt ?? 0,
      lastSentAt?.() ?? 0,
    );
    const due = aliveAt + timeout + (progress?.extension ?? 0);
    if (due <= now) {
      if (measuring || !progress?.moved) {
        remove();
        onSilence();
        return;
      }
      // Bytes have passed, but slowly on the whole: what counts is whether they pass fast enough now.
      measuring = true;
      progress.measure(now);
      task = schedule.deadline(Math.min(MEASURE, timeout), look);
      return;
    }
    measuring = false;
    task = schedule.deadlineAt(due, look);
  };
  const remove = onAbort(signal, () => schedule.cancel(task));
  task = schedule.deadlineAt(startedAt + timeout, look);
}
