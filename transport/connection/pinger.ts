import type { Clock } from "../base/clock.ts";
import { ConnectionError } from "../base/errors.ts";
import { onAbort, rejected } from "../base/promise.ts";
import { Schedule, type Task } from "../base/schedule.ts";
import type { Socket } from "../socket/socket.ts";

/** Part of the interval by which each ping may come earlier or later. */
const JITTER = 0.1;
/** More pings than this without an answer, and no further one goes out. */
const MOST_UNANSWERED = 8;
const PAYLOAD_SIZE = 8;

interface Ping {
  readonly payload: Uint8Array;
  readonly sentAt: number;
  readonly answered: ((latency: number) => void) | undefined;
}

/** What a {@link Pinger} needs. */
export interface PingerOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  /** Milliseconds between pings; 0 sends none by itself. */
  readonly interval: number;
  /** A pong has answered one of our pings. */
  readonly onAnswer: (latency: number, at: number) => void;
}

/**
 * Sends pings and knows which pong answers which (RFC 6455, section 5.5.2): by
 * its payload, which nobody can guess. An unasked pong counts for nothing.
 */
export class Pinger {
  readonly #options: PingerOptions;
  readonly #schedule: Schedule;
  #unanswered: Ping[] = [];
  #task: Task | undefined;
  #stopped = false;

  /** Begins to ping, where the socket can. */
  constructor(options: PingerOptions) {
    this.#options = options;
    this.#schedule = Schedule.of(options.clock);
    if (options.interval > 0 && options.socket.controlFrames) this.#next();
  }

  /** Sends a ping and waits for its pong: gives the round trip in milliseconds. */
  ping(signal?: AbortSignal): Promise<number> {
    if (signal?.aborted) return rejected(signal.reason);
    return new Promise((resolve, reject) => {
      const remove = onAbort(signal, () => {
        this.#unanswered = this.#unanswered.filter((ping) => ping !== sent);
        reject(signal?.reason);
      });
      const sent = this.#send((latency) => {
        remove();
        if (latency >= 0) return resolve(latency);
        reject(
          new ConnectionError(
            "connection-closed",
            "Cannot wait for a pong as the connection is closed",
          ),
        );
      });
    });
  }

  /** A pong has arrived. One that answers a ping answers those before it too. */
  pong(payload: Uint8Array, at: number): void {
    const place = this.#unanswered.findIndex((ping) =>
      sameBytes(ping.payload, payload)
    );
    if (place < 0) return;
    const answered = this.#unanswered.splice(0, place + 1);
    const newest = answered[place];
    if (newest === undefined) return;
    const now = this.#options.clock.now();
    this.#options.onAnswer(now - newest.sentAt, at);
    for (const ping of answered) {
      ping.answered?.(now - ping.sentAt);
    }
  }

  /** Ends the pings; who waits for a pong is told that there will be none. */
  stop(): void {
    this.#stopped = true;
    this.#schedule.cancel(this.#task);
    const unanswered = this.#unanswered;
    this.#unanswered = [];
    for (const ping of unanswered) ping.answered?.(-1);
  }

  #next(): void {
    const { clock, interval } = this.#options;
    const delay = interval * (1 + JITTER * (2 * clock.random() - 1));
    this.#task = this.#schedule.after(delay, () => {
      if (this.#stopped) return;
      if (this.#unanswered.length < MOST_UNANSWERED) this.#send(undefined);
      this.#next();
    });
  }

  #send(answered: ((latency: number) => void) | undefined): Ping {
    const payload = crypto.getRandomValues(new Uint8Array(PAYLOAD_SIZE));
    const ping = { payload, sentAt: this.#options.clock.now(), answered };
    this.#unanswered.push(ping);
    this.#options.socket.ping(payload);
    return ping;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
