import type { Clock } from "../transport/base/clock.ts";
import { ConnectionError } from "../transport/base/errors.ts";
import {
  CONNECTION_RULES,
  OUTBOUND_WORKER_RULES,
} from "../transport/base/rules.ts";
import { DONE } from "../transport/base/promise.ts";
import type { Connection } from "../transport/connection/connection.ts";
import {
  SilenceWatch,
  type SilentPeer,
} from "../transport/connection/liveness/watch_silence.ts";
import type { ConnectionOptions } from "../transport/connection/options.ts";
import type { SocketActivity } from "../transport/socket/socket.ts";
import type { ResolvedOutboundWorkerOptions } from "./worker_options.ts";

/** Bytes of a pong that answers one of our pings: a header of 2 and a payload of 8. */
const PONG_SIZE = 10;

/** Learns that a peer is silent. */
export interface SilenceListener {
  /** When a message arrived last, in milliseconds of the clock. */
  readonly lastMessageAt: number;
  /** The peer was silent for too long. Called at most once by each watch. */
  silent(error: ConnectionError): void;
}

/** Options of {@link watchKeepalive} and {@link watchMessages}. */
export interface WatchOptions {
  /** The connection to watch. */
  readonly connection: Connection;
  /** The options that it was made with. */
  readonly connectionOptions: ConnectionOptions;
  /** The options with the maximum silences. */
  readonly workerOptions: ResolvedOutboundWorkerOptions;
  /** When a message was last sent, in milliseconds of the clock: a sign of life if the socket cannot ping. */
  readonly lastSentAt?: (() => number) | undefined;
  /** The source of time. */
  readonly clock: Clock;
  readonly listener: SilenceListener;
}

/** Watches for a peer that gives no sign of life for `keepaliveTimeout`, unless that is 0. */
export function watchKeepalive(
  options: WatchOptions,
): SilenceWatch | undefined {
  const timeout = keepaliveTimeout(options);
  if (timeout === 0) return undefined;
  const { connection, clock, lastSentAt, listener } = options;
  return new SilenceWatch({
    connection,
    timeout,
    clock,
    lastSentAt,
    onSilence: () =>
      listener.silent(
        new ConnectionError(
          "keepalive-timeout",
          `Cannot keep the connection: the peer gave no sign of life within keepaliveTimeout (${timeout} ms).`,
        ),
      ),
  });
}

/** Watches for a peer that sends no message for `messageTimeout`, which is above 0. */
export function watchMessages(options: WatchOptions): SilenceWatch {
  const { clock, listener } = options;
  const timeout = options.workerOptions.messageTimeout;
  return new SilenceWatch({
    connection: new MessageSource(options),
    timeout,
    clock,
    onSilence: () =>
      listener.silent(
        new ConnectionError(
          "message-timeout",
          `Cannot keep the connection: no message arrived within messageTimeout (${timeout} ms).`,
        ),
      ),
  });
}

/** A view of a connection in which only messages count: it sends no pings, and pongs and our output do not count. */
class MessageSource implements SilentPeer {
  readonly controlFrames = false;
  readonly unanswered = undefined;
  readonly activity: SocketActivity | undefined;
  readonly #options: WatchOptions;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.activity = options.connection.activity &&
      new MessageActivity(options.connection);
  }

  get lastSignAt(): number {
    return this.#options.listener.lastMessageAt;
  }

  get resumedAt(): number {
    return this.#options.connection.resumedAt;
  }

  ping(): Promise<void> {
    return DONE;
  }
}

/** What a connection received, without the pongs that answered our pings. */
class MessageActivity implements SocketActivity {
  readonly wroteAt = 0;
  readonly writtenBytes = 0;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get receivedAt(): number {
    return this.#connection.activity?.receivedAt ?? 0;
  }

  get receivedBytes(): number {
    const { activity } = this.#connection;
    const { heartbeats } = this.#connection.stats();
    return (activity?.receivedBytes ?? 0) - PONG_SIZE * heartbeats;
  }
}

/**
 * Returns the maximum silence. By default, a peer that is never pinged has no limit, and one that is pinged rarely gets
 * the time of three pings.
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
