import type { Clock } from "../base/clock.ts";
import { numberOption, signalOf } from "../base/options.ts";
import { MAX_DURATION, type NumberRule } from "../base/rules.ts";
import { ConnectionError } from "../base/errors.ts";
import type { Message } from "../base/message.ts";
import { DONE, handled, onAbort, rejected } from "../base/promise.ts";
import { Schedule, type Task } from "../base/schedule.ts";
import type { Socket } from "../socket/socket.ts";

/** Options of one send. */
export interface SendOptions {
  /** Withdraws the message while it waits for room; the connection lives on. */
  readonly signal?: AbortSignal | undefined;
  /** How long the message may wait for room, in milliseconds; 0 for ever. @default 0 */
  readonly timeout?: number | undefined;
}

const TIMEOUT: NumberRule = {
  default: 0,
  min: 0,
  max: MAX_DURATION,
  unit: "ms",
};

/**
 * Refuses options that no message can be sent with.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkSendOptions(options: SendOptions): void {
  signalOf(options);
  numberOption("timeout", TIMEOUT, options.timeout);
}

/**
 * Whether a send may not take longer than it was given. Its message is copied then: one that is sent
 * from the sender's memory has to wait until it is out.
 */
function isLimited(options: SendOptions | undefined): boolean {
  return options?.signal !== undefined || (options?.timeout ?? 0) > 0;
}

/** What an {@link Outgoing} needs. */
export interface OutgoingOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  /** No message is buffered while this many bytes wait. */
  readonly highWaterMark: number;
  /** Milliseconds for which the peer may take nothing while something waits; 0 for ever. */
  readonly writeTimeout: number;
  /** The peer has taken nothing for `writeTimeout`. */
  readonly onTimeout: () => void;
}

/** A turn at the socket: a message, or a whole stream of fragments. */
interface Turn {
  /** Takes the turn. */
  start(): void;
  /** The connection is gone. */
  fail(error: ConnectionError): void;
}

/**
 * The way out of a connection: whose turn it is, and whether there is room.
 *
 * Order of calls is order on the wire. What waits for room is not in the
 * socket's buffer yet and can be withdrawn.
 */
export class Outgoing {
  readonly #options: OutgoingOptions;
  readonly #socket: Socket;
  readonly #highWaterMark: number;
  readonly #schedule: Schedule;
  /** Made when somebody has to wait: most never have to. */
  #waiting: Set<Turn> | undefined;
  /** A stream has the socket to itself. */
  #streaming = false;
  #roomCallback: (() => void) | undefined;
  #failure: ConnectionError | undefined;
  #deadline: Task | undefined;
  /** Nothing waits for the peer to take it. */
  #idle = true;
  #progressAt = 0;

  /** Messages that were buffered. */
  sentMessages = 0;

  /** Makes the way out of a socket. */
  constructor(options: OutgoingOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#highWaterMark = options.highWaterMark;
    this.#schedule = Schedule.of(options.clock);
  }

  /** Buffers a message, or waits until there is room for it. */
  send(data: Message, options?: SendOptions): Promise<void> {
    if (options?.signal?.aborted) return rejected(options.signal.reason);
    if (this.#failure !== undefined) return rejected(this.#failure);
    return this.#open
      ? this.write(data, isLimited(options))
      : this.#wait(data, options);
  }

  /** Buffers a message if there is room for it now. */
  trySend(data: Message): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#open) return false;
    this.sentMessages++;
    this.#socket.write(data, true);
    this.#watch();
    return true;
  }

  /** Waits for a turn that lasts until the returned promise's function is called. */
  takeTurn(signal?: AbortSignal): Promise<() => void> {
    return handled(
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        if (this.#failure !== undefined) return reject(this.#failure);
        const start = () => {
          this.#streaming = true;
          resolve(() => {
            this.#streaming = false;
            this.drain();
          });
        };
        if (this.#open) start();
        else this.#enqueue(start, reject, { signal });
      }),
    );
  }

