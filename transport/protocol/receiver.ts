import { Assembly, DIRECT_SIZE } from "./assembly.ts";
import { decodeCloseBody } from "./close.ts";
import type { Inflater } from "./compression.ts";
import { ProtocolError } from "./errors.ts";
import {
  decodeLength,
  type FrameHeader,
  headerSizeOf,
  MAX_HEADER_SIZE,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_TEXT,
  readKey,
  type Role,
} from "./frame.ts";
import { type BinaryMode, Intake } from "./intake.ts";
import { mask, rotateKey } from "./mask.ts";
import { checkFrameStart } from "./rules.ts";
import { decodeUtf8, findInvalidUtf8 } from "./utf8.ts";

/** What a {@link Receiver} hands on. The methods must not throw. */
export interface ReceiverHandler {
  /**
   * A complete message.
   *
   * @param size The bytes of its payload, inflated; of a text, those of its UTF-8.
   * @returns `false` to stop: `push` returns early, and goes on when it is called again
   * with the bytes that it had not taken.
   */
  message(data: string | Uint8Array, size: number): boolean;
  /** A ping came (RFC 6455, section 5.5.2). The payload is the handler's to keep. */
  ping(payload: Uint8Array): void;
  /** A pong came (RFC 6455, section 5.5.3). The payload is the handler's to keep. */
  pong(payload: Uint8Array): void;
  /**
   * A close frame came (RFC 6455, section 5.5.1); 1005 and "" when its body was empty.
   * Whatever follows is ignored.
   */
  close(code: number, reason: string): void;
  /** Watches every frame header that comes in, after it was found to be in order. */
  frame?(header: FrameHeader): void;
}

export type { BinaryMode };

/** What a {@link Receiver} is to do. */
export interface ReceiverOptions {
  /** Our role: a server takes masked frames only, a client unmasked ones only. */
  readonly role: Role;
  /** The most bytes that a message may have, reassembled and inflated; 0 for no limit. */
  readonly maxMessageSize: number;
  /** The most bytes that a frame may have; 0 for no limit. */
  readonly maxFrameSize: number;
  /** The most frames that a message may have, empty ones included; 0 for no limit. */
  readonly maxFragments: number;
  /** How binary messages are handed on. */
  readonly binary: BinaryMode;
  /**
   * Inflates compressed messages, when permessage-deflate was negotiated.
   *
   * @default {undefined}
   */
  readonly inflater?: Inflater | undefined;
}

/** `open` takes bytes, `closed` has seen a close frame, `failed` has found a violation. */
export type ReceiverState = "open" | "closed" | "failed";

/** The first byte of a frame that is a whole, uncompressed message. */
const WHOLE_TEXT = 0x80 | OPCODE_TEXT;
const WHOLE_BINARY = 0x80 | OPCODE_BINARY;

/**
 * Takes the bytes of one connection and gives messages and control frames: the
 * receiving half of RFC 6455, without I/O.
 *
 * It may be fed in pieces of any size, and what it hands on is the same whatever the
 * pieces. One `push` hands on everything that its bytes completed. A violation is
 * found as soon as its bytes are there, text that is not UTF-8 included. What an
 * unfinished message holds grows with what has arrived, not with what was announced.
 *
 * @example
 * ```ts
 * import { Receiver } from "./receiver.ts";
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
 *   binary: "view",
 * });
 * receiver.push(new Uint8Array([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]));
 * ```
 */
export class Receiver {
  readonly #handler: ReceiverHandler;
  readonly #masked: boolean;
  readonly #maxMessage: number;
  readonly #maxFrame: number;
  readonly #maxFragments: number;
  readonly #binary: BinaryMode;
  readonly #intake: Intake;
  readonly #inflater: Inflater | undefined;

  #state: ReceiverState = "open";
  #failure: unknown;

  /** The next byte to read, as a position in the memory. */
  #pos = 0;
  /** What to add to a position in the memory to get one in the stream. */
  #origin = 0;
  /** How many bytes of the stream were taken before the running push. */
  #taken = 0;

  #head: Uint8Array | undefined;
  #headSize = 0;

  #inFrame = false;
  #frameStart = 0;
  #fin = false;
  #opcode = 0;
  #key = 0;
  #left = 0;
  #control: Uint8Array | undefined;

  /** The opcode of the message that is under way, 0 when none is. */
  #type = 0;
  #compressed = false;
  #fragments = 0;
  readonly #assembly = new Assembly();

  /** Where in the memory a handler said stop, -1 otherwise. */
  #stoppedAt = -1;

