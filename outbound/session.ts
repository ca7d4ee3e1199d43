import { onAbort } from "../transport/base/promise.ts";
import type { Connection } from "../transport/connection/connection.ts";
import { runReader } from "../transport/pool/blocks.ts";
import type { MessageDelivery } from "../transport/pool/delivery.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import type { OutboundPlugin } from "./plugin.ts";
import { watchKeepalive, watchMessages, type WatchOptions } from "./watch.ts";

/** How long a peer has for the closing handshake when its connection is replaced, in milliseconds. */
export const REPLACE_TIMEOUT = 50;

/** How a session is to be ended: the reason of its signal. */
export interface EndRequest {
  /** The code of the close frame. */
  readonly code: number;
  /** The reason in the close frame. */
  readonly reason: string;
  /**
   * How long the closing handshake may take, in milliseconds.
   *
   * @default {closeTimeout}
   */
  readonly timeout?: number;
}

/** Options of {@link runSession}: what it needs of the plugin, and of the worker. */
export interface SessionOptions extends
  Pick<
    OutboundPlugin,
    | "clock"
    | "connectionOptions"
    | "delivery"
    | "prepare"
    | "workerOptions"
  > {
  /** The connection, open. */
  readonly connection: Connection;
  /** The number of the connection. */
  readonly session: number;
  /** Called when the connection may be used, after `onConnected` has finished. */
  readonly onOpen: () => void;
  /** When a message was last sent, in milliseconds of the clock: a sign of life if the socket cannot ping. */
  readonly lastSentAt?: (() => number) | undefined;
  /** Ends the session. Its reason is an {@link EndRequest}. */
  readonly signal: AbortSignal;
}

/** How a session ended. */
export interface SessionEnd {
  /** How the socket ended. */
  readonly end: SocketEnd;
  /** What ended it; `undefined` if the signal did. */
  readonly error: Error | undefined;
}

/** Worker block: does everything that happens on one open connection. Resolves when the connection has ended. */
export async function runSession(options: SessionOptions): Promise<SessionEnd> {
  const { connection, session, clock, workerOptions, signal } = options;
  let failure: Error | undefined;
  let lastMessageAt = 0;
  const delivery = workerOptions.messageTimeout === 0
    ? options.delivery
    : observed(options.delivery, () => lastMessageAt = clock.now());
  const sink = runReader({
    connection,
    session,
    delivery,
    onOverflow: (error) => {
      failure ??= error;
      void connection.close(1009, "Too many messages");
    },
  });
  const removeListener = onAbort(signal, () => {
    const { code, reason, timeout }: EndRequest = signal.reason;
    sink.finish();
    void connection.close(code, reason, { timeout });
  });
  const ended = new AbortController();
  const watch: WatchOptions = {
    ...options,
    lastMessageAt: () => lastMessageAt,
    signal: ended.signal,
    onSilence: (error) => {
      failure ??= error;
      void connection.close(1001, error.message, { timeout: REPLACE_TIMEOUT });
    },
  };
  watchKeepalive(watch);
  watchMessages(watch);
  const preparing = options.prepare(connection, session);
  if (preparing !== undefined) await preparing;
  options.onOpen();
  const end = await connection.closed;
  ended.abort();
  removeListener();
  return { end, error: failure ?? await connection.errors.take() };
}

/** Calls `onMessage` for each message that goes through `delivery`. */
function observed(
  delivery: MessageDelivery,
  onMessage: () => void,
): MessageDelivery {
  return {
    open(...args) {
      const sink = delivery.open(...args);
      return {
        message(data, size, at) {
          onMessage();
          return sink.message(data, size, at);
        },
        finish: () => sink.finish(),
        end: (dropped) => sink.end(dropped),
      };
    },
  };
}
