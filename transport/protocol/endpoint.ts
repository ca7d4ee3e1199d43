import { ConnectionError, toError } from "../base/errors.ts";
import type { EndpointState } from "./endpoint_state.ts";
import type {
  Activity,
  EndpointEnd,
  EndpointHandler,
  EndpointOptions,
  FrameWatcher,
} from "./endpoint_types.ts";
import { Lifecycle } from "./lifecycle.ts";
import { ReceivingSide } from "./receiving_side.ts";
import { SendingSide } from "./sending_side.ts";
import type { CloseFrame } from "./wire/close.ts";

/** Default of `closeTimeout` in milliseconds. */
const CLOSE_TIMEOUT = 5_000;

/**
 * RFC 6455 for one connection after its opening handshake, in either role, without I/O.
 *
 * The caller feeds it what happens: bytes, the end of the stream, completed writes, errors, the user's commands, and
 * the time. It hands messages and control frames to its handler, and says what has to be done:
 *
 * - {@link Endpoint.take} gives bytes to write, one piece at a time, until {@link Endpoint.written}.
 * - {@link Endpoint.reading} says whether to read.
 * - {@link Endpoint.deadline} is the time at which {@link Endpoint.deadlineReached} has to be called.
 * - {@link Endpoint.awaitsAnswers} asks for a call of {@link Endpoint.answersDone}, as soon as the receivers of
 *   messages have had time to answer.
 * - {@link Endpoint.endsOurSide} asks for the end of our side of the stream (a half-close).
 * - {@link Endpoint.end} is set when everything is over: the stream can be closed.
 *
 * The caller looks at these after each call. All times are milliseconds of any monotonic clock. `endpoint_state.ts` has
 * the table of states and inputs.
 *
 * @example
 * ```ts
 * import { Endpoint } from "@honeybee/honeybee/protocol";
 *
 * const messages: unknown[] = [];
 * const server = new Endpoint({
 *   message: (data) => messages.push(data) > 0,
 *   pong: () => {},
 * }, {
 *   role: "server",
 *   maxMessageSize: 1_048_576,
 *   maxFrameSize: 0,
 *   maxFragments: 16_384,
 *   binary: "copy",
 * });
 * server.receive(new Uint8Array([0x81, 0x81, 0, 0, 0, 0, 0x41]), 0);
 * console.log(messages); // ["A"]
 * server.message("B");
 * console.log(server.take()); // 81 01 42
 * server.written(0);
 * ```
 */
export class Endpoint {
  readonly #sending: SendingSide;
  readonly #receiving: ReceivingSide;
  readonly #lifecycle: Lifecycle;

  /** When bytes passed, and how many. */
  readonly activity: Activity;

