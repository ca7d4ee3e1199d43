import type { Clock } from "../transport/base/clock.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { ConnectionError } from "../transport/base/errors.ts";
import type { Sink } from "../transport/base/queue.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import {
  type Counter,
  drained,
  type InboxMessage,
  type MessageQueue,
  type Pulse,
  SHIPPED_BLOCKS,
  type WorkerBlocks,
} from "../transport/pool/worker.ts";

/** What {@link session} needs. */
export interface SessionOptions {
  /** The connection, open. */
  readonly connection: Connection;
  /** Stands between reader and inbox. */
  readonly queue: MessageQueue;
  /** The pool's inbox. */
  readonly inbox: Sink<InboxMessage>;
  /** Counts what went into the inbox. */
  readonly counter: Counter;
  /** Told of every sign of life. */
  readonly pulse: Pulse;
  /** The peer. */
  readonly id: string;
  /** The number of this connection. */
  readonly session: number;
  /** The longest silence allowed, in milliseconds; 0 for ever. */
  readonly keepaliveTimeout: number;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Ends the session: see {@link stopMonitor}. */
  readonly signal: AbortSignal;
  /** Blocks to use instead of the shipped ones. @default none */
  readonly blocks?: WorkerBlocks | undefined;
}

/** How a session ended. */
export interface SessionResult {
  /** How the socket ended. */
  readonly end: SocketEnd;
  /** The classified error; `undefined` when we closed it ourselves. */
  readonly error: ConnectionError | undefined;
  /** It was closed since the peer was silent for too long. */
  readonly silent: boolean;
}

/** Milliseconds a silent peer has to answer the close frame. */
const CUT_AFTER = 50;

/**
 * Session block: everything that happens on one open connection. Resolves when it has ended and
 * all that it brought is in the inbox.
 */
export async function session(options: SessionOptions): Promise<SessionResult> {
  const { connection, queue, inbox, counter, pulse, clock } = options;
  const ended = new AbortController();
  let silent = false;
  const blocks = { ...SHIPPED_BLOCKS, ...options.blocks };
  blocks.forwarder({ queue, output: inbox, counter });
  blocks.reader({ ...options, output: queue });
  blocks.heartbeatForwarder({ heartbeats: connection.heartbeats, pulse });
  blocks.silence({
    pulse,
    heldUntil: () => connection.heldUntil,
    timeout: options.keepaliveTimeout,
    clock,
    signal: ended.signal,
    onSilence: () => {
      silent = true;
      void connection.close(1001, "Silent", { timeout: CUT_AFTER });
    },
  });
  const removeStop = blocks.stopMonitor({
    connection,
    queue,
    signal: options.signal,
  });
  const end = await connection.closed;
  ended.abort();
  const error = await connection.errors.take();
  await drained(connection, queue);
  removeStop();
  return { end, error, silent };
}