  /** Waits until the buffer is below the high-water mark. For who has the turn. */
  room(signal?: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) return rejected(this.#failure);
    if (this.#socket.bufferedAmount < this.#highWaterMark) return DONE;
    return handled(
      new Promise((resolve, reject) => {
        const settle = () => {
          remove();
          this.#roomCallback = undefined;
          if (signal?.aborted) reject(signal.reason);
          else if (this.#failure !== undefined) reject(this.#failure);
          else resolve();
        };
        this.#roomCallback = settle;
        const remove = onAbort(signal, settle);
      }),
    );
  }

  /** Something was written past this object; the peer has to take it in time. */
  wrote(): void {
    this.#watch();
  }

  /** The peer has taken something: whoever waits may go on. */
  drain(): void {
    if (this.#socket.bufferedAmount === 0) this.#idle = true;
    else this.#progressAt = this.#options.clock.now();
    if (this.#socket.bufferedAmount < this.#highWaterMark) {
      this.#roomCallback?.();
    }
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    for (const turn of waiting) {
      if (!this.#roomy) break;
      waiting.delete(turn);
      turn.start();
    }
  }

  /** The connection is gone: everyone who waits is told. */
  fail(error: ConnectionError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#schedule.cancel(this.#deadline);
    this.#roomCallback?.();
    const waiting = [...this.#waiting ?? []];
    this.#waiting?.clear();
    for (const turn of waiting) turn.fail(error);
  }

  /** Whether the socket may take something now. */
  get #roomy(): boolean {
    return !this.#streaming &&
      this.#socket.bufferedAmount < this.#highWaterMark;
  }

  /** Whether a message that comes now need not wait for others. */
  get #open(): boolean {
    return !this.#waiting?.size && this.#roomy;
  }

  /** Buffers a message, whether there is room or not. For who has the turn. */
  write(data: Message, copy = false): Promise<void> {
    this.sentMessages++;
    const lent = this.#socket.write(data, copy);
    this.#watch();
    return lent === undefined ? DONE : this.#untilOut(lent);
  }

  #untilOut(lent: Promise<void>): Promise<void> {
    return handled(lent.catch((cause) => {
      throw this.#failure ??
        new ConnectionError(
          "connection-closed",
          "Cannot send as the connection ended before the message was out",
          { cause },
        );
    }));
  }

  #wait(data: Message, options: SendOptions | undefined): Promise<void> {
    return handled(
      new Promise((resolve, reject) => {
        const start = () =>
          this.write(data, isLimited(options)).then(resolve, reject);
        this.#enqueue(start, reject, options);
      }),
    );
  }

  #enqueue(
    start: () => void,
    reject: (reason: unknown) => void,
    { signal, timeout = 0 }: SendOptions = {},
  ): void {
    const leave = () => {
      this.#waiting?.delete(turn);
      removeListener();
      this.#schedule.cancel(task);
    };
    const turn: Turn = {
      start: () => {
        leave();
        start();
      },
      fail: (error) => {
        leave();
        reject(error);
      },
    };
    (this.#waiting ??= new Set()).add(turn);
    const task = timeout > 0
      ? this.#schedule.deadline(timeout, () =>
        turn.fail(
          new ConnectionError(
            "send-timeout",
            `Cannot send as the peer made no room within ${timeout} ms`,
          ),
        ))
      : undefined;
    const removeListener = onAbort(signal, () => {
      leave();
      reject(signal?.reason);
    });
  }

  /**
   * Sees to it that the peer takes something in time. The deadline is looked at
   * when it comes, not moved with each write.
   */
  #watch(): void {
    if (!this.#idle || this.#options.writeTimeout === 0) return;
    if (this.#socket.bufferedAmount === 0) return;
    this.#idle = false;
    this.#progressAt = this.#options.clock.now();
    if (this.#deadline === undefined) {
      this.#checkAt(this.#progressAt + this.#options.writeTimeout);
    }
  }

  #checkAt(due: number): void {
    this.#deadline = this.#schedule.deadlineAt(due, () => this.#check());
  }

  #check(): void {
    this.#deadline = undefined;
    if (this.#failure !== undefined || this.#idle) return;
    const due = this.#progressAt + this.#options.writeTimeout;
    if (due <= this.#options.clock.now()) return this.#options.onTimeout();
    this.#checkAt(due);
  }
}
