import { ConnectionError, toError } from "../base/errors.ts";
import { CLOSE_ABNORMAL, CLOSE_INTERNAL_ERROR } from "./wire/close.ts";
import { CloseDeadline } from "./close_deadline.ts";
import { checkMove, type EndpointState } from "./endpoint_state.ts";
import type { EndpointEnd, Fault } from "./endpoint_types.ts";
import { ProtocolError } from "./wire/errors.ts";
import type { ReceivingSide } from "./receiving_side.ts";
import type { SendingSide } from "./sending_side.ts";

/** The maximum wait for the end of the stream after our last frame, in milliseconds. */
const LINGER = 1_000;
/** Milliseconds without a byte after which nothing more is expected of a stream that cannot be written any more. */
const IDLE_AFTER_WRITE_ERROR = 250;
/** The same while the handler takes no messages. Limited, since a new connection may wait for the end of this one. */
const HELD_AFTER_WRITE_ERROR = 1_000;
/** Pings and pongs in one piece of input beyond which they count as a flood. */
const MAX_CONTROLS = 16;
/** Milliseconds between two parts of a flood of messages, in which other connections are served. */
const MESSAGES_PAUSE = 1;
/**
 * The number of pings and pongs of a flood that are taken per millisecond. They cost a few percent of the processor.
 */
const CONTROLS_PER_MS = 64;

/** The state of an {@link Endpoint}, and everything that changes it. `endpoint_state.ts` has the table. */
export class Lifecycle {
  readonly #isServer: boolean;
  readonly #sending: SendingSide;
  readonly #receiving: ReceivingSide;
  /** Created when it is needed first: most connections are open, and there may be many. */
  #closing: CloseDeadline | undefined;

  #state: EndpointState = "open";
  #initiator: "local" | "peer" | undefined;
  /** A violation by the peer, or a fault of our own. */
  #error: Error | undefined;
  /** How the stream broke. Ignored once the peer has closed, since it may leave then. */
  #streamError: Error | undefined;
  /** The peer has ended the stream. Bytes that came before may still have to be parsed, and others to be written. */
  #peerEnded = false;
  #idleUntil: number | undefined;
  #floodUntil: number | undefined;
  #end: EndpointEnd | undefined;

  /** The maximum time of a closing handshake that the peer begins, in milliseconds; 0 for no limit. */
  closeTimeout: number;

  /** Creates the lifecycle of a connection that is open. */
  constructor(
    sending: SendingSide,
    receiving: ReceivingSide,
    isServer: boolean,
    closeTimeout: number,
  ) {
    this.#sending = sending;
    this.#receiving = receiving;
    this.#isServer = isServer;
    this.closeTimeout = closeTimeout;
  }

