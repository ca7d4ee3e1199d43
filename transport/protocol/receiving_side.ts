import type {
  Activity,
  CloseFrame,
  EndpointHandler,
  Fault,
} from "./endpoint_types.ts";
import type { FrameHeader } from "./wire/frame.ts";
import {
  bufferDetached,
  Receiver,
  type ReceiverHandler,
  type ReceiverOptions,
} from "./receive/receiver.ts";
import type { Sender } from "./send/sender.ts";
import type { SendingSide } from "./sending_side.ts";

/**
 * The maximum number of pings and pongs that are taken at a time. The rest of a larger flood waits, so that other work
 * is done.
 */
const MAX_CONTROLS = 128;
/**
 * The maximum number of messages that are taken at a time. 64 KiB can contain 10,000 empty messages, which keep the
 * process busy for 4 ms: a few connections with such floods would make all others wait.
 */
const MAX_MESSAGES = 2_048;

/** Stands for bytes whose buffer was detached. */
const LOST = new Uint8Array(0);

type ReceivedActivity = {
  -readonly [K in "receivedAt" | "receivedBytes"]: Activity[K];
};

/**
 * The receiving side of an {@link Endpoint}: hands messages to the handler as long as it takes them, keeps the bytes
 * after the message at which the handler stopped, and answers pings.
 */
export class ReceivingSide implements ReceiverHandler {
  frame?: (header: FrameHeader) => void;
  /** Whether bytes that are not borrowed stay valid. */
  readonly #keepsInput: boolean;
  readonly #handler: EndpointHandler;
  readonly #sender: Sender;
  readonly #activity: ReceivedActivity;
  readonly #receiver: Receiver;
  /**
   * What happens to messages. `deliver` hands them over, and stops when the handler returns `false`. `drain` never
   * stops: once the handler has returned `false`, it drops all further messages. `ignore` ignores all bytes.
   */
  #mode: "deliver" | "drain" | "ignore" = "deliver";
  /** The handler takes no messages at present. */
  #held = false;
  #parsing = false;
  /** The rest of a flood waits. */
  #paced = false;
  /** Messages that were taken since bytes arrived, or since the last part of a flood. */
  #messages = 0;
  /** Bytes that were received and not parsed yet. */
  #rest: Uint8Array | undefined;

  /** The peer's close frame. */
  closeFrame: CloseFrame | undefined;
  /** What ended parsing: a violation, or what a handler threw. */
  fault: Fault | undefined;
  /** Whether the bytes that were parsed last had a message in them. */
  delivered = false;
  /** How many pings and pongs were in the bytes that were parsed last. */
  controls = 0;
  /** Messages that were dropped. */
  dropped = 0;

  /** Creates the receiving side of a connection whose opening handshake is done. */
  constructor(
    handler: EndpointHandler,
    sending: SendingSide,
    options: ReceiverOptions,
    activity: ReceivedActivity,
  ) {
    this.#handler = handler;
    this.#sender = sending.sender;
    this.#activity = activity;
    this.#keepsInput = options.binary === "view";
    this.#receiver = new Receiver(this, options);
  }

  /** Whether more bytes are wanted now. */
  get ready(): boolean {
    return this.#mode !== "deliver" ||
      !this.#held && !this.#paced && this.#rest === undefined;
  }

  /** Whether bytes wait to be parsed. */
  get waiting(): boolean {
    return this.#rest !== undefined;
  }

  /** Whether the rest of a flood waits until {@link ReceivingSide.goOn}. */
  get paced(): boolean {
    return this.#paced;
  }

