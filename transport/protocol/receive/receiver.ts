/**
 * The receiving direction: bytes in, messages and control frames out, within limits.
 *
 * @module
 */

import { ConnectionError } from "../../base/errors.ts";
import { decodeCloseBody } from "../wire/close.ts";
import type { Inflater } from "../wire/compression.ts";
import { ProtocolError } from "../wire/errors.ts";
import {
  type FrameHeader,
  headerSizeOf,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_PING,
  OPCODE_TEXT,
  readKey,
  type Role,
} from "../wire/frame.ts";
import { FrameReader } from "./frame_reader.ts";
import { Limits, type ReceiverLimits } from "./limits.ts";
import { mask } from "../wire/mask.ts";
import { MessageInflater } from "./message_inflater.ts";
import { MessageReader } from "./message_reader.ts";
import { type BinaryMode, ReceiveWindow } from "./receive_window.ts";

export type { BinaryMode, ReceiverLimits };

/** Receives what a {@link Receiver} finds in its bytes. The methods must not throw. */
export interface ReceiverHandler {
  /**
   * Receives a complete message.
   *
   * @param size The size of its payload in bytes, inflated; of a text, that of its UTF-8.
   * @returns `false` to stop: `push` returns early, and continues when it is called again with the bytes that it did
   * not take.
   */
  message(data: string | Uint8Array, size: number): boolean;
  /**
   * Receives the payload of a ping (RFC 6455, section 5.5.2). It is valid during the call: copy what you keep.
   *
   * @returns `false` to stop, as {@link ReceiverHandler.message}.
   */
  ping(payload: Uint8Array): boolean | void;
  /**
   * Receives the payload of a pong (RFC 6455, section 5.5.3). It is valid during the call: copy what you keep.
   *
   * @returns `false` to stop, as {@link ReceiverHandler.message}.
   */
  pong(payload: Uint8Array): boolean | void;
  /**
   * Receives a close frame (RFC 6455, section 5.5.1); 1005 and "" if its body was empty. Whatever follows is ignored.
   */
  close(code: number, reason: string): void;
  /** Receives every frame header, after it was checked. */
  frame?(header: FrameHeader): void;
}

/** Options of a {@link Receiver}. */
export interface ReceiverOptions extends ReceiverLimits {
  /** Our role: a server takes only masked frames, a client only unmasked ones. */
  readonly role: Role;
  /** How binary messages are handed over. */
  readonly binary: BinaryMode;
  /**
   * Inflates compressed messages, if permessage-deflate was negotiated.
   *
   * @default {compressed frames are violations}
   */
  readonly inflater?: Inflater | undefined;
}

/** `open` takes bytes, `closed` has seen a close frame, `failed` has found a violation. */
export type ReceiverState = "open" | "closed" | "failed";

/** The first byte of a frame that is a whole, uncompressed message. */
const WHOLE_TEXT = 0x80 | OPCODE_TEXT;
const WHOLE_BINARY = 0x80 | OPCODE_BINARY;

/**
 * Parses the bytes of one connection into messages and control frames: the receiving half of RFC 6455, without I/O.
 *
 * It takes pieces of any size, and what it hands over does not depend on how the bytes are divided. One `push` hands
 * over everything that its bytes complete. A violation is found as soon as its bytes have arrived, text that is not
 * UTF-8 included. The memory of an unfinished message grows with what has arrived, not with what was announced.
 *
 * @example
 * ```ts
 * import { Receiver } from "@honeybee/honeybee/protocol";
 *
 * const receiver = new Receiver({
 *   message: (data) => (console.log(data), true), // "Hello"
 *   ping: () => {},
 *   pong: () => {},
 *   close: () => {},
 * }, {
 *   role: "client",
 *   maxMessageSize: 1_048_576,
 *   maxFrameSize: 0,
 *   maxFragments: 16_384,
 *   binary: "copy",
 * });
 * receiver.push(new Uint8Array([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]));
 * ```
 */
export class Receiver {
  readonly #handler: ReceiverHandler;
  readonly #masked: boolean;
  readonly #limits: Limits;
  readonly #window: ReceiveWindow;
  readonly #frame: FrameReader;
  readonly #message: MessageReader;

  #state: ReceiverState = "open";
  #failure: unknown;

