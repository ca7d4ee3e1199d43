import type { Clock } from "../base/clock.ts";
import type { Message } from "../base/message.ts";
import { handled, onAbort } from "../base/promise.ts";
import type { Connection } from "../connection/connection.ts";
import type { Heartbeat } from "../connection/heartbeats.ts";
import { CLOSE_TOO_BIG } from "../protocol/wire/close.ts";
import type { DeliverySink, MessageDelivery } from "./delivery.ts";

/** Options of {@link runReader}. */
export interface ReaderOptions {
  /** The connection whose messages are delivered. */
  readonly connection: Connection;
  /** Where the messages go: `plugin.delivery`. */
  readonly delivery: MessageDelivery;
  /** The number that every message has as `session`. */
  readonly session: number;
  /**
   * Called at most once, if more messages of the peer wait than allowed, and its socket has no backpressure. Further
   * messages are dropped.
   *
   * @default {closes the connection with code 1009}
   */
  readonly onOverflow?: ((error: Error) => void) | undefined;
  /**
   * Ends the work when it aborts; messages that have arrived are delivered. Abort it before you close the connection.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Worker block: delivers each message of a connection to the inbox of the pool, until the connection ends.
 *
 * @returns The sink. Its {@link DeliverySink.finish} does what the signal does.
 */
export function runReader(options: ReaderOptions): DeliverySink {
  const { connection, delivery, session, onOverflow, signal } = options;
  const sink = delivery.open(
    session,
    connection,
    onOverflow ??
      (() => void connection.close(CLOSE_TOO_BIG, "Too many messages")),
  );
  connection.deliverTo(sink);
  if (signal !== undefined) {
    const remove = onAbort(signal, () => sink.finish());
    void connection.closed.then(remove);
  }
  return sink;
}

/** Options of {@link runHeartbeats}. */
export interface HeartbeatsOptions {
  /** The connection whose heartbeats are reported: pongs that answered a ping. */
  readonly connection: Connection;
  /** Receives each heartbeat. */
  readonly onHeartbeat: (heartbeat: Heartbeat) => void;
  /**
   * Ends the work.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
}

/** Worker block: reports each heartbeat of a connection, until the connection ends or the signal aborts. */
export function runHeartbeats(options: HeartbeatsOptions): Promise<void> {
  return handled(reportHeartbeats(options));
}

async function reportHeartbeats(options: HeartbeatsOptions): Promise<void> {
  const { connection, onHeartbeat, signal } = options;
  try {
    for (;;) {
      const heartbeat = await connection.heartbeats.take(
        signal === undefined ? undefined : { signal },
      );
      if (heartbeat === undefined) return;
      onHeartbeat(heartbeat);
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

/**
 * Worker block: a delivery that drops messages. They count as received.
 *
 * @param accepts Returns whether a message is delivered. It must not throw.
 */
export function filterMessages(
  delivery: MessageDelivery,
  accepts: (data: Message<ArrayBuffer>) => boolean,
): MessageDelivery {
  return {
    open(...args) {
      const sink = delivery.open(...args);
      return {
        message: (data, size, at) =>
          !accepts(data) || sink.message(data, size, at),
        finish: () => sink.finish(),
        end: (dropped) => sink.end(dropped),
      };
    },
  };
}

/**
 * Worker block: a delivery that slows peers down. After a message, the connection is not read for a while, so nothing
 * is lost and the peer gets backpressure. Messages that have arrived are delivered at once when the connection ends.
 *
 * @param pauseAfter Returns the length of the pause in milliseconds, 0 for none. It must not throw. Called once for
 * each message; a connection without backpressure (`flowControl`) is not paused.
 */
export function paceMessages(
  delivery: MessageDelivery,
  clock: Clock,
  pauseAfter: (data: Message<ArrayBuffer>) => number,
): MessageDelivery {
  return {
    open(session, source, onOverflow) {
      const { flowControl } = source;
      let isFull = false;
      let isPaused = false;
      let isFinishing = false;
      let cancel = () => {};
      const goOn = () => isFull || isPaused || source.resume();
      const sink = delivery.open(session, {
        flowControl,
        resume() {
          isFull = false;
          goOn();
        },
      }, onOverflow);
      return {
        message(data, size, at) {
          isFull = !sink.message(data, size, at);
          const pause = pauseAfter(data);
          if (pause > 0 && flowControl && !isFinishing) {
            isPaused = true;
            cancel = clock.timer(() => {
              isPaused = false;
              goOn();
            }, pause);
          }
          return !isFull && !isPaused;
        },
        finish() {
          isPaused = false;
          isFinishing = true;
          cancel();
          sink.finish();
          goOn();
        },
        end(dropped) {
          cancel();
          sink.end(dropped);
        },
      };
    },
  };
}
