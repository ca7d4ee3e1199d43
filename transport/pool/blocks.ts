import { onAbort } from "../base/promise.ts";
import type { Connection } from "../connection/connection.ts";
import type { Heartbeat } from "../connection/stats.ts";
import type { DeliverySink, MessageDelivery } from "./delivery.ts";

/** Options of {@link runReader}. */
export interface ReaderOptions {
  /** Where messages come from. */
  readonly connection: Connection;
  /** Where messages go: `plugin.delivery`. */
  readonly delivery: MessageDelivery;
  /** The number that every message carries. */
  readonly session: number;
  /**
   * The peer has sent more than may wait, and its socket has no backpressure. Called at most once; messages are dropped from then
   * on.
   *
   * @default {closes the connection with 1009}
   */
  readonly onOverflow?: ((error: Error) => void) | undefined;
  /** Ends the work: what has arrived is taken over. For a connection that is about to be closed. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Worker block: hands each message of a connection to the pool's inbox, from now until the connection ends.
 *
 * @returns The sink. Its {@link DeliverySink.finish} does what the signal does.
 */
export function runReader(options: ReaderOptions): DeliverySink {
  const { connection, delivery, session, onOverflow, signal } = options;
  const sink = delivery.open(
    session,
    connection,
    onOverflow ?? (() => void connection.close(1009, "Too many messages")),
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
  /** Where heartbeats come from: pongs that answered a ping. */
  readonly connection: Connection;
  /** Receives each heartbeat. */
  readonly onHeartbeat: (heartbeat: Heartbeat) => void;
  /** Ends the work. */
  readonly signal?: AbortSignal | undefined;
}

/** Worker block: hands on each heartbeat of a connection, until it ends or the signal aborts. */
export async function runHeartbeats(options: HeartbeatsOptions): Promise<void> {
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
