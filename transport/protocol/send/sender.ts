/**
 * The sending direction: messages and control frames in, pieces of bytes to write out.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { ConnectionError } from "../../base/errors.ts";
import { plainBytes } from "../../base/message.ts";
import { LARGE_BUFFER } from "./buffer_pool.ts";
import { encodeCloseBody } from "../wire/close.ts";
import type { Deflater } from "../wire/compression.ts";
import { ProtocolError } from "../wire/errors.ts";
import {
  type FrameHeader,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_TEXT,
  type Role,
} from "../wire/frame.ts";
import { FIN, FrameWriter, MAX_SHORT_TEXT, RSV1 } from "./frame_writer.ts";
import {
  FragmentedMessage,
  isLendable,
  MaskedMessage,
  MAX_FRAGMENT,
  PlainMessage,
} from "./borrowed_message.ts";
import { randomMaskKey, rotateKey } from "../wire/mask.ts";
import { SendQueue } from "./send_queue.ts";

/** Options of a {@link Sender}. */
export interface SenderOptions {
  /** Our role: a client masks its frames, a server does not. */
  readonly role: Role;
  /**
   * Compresses messages, if permessage-deflate was negotiated.
   *
   * @default {nothing is compressed}
   */
  readonly deflater?: Deflater | undefined;
  /**
   * The maximum payload of a data frame in bytes; longer messages go out in fragments.
   *
   * @default {0, no limit}
   */
  readonly fragmentSize?: number | undefined;
  /**
   * Returns masking keys as 32-bit integers, with the first byte on the wire lowest.
   *
   * @default {crypto.getRandomValues}
   */
  readonly maskKey?: (() => number) | undefined;
  /**
   * Watches the header of every frame, once its message or fragment is queued. It may send.
   *
   * @default {none}
   */
  readonly onFrame?: ((header: FrameHeader) => void) | undefined;
}

const encoder = new TextEncoder();

/**
 * Encodes the messages and control frames of one connection: the sending half of RFC 6455, without I/O.
 *
 * Data frames and the close frame keep the order of the calls. Pings and pongs go out before data that waits, at the
 * next end of a frame. If many pongs wait, only the newest is kept (RFC 6455, section 5.5.3). After `close` everything
 * is ignored.
 *
 * `take` and `release` give what has to be written, piece by piece. Small frames are encoded into buffers that all
 * senders share, and that are held only while they are used.
 *
 * @example
 * ```ts
 * import { Sender } from "@honeybee/honeybee/protocol";
 *
 * const sender = new Sender({ role: "server" });
 * sender.message("Hello");
 * for (let piece = sender.take(); piece; piece = sender.take()) {
 *   console.log(piece); // 81 05 48 65 6c 6c 6f
 *   sender.release();
 * }
 * ```
 */
export class Sender {
  readonly #masked: boolean;
  readonly #deflater: Deflater | undefined;
  readonly #fragmentSize: number;
  /** Text up to this length goes out uncompressed and in one frame, whatever characters it has. */
  readonly #plainText: number;
  readonly #maskKey: () => number;

  readonly #queue = new SendQueue();
  readonly #writer: FrameWriter;
  #closed = false;

  /** Whether a streamed message is under way. */
  #streaming = false;
  /** The first byte of the streamed message's next frame, without FIN. */
  #streamFirst = OPCODE_CONTINUATION;

  /** Payload bytes of all messages and fragments that were queued, before compression. */
  payloadBytes = 0;