  #closeDeadline(): CloseDeadline {
    return this.#closing ??= new CloseDeadline();
  }

  /** The state of the connection. */
  get state(): EndpointState {
    return this.#state;
  }

  /** Whether the rest of a flood has to wait. */
  get flooded(): boolean {
    return this.#floodUntil !== undefined;
  }

  /** When {@link Lifecycle.deadlineReached} has to be called; `undefined` for never. */
  get deadline(): number | undefined {
    return earliest(
      earliest(this.#closing?.due, this.#idleUntil),
      this.#floodUntil,
    );
  }

  /** Whether {@link Lifecycle.answersDone} has to be called. */
  get awaitsAnswers(): boolean {
    return this.#state === "peer-closing" || this.#fault() !== undefined;
  }

  /** Whether our side of the stream has to be ended now. */
  get endsOurSide(): boolean {
    return this.#sending.closeWritten && (this.#state === "failing" ||
      this.#state === "finishing" && this.#isServer);
  }

  /** How the connection ended, once it has. */
  get end(): EndpointEnd | undefined {
    return this.#end;
  }

  /** Reacts to the bytes that were parsed last. */
  afterInput(now: number): void {
    const receiving = this.#receiving;
    if (this.#state === "ended") return;
    if (this.#fault() !== undefined) {
      receiving.ignore();
      if (!receiving.delivered) this.#faulted(now);
      return;
    }
    if (receiving.closeFrame !== undefined) this.#peerClosed(now);
    else if (this.#state === "open" || this.#state === "draining") {
      this.#pace(now);
    }
    if (this.#peerEnded && !receiving.waiting) this.#streamOver();
    if (this.#sending.broken) this.#expectBytes(now);
  }

  /** Sets the time at which the rest of a flood may be parsed. */
  #pace(now: number): void {
    const receiving = this.#receiving;
    if (receiving.controls > MAX_CONTROLS) {
      this.#floodUntil = now + receiving.controls / CONTROLS_PER_MS;
      receiving.controls = 0;
    } else if (receiving.paced && this.#floodUntil === undefined) {
      this.#floodUntil = now + MESSAGES_PAUSE;
    }
  }

  /** The peer has ended its side of the stream. */
  streamEnded(now: number): void {
    this.#peerEnded = true;
    this.afterInput(now);
  }

  /** The stream cannot be used any more. */
  streamFailed(error: Error, now: number): void {
    this.#streamError ??= error;
    // What came before the failure is delivered first, as before an end of the stream.
    this.#peerEnded = true;
    if (this.#receiving.waiting) this.writeFailed(error, now);
    else this.#finish();
  }

  /** The stream cannot be written any more. */
  writeFailed(error: Error, now: number): void {
    if (this.#state === "ended" || this.#sending.broken) return;
    this.#streamError ??= error;
    this.#sending.break();
    if (this.#state === "open") {
      this.#move("draining");
      this.#closeDeadline().limit(now, this.closeTimeout);
    } else if (this.#state !== "closing") return this.#finish();
    this.#expectBytes(now);
  }

  /** A piece of output was written. */
  written(now: number): void {
    if (this.#state === "open") return;
    this.#closeDeadline().progress(now);
    if (this.#sending.closeWritten && this.#state !== "closing") {
      this.#awaitEnd(now);
    }
  }

  /** The user closes. */
  close(
    code: number | undefined,
    reason: string,
    timeout: number,
    now: number,
  ): void {
    if (this.#state === "ended") return;
    this.#closeDeadline().limit(now, timeout);
    if (this.#state === "peer-closing") return this.#answerClose(code, reason);
    if (this.#state !== "open" && this.#state !== "draining") return;
    if (this.#fault() !== undefined) return this.#faulted(now);
    this.#initiator ??= "local";
    this.#move("closing");
    if (!this.#sending.broken) this.#sending.close(code, reason);
    this.#receiving.drain();
    this.afterInput(now);
  }

  /** The connection cannot continue, because of a violation by the peer or a local error. */
  fail(error: Error, code: number, now: number): void {
    if (this.#state === "ended" || this.#state === "failing") return;
    this.#error ??= error;
    this.#initiator ??= "local";
    if (this.#state === "peer-closing") {
      this.#answerClose(code, error.message);
    } else if (this.#state === "open") {
      this.#move("failing");
      this.#closeDeadline().limit(now, LINGER);
      this.#receiving.ignore();
      this.#sending.close(code, error.message);
    } else if (this.#state !== "finishing") this.#finish();
  }

  /** The user terminates, or a frame that was begun cannot be completed. */
  terminate(error?: Error): void {
    this.#initiator ??= "local";
    this.#error ??= error;
    this.#finish();
  }

  /** The receivers of all messages have had time to answer. */
  answersDone(now: number): void {
    if (this.#state === "peer-closing") {
      const { closeFrame } = this.#receiving;
      this.#answerClose(closeFrame?.code, closeFrame?.reason ?? "");
    } else if (this.#fault() !== undefined) this.#faulted(now);
  }

  /** The time of {@link Lifecycle.deadline} has come. */
  deadlineReached(now: number): void {
    if (hasCome(this.#floodUntil, now)) {
      this.#floodUntil = undefined;
      this.#receiving.goOn();
      this.afterInput(now);
    }
    if (hasCome(this.#idleUntil, now)) this.#stopReading();
    else if (hasCome(this.#closing?.due, now)) this.#closeTimedOut(now);
  }

  /** A fault that a side has found and that the state does not show yet. */
  #fault(): Fault | undefined {
    const state = this.#state;
    return state === "ended" || state === "failing" || state === "finishing"
      ? undefined
      : this.#receiving.fault ?? this.#sending.fault;
  }

  #faulted(now: number): void {
    const error = toError(this.#fault()?.thrown);
    const isProtocol = error instanceof ProtocolError;
    this.#receiving.fault = this.#sending.fault = undefined;
    this.fail(error, isProtocol ? error.closeCode : CLOSE_INTERNAL_ERROR, now);
  }

  #peerClosed(now: number): void {
    const state = this.#state;
    if (state !== "open" && state !== "closing" && state !== "draining") return;
    this.#initiator ??= "peer";
    if (this.#sending.broken) return this.#finish();
    this.#receiving.ignore();
    this.#closeDeadline().limit(now, this.closeTimeout);
    if (state === "open") return this.#move("peer-closing");
    this.#move("finishing");
    if (this.#sending.closeWritten) this.#awaitEnd(now);
  }

  /**
   * Nothing more comes from the peer. What is queued still goes out if the peer has closed, or if it gets a close frame
   * because of a fault.
   */
  #streamOver(): void {
    const known = this.#state === "peer-closing" ||
      this.#state === "finishing" || this.#state === "failing";
    if (!known || this.#sending.closeWritten) this.#finish();
  }

  /** Waits for the peer's end of the stream, so that the system does not discard our last bytes. */
  #awaitEnd(now: number): void {
    if (this.#peerEnded) this.#finish();
    else this.#closeDeadline().limit(now, LINGER);
  }

  #closeTimedOut(now: number): void {
    const { closeWritten } = this.#sending;
    const state = this.#state;
    if (state === "peer-closing") {
      this.#closeDeadline().restart(now, LINGER);
      return this.answersDone(now);
    }
    if (state === "draining") return this.#stopReading();
    const patient = state === "closing" ||
      state === "finishing" && !closeWritten;
    if (patient && this.#closeDeadline().extend(now)) return;
    if (patient) {
      this.#error ??= new ConnectionError(
        "close-timeout",
        `Cannot complete the closing handshake: the peer did not ${
          closeWritten ? "answer" : "take"
        } our close frame within closeTimeout (${this.#closeDeadline().timeout} ms).`,
      );
    }
    this.#finish();
  }

  /** Drops and counts the messages that wait. The peer's close frame may be among the bytes. */
  #stopReading(): void {
    this.#receiving.drain();
    this.#finish();
  }

  /** Limits the time for which reading continues after a write error. */
  #expectBytes(now: number): void {
    if (this.#state === "ended") return;
    this.#idleUntil = now +
      (this.#receiving.ready ? IDLE_AFTER_WRITE_ERROR : HELD_AFTER_WRITE_ERROR);
  }

  #answerClose(code: number | undefined, reason: string): void {
    this.#move("finishing");
    this.#sending.close(code, reason);
  }

  /**
   * The one place where the state changes. Called before a close frame is queued, since the watcher of frames may send,
   * or end the connection.
   */
  #move(to: EndpointState): void {
    checkMove(this.#state, to);
    this.#state = to;
    // Otherwise bytes are drained or ignored from now on.
    if (to !== "draining") this.#floodUntil = undefined;
  }

  #finish(): void {
    if (this.#state === "ended") return;
    this.#move("ended");
    const { closeFrame: received, dropped } = this.#receiving;
    const { closeFrame: sent } = this.#sending;
    const clean = received !== undefined && sent !== undefined;
    const streamError = received === undefined ? this.#streamError : undefined;
    this.#end = {
      code: received?.code ?? CLOSE_ABNORMAL,
      reason: received?.reason ?? "",
      clean,
      initiator: this.#initiator ?? "peer",
      received,
      sent,
      // What happens after a complete handshake is no error.
      error: clean ? undefined : this.#error ?? streamError,
      dropped,
    };
    this.#closing = this.#idleUntil = undefined;
    this.#receiving.ignore();
    this.#sending.break();
  }
}

/** The earlier of two times, each of which may be never. */
function earliest(a: number | undefined, b: number | undefined) {
  return a === undefined || b === undefined ? a ?? b : Math.min(a, b);
}

function hasCome(time: number | undefined, now: number): boolean {
  return time !== undefined && now >= time;
}
