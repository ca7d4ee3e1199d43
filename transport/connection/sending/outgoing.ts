/**
 * The sending half of a connection: the order of the calls, waiting for space in the buffer, and streamed messages.
 *
 * @module
 */

import type { Clock } from "../../base/clock.ts";
import { ConfigError, ConnectionError } from "../../base/errors.ts";
import type { Message } from "../../base/message.ts";
import {
  numberOption,
  type OptionNames,
  signalOf,
} from "../../base/options.ts";
import { DONE, handled, rejected } from "../../base/promise.ts";
import { MAX_DURATION, type NumberRule } from "../../base/rules.ts";
import type { Fragment, Socket } from "../../socket/socket.ts";
import { type Waiter, Waiters } from "./waiters.ts";

/** Options of one send. */
export interface SendOptions {
  /**
   * Ends the wait when it aborts. A message that was not buffered yet is not sent. A message that was buffered is sent
   * all the same.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * The maximum wait in milliseconds, with the same effect as `signal`; 0 for no limit.
   *
   * @default {0}
   */
  readonly timeout?: number | undefined;
}

const NAMES: OptionNames<SendOptions> = { signal: true, timeout: true };

const TIMEOUT: NumberRule = {
  default: 0,
  min: 0,
  max: MAX_DURATION,
  unit: "ms",
};

/**
 * Checks the options of a send.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkSendOptions(options: SendOptions): void {
  signalOf(options, NAMES);
  numberOption("timeout", TIMEOUT, options.timeout);
}

/** What an {@link Outgoing} needs. */
export interface OutgoingOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  /** While this many bytes or more are buffered, messages wait. */
  readonly highWaterMark: number;
  readonly meter?: SendMeter | undefined;
  /** Called whenever output was buffered. */
  readonly watcher?: OutputWatcher | undefined;
}

/** Counts what is buffered for sending: see `sent` of `ConnectionMeter`. */
export interface SendMeter {
  sent(messages: number, bytes: number): void;
}

/** Follows what an {@link Outgoing} does. */
export interface OutputWatcher {
  /** Output was buffered. */
  written(): void;
}

/**
 * The sending half of a connection: which message is next, and whether the buffer is full.
 *
 * Messages go out in the order of the calls. A message that waits is not in the socket's buffer yet and can
 * be withdrawn.
 */
export class Outgoing {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #highWaterMark: number;
  readonly #meter: SendMeter | undefined;
  readonly #watcher: OutputWatcher | undefined;
  /** Calls whose message is not buffered yet, in order. Both are created when a call has to wait: few ever do. */
  #queue: Waiters | undefined;
  /** Calls whose message is buffered, and that wait until the buffer is below the high-water mark. */
  #buffered: Waiters | undefined;
  /** A streamed message is under way: others wait until it is complete. */
  #streaming = false;
  #failure: ConnectionError | undefined;
  /** Why no message can be streamed any more. */
  #streamFailure: ConnectionError | undefined;
  #ended: AbortController | undefined;

  /** Payload bytes that the meter has counted, as the socket counts them. */
  #metered: number;

  /** The number of messages that were buffered. */
  sentMessages = 0;

  /** Sends over a socket. */
  constructor(options: OutgoingOptions) {
    this.#socket = options.socket;
    this.#metered = options.socket.sentBytes;
    this.#highWaterMark = options.highWaterMark;
    this.#meter = options.meter;
    this.#watcher = options.watcher;
    this.#clock = options.clock;
  }

  /** Whether a caller waits for the peer to take output. */
  get waits(): boolean {
    return isWaiting(this.#queue) || isWaiting(this.#buffered);
  }

  /** Aborts when no message can be streamed any more. The reason is the error. */
  get ended(): AbortSignal {
    this.#ended ??= new AbortController();
    const failure = this.#failure ?? this.#streamFailure;
    if (failure !== undefined) this.#ended.abort(failure);
    return this.#ended.signal;
  }

  /**
   * Buffers a message as soon as the buffer is below the high-water mark, and resolves when it is there again.
   *
   * @throws {ConnectionError} See `Connection.send`.
   */
  send(data: Message, options?: SendOptions): Promise<void> {
    if (options?.signal?.aborted) return rejected(options.signal.reason);
    if (this.#failure !== undefined) return rejected(this.#failure);
    if (!this.#isOpen()) return this.#sendLater(data, options);
    try {
      return this.#sendNow(data, options);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Buffers a message if the buffer is below the high-water mark.
   *
   * @throws {ConnectionError} If it can no longer be sent.
   */
  trySend(data: Message): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#isOpen()) return false;
    this.#socket.write(data, true);
    this.#sent(1);
    return true;
  }

  /** Waits for the turn of a streamed message. It lasts until {@link Outgoing.endTurn}. */
  async takeTurn(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#isOpen()) {
      await this.#untilTurn({ signal }, (waiter) => {
        this.#streaming = true;
        waiter.resolve();
      });
    } else this.#streaming = true;
  }

  /** The streamed message is complete, or was abandoned. */
  endTurn(): void {
    this.#streaming = false;
    this.drain();
  }

  /**
   * Buffers a fragment. Only during a turn, on a socket that can stream.
   *
   * @throws {ConnectionError} If it can no longer be sent.
   */
  writeFragment(fragment: Fragment): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#socket.writeFragment?.(fragment);
    this.#sent(fragment.last ? 1 : 0);
  }