  /** The next byte to read, as a position in the window. */
  #pos = 0;
  /** Bytes of the stream that were taken before the running push. */
  #taken = 0;
  #inFrame = false;
  /** The payload of a control frame, and how much of it is still to come. */
  #control: Uint8Array | undefined;
  #controlLeft = 0;

  /** Creates a receiver for a connection whose opening handshake is done. */
  constructor(handler: ReceiverHandler, options: ReceiverOptions) {
    this.#handler = handler;
    this.#masked = options.role === "server";
    this.#limits = new Limits(options);
    const inflating = options.inflater !== undefined;
    this.#window = new ReceiveWindow(this.#masked, options.binary);
    this.#frame = new FrameReader(this.#masked, inflating);
    this.#message = new MessageReader(
      this.#window,
      this.#limits,
      new MessageInflater(options.inflater, this.#limits),
      options.binary === "copy",
    );
  }

  /** Whether it takes bytes, has seen a close frame, or has found a violation. */
  get state(): ReceiverState {
    return this.#state;
  }

  /**
   * Takes bytes. They may be unmasked in place; what was not consumed is unchanged.
   *
   * @param borrowed Whether the memory of the bytes is used for something else after this has returned. It matters for
   * `binary: "view"`: messages are views of the bytes, and if they are borrowed, of a copy. Default: `false`.
   * @returns How many bytes were consumed: fewer than all only if the handler returned `false`, or if a close frame
   * came. Once closed, all bytes are consumed and ignored.
   * @throws {ProtocolError} At the first violation, and the same one ever after.
   */
  push(bytes: Uint8Array, borrowed = false): number {
    if (this.#state !== "open") {
      if (this.#state === "failed") throw this.#failure;
      return bytes.length;
    }
    const { length } = bytes;
    const start = this.#window.move(bytes, borrowed);
    this.#pos = start;
    this.#window.origin = this.#taken - start;
    try {
      this.#run(start + length);
    } catch (error) {
      this.#fail(error);
    }
    const consumed = this.#pos - start;
    this.#taken += consumed;
    return consumed;
  }

  /**
   * Returns memory for the next bytes of the stream, so that a large message is read straight into its own memory.
   * `undefined` unless 64 KiB of an uncompressed message have arrived and 64 KiB of the frame are still to come.
   *
   * It may be called repeatedly. `push` must not be called between it and `filled`.
   *
   * @throws {ProtocolError} `message-too-large` if there is no memory for the message.
   */
  target(): Uint8Array | undefined {
    if (!this.#inFrame || this.#state !== "open") return undefined;
    try {
      return this.#message.target();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whether what becomes of large reads is expensive while consumers wait: see {@link ReceiveWindow.dividesBursts}. */
  get dividesBursts(): boolean {
    return this.#window.dividesBursts;
  }

  /**
   * Reports that `length` bytes of the stream were read to the start of the target.
   *
   * @throws {ProtocolError} `invalid-utf8`.
   */
  filled(length: number): void {
    if (this.#state === "failed") throw this.#failure;
    this.#taken += length;
    this.#pos = 0;
    this.#window.origin = this.#taken;
    try {
      const done = this.#message.filled(length, this.#taken);
      this.#inFrame = this.#message.left > 0;
      if (done) this.#deliver();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Releases the memory that was pushed last, if its owner no longer needs it. */
  release(): void {
    this.#window.release();
  }

  #run(end: number): void {
    while (this.#pos < end) {
      let goOn = this.#readWhole(end);
      if (goOn === undefined) {
        if (!this.#inFrame && !this.#beginFrame(end)) return;
        goOn = this.#readPayload(end);
      }
      if (!goOn) return;
      if (this.#window.view.bytes.length === 0) this.#checkWindow(end);
    }
  }

  /**
   * Takes a frame at once if it is a whole message and has arrived completely, which is the usual case.
   *
   * @returns `undefined` for any other frame, and for one that breaks a rule.
   */
  #readWhole(end: number): boolean | undefined {
    if (this.#inFrame || this.#message.type !== 0 || this.#frame.begun) return;
    const { bytes } = this.#window.view;
    const pos = this.#pos;
    const first = bytes[pos] ?? 0;
    const second = bytes[pos + 1] ?? 0;
    const short = second & 0x7f;
    const start = pos + headerSizeOf(second);
    if (
      (first !== WHOLE_BINARY && first !== WHOLE_TEXT) || short === 127 ||
      second >= 0x80 !== this.#masked || start > end
    ) return;
    const length = short < 126
      ? short
      : (bytes[pos + 2] ?? 0) << 8 | (bytes[pos + 3] ?? 0);
    const stop = start + length;
    if (
      stop > end || length < short || length > this.#limits.message ||
      length > this.#limits.frame || this.#handler.frame !== undefined
    ) return;
    const key = this.#masked ? readKey(bytes, start - 4) : 0;
    this.#pos = stop;
    return this.#handler.message(
      first === WHOLE_TEXT
        ? this.#window.text(start, stop, key)
        : this.#window.binary(start, stop, key),
      length,
    );
  }

  /**
   * Reads a header.
   *
   * @returns Whether the header is complete.
   */
  #beginFrame(end: number): boolean {
    const frame = this.#frame;
    const window = this.#window;
    const at = frame.read(
      window.view.bytes,
      this.#pos,
      end,
      window.origin,
      this.#message.type,
    );
    this.#pos = at === -1 ? end : at;
    if (at === -1) return false;
    if (frame.isControl) this.#controlLeft = frame.length;
    else this.#message.begin(frame);
    this.#inFrame = true;
    if (this.#handler.frame !== undefined) {
      this.#handler.frame(frame.header());
      if (window.view.bytes.length === 0) this.#checkWindow(end);
    }
    return true;
  }

  /**
   * Takes the part of a payload that has arrived.
   *
   * @returns `false` to stop.
   */
  #readPayload(end: number): boolean {
    const start = this.#pos;
    if (this.#frame.isControl) {
      this.#pos = Math.min(start + this.#controlLeft, end);
      return this.#readControl(start, this.#pos);
    }
    const message = this.#message;
    this.#pos = Math.min(start + message.left, end);
    const done = message.read(start, this.#pos);
    this.#inFrame = message.left > 0;
    return !done || this.#deliver();
  }

  #deliver(): boolean {
    const { data, size } = this.#message;
    this.#message.data = "";
    return this.#handler.message(data, size);
  }

  #readControl(start: number, stop: number): boolean {
    const payload = this.#controlPayload(start, stop);
    if (payload === undefined) return true;
    this.#inFrame = false;
    const { opcode } = this.#frame;
    if (opcode === OPCODE_PING) return this.#handler.ping(payload) !== false;
    if (opcode !== OPCODE_CLOSE) return this.#handler.pong(payload) !== false;
    const { code, reason } = decodeCloseBody(
      payload,
      this.#window.origin + stop - payload.length,
    );
    this.#state = "closed";
    this.#message.clear();
    this.#handler.close(code, reason);
    return false;
  }

  /** Returns the payload of a control frame, once it is complete: without a copy if it has arrived in one piece. */
  #controlPayload(start: number, stop: number): Uint8Array | undefined {
    const { view } = this.#window;
    const { key } = this.#frame;
    const left = this.#controlLeft;
    this.#controlLeft -= stop - start;
    if (this.#control === undefined && this.#controlLeft === 0) {
      if (this.#masked) view.mask(start, stop, key);
      return view.bytes.subarray(start, stop);
    }
    const payload = this.#control ??= new Uint8Array(left);
    payload.set(view.bytes.subarray(start, stop), payload.length - left);
    if (this.#controlLeft > 0) return undefined;
    this.#control = undefined;
    if (this.#masked) mask(payload, key);
    return payload;
  }

  /** @throws {ConnectionError} `buffer-changed` if the handler has detached the buffer while there was more in it. */
  #checkWindow(end: number): void {
    if (this.#pos === end) return;
    throw bufferDetached();
  }

  #fail(error: unknown): never {
    this.#state = "failed";
    this.#message.clear();
    this.#failure = error instanceof ProtocolError && error.offset === undefined
      ? new ProtocolError(error.code, error.message, {
        closeCode: error.closeCode,
        offset: this.#window.origin + this.#pos,
        cause: error.cause,
      })
      : error;
    this.release();
    throw this.#failure;
  }
}

/** Returns the error for a buffer that a handler has detached while there was more in it. */
export function bufferDetached(): ConnectionError {
  return new ConnectionError(
    "buffer-changed",
    "Cannot receive the next message: it is in the same buffer as an earlier one, and that buffer was detached.",
  );
}
