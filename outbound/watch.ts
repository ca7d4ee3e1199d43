import type { Clock } from "../transport/base/clock.ts";
import { ConnectionError } from "../transport/base/errors.ts";
import {
  CONNECTION_RULES,
  OUTBOUND_WORKER_RULES,
} from "../transport/base/rules.ts";
import { onAbort } from "../transport/base/promise.ts";
import { Schedule, type Task } from "../transport/base/schedule.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { ConnectionOptions } from "../transport/connection/options.ts";
import { watchSilence } from "../transport/connection/liveness/watch_silence.ts";
import type { ResolvedOutboundWorkerOptions } from "./worker_options.ts";

/** Options of {@link watchKeepalive} and {@link watchMessages}. */
export interface WatchOptions {
  /** The connection to watch. */
  readonly connection: Connection;
  /** The options that it was made with. */
  readonly connectionOptions: ConnectionOptions;
  /** The longest silences. */
  readonly workerOptions: ResolvedOutboundWorkerOptions;
  /** When a message was last sent, in milliseconds of the clock: a sign of life if the socket cannot ping. */
  readonly lastSentAt?: (() => number) | undefined;
  /** When a message arrived last, in milliseconds of the clock. */
  readonly lastMessageAt: () => number;
  /** The source of time. */
  readonly clock: Clock;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Called at most once, with what the peer failed to do. */
  readonly onSilence: (error: ConnectionError) => void;
}

/** Watches for a peer that gives no sign of life for `keepaliveTimeout`. */
export function watchKeepalive(options: WatchOptions): void {
  const timeout = keepaliveTimeout(options);
  watchSilence({
    ...options,
    timeout,
    onSilence: () =>
      options.onSilence(
        new ConnectionError(
          "read-error",
          `No heartbeat within keepaliveTimeout (${timeout} ms)`,
        ),
      ),
  });
}

/** Watches for a peer that sends no message for `messageTimeout`. */
export function watchMessages(options: WatchOptions): void {
  const { connection, clock, signal, onSilence } = options;
  const { messageTimeout } = options.workerOptions;
  if (messageTimeout === 0 || signal.aborted) return;
  const schedule = Schedule.of(clock);
  const startedAt = clock.now();
  let task: Task;
  const look = () => {
    const now = clock.now();
    const { heldUntil } = connection;
    const aliveAt = heldUntil === Infinity
      ? now
      : Math.max(startedAt, options.lastMessageAt(), heldUntil);
    const due = aliveAt + messageTimeout;
    if (due > now) {
      task = schedule.deadlineAt(due, look);
      return;
    }
    removeListener();
    onSilence(
      new ConnectionError(
        "read-error",
        `No message within messageTimeout (${messageTimeout} ms)`,
      ),
    );
  };
  const removeListener = onAbort(signal, () => schedule.cancel(task));
  task = schedule.deadlineAt(startedAt + messageTimeout, look);
}

/**
 * The longest silence that is allowed. A peer that is never asked for a sign of life is not judged, unless the user
 * says so; one that is asked rarely gets the time of three pings.
 */
function keepaliveTimeout(
  { connection, connectionOptions, workerOptions }: WatchOptions,
): number {
  const { pingInterval = CONNECTION_RULES.pingInterval.default } =
    connectionOptions;
  const usual = connection.controlFrames && pingInterval > 0
    ? Math.max(OUTBOUND_WORKER_RULES.keepaliveTimeout.default, 3 * pingInterval)
    : 0;
  return workerOptions.keepaliveTimeout ?? usual;
}
