import type { Clock } from "../../base/clock.ts";
import { ConnectionError } from "../../base/errors.ts";
import { onAbort, rejected } from "../../base/promise.ts";
import type { Socket } from "../../socket/socket.ts";

/** Unanswered pings that are remembered. A peer may answer only the newest (RFC 6455, section 5.5.3). */
const MAX_UNANSWERED = 8;
const PAYLOAD_SIZE = 8;
/** The pings of most connections at most times: shared, since there may be ten thousand. */
const NONE: readonly Ping[] = [];

interface Ping {
  readonly payload: Uint8Array;
  /** Monotonic milliseconds. */
  readonly sentAt: number;
  /** Settles the call that waits for the pong: with the round trip, or without one at the end. */
  readonly settle: ((latency: number | undefined) => void) | undefined;
}

/** Follows what a {@link Pinger} does. */
export interface PingListener {
  /** A ping is about to be buffered. */
  sending(): void;
  /** It was buffered. */
  sent(): void;
  /** A pong has answered a ping. It came at `at` epoch milliseconds. */
  answered(latency: number, at: number): void;
}

/**
 * Sends pings and knows which pong answers which (RFC 6455, section 5.5.2): by the payload, which is random. An
 * unsolicited pong answers nothing.
 */
export class Pinger {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #listener: PingListener;
  #unanswered: readonly Ping[] = NONE;

  /** Pings over a socket. */
  constructor(socket: Socket, clock: Clock, listener: PingListener) {
    this.#socket = socket;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Whether the newest ping has not been answered. */
  get waits(): boolean {
    return this.#unanswered.length > 0;
  }

  /** Sends a ping. */
  send(): void {
    this.#send(undefined);
  }

  /** Sends a ping and waits for its pong: gives the round trip in milliseconds. */
  ping(signal?: AbortSignal): Promise<number> {
    if (signal?.aborted) return rejected(signal.reason);
    return new Promise((resolve, reject) => {
      let sent: Ping | undefined;
      const remove = onAbort(signal, () => {
        this.#unanswered = this.#unanswered.filter((ping) => ping !== sent);
        reject(signal?.reason);
      });
      try {
        sent = this.#send((latency) => {
          remove();
          if (latency !== undefined) resolve(latency);
          else reject(closed());
        });
      } catch (error) {
        remove();
        reject(error);
      }
    });
  }

  /** Takes a pong, which came at `at` epoch milliseconds. One that answers a ping answers those before it too. */
  pong(payload: Uint8Array, at: number): void {
    const place = this.#unanswered.findIndex((ping) =>
      sameBytes(ping.payload, payload)
    );
    if (place < 0) return;
    const answered = this.#unanswered.slice(0, place + 1);
    const later = this.#unanswered.slice(place + 1);
    this.#unanswered = later.length === 0 ? NONE : later;
    const now = this.#clock.now();
    const newest = answered[place];
    if (newest !== undefined) this.#listener.answered(now - newest.sentAt, at);
    for (const ping of answered) ping.settle?.(now - ping.sentAt);
  }

  /** Rejects the calls that wait for a pong: there will be none. */
  stop(): void {
    for (const ping of this.#unanswered) ping.settle?.(undefined);
  }

  #send(settle: Ping["settle"]): Ping {
    const payload = crypto.getRandomValues(new Uint8Array(PAYLOAD_SIZE));
    const ping = { payload, sentAt: this.#clock.now(), settle };
    // Before the call, in which the pong may arrive.
    this.#listener.sending();
    this.#unanswered = [...this.#unanswered, ping];
    try {
      this.#socket.ping(payload);
    } catch (error) {
      this.#unanswered = this.#unanswered.filter((other) => other !== ping);
      throw error;
    }
    this.#forget();
    this.#listener.sent();
    return ping;
  }

  /** A peer that answers no ping must not make us remember all of them. Calls that wait are kept. */
  #forget(): void {
    let extra = this.#unanswered.length - MAX_UNANSWERED;
    if (extra <= 0) return;
    this.#unanswered = this.#unanswered.filter((ping) =>
      ping.settle !== undefined || extra-- <= 0
    );
  }
}

function closed(): ConnectionError {
  return new ConnectionError(
    "connection-closed",
    "Cannot wait for a pong: the connection is closed.",
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
