import type { Clock } from "../transport/base/clock.ts";
import type { ConnectionError } from "../transport/base/errors.ts";
import { onAbort } from "../transport/base/promise.ts";
import type { Connection } from "../transport/connection/connection.ts";
import type { SilenceWatch } from "../transport/connection/liveness/watch_silence.ts";
import { runReader } from "../transport/pool/blocks.ts";
import type {
  DeliverySink,
  MessageDelivery,
} from "../transport/pool/delivery.ts";
import {
  CLOSE_GOING_AWAY,
  CLOSE_NORMAL,
  CLOSE_TOO_BIG,
} from "../transport/protocol/wire/close.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import type { OutboundPlugin } from "./plugin.ts";
import {
  type SilenceListener,
  watchKeepalive,
  watchMessages,
  type WatchOptions,
} from "./watch.ts";

/** How long a peer has for the closing handshake when its connection is replaced, in milliseconds. */
export const REPLACE_TIMEOUT = 50;

/** How to end a session: the reason of its signal. */
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
  /**
   * When a message was last sent, in milliseconds of the clock: a sign of life if the socket cannot ping.
   *
   * @default {messages that were sent do not count}
   */
  readonly lastSentAt?: (() => number) | undefined;
  /** Ends the session. Its reason is an {@link EndRequest}; with any other reason, the code is 1000. */
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
  const { signal } = options;
  const session = new Session(options);
  const removeListener = onAbort(signal, () => {
    try {
      session.end(signal.reason);
    } catch {
      // Not an `EndRequest`, for example the reason of `abort()`. An error of a listener would end the process.
      session.end({ code: CLOSE_NORMAL, reason: "" });
    }
  });
  const end = await session.run(options);
  removeListener();
  return end;
}

/**
 * What {@link runSession} does, with a method in place of a signal.
 *
 * Idle peers are many, so this has no signals and no asynchronous functions that wait for the end of the connection:
 * each takes 500 to 700 bytes.
 */
export class Session implements SilenceListener {
  readonly #connection: Connection;
  readonly #sink: DeliverySink;
  readonly #keepalive: SilenceWatch | undefined;
  readonly #messages: SilenceWatch | undefined;
  #failure: Error | undefined;
  /** When a message arrived last, in milliseconds of the clock; 0 unless `messageTimeout` needs it. */
  lastMessageAt = 0;

  /** Begins to read. */
  constructor(options: Omit<SessionOptions, "signal">) {
    const { connection, session, delivery, clock, workerOptions } = options;
    this.#connection = connection;
    const watchesMessages = workerOptions.messageTimeout > 0;
    this.#sink = runReader({
      connection,
      session,
      delivery: watchesMessages ? this.#observed(delivery, clock) : delivery,
      onOverflow: (error) =>
        this.#fail(error, CLOSE_TOO_BIG, "Too many messages"),
    });
    const watch: WatchOptions = {
      connection,
      connectionOptions: options.connectionOptions,
      workerOptions,
      clock,
      lastSentAt: options.lastSentAt,
      listener: this,
    };
    this.#keepalive = watchKeepalive(watch);
    if (watchesMessages) this.#messages = watchMessages(watch);
  }

  /** Opens the session, and resolves when the connection has ended. */
  run(
    { session, prepare, onOpen }: Omit<SessionOptions, "signal">,
  ): Promise<SessionEnd> {
    const preparing = prepare(this.#connection, session);
    if (preparing !== undefined) {
      return preparing.then(() => this.#open(onOpen));
    }
    return this.#open(onOpen);
  }

  /** Closes the connection of a silent peer. */
  silent(error: ConnectionError): void {
    this.#fail(error, CLOSE_GOING_AWAY, error.message);
  }

  /** Ends the session. */
  end({ code, reason, timeout }: EndRequest): void {
    this.#sink.finish();
    void this.#connection.close(code, reason, { timeout });
  }

  /** A separate method, so that its closure does not make those of the constructor larger. */
  #observed(delivery: MessageDelivery, clock: Clock): MessageDelivery {
    return observed(delivery, () => this.lastMessageAt = clock.now());
  }

  #open(onOpen: () => void): Promise<SessionEnd> {
    onOpen();
    return this.#connection.closed.then((end) => this.#finish(end));
  }

  async #finish(end: SocketEnd): Promise<SessionEnd> {
    this.#keepalive?.stop();
    this.#messages?.stop();
    const error = this.#failure ?? await this.#connection.errors.take();
    return { end, error };
  }

  #fail(error: Error, code: number, reason: string): void {
    this.#failure ??= error;
    const timeout = code === CLOSE_TOO_BIG ? undefined : REPLACE_TIMEOUT;
    void this.#connection.close(code, reason, { timeout });
  }
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