  /** Makes a receiver for a connection whose handshake is done. */
  constructor(handler: ReceiverHandler, options: ReceiverOptions) {
    this.#handler = handler;
    this.#masked = options.role === "server";
    this.#maxMessage = options.maxMessageSize || Infinity;
    this.#maxFrame = options.maxFrameSize || Infinity;
    this.#maxFragments = options.maxFragments || Infinity;
    this.#binary = options.binary;
    this.#inflater = options.inflater;
    this.#intake = new Intake(this.#masked, options.binary);
  }

  /** Whether it takes bytes, has seen a close frame, or has found a violation. */
  get state(): ReceiverState {
    return this.#state;
  }

  /**
   * Takes bytes.
   *
   * They may be unmasked in place, and are the receiver's until it returns; what
   * was not consumed is unchanged.
   *
   * @returns How many bytes were consumed: less than all only when the handler said
   * stop, or when a close frame came. Once closed it consumes and ignores everything.
   * @throws {ProtocolError} At the first violation, and the same one ever after.
   */
  push(bytes: Uint8Array): number {
    if (this.#state !== "open") {
      if (this.#state === "failed") throw this.#failure;
      return bytes.length;
    }
    const { buffer, byteOffset: start, length } = bytes;
    const intake = this.#intake;
    intake.adopt(buffer);
    if (this.#stoppedAt !== start) intake.endBlock();
    this.#stoppedAt = -1;
    this.#pos = start;
    this.#origin = this.#taken - start;
    try {
      this.#run(start + length);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#stoppedAt === -1 || this.#pos === start + length) {
      intake.endBlock();
    }
    const consumed = this.#pos - start;
    this.#taken += consumed;
    return consumed;
  }

  /**
   * Where the next bytes of the stream may be read straight to, so that a large message is
   * not copied. `undefined` unless 64 KiB of an uncompressed message have arrived and
   * 64 KiB of the frame are still to come.
   *
   * It may be called again and again; nothing else is pushed between it and `filled`.
   *
   * @throws {ProtocolError} `message-too-large` when there is no memory for the message.
   */
  target(): Uint8Array | undefined {
    if (
      !this.#inFrame || this.#left < DIRECT_SIZE || this.#compressed ||
      this.#assembly.size < DIRECT_SIZE || this.#state !== "open"
    ) return undefined;
    try {
      return this.#assembly.target(this.#left, this.#expected(0));
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Says that `length` bytes of the stream were read to the start of the target.
   *
   * @throws {ProtocolError} `invalid-utf8`.
   */
  filled(length: number): void {
    if (this.#state === "failed") throw this.#failure;
    try {
      this.#assembly.filled(length, this.#key);
      this.#key = rotateKey(this.#key, length);
      this.#left -= length;
      this.#taken += length;
      this.#pos = 0;
      this.#origin = this.#taken;
      this.#endPiece();
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Lets go of the memory that was pushed last, which it keeps views of. Worth a call when
   * the owner of that memory gives it up, as when a connection falls idle.
   */
  release(): void {
    this.#intake.release();
    this.#stoppedAt = -1;
  }

  #run(end: number): void {
    while (this.#pos < end) {
      let goOn = this.#readWhole(end);
      if (goOn === undefined) {
        if (!this.#inFrame && !this.#readHeader(end)) return;
        goOn = this.#readPayload(end);
      }
      if (goOn) continue;
      if (this.#state === "open") this.#stoppedAt = this.#pos;
      return;
    }
  }

  /**
   * Takes a frame that is a whole message and is all there, as nearly all are, at one go.
   *
   * @returns `undefined` for any other frame, and for one that breaks a rule.
   */
  #readWhole(end: number): boolean | undefined {
    if (this.#inFrame || this.#type !== 0 || this.#headSize !== 0) return;
    const { bytes } = this.#intake.view;
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
      stop > end || length < short || length > this.#maxMessage ||
      length > this.#maxFrame || this.#handler.frame !== undefined
    ) return;
    const key = this.#masked ? readKey(bytes, start - 4) : 0;
    this.#pos = stop;
    return this.#handler.message(
      first === WHOLE_TEXT
        ? this.#textAt(start, stop, key)
        : this.#intake.binary(start, stop, end, key),
      length,
    );
  }

  /** Reads a header, or keeps the part of it that is there. */
  #readHeader(end: number): boolean {
    const { bytes } = this.#intake.view;
    let pos = this.#pos;
    if (this.#headSize === 0) {
      this.#frameStart = this.#origin + pos;
      if (end - pos >= 2) {
        const size = headerSizeOf(bytes[pos + 1] ?? 0);
        if (end - pos >= size) {
          this.#pos = pos + size;
          this.#beginFrame(bytes, pos, size);
          return true;
        }
      }
    }
    const head = this.#head ??= new Uint8Array(MAX_HEADER_SIZE);
    let size = this.#headSize;
    while (pos < end) {
      head[size++] = bytes[pos++] ?? 0;
      this.#pos = pos;
      this.#headSize = size;
      if (size === 2) this.#checkStart(head[0] ?? 0, head[1] ?? 0);
      if (size >= 2 && size === headerSizeOf(head[1] ?? 0)) {
        this.#headSize = 0;
        this.#beginFrame(head, 0, size);
        return true;
      }
    }
    return false;
  }

  #beginFrame(bytes: Uint8Array, at: number, size: number): void {
    const first = bytes[at] ?? 0;
    const second = bytes[at + 1] ?? 0;
    this.#checkStart(first, second);
    const short = second & 0x7f;
    const length = short < 126
      ? short
      : decodeLength(bytes, at, short, this.#frameStart);
    const opcode = first & 0x0f;
    if (opcode < 8) {
      if (opcode !== OPCODE_CONTINUATION) {
        this.#type = opcode;
        this.#compressed = (first & 0x40) !== 0;
        this.#fragments = 0;
      }
      if (
        ++this.#fragments > this.#maxFragments || length > this.#maxFrame ||
        (!this.#compressed && length > this.#maxMessage - this.#assembly.size)
      ) this.#refuse(length);
    }
    this.#fin = first >= 0x80;
    this.#opcode = opcode;
    this.#key = this.#masked ? readKey(bytes, at + size - 4) : 0;
    this.#left = length;
    this.#inFrame = true;
    if (this.#handler.frame !== undefined) this.#showFrame(first, length);
  }

  #checkStart(first: number, second: number): void {
    checkFrameStart(
      first,
      second,
      this.#masked,
      this.#inflater !== undefined,
      this.#type,
      this.#frameStart,
    );
  }

  /** Says which limit a data frame passed. */
  #refuse(length: number): never {
    const offset = this.#frameStart;
    if (this.#fragments > this.#maxFragments) {
      throw new ProtocolError(
        "too-many-fragments",
        `message has more than ${this.#maxFragments} frames`,
        { offset },
      );
    }
    if (length > this.#maxFrame) {
      throw new ProtocolError(
        "frame-too-large",
        `frame has ${length} bytes where ${this.#maxFrame} are allowed`,
        { offset: offset + 1 },
      );
    }
    const size = this.#assembly.size + length;
    throw new ProtocolError(
      "message-too-large",
      `message has ${size} bytes or more where ${this.#maxMessage} are allowed`,
      { offset: offset + 1 },
    );
  }

  #showFrame(first: number, length: number): void {
    this.#handler.frame?.({
      fin: this.#fin,
      rsv1: (first & 0x40) !== 0,
      rsv2: false,
      rsv3: false,
      opcode: this.#opcode,
      masked: this.#masked,
      length,
    });
  }

  /** Takes what is there of a payload; false means stop. */
  #readPayload(end: number): boolean {
    const start = this.#pos;
    const stop = Math.min(start + this.#left, end);
    this.#pos = stop;
    if (this.#opcode >= OPCODE_CLOSE) return this.#readControl(start, stop);
    this.#left -= stop - start;
    if (this.#compressed) return this.#readCompressed(start, stop);
    if (this.#left === 0 && this.#fin && this.#assembly.size === 0) {
      const type = this.#type;
      this.#inFrame = false;
      this.#type = 0;
      return this.#handler.message(
        type === OPCODE_TEXT
          ? this.#textAt(start, stop, this.#key)
          : this.#intake.binary(start, stop, end, this.#key),
        stop - start,
      );
    }
    if (stop > start) {
      this.#assembly.append(
        this.#intake.view.bytes.subarray(start, stop),
        this.#key,
        this.#expected(stop - start),
      );
      if (this.#left !== 0) this.#key = rotateKey(this.#key, stop - start);
    }
    return this.#endPiece();
  }

  #readCompressed(start: number, stop: number): boolean {
    const memory = this.#intake.view;
    const assembly = this.#assembly;
    const last = this.#left === 0 && this.#fin;
    if (stop > start || last) {
      memory.mask(start, stop, this.#key);
      this.#key = rotateKey(this.#key, stop - start);
      const piece = this.#inflate(memory.bytes.subarray(start, stop), last);
      if (last && assembly.size === 0) {
        const type = this.#type;
        this.#inFrame = false;
        this.#type = 0;
        return this.#handler.message(
          type === OPCODE_TEXT ? this.#decode(piece) : piece.slice(),
          piece.length,
        );
      }
      const size = assembly.size + piece.length;
      if (piece.length > 0) {
        assembly.append(
          piece,
          0,
          last ? size : Math.min(2 * size, this.#maxMessage),
        );
      }
    }
    return this.#endPiece();
  }

  #inflate(piece: Uint8Array, last: boolean): Uint8Array {
    const room = this.#maxMessage - this.#assembly.size;
    try {
      const inflated = this.#inflater?.inflate(piece, last, room) ?? piece;
      // Not every inflater can be trusted to keep the limit.
      if (inflated.length <= room) return inflated;
    } catch (cause) {
      if (cause instanceof ProtocolError) throw cause;
      throw new ProtocolError(
        "invalid-deflate-data",
        "compressed message cannot be inflated",
        { cause },
      );
    }
    throw new ProtocolError(
      "message-too-large",
      `message becomes larger than the ${this.#maxMessage} bytes that are allowed`,
    );
  }

  /** How large the message is expected to become when `more` bytes have been added to it. */
  #expected(more: number): number {
    const size = this.#assembly.size + more;
    const known = size + this.#left;
    return this.#fin
      ? known
      : Math.max(known, Math.min(2 * size, this.#maxMessage));
  }

  /** Does what is due when a piece of a payload has been gathered. */
  #endPiece(): boolean {
    const last = this.#left === 0 && this.#fin;
    const assembly = this.#assembly;
    if (this.#type === OPCODE_TEXT) {
      const bad = assembly.checkText(last);
      if (bad !== -1) {
        this.#refuseText(this.#compressed ? 0 : assembly.size - bad);
      }
    }
    if (this.#left > 0) return true;
    this.#inFrame = false;
    if (!last) return true;
    const type = this.#type;
    this.#type = 0;
    const { size } = assembly;
    if (type !== OPCODE_TEXT) {
      return this.#handler.message(
        assembly.takeBytes(this.#binary === "copy"),
        size,
      );
    }
    let text: string;
    try {
      text = assembly.takeText();
    } catch (cause) {
      this.#refuseLength(cause);
    }
    return this.#handler.message(text, size);
  }

  /** Unmasks and decodes a whole text message. */
  #textAt(start: number, stop: number, key: number): string {
    let text: string | undefined;
    try {
      text = this.#intake.text(start, stop, key);
    } catch (cause) {
      this.#refuseLength(cause);
    }
    return text ?? this.#refuseBytes(this.#intake.view.bytes, start, stop);
  }

  /** Decodes a whole text message that has been inflated. */
  #decode(bytes: Uint8Array): string {
    let text: string | undefined;
    try {
      text = decodeUtf8(bytes);
    } catch (cause) {
      this.#refuseLength(cause);
    }
    return text ?? this.#refuseText(0);
  }

  #refuseBytes(bytes: Uint8Array, start: number, stop: number): never {
    const bad = findInvalidUtf8(bytes, start, stop);
    this.#refuseText(bad === -1 ? 0 : stop - bad);
  }

