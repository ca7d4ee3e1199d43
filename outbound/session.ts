import type { Clock } from "../transport/base/clock.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import { runReader, watchSilence } from "../transport/pool/blocks.ts";
import type { MessageDelivery } from "../transport/pool/delivery.ts";

/** What {@link session} needs. */
export interface SessionOptions {
  /** The connection, open. */
  readonly connection: Connection;
  /** Where messages go: `plugin.delivery`. */
  readonly delivery: MessageDelivery;
  /** The number of this connection. */
  readonly session: number;
  /** The longest silence allowed, in milliseconds; 0 for ever. */
  readonly keepaliveTimeout: number;
  /** When a message was last sent, where that counts as a sign of life. @default never */
  readonly lastSentAt?: (() => number) | undefined;
  /** The source of time. */
  readonly clock: Clock;
  /** Ends the session. Its reason is a {@link StopRequest}. */
  readonly signal: AbortSignal;
}

/** With what close frame the work is to end: the reason of a stop signal. */
export interface StopRequest {
  /** The close code. */
  readonly code: number;
  /** The reason, maybe empty. */
  readonly reason: string;
}

/** How a session ended. */
export interface SessionResult {
  /** How the socket ended. */
  readonly end: SocketEnd;
  /** What ended it; `undefined` when we closed it ourselves. */
  readonly error: Error | undefined;
  /** It was closed since the peer was silent for too long. */
  readonly silent: boolean;
}

/** Milliseconds a silent peer has to answer the close frame. */
const CUT_AFTER = 50;

/** Session block: everything that happens on one open connection. Resolves when that has ended. */
export async function session(options: SessionOptions): Promise<SessionResult> {
  const { connection, signal } = options;
  const ended = new AbortController();
  let silent = false;
  let overflow: Error | undefined;
  const sink = runReader({
    ...options,
    signal: undefined,
    onOverflow: (error) => {
      overflow = error;
      void connection.close(1009, "Too many messages");
    },
  });
  watchSilence({
    ...options,
    timeout: options.keepaliveTimeout,
    signal: ended.signal,
    onSilence: () => {
      silent = true;
      void connection.close(1001, "Silent", { timeout: CUT_AFTER });
    },
  });
  const stop = () => {
    const { code, reason }: StopRequest = signal.reason;
    sink.finish();
    void connection.close(code, reason);
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const end = await connection.closed;
  ended.abort();
  signal.removeEventListener("abort", stop);
  const error = overflow ?? await connection.errors.take();
  return { end, error, silent };
}
