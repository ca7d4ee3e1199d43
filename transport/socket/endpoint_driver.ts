import { clearImmediate, setImmediate } from "node:timers";
import type { Clock } from "../base/clock.ts";
import { ConnectionError } from "../base/errors.ts";
import type { Message } from "../base/message.ts";
import { handled } from "../base/promise.ts";
import { Schedule, type Task } from "../base/schedule.ts";
import type {
  ByteStream,
  ByteStreamHandler,
} from "../net/stream/byte_stream.ts";
import { type Flushable, flushSoon } from "../net/stream/flush.ts";
import { Endpoint } from "../protocol/endpoint.ts";
import type {
  EndpointEnd,
  EndpointHandler,
  EndpointOptions,
} from "../protocol/endpoint_types.ts";
import type { DriverOptions } from "./driver_options.ts";
import { copyToLend, endLoan } from "./lent_memory.ts";
import type { Fragment, SocketReader, SocketStartOptions } from "./socket.ts";

/** From this many buffered bytes on, output is written at once. */
const FLUSH_AT = 65_536;
/**
 * How often that may happen in a turn of the event loop. If the system takes everything, a loop of sends never waits
 * otherwise, and no timer runs.
 */
const MAX_FLUSHES = 8;

/**
 * Connects an endpoint with a byte stream, a clock and a reader: tells the endpoint what happens, and does what the
 * endpoint asks for.
 *
 * The driver decides nothing about the protocol. Small messages are gathered and written together, see `flush.ts`.
 */
