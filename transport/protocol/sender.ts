import { Buffer } from "node:buffer";
import { encodeCloseBody } from "./close.ts";
import type { Deflater } from "./compression.ts";
import { ProtocolError } from "./errors.ts";
import {
  type FrameHeader,
  headerSizeFor,
  MAX_CONTROL_PAYLOAD,
  MAX_HEADER_SIZE,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  type Role,
  writeHeader,
} from "./frame.ts";
import { randomMaskKey } from "./mask.ts";
import { mask, rotateKey } from "./mask.ts";
import { Outbox } from "./outbox.ts";
import { LARGE_SLAB, SMALL_SLAB } from "./slabs.ts";
import {
  FragmentSource,
  MaskedSource,
  MAX_FRAGMENT,
  PlainSource,
} from "./source.ts";

/** What a {@link Sender} is to do. */
export interface SenderOptions {
  /** Our role: a client masks its frames, a server does not. */
  readonly role: Role;
  /**
   * Compresses messages, when permessage-deflate was negotiated.
   *
   * @default {undefined}
   */
  readonly deflater?: Deflater | undefined;
  /**
   * The most bytes of payload in a data frame; longer messages go out in several.
   *
   * @default {0} never
   */
  readonly fragmentSize?: number | undefined;
  /**
   * Where masking keys come from, as 32-bit integers with the first byte on the wire lowest.
   *
   * @default {crypto.getRandomValues}
   */
  readonly maskKey?: (() => number) | undefined;
  /**
   * Watches every frame header that goes out.
   *
   * @default {undefined}
   */
  readonly onFrame?: ((header: FrameHeader) => void) | undefined;
}

const FIN = 0x80;
const RSV1 = 0x40;
/** A frame up to this size is never spread over two slabs. */
const UNSPREAD = 4096;
/** Text up to this length is encoded behind a guessed header, for three bytes a unit at worst. */
const GUESSED_TEXT = 1360;
/** ASCII text up to this length is copied unit by unit, which is faster than a call. */
const SHORT_TEXT = 48;
/** Payloads up to this size are copied byte by byte. */
const SHORT_COPY = 24;
/** Long text is encoded in pieces of so many units. */
const TEXT_PIECE = 16_384;

const encoder = new TextEncoder();