  /** Parses bytes that have arrived. */
  receive(bytes: Uint8Array, now: number, borrowed: boolean): void {
    this.#begin(bytes.length, now);
    if (this.ready) {
      this.#parse(bytes, borrowed);
      if (borrowed || !this.#keepsInput) this.#rest = this.#rest?.slice();
    } else {
      // The stream did not stop reading in time.
      const rest = this.#rest;
      // A rest whose buffer was detached stays lost: it is a fault as soon as it is looked at.
      if (rest === undefined) this.#rest = bytes.slice();
      else if (rest.length > 0) this.#rest = join(rest, bytes);
    }
  }

  /** Returns where the next bytes may be read to, see {@link Receiver.target}. */
  target(): Uint8Array | undefined {
    if (this.#mode === "ignore" || !this.ready) return undefined;
    try {
      return this.#receiver.target();
    } catch (thrown) {
      this.fault = { thrown };
    }
  }

  /** Whether bursts of reads should be divided, see {@link Receiver.dividesBursts}. */
  get dividesBursts(): boolean {
    return this.#receiver.dividesBursts;
  }

  /** Reports that `count` bytes were read to the target. */
  filled(count: number, now: number): void {
    this.#begin(count, now);
    if (this.#mode === "ignore") return;
    try {
      this.#receiver.filled(count);
    } catch (thrown) {
      this.fault = { thrown };
    }
  }

  /** Hands messages over again. */
  resume(): void {
    this.#held = false;
    this.#parseRest();
  }

  /** Continues after a part of a flood. */
  goOn(): void {
    this.#paced = false;
    this.#messages = 0;
    if (!this.#held) this.#parseRest();
  }

  /** Does not stop from now on: once the handler has returned `false`, all further messages are dropped. */
  drain(): void {
    if (this.#mode === "deliver") this.#mode = "drain";
    this.#paced = false;
    this.#parseRest();
  }

  /** From now on ignores all bytes. */
  ignore(): void {
    this.#mode = "ignore";
    this.#rest = undefined;
    if (!this.#parsing) this.#receiver.release();
  }

  message(data: string | Uint8Array, size: number): boolean {
    if (this.#mode === "ignore") return false;
    // Once a message was dropped, all later ones are dropped, so that there is no gap.
    if (this.#mode === "drain" && (this.#held || this.dropped > 0)) {
      this.dropped++;
      return true;
    }
    this.delivered = true;
    // Set before the call, in which the handler may resume, close or terminate.
    this.#held = true;
    if (this.#handler.message(data, size)) this.#held = false;
    if (this.#mode !== "deliver") return this.#mode === "drain";
    if (++this.#messages >= MAX_MESSAGES) this.#paced = true;
    return !this.#held && !this.#paced;
  }

  ping(payload: Uint8Array): boolean {
    if (this.#mode === "deliver") this.#sender.pong(payload);
    // The watcher of frames may have ended the connection.
    if (this.#mode === "deliver") this.#handler.ping?.(payload.slice());
    return this.#countControl();
  }

  pong(payload: Uint8Array): boolean {
    if (this.#mode === "deliver") this.#handler.pong(payload.slice());
    return this.#countControl();
  }

  close(code: number, reason: string): void {
    this.closeFrame = { code, reason };
  }

  #ignores(): boolean {
    return this.#mode === "ignore";
  }

  #begin(count: number, now: number): void {
    this.#activity.receivedAt = now;
    this.#activity.receivedBytes += count;
    if (this.#ignores()) return;
    this.delivered = false;
    this.controls = 0;
    this.#messages = 0;
  }

  /** @returns `false` to stop. */
  #countControl(): boolean {
    this.controls++;
    if (this.controls >= MAX_CONTROLS && this.#mode === "deliver") {
      this.#paced = true;
    }
    return !this.#paced && !this.#ignores();
  }

  #parseRest(): void {
    const rest = this.#rest;
    if (rest === undefined || this.#parsing || this.#paced) return;
    this.#rest = undefined;
    this.controls = 0;
    if (rest.length > 0) this.#parse(rest, false);
    else {
      this.fault = { thrown: bufferDetached() };
    }
    // The messages that were handed over are being answered just now.
    this.delivered = true;
  }

  #parse(bytes: Uint8Array, borrowed: boolean): void {
    if (this.#ignores()) return;
    const { length } = bytes;
    let count = length;
    this.#parsing = true;
    try {
      count = this.#receiver.push(bytes, borrowed);
    } catch (thrown) {
      this.fault = { thrown };
    }
    this.#parsing = false;
    if (this.#ignores()) this.#receiver.release();
    else if (count < length && this.#receiver.state === "open") {
      // Empty if the handler has detached the buffer.
      this.#rest = bytes.length === 0 ? LOST : bytes.subarray(count);
    }
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