  /** Creates the endpoint of a connection whose opening handshake is done. */
  constructor(handler: EndpointHandler, options: EndpointOptions, now = 0) {
    const activity = {
      receivedAt: now,
      receivedBytes: 0,
      wroteAt: now,
      writtenBytes: 0,
    };
    this.activity = activity;
    this.#sending = new SendingSide(options, activity);
    this.#receiving = new ReceivingSide(
      handler,
      this.#sending,
      options,
      activity,
    );
    this.#lifecycle = new Lifecycle(
      this.#sending,
      this.#receiving,
      options.role === "server",
      options.closeTimeout ?? CLOSE_TIMEOUT,
    );
  }

  /** Calls `watcher` with the header of every frame from now on, in both directions. */
  watchFrames(watcher: FrameWatcher): void {
    this.#receiving.frame = (header) => watcher("received", header);
    this.#sending.watchFrames(watcher);
  }

  /** The state of the connection. */
  get state(): EndpointState {
    return this.#lifecycle.state;
  }

  /** The maximum time of a closing handshake that the peer begins, in milliseconds; 0 for no limit. */
  get closeTimeout(): number {
    return this.#lifecycle.closeTimeout;
  }

  /** Sets the limit for handshakes that begin from now on. */
  set closeTimeout(timeout: number) {
    this.#lifecycle.closeTimeout = timeout;
  }

  /** Whether a whole message can be sent now. */
  get canSend(): boolean {
    const { state } = this.#lifecycle;
    return state === "open" ||
      state === "peer-closing" && !this.#sending.sender.streaming;
  }

  /** Bytes that are queued or being written. */
  get bufferedAmount(): number {
    return this.#sending.bufferedAmount;
  }

  /** Payload bytes of all messages sent, before compression. */
  get sentBytes(): number {
    return this.#sending.sender.payloadBytes;
  }

  /**
   * Whether to read from the stream: `false` while the handler takes no messages and while the rest of a flood has to
   * wait.
   */
  get reading(): boolean {
    return this.#receiving.ready && !this.#lifecycle.flooded;
  }

  /** When {@link Endpoint.deadlineReached} has to be called; `undefined` for never. */
  get deadline(): number | undefined {
    return this.#lifecycle.deadline;
  }

  /** Whether {@link Endpoint.answersDone} has to be called soon. */
  get awaitsAnswers(): boolean {
    return this.#lifecycle.awaitsAnswers;
  }

  /** Whether our side of the stream has to be ended now. */
  get endsOurSide(): boolean {
    return this.#lifecycle.endsOurSide;
  }

  /** How the connection ended, once it has. */
  get end(): EndpointEnd | undefined {
    return this.#lifecycle.end;
  }

  /**
   * Takes bytes that were received. They may be changed in place.
   *
   * @param borrowed See {@link Receiver.push}.
   */
  receive(bytes: Uint8Array, now: number, borrowed = false): void {
    this.#receiving.receive(bytes, now, borrowed);
    this.#lifecycle.afterInput(now);
  }

  /** Returns the memory into which the next bytes can be read directly: see {@link Receiver.target}. */
  target(): Uint8Array | undefined {
    return this.#receiving.target();
  }

  /** Whether bursts of reads should be divided: see {@link Receiver.dividesBursts}. */
  get dividesBursts(): boolean {
    return this.#receiving.dividesBursts;
  }

  /** Reports that `count` bytes were read to the start of the last {@link Endpoint.target}. */
  filled(count: number, now: number): void {
    this.#receiving.filled(count, now);
    this.#lifecycle.afterInput(now);
  }

  /** Resumes the delivery of messages after the handler returned `false`. */
  resume(now: number): void {
    this.#receiving.resume();
    this.#lifecycle.afterInput(now);
  }

  /** Reports that the peer has ended its side of the stream. */
  streamEnded(now: number): void {
    this.#lifecycle.streamEnded(now);
  }

  /** Reports that the stream can be neither read nor written any more. */
  streamFailed(error: Error, now: number): void {
    this.#lifecycle.streamFailed(error, now);
  }

  /** The close frame of the peer, if it has come. */
  get received(): CloseFrame | undefined {
    return this.#receiving.closeFrame;
  }

  /**
   * Reports that the stream cannot be written any more. What was queued is lost; reading continues for a bounded time.
   */
  writeFailed(error: Error, now: number): void {
    this.#lifecycle.writeFailed(this.#sending.pieceError ?? error, now);
  }

  /**
   * Queues a message. Its bytes are copied at once.
   *
   * @throws {ConnectionError} `connection-closed` if it can no longer be sent.
   * @throws {ProtocolError} `unfinished-message` while a streamed message is under way.
   */
  message(data: string | Uint8Array): void {
    if (!this.canSend) throw this.#refusal("a message");
    this.#sending.sender.message(data);
  }

  /**
   * Queues a binary message, without copying it if it is large. The bytes must not change until `done`.
   *
   * @param done Called once the bytes are no longer needed, with whether they were written; possibly before `lend`
   * returns.
   * @throws As {@link Endpoint.message}.
   */
  lend(data: Uint8Array, done: (written: boolean) => void): void {
    if (!this.canSend) throw this.#refusal("a message");
    this.#sending.sender.lend(data, done);
  }

  /**
   * Queues a fragment of a message of unknown length (RFC 6455, section 5.4). Its bytes are copied at once.
   *
   * @throws {ConnectionError} `connection-closed` if it can no longer be sent.
   * @throws {ProtocolError} `unfinished-message`, `unexpected-continuation` for a fragment out of order.
   */
  fragment(
    type: "text" | "binary",
    payload: Uint8Array,
    first: boolean,
    last: boolean,
  ): void {
    if (this.state !== "open") throw this.#refusal("a fragment");
    this.#sending.sender.fragment(type, payload, first, last);
  }

  /**
   * Queues a ping, ahead of messages that wait.
   *
   * @throws {ConnectionError} `connection-closed` if the connection is not open.
   * @throws {ProtocolError} `control-too-long` for more than 125 bytes.
   */
  ping(payload: Uint8Array): void {
    if (this.state !== "open") throw this.#refusal("a ping");
    this.#sending.sender.ping(payload);
  }

  /**
   * Begins or answers the closing handshake after everything that is queued (RFC 6455, section 7.1.2).
   *
   * @param code The close code; none for a close frame without one.
   * @param timeout The maximum time of the handshake in milliseconds; 0 for no limit. If the handshake has begun
   * already, the shorter time counts.
   */
  close(
    code: number | undefined,
    reason: string,
    timeout: number,
    now: number,
  ): void {
    this.#lifecycle.close(code, reason, timeout, now);
  }

  /**
   * Ends the connection because of a fault. The peer gets a close frame, if that is still possible.
   *
   * @param code The code of the close frame.
   */
  fail(error: Error, code: number, now: number): void {
    this.#lifecycle.fail(error, code, now);
  }

  /** Ends the connection at once. What is queued is lost. */
  terminate(error?: Error): void {
    this.#lifecycle.terminate(error);
  }

  /** Reports that the receivers of all messages have had time to answer. */
  answersDone(now: number): void {
    this.#lifecycle.answersDone(now);
  }

  /** Reports that the time of {@link Endpoint.deadline} has come. Has no effect before. */
  deadlineReached(now: number): void {
    this.#lifecycle.deadlineReached(now);
  }

  /**
   * Returns the next piece to write, `undefined` if there is none or one is being written. It stays as it is until
   * {@link Endpoint.written}. It has at most 256 KiB, so that the progress of a slow peer is visible.
   */
  take(): Uint8Array | undefined {
    try {
      return this.#sending.take();
    } catch (thrown) {
      // A frame that was begun cannot be completed, so nothing can be sent after it.
      this.#lifecycle.terminate(toError(thrown));
    }
  }

  /** Reports that the piece taken last was written. */
  written(now: number): void {
    if (this.state === "ended") return;
    const error = this.#sending.pieceError;
    if (error !== undefined) return this.#lifecycle.terminate(error);
    this.#sending.written(now);
    this.#lifecycle.written(now);
  }

  #refusal(what: string): ConnectionError {
    return new ConnectionError(
      "connection-closed",
      `Cannot send ${what}: the connection is in state "${this.state}". ${
        this.state === "peer-closing"
          ? "After the peer's close frame only whole messages can be sent."
          : "Messages can be sent until either side closes."
      }`,
    );
  }
}