/**
 * Makes the bytes of one connection out of messages and control frames: the sending
 * half of RFC 6455, without I/O.
 *
 * Data frames and the close frame keep the order of the calls. Pings and pongs go
 * ahead of data that waits, at the next end of a frame; when many pongs wait only the
 * newest is kept (RFC 6455, section 5.5.3). After `close` everything is ignored.
 *
 * What is to be written is had piece by piece with `take` and `release`. Small frames
 * are encoded into slabs that all senders share and that are held only while there is
 * something in them.
 *
 * @example
 * ```ts
 * import { Sender } from "./sender.ts";
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
  /** Text up to this length goes out short, plain and whole, whatever is in it. */
  readonly #plainText: number;
  readonly #maskKey: () => number;
  readonly #onFrame: ((header: FrameHeader) => void) | undefined;

  readonly #out = new Outbox();
  #closed = false;

  /** Whether a streamed message is under way. */
  #streaming = false;
  /** The first byte of the streamed message's next frame, less FIN. */
  #streamFirst = OPCODE_CONTINUATION;

  /** Makes a sender for a connection whose handshake is done. */
  constructor(options: SenderOptions) {
    this.#masked = options.role === "client";
    this.#deflater = options.deflater;
    this.#fragmentSize = options.fragmentSize || Infinity;
    const threshold = options.deflater?.threshold ?? Infinity;
    this.#plainText = Math.min(
      GUESSED_TEXT,
      this.#fragmentSize / 3,
      (threshold - 1) / 3,
    );
    this.#maskKey = options.maskKey ?? randomMaskKey;
    this.#onFrame = options.onFrame;
  }

  /** Bytes of payload of all messages and fragments that were appended, before compression. */
  payloadBytes = 0;

  /** How many bytes wait to be taken. */
  get size(): number {
    return this.#out.size;
  }

  /** Whether the close frame has been appended, or everything was dropped. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether a streamed message is under way, so that no other may begin. */
  get streaming(): boolean {
    return this.#streaming;
  }

  /**
   * Appends a message. Its bytes are copied at once; what in a string is not Unicode
   * (a lone surrogate) becomes U+FFFD.
   *
   * @throws {ProtocolError} `unfinished-message` while a streamed message is under way.
   */
  message(data: string | Uint8Array): void {
    if (!this.#mayBegin()) return;
    if (typeof data === "string") {
      this.#text(data);
      return;
    }
    this.payloadBytes += data.length;
    if (this.#isCompressed(data.length)) {
      this.#compress(OPCODE_BINARY, data);
    } else {
      this.#frames(OPCODE_BINARY, data, true);
    }
  }

  /**
   * Appends a large binary message without a copy of it: an unmasked one is written from
   * the caller's memory, a masked one is masked piece by piece as it is taken. The caller's
   * bytes are never changed, and he must not change them before `done`.
   *
   * A message that is small or to be compressed is copied all the same. With a
   * `fragmentSize` of more than 65,522 its frames have that many bytes.
   *
   * @param done Called once, when the bytes are no longer needed: maybe before this
   * returns. It must not throw.
   * @throws {ProtocolError} `unfinished-message` while a streamed message is under way.
   */
  reference(data: Uint8Array, done: () => void): void {
    const { length } = data;
    if (
      length < LARGE_SLAB || this.#closed || this.#streaming ||
      this.#isCompressed(length)
    ) {
      this.message(data);
      done();
      return;
    }
    this.payloadBytes += length;
    const out = this.#out;
    if (length > this.#fragmentSize) {
      const source = new FragmentSource(
        data,
        Math.min(this.#fragmentSize, MAX_FRAGMENT),
        this.#masked ? this.#maskKey : undefined,
        (first, size) => this.#show(first, size),
        done,
      );
      out.append(source, true);
      return;
    }
    // The header shares its slab with what goes before and with the payload's
    // beginning: written alone it would cost a segment of its own.
    const key = this.#header(FIN | OPCODE_BINARY, length);
    const room = (out.slab?.bytes.length ?? 0) - out.length;
    this.#append(data, 0, room, key);
    const source = this.#masked
      ? new MaskedSource(data, room, rotateKey(key, room), done)
      : new PlainSource(data, room, done);
    out.append(source, false);
  }

  /**
   * Appends one fragment of a streamed message (RFC 6455, section 5.4). Its bytes are copied
   * at once.
   *
   * @param opcode Of the message; the same for all its fragments.
   * @param first Whether the message begins with it.
   * @param last Whether the message ends with it.
   * @throws {ProtocolError} `unfinished-message` for a first fragment within a message,
   * `unexpected-continuation` for a later one without.
   */
  fragment(
    opcode: "text" | "binary",
    payload: Uint8Array,
    first: boolean,
    last: boolean,
  ): void {
    if (this.#closed) return;
    this.payloadBytes += payload.length;
    const deflater = this.#deflater;
    if (first) {
      this.#mayBegin();
      this.#streaming = true;
      this.#streamFirst = (opcode === "text" ? OPCODE_TEXT : OPCODE_BINARY) |
        (deflater === undefined ? 0 : RSV1);
    } else if (!this.#streaming) {
      throw new ProtocolError(
        "unexpected-continuation",
        "Cannot send a fragment as the first one of its message must be sent before",
      );
    }
    const data = deflater === undefined
      ? payload
      : deflater.deflate(payload, last);
    // A compressor may keep a piece for later: then there is nothing to send yet.
    if (data.length > 0 || last || deflater === undefined) {
      this.#frames(this.#streamFirst, data, last);
      this.#streamFirst = OPCODE_CONTINUATION;
    }
    if (last) this.#streaming = false;
  }

  /**
   * Has a ping sent (RFC 6455, section 5.5.2), ahead of data that waits.
   *
   * @throws {ProtocolError} `control-too-long` for more than 125 bytes.
   */
  ping(payload: Uint8Array): void {
    if (this.#closed) return;
    this.#out.ping(this.#control(OPCODE_PING, payload));
  }

  /**
   * Has a pong sent (RFC 6455, section 5.5.3), ahead of data that waits. When 16 wait it takes
   * the place of them all, so that of a flood of pings the newest is answered.
   *
   * @throws {ProtocolError} `control-too-long` for more than 125 bytes.
   */
  pong(payload: Uint8Array): void {
    if (this.#closed) return;
    this.#out.pong(this.#control(OPCODE_PONG, payload));
  }

  /**
   * Appends a close frame (RFC 6455, section 5.5.1), after which everything is ignored.
   *
   * @param code The close code; the body is empty without one, or with 1005.
   * @param reason At most 123 bytes of UTF-8; what is more is cut off.
   */
  close(code?: number, reason?: string): void {
    if (this.#closed) return;
    const body = encodeCloseBody(code, reason);
    this.#frame(FIN | OPCODE_CLOSE, body, 0, body.length);
    this.#closed = true;
  }

  /**
   * The next piece to write, `undefined` when there is none. It is good until
   * `release`, and the same one until then.
   */
  take(): Uint8Array | undefined {
    return this.#out.take();
  }

  /** Says that the piece taken last has been written. */
  release(): void {
    this.#out.release();
  }

  /**
   * Drops everything, the connection being gone; whatever follows is ignored.
   *
   * Every `done` is called. A piece that was taken keeps its slab until `release`,
   * since a write of it may still be under way.
   */
  clear(): void {
    this.#closed = true;
    this.#streaming = false;
    this.#out.clear();
  }

  #mayBegin(): boolean {
    if (this.#streaming && !this.#closed) {
      throw new ProtocolError(
        "unfinished-message",
        "Cannot send a message as the streamed one must be finished before",
      );
    }
    return !this.#closed;
  }

  #isCompressed(size: number): boolean {
    return this.#deflater !== undefined && size >= this.#deflater.threshold;
  }

  #compress(opcode: number, data: Uint8Array): void {
    const compressed = this.#deflater?.deflate(data, true) ?? data;
    this.#frames(RSV1 | opcode, compressed, true);
  }

  #text(text: string): void {
    const { length } = text;
    if (length <= this.#plainText) {
      this.#guessedText(text);
      return;
    }
    const size = Buffer.byteLength(text);
    const whole = size <= this.#fragmentSize && !this.#isCompressed(size);
    if (whole && length <= GUESSED_TEXT) {
      this.#guessedText(text);
      return;
    }
    this.payloadBytes += size;
    if (this.#isCompressed(size)) {
      this.#compress(OPCODE_TEXT, encoder.encode(text));
    } else if (whole) {
      this.#longText(text, size);
    } else {
      this.#frames(OPCODE_TEXT, encoder.encode(text), true);
    }
  }

  /** Encodes text right behind a header for ASCII, and mends the header when it was not. */
  #guessedText(text: string): void {
    const out = this.#out;
    const { length } = text;
    const slab = out.reserve(MAX_HEADER_SIZE + length * 3);
    const { bytes } = slab;
    const at = out.length;
    const masked = this.#masked;
    const guess = at + headerSizeFor(length, masked);
    let size = 0;
    if (length <= SHORT_TEXT) {
      for (; size < length; size++) {
        const unit = text.charCodeAt(size);
        if (unit > 0x7f) break;
        bytes[guess + size] = unit;
      }
    }
    if (size < length) {
      size = encoder.encodeInto(
        text,
        bytes.subarray(guess, guess + length * 3),
      ).written;
    }
    const start = at + headerSizeFor(size, masked);
    if (start !== guess) bytes.copyWithin(start, guess, guess + size);
    const key = masked ? this.#maskKey() : 0;
    writeHeader(bytes, at, FIN | OPCODE_TEXT, size, masked, key);
    if (masked) slab.mask(start, start + size, key);
    out.length = start + size;
    out.size += start + size - at;
    this.payloadBytes += size;
    if (this.#onFrame !== undefined) this.#show(FIN | OPCODE_TEXT, size);
  }

  /** Encodes text whose size is known, piece by piece. */
  #longText(text: string, size: number): void {
    const out = this.#out;
    let key = this.#header(FIN | OPCODE_TEXT, size);
    const { length } = text;
    let from = 0;
    while (from < length) {
      let to = Math.min(from + TEXT_PIECE, length);
      // A pair of surrogates is one character, and must not be torn.
      if (to < length && isHighSurrogate(text.charCodeAt(to - 1))) to--;
      const piece = text.substring(from, to);
      const slab = out.spread(4);
      const start = out.length;
      const { read, written } = encoder.encodeInto(
        piece,
        slab.bytes.subarray(start),
      );
      if (this.#masked) slab.mask(start, start + written, key);
      key = rotateKey(key, written);
      out.length = start + written;
      out.size += written;
      from += read;
    }
  }

  /** Appends a message, or a part of a streamed one, in as many frames as it takes. */
  #frames(first: number, payload: Uint8Array, last: boolean): void {
    const { length } = payload;
    const most = this.#fragmentSize;
    let from = 0;
    while (length - from > most) {
      this.#frame(first, payload, from, from + most);
      from += most;
      first = OPCODE_CONTINUATION;
    }
    this.#frame(last ? FIN | first : first, payload, from, length);
  }

  #frame(first: number, payload: Uint8Array, from: number, to: number): void {
    const out = this.#out;
    const size = to - from;
    if (size > UNSPREAD - MAX_HEADER_SIZE) {
      this.#append(payload, from, to, this.#header(first, size));
      return;
    }
    const masked = this.#masked;
    const slab = out.reserve(MAX_HEADER_SIZE + size);
    const { bytes } = slab;
    const at = out.length;
    const key = masked ? this.#maskKey() : 0;
    const start = writeHeader(bytes, at, first, size, masked, key);
    if (size <= SHORT_COPY) {
      // Masked on the way: words read right after they were written bytewise are slow.
      for (let i = 0; i < size; i++) {
        bytes[start + i] = (payload[from + i] ?? 0) ^ (key >>> ((i & 3) << 3));
      }
    } else {
      bytes.set(
        size === payload.length ? payload : payload.subarray(from, to),
        start,
      );
      if (masked) slab.mask(start, start + size, key);
    }
    out.length = start + size;
    out.size += start + size - at;
    if (this.#onFrame !== undefined) this.#show(first, size);
  }

  /** Appends a header whose payload follows, and gives its key. */
  #header(first: number, size: number): number {
    const out = this.#out;
    const masked = this.#masked;
    const key = masked ? this.#maskKey() : 0;
    const { bytes } = out.reserve(MAX_HEADER_SIZE);
    const at = out.length;
    out.length = writeHeader(bytes, at, first, size, masked, key);
    out.size += out.length - at;
    if (this.#onFrame !== undefined) this.#show(first, size);
    return key;
  }

  /** Appends a part of a payload, over as many slabs as it takes. */
  #append(payload: Uint8Array, from: number, to: number, key: number): void {
    const out = this.#out;
    out.size += to - from;
    while (from < to) {
      const left = to - from;
      const slab = left + out.length > SMALL_SLAB
        ? out.spread(1)
        : out.reserve(left);
      const start = out.length;
      const end = start + Math.min(left, slab.bytes.length - start);
      slab.bytes.set(payload.subarray(from, from + end - start), start);
      if (this.#masked) slab.mask(start, end, key);
      key = rotateKey(key, end - start);
      from += end - start;
      out.length = end;
    }
  }

  #control(opcode: number, payload: Uint8Array): Uint8Array {
    const { length } = payload;
    if (length > MAX_CONTROL_PAYLOAD) {
      throw new ProtocolError(
        "control-too-long",
        `Cannot send a control frame as its payload must be of at most 125 bytes: current value is of ${length}`,
      );
    }
    const masked = this.#masked;
    const frame = new Uint8Array(headerSizeFor(length, masked) + length);
    const key = masked ? this.#maskKey() : 0;
    const start = writeHeader(frame, 0, FIN | opcode, length, masked, key);
    frame.set(payload, start);
    if (masked) mask(frame.subarray(start), key);
    if (this.#onFrame !== undefined) this.#show(FIN | opcode, length);
    return frame;
  }

  #show(first: number, length: number): void {
    this.#onFrame?.({
      fin: first >= FIN,
      rsv1: (first & RSV1) !== 0,
      rsv2: false,
      rsv3: false,
      opcode: first & 0x0f,
      masked: this.#masked,
      length,
    });
  }
}

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}