  /** Creates a sender for a connection whose opening handshake is done. */
  constructor(options: SenderOptions) {
    this.#masked = options.role === "client";
    this.#deflater = options.deflater;
    this.#fragmentSize = options.fragmentSize || Infinity;
    const threshold = options.deflater?.threshold ?? Infinity;
    this.#plainText = Math.min(
      MAX_SHORT_TEXT,
      this.#fragmentSize / 3,
      (threshold - 1) / 3,
    );
    this.#maskKey = options.maskKey ?? randomMaskKey;
    this.#writer = new FrameWriter(
      this.#queue,
      this.#masked,
      this.#maskKey,
      this.#fragmentSize,
      options.onFrame,
    );
  }

  /** Called with the header of every frame that is queued. */
  get onFrame(): ((header: FrameHeader) => void) | undefined {
    return this.#writer.onFrame;
  }

  /** Changes the function that gets the headers. */
  set onFrame(watcher: ((header: FrameHeader) => void) | undefined) {
    this.#writer.onFrame = watcher;
  }

  /** How many bytes wait to be taken. */
  get size(): number {
    return this.#queue.size;
  }

  /** How many bytes wait, or were taken and not released yet. */
  get bufferedAmount(): number {
    return this.#queue.buffered;
  }

  /** Whether the close frame was queued, or everything was dropped. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether a streamed message is under way, so that no other message may begin. */
  get streaming(): boolean {
    return this.#streaming;
  }

  /** Queues the response of the opening handshake, which goes out first. Called before anything else is queued. */
  handshakeResponse(response: Uint8Array): void {
    this.#queue.ahead(response);
  }

  /**
   * Queues a message. Its bytes are copied at once; lone surrogates in a string become U+FFFD.
   *
   * @throws {ProtocolError} `unfinished-message` while a streamed message is under way.
   */
  message(data: string | Uint8Array): void {
    if (!this.#mayBegin()) return;
    if (typeof data === "string") {
      this.#text(data);
    } else {
      this.payloadBytes += data.length;
      if (this.#isCompressed(data.length)) {
        this.#compress(OPCODE_BINARY, data);
      } else {
        this.#writer.frames(OPCODE_BINARY, data, true);
      }
    }
    this.#writer.report();
  }

  /**
   * Queues a large binary message without copying it: unmasked bytes are written from the caller's memory, masked ones
   * are masked piece by piece as they are taken. The bytes are not changed, and must not change before `done`. If they
   * are detached, `take` throws.
   *
   * Messages of less than 66,560 bytes, and those that are compressed, or in a resizable or shared buffer, are copied
   * at once. If `fragmentSize` is more than 65,535, the frames have 65,535 bytes.
   *
   * @param done Called once the bytes are no longer needed, with whether they were written; possibly before this
   * returns. It must not throw.
   * @throws {ProtocolError} `unfinished-message` while a streamed message is under way.
   */
  lend(bytes: Uint8Array, done: (written: boolean) => void): void {
    const data = plainBytes(bytes);
    const { length } = data;
    if (
      length < LARGE_BUFFER || this.#closed || this.#streaming ||
      this.#isCompressed(length) || !isLendable(data)
    ) {
      this.message(data);
      done(!this.#closed);
      return;
    }
    this.payloadBytes += length;
    const queue = this.#queue;
    const writer = this.#writer;
    if (length > this.#fragmentSize) {
      const borrowed = new FragmentedMessage(
        data,
        Math.min(this.#fragmentSize, MAX_FRAGMENT),
        this.#masked ? this.#maskKey : undefined,
        (first, size) => writer.show(first, size),
        done,
      );
      queue.append(borrowed, true);
      return;
    }
    // The header shares its buffer with what goes out before, and with the beginning of the payload: written alone, it
    // would cost a TCP segment of its own.
    const key = writer.header(FIN | OPCODE_BINARY, length);
    const space = (queue.buffer?.bytes.length ?? 0) - queue.length;
    writer.payload(data, 0, space, key);
    const borrowed = this.#masked
      ? new MaskedMessage(data, space, rotateKey(key, space), done)
      : new PlainMessage(data, space, done);
    queue.append(borrowed, false);
    writer.report();
  }

  /**
   * Queues one fragment of a streamed message (RFC 6455, section 5.4). Its bytes are copied at once.
   *
   * @param opcode Of the message; the same for all its fragments.
   * @param first Whether the message begins with it.
   * @param last Whether the message ends with it.
   * @throws {ProtocolError} `unfinished-message` for a first fragment inside a message, `unexpected-continuation` for a
   * later one outside.
   */
  fragment(
    opcode: "text" | "binary",
    payload: Uint8Array,
    first: boolean,
    last: boolean,
  ): void {
    if (this.#closed) return;
    const deflater = this.#deflater;
    if (first) {
      this.#mayBegin();
      this.#streaming = true;
      this.#streamFirst = (opcode === "text" ? OPCODE_TEXT : OPCODE_BINARY) |
        (deflater === undefined ? 0 : RSV1);
    } else if (!this.#streaming) {
      throw new ProtocolError(
        "unexpected-continuation",
        "Cannot send a fragment: no message is under way. The first fragment of a message must have first: true.",
      );
    }
    this.payloadBytes += payload.length;
    const data = deflater === undefined
      ? payload
      : deflater.deflate(payload, last);
    // A compressor may keep a piece for later: then there is nothing to send yet.
    if (data.length > 0 || last || deflater === undefined) {
      this.#writer.frames(this.#streamFirst, data, last);
      this.#streamFirst = OPCODE_CONTINUATION;
    }
    if (last) this.#streaming = false;
    this.#writer.report();
  }

  /**
   * Queues a ping (RFC 6455, section 5.5.2), ahead of data that waits.
   *
   * @throws {ProtocolError} `control-too-long` for more than 125 bytes.
   */
  ping(payload: Uint8Array): void {
    if (this.#closed) return;
    this.#writer.ping(payload);
    this.#writer.report();
  }

  /**
   * Queues a pong (RFC 6455, section 5.5.3), ahead of data that waits. If 16 pongs wait already, it replaces them all,
   * so that only the newest ping of a flood is answered.
   *
   * @throws {ProtocolError} `control-too-long` for more than 125 bytes.
   */
  pong(payload: Uint8Array): void {
    if (this.#closed) return;
    this.#writer.pong(payload);
    this.#writer.report();
  }

  /**
   * Queues a close frame (RFC 6455, section 5.5.1) after everything else. Everything that follows is ignored.
   *
   * @param code The close code; the body is empty without one, or with 1005.
   * @param reason At most 123 bytes of UTF-8; the rest is cut off.
   */
  close(code?: number, reason?: string): void {
    if (this.#closed) return;
    this.#queue.settleControls();
    this.#writer.frame(FIN | OPCODE_CLOSE, encodeCloseBody(code, reason));
    this.#closed = true;
    this.#writer.report();
  }

  /**
   * Returns the next piece to write, `undefined` if there is none. It stays as it is until `release`.
   *
   * @throws {ConnectionError} `buffer-changed` if the buffer of a borrowed message was detached. No more can be sent
   * then.
   */
  take(): Uint8Array | undefined {
    const piece = this.#queue.take();
    this.#writer.report();
    return piece;
  }

  /**
   * A `buffer-changed` error if the buffer of a borrowed message was detached since the piece was taken: then anything
   * may have been written in its place, and no more can be sent.
   */
  get pieceError(): ConnectionError | undefined {
    return this.#queue.pieceError;
  }

  /** Reports that the piece taken last was written. */
  release(): void {
    this.#queue.release();
  }

  /** Drops everything, since nothing can be written any more. Everything that follows is ignored. */
  clear(): void {
    this.#closed = true;
    this.#streaming = false;
    this.#queue.clear();
  }

  #mayBegin(): boolean {
    if (this.#streaming && !this.#closed) {
      throw new ProtocolError(
        "unfinished-message",
        "Cannot send a message: a streamed message is under way. Send its last fragment first.",
      );
    }
    return !this.#closed;
  }

  #isCompressed(size: number): boolean {
    return this.#deflater !== undefined && size >= this.#deflater.threshold;
  }

  #compress(opcode: number, data: Uint8Array): void {
    const compressed = this.#deflater?.deflate(data, true) ?? data;
    this.#writer.frames(RSV1 | opcode, compressed, true);
  }

  #text(text: string): void {
    const { length } = text;
    if (length <= this.#plainText) {
      this.payloadBytes += this.#writer.shortText(text);
      return;
    }
    const size = Buffer.byteLength(text);
    const whole = size <= this.#fragmentSize && !this.#isCompressed(size);
    if (whole && length <= MAX_SHORT_TEXT) {
      this.payloadBytes += this.#writer.shortText(text);
      return;
    }
    this.payloadBytes += size;
    if (this.#isCompressed(size)) {
      this.#compress(OPCODE_TEXT, encoder.encode(text));
    } else if (whole) {
      this.#writer.longText(text, size);
    } else {
      this.#writer.frames(OPCODE_TEXT, encoder.encode(text), true);
    }
  }
}