  /** Buffers a whole message. Only during a turn. Resolves when the buffer is below the high-water mark. */
  write(data: Message): Promise<void> {
    if (this.#failure !== undefined) return rejected(this.#failure);
    return this.#sendNow(data, undefined);
  }

  /** Waits until the buffer is below the high-water mark. Only during a turn. */
  space(signal?: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) return rejected(this.#failure);
    return this.#hasSpace() ? DONE : this.#untilSpace({ signal });
  }

  /** The peer has taken output: calls that wait go on. */
  drain(): void {
    if (!this.waits) return;
    while (this.#hasSpace() && this.#buffered?.next()) {
      // One after the other, as long as the buffer is not full.
    }
    while (this.#mayBuffer() && this.#queue?.next()) {
      // A message may fill the buffer.
    }
  }

  /** The peer is closing: a streamed message that is under way is abandoned, and none begins. */
  stopStreams(error: ConnectionError): void {
    this.#streamFailure ??= error;
    this.#ended?.abort(error);
  }

  /** The connection has ended: pending calls fail. */
  fail(error: ConnectionError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#queue?.rejectAll(error);
    this.#buffered?.rejectAll(deliveryUnknown(error));
    this.#ended?.abort(error);
  }

  /** Later calls fail with an error that says how the connection ended, unless theirs says it already. */
  explain(error: ConnectionError): void {
    if (this.#failure?.code !== "connection-closed") return;
    if (this.#failure.closeCode === undefined) this.#failure = error;
  }

  #hasSpace(): boolean {
    const socket = this.#socket;
    return socket.hasSpace === undefined
      ? socket.bufferedAmount < this.#highWaterMark
      : socket.hasSpace(this.#highWaterMark);
  }

  /** Whether the next message may be buffered. */
  #mayBuffer(): boolean {
    return !this.#streaming && this.#hasSpace();
  }

  /** Whether a message can be buffered at once. */
  #isOpen(): boolean {
    return !isWaiting(this.#queue) && this.#mayBuffer();
  }

  #untilTurn(
    options: SendOptions | undefined,
    onTurn: (waiter: Waiter) => void,
  ): Promise<void> {
    this.#queue ??= new Waiters(this.#clock);
    return this.#queue.wait(options, onTurn);
  }

  #untilSpace(options: SendOptions | undefined): Promise<void> {
    this.#buffered ??= new Waiters(this.#clock, "unknown");
    return this.#buffered.wait(options);
  }

  /** Counts what was buffered. `messages` is the number of messages that are complete with it. */
  #sent(messages: number): void {
    this.sentMessages += messages;
    if (this.#meter !== undefined) {
      const { sentBytes } = this.#socket;
      this.#meter.sent(messages, sentBytes - this.#metered);
      this.#metered = sentBytes;
    }
    this.#watcher?.written();
  }

  #sendNow(data: Message, options: SendOptions | undefined): Promise<void> {
    // A call that may end early must not leave its caller's memory in use: its message is copied.
    const limited = options?.signal !== undefined ||
      (options?.timeout ?? 0) > 0;
    const borrowed = this.#socket.write(data, limited);
    this.#sent(1);
    if (borrowed !== undefined) return this.#untilWritten(borrowed, options);
    return this.#hasSpace() ? DONE : this.#untilSpace(options);
  }

  #sendLater(data: Message, options: SendOptions | undefined): Promise<void> {
    const { signal, timeout = 0 } = options ?? {};
    const end = timeout === 0 ? Infinity : this.#clock.now() + timeout;
    const { length } = data;
    return this.#untilTurn(options, (waiter) => {
      const left = timeout === 0 ? 0 : Math.max(1, end - this.#clock.now());
      try {
        if (data.length !== length) throw memoryChanged(length, data.length);
        this.#sendNow(data, { signal, timeout: left }).then(
          waiter.resolve,
          waiter.reject,
        );
      } catch (error) {
        waiter.reject(error);
      }
    });
  }

  /** The socket sends from the caller's memory until `borrowed` settles. */
  #untilWritten(
    borrowed: Promise<void>,
    options: SendOptions | undefined,
  ): Promise<void> {
    return handled(
      borrowed.then(
        () => this.#hasSpace() ? undefined : this.#untilSpace(options),
        (cause) => {
          throw deliveryUnknown(this.#failure ?? cause);
        },
      ),
    );
  }
}

function isWaiting(calls: Waiters | undefined): boolean {
  return calls !== undefined && calls.size > 0;
}

function deliveryUnknown(cause: unknown): ConnectionError {
  const { closeCode, reason } = cause instanceof ConnectionError
    ? cause
    : { closeCode: undefined, reason: undefined };
  return new ConnectionError(
    "connection-closed",
    "Cannot tell whether the message was delivered: the connection ended while the message was in the buffer.",
    { cause, closeCode, reason, delivered: "unknown" },
  );
}

function memoryChanged(before: number, now: number): ConfigError {
  return new ConfigError(
    "invalid-argument",
    "data",
    `Cannot send the message: its memory was resized or transferred while the message waited, from ${before} to ${now} bytes. ` +
      "Leave it unchanged until send has resolved.",
  );
}