export class EndpointDriver
  implements ByteStreamHandler, EndpointHandler, Flushable {
  readonly endpoint: Endpoint;
  /** Tells the reader of a ping, if it wants to know. */
  ping?: (payload: Uint8Array) => void;
  /** Whether messages are lent to the reader. */
  readonly #lends: boolean;
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #flushSoon: (target: Flushable) => void;
  readonly #onEnd: (end: EndpointEnd) => void;

  #reader: SocketReader | undefined;
  /** Bytes that came right after the handshake, until the start. */
  #early: Uint8Array | undefined;
  /** The time of day at which the bytes that are being parsed were read; 0 until it is needed. */
  #readAt = 0;
  /** The stream is not paused. */
  #reading = false;
  /** Messages that were queued since bytes arrived. */
  #queuedSince = 0;
  /**
   * Whether the first message that is queued after bytes arrived is written at once. It is if at most one message was
   * queued between the two latest arrivals of bytes, so that there is nothing to gather. A separate flush of a
   * connection costs 2 to 5 us with 512 or 4,000 connections.
   */
  #writesAtOnce = false;
  /** A flush is due. */
  #dirty = false;
  /** Flushes at once since the last one that was due. */
  #flushes = 0;
  /** Output is being handed to the stream, or is not reported as written yet. A broken stream never reports it. */
  #writing = false;
  #deadline: number | undefined;
  #task: Task | undefined;
  #answers: ReturnType<typeof setImmediate> | undefined;
  /** The last `sends` that was reported to the reader. */
  #sends = true;
  #closingReported = false;
  /** Messages for which there was no reader. */
  #unread = 0;
  #ended = false;

  /** Takes over a stream whose opening handshake is done. Nothing is read before {@link EndpointDriver.start}. */
  constructor(
    stream: ByteStream,
    protocol: EndpointOptions,
    options: DriverOptions,
  ) {
    this.#stream = stream;
    this.#clock = options.clock;
    this.#early = options.early?.length ? options.early : undefined;
    this.#flushSoon = options.flushSoon ?? flushSoon;
    this.#onEnd = options.onEnd;
    this.endpoint = new Endpoint(this, protocol, this.#clock.now());
    this.#lends = protocol.binary === "borrow";
    stream.attach(this);
    this.flush();
  }

  /** Begins to read. */
  start(reader: SocketReader, { closeTimeout }: SocketStartOptions): void {
    this.#reader = reader;
    const { endpoint } = this;
    if (closeTimeout !== undefined) endpoint.closeTimeout = closeTimeout;
    if (reader.ping !== undefined) this.ping = reader.ping.bind(reader);
    if (reader.frame !== undefined) {
      endpoint.watchFrames((direction, header) =>
        reader.frame?.(direction, header)
      );
    }
    this.#settle();
  }

  /** Resumes the delivery of messages. */
  resume(): void {
    this.endpoint.resume(this.#clock.now());
    this.#settle();
  }

  /**
   * Sends a message, whose bytes are copied at once.
   *
   * @throws As {@link Endpoint.message}.
   */
  send(data: Message): void {
    try {
      this.endpoint.message(data);
    } catch (error) {
      throw this.#refused(error);
    }
    this.#queued();
  }

  /**
   * Sends a message without a copy.
   *
   * @returns A promise that settles when its bytes are no longer needed.
   */
  lend(data: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    handled(promise);
    try {
      this.endpoint.lend(data, (written) => {
        if (written) resolve();
        else reject(this.#unsent());
      });
    } catch (error) {
      throw this.#refused(error);
    }
    this.#queued();
    return promise;
  }

  /**
   * Sends a fragment.
   *
   * @throws As {@link Endpoint.fragment}.
   */
  sendFragment({ type, payload, first, last }: Fragment): void {
    try {
      this.endpoint.fragment(type, payload, first, last);
    } catch (error) {
      throw this.#refused(error);
    }
    this.#queued();
  }

  /**
   * Sends a ping.
   *
   * @throws As {@link Endpoint.ping}.
   */
  sendPing(payload: Uint8Array): void {
    this.endpoint.ping(payload);
    this.#queued();
  }

  /** Begins or answers the closing handshake. */
  close(code: number | undefined, reason: string, timeout: number): void {
    this.endpoint.close(code, reason, timeout, this.#clock.now());
    this.flush();
  }

  /** Ends at once. */
  terminate(error?: Error): void {
    this.endpoint.terminate(error);
    this.#settle();
  }

  // What the stream reports.

  data(bytes: Uint8Array, borrowed: boolean): void {
    if (!this.#lends) return this.#take(bytes, borrowed);
    const copy = copyToLend(bytes);
    this.#take(copy, true);
    endLoan(copy);
  }

  #take(bytes: Uint8Array, borrowed: boolean): void {
    this.#received();
    this.endpoint.receive(bytes, this.#clock.now(), borrowed);
    this.#settle();
  }

  target(): Uint8Array | undefined {
    return this.endpoint.target();
  }

  dividesBursts(): boolean {
    return this.endpoint.dividesBursts;
  }

  filled(count: number): void {
    this.#received();
    this.endpoint.filled(count, this.#clock.now());
    this.#settle();
  }

  end(): void {
    this.endpoint.streamEnded(this.#clock.now());
    this.#settle();
  }

  drain(): void {
    this.#writing = false;
    this.#written();
    this.flush();
  }

  writeError(error: Error): void {
    this.endpoint.writeFailed(error, this.#clock.now());
    this.#settle();
  }

  error(error: Error): void {
    this.endpoint.streamFailed(error, this.#clock.now());
    this.#settle();
  }

  // What the endpoint reports.

  message(data: Message, size: number): boolean {
    if (this.#reader === undefined) {
      this.#unread++;
      return true;
    }
    // The bytes of a stream are in an ArrayBuffer, and so is what the endpoint makes of them.
    return this.#reader.message(data as Message<ArrayBuffer>, size, this.#at());
  }

  pong(payload: Uint8Array): void {
    this.#reader?.pong(payload, this.#at());
  }

  /** Writes what waits, now. */
  flush(): void {
    this.#flushes = 0;
    this.#write();
  }

  #write(): void {
    this.#dirty = false;
    if (this.#writing || this.#stream.writing) return this.#settle();
    this.#writing = true;
    let piece = this.endpoint.take();
    while (piece !== undefined && this.#stream.write(piece)) {
      this.#written();
      piece = this.endpoint.take();
    }
    this.#writing = piece !== undefined;
    this.#settle();
  }

  #written(): void {
    this.endpoint.written(this.#clock.now());
    this.#reader?.drain();
  }

  #at(): number {
    return this.#readAt ||= this.#clock.date();
  }

  #unsent(): ConnectionError {
    return new ConnectionError(
      "connection-closed",
      "Cannot send the message: the connection ended before all of it was written.",
      { cause: this.endpoint.end?.error },
    );
  }

  /** A message was not queued. The endpoint may have failed because of it. */
  #refused(error: unknown): unknown {
    this.#settle();
    return error;
  }

  /** Bytes have arrived. */
  #received(): void {
    this.#readAt = 0;
    this.#writesAtOnce = this.#queuedSince <= 1;
    this.#queuedSince = 0;
  }

  /** Something was queued: writes it now or soon. */
  #queued(): void {
    const isFirst = this.#queuedSince++ === 0;
    if (isFirst && this.#writesAtOnce && !this.#dirty) this.flush();
    else this.#flushLater();
  }

  /** Writes what waits later, together with what follows in this turn of the event loop. */
  #flushLater(): void {
    if (this.#writing || this.#stream.writing) return;
    const { bufferedAmount } = this.endpoint;
    if (bufferedAmount >= FLUSH_AT && this.#flushes < MAX_FLUSHES) {
      this.#flushes++;
      return this.#write();
    }
    if (this.#dirty || bufferedAmount === 0) return;
    this.#dirty = true;
    this.#flushSoon(this);
  }

  /** Does what the endpoint asks for. Called after everything that happens to the endpoint. */
  #settle(): void {
    const { endpoint } = this;
    if (endpoint.end !== undefined) return this.#finish(endpoint.end);
    const { deadline } = endpoint;
    if (deadline !== this.#deadline) this.#setDeadline(deadline);
    if (endpoint.awaitsAnswers) this.#awaitAnswers();
    const isOpen = endpoint.state === "open";
    const reading = endpoint.reading &&
      (this.#reader !== undefined || !isOpen);
    if (reading !== this.#reading) this.#setReading(reading);
    if (!this.#dirty && endpoint.bufferedAmount > 0) this.#flushLater();
    // Last, since it calls the reader.
    if (!isOpen) this.#followClosing();
  }

  #setReading(reading: boolean): void {
    const early = this.#early;
    if (early !== undefined) {
      this.#early = undefined;
      // Not lent, since this may be called by a reader to whom a message is lent.
      return this.#take(early, false);
    }
    this.#reading = reading;
    if (reading) this.#stream.resume();
    else this.#stream.pause();
  }

  #followClosing(): void {
    const { endpoint } = this;
    if (endpoint.endsOurSide) this.#stream.end();
    const sends = endpoint.canSend;
    if (this.#closingReported && sends === this.#sends) return;
    this.#closingReported = true;
    this.#sends = sends;
    this.#reader?.closing?.(sends, endpoint.received);
  }

  #setDeadline(deadline: number | undefined): void {
    const schedule = Schedule.of(this.#clock);
    schedule.cancel(this.#task);
    this.#deadline = deadline;
    if (deadline === undefined) return;
    const run = () => {
      this.#deadline = undefined;
      this.endpoint.deadlineReached(this.#clock.now());
      this.flush();
    };
    // While the connection is open, the deadline only ends a pause in a flood. It does not judge the peer.
    this.#task = this.endpoint.state === "open"
      ? schedule.at(deadline, run)
      : schedule.deadlineAt(deadline, run);
  }

  /** Waits until the receivers of messages have had time to answer. */
  #awaitAnswers(): void {
    this.#answers ??= setImmediate(() => {
      this.#answers = undefined;
      const { endpoint } = this;
      const isClosing = endpoint.state === "peer-closing";
      if (isClosing && this.#reader?.answering?.()) return this.#awaitAnswers();
      endpoint.answersDone(this.#clock.now());
      this.flush();
    });
  }

  #finish(end: EndpointEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#setDeadline(undefined);
    if (this.#answers !== undefined) clearImmediate(this.#answers);
    this.#early = undefined;
    this.#stream.destroy();
    this.#onEnd(
      this.#unread === 0
        ? end
        : { ...end, dropped: end.dropped + this.#unread },
    );
  }
}