  /** @param back How many bytes before the position the bad one is. */
  #refuseText(back: number): never {
    throw new ProtocolError("invalid-utf8", "text is not UTF-8", {
      offset: this.#origin + this.#pos - back,
    });
  }

  #refuseLength(cause: unknown): never {
    throw new ProtocolError(
      "message-too-large",
      "text is longer than a string can be",
      { cause },
    );
  }

  #readControl(start: number, stop: number): boolean {
    const payload = this.#control ??= new Uint8Array(this.#left);
    payload.set(
      this.#intake.view.bytes.subarray(start, stop),
      payload.length - this.#left,
    );
    this.#left -= stop - start;
    if (this.#left > 0) return true;
    this.#inFrame = false;
    this.#control = undefined;
    if (this.#masked) mask(payload, this.#key);
    if (this.#opcode === OPCODE_PING) {
      this.#handler.ping(payload);
    } else if (this.#opcode !== OPCODE_CLOSE) {
      this.#handler.pong(payload);
    } else {
      const { code, reason } = decodeCloseBody(
        payload,
        this.#origin + stop - payload.length,
      );
      this.#state = "closed";
      this.#assembly.clear();
      this.#handler.close(code, reason);
      return false;
    }
    return true;
  }

  #fail(error: unknown): never {
    this.#state = "failed";
    this.#assembly.clear();
    this.#failure = error instanceof ProtocolError && error.offset === undefined
      ? new ProtocolError(error.code, error.message, {
        closeCode: error.closeCode,
        offset: this.#origin + this.#pos,
        cause: error.cause,
      })
      : error;
    this.release();
    throw this.#failure;
  }
}
