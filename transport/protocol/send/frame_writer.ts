import { SMALL_BUFFER } from "./buffer_pool.ts";
import { ProtocolError } from "../wire/errors.ts";
import {
  type FrameHeader,
  headerSizeFor,
  MAX_CONTROL_PAYLOAD,
  MAX_HEADER_SIZE,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  writeHeader,
} from "../wire/frame.ts";
import { mask, rotateKey } from "../wire/mask.ts";
import { plainBytes } from "../../base/message.ts";
import type { SendQueue } from "./send_queue.ts";

/** First byte of a header: the frame is the last one of its message. */
export const FIN = 0x80;
/** First byte of a header: the message is compressed. */
export const RSV1 = 0x40;

/** A frame up to this size is never spread over two buffers. */
const UNSPREAD = 4096;
/** Payloads up to this size are copied byte by byte. */
const SHORT_COPY = 24;

/** Text up to this length can be encoded after a guessed header, with up to three bytes per UTF-16 unit. */
export const MAX_SHORT_TEXT = 1360;
/** ASCII text up to this length is copied unit by unit, which is faster than a call. */
const SHORT_TEXT = 48;
/** Long text is encoded in pieces of this many UTF-16 units. */
const TEXT_PIECE = 16_384;

const encoder = new TextEncoder();

/** Encodes payloads as frames into a send queue. */
export class FrameWriter {
  readonly #queue: SendQueue;
  readonly #fragmentSize: number;
  /** Whether payloads are masked. */
  readonly masked: boolean;
  /** Called with every header by {@link FrameWriter.report}. */
  onFrame: ((header: FrameHeader) => void) | undefined;
  /** Returns the next masking key. */
  readonly maskKey: () => number;
  /** Headers that were not reported yet. */
  #headers: FrameHeader[] = [];
  #reporting = false;

  /**
   * Creates a writer.
   *
   * @param fragmentSize The maximum payload of a data frame in bytes, `Infinity` for no limit.
   */
  constructor(
    queue: SendQueue,
    masked: boolean,
    maskKey: () => number,
    fragmentSize: number,
    onFrame: ((header: FrameHeader) => void) | undefined,
  ) {
    this.#queue = queue;
    this.masked = masked;
    this.maskKey = maskKey;
    this.#fragmentSize = fragmentSize;
    this.onFrame = onFrame;
  }

  /**
   * Writes a message, or a part of a streamed one, in as many frames as it takes.
   *
   * @param first First byte of the first header, without FIN.
   * @param last Whether the message ends with it.
   */
  frames(first: number, data: Uint8Array, last: boolean): void {
    const payload = plainBytes(data);
    const { length } = payload;
    const size = this.#fragmentSize;
    let from = 0;
    while (length - from > size) {
      this.#frame(first, payload, from, from + size);
      from += size;
      first = OPCODE_CONTINUATION;
    }
    this.#frame(last ? FIN | first : first, payload, from, length);
  }

  /** Writes a frame. */
  frame(first: number, payload: Uint8Array): void {
    this.#frame(first, payload, 0, payload.length);
  }

  /**
   * Writes a text message of at most {@link MAX_SHORT_TEXT} units in one frame.
   *
   * The text is encoded right after a header for ASCII, which is corrected if it was not ASCII.
   *
   * @returns The size of its UTF-8 in bytes.
   */
  shortText(text: string): number {
    const queue = this.#queue;
    const { length } = text;
    const buffer = queue.reserve(MAX_HEADER_SIZE + length * 3);
    const { bytes } = buffer;
    const at = queue.length;
    const masked = this.masked;
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
    const key = masked ? this.maskKey() : 0;
    writeHeader(bytes, at, FIN | OPCODE_TEXT, size, masked, key);
    if (masked) buffer.mask(start, start + size, key);
    queue.length = start + size;
    queue.buffered += start + size - at;
    if (this.onFrame !== undefined) this.show(FIN | OPCODE_TEXT, size);
    return size;
  }

  /** Writes a text message of any length, whose UTF-8 has `size` bytes, in one frame. */
  longText(text: string, size: number): void {
    const queue = this.#queue;
    let key = this.header(FIN | OPCODE_TEXT, size);
    const { length } = text;
    let from = 0;
    while (from < length) {
      let to = Math.min(from + TEXT_PIECE, length);
      // A pair of surrogates is one character, and must not be divided.
      if (to < length && isHighSurrogate(text.charCodeAt(to - 1))) to--;
      const piece = text.substring(from, to);
      const buffer = queue.spread(4);
      const start = queue.length;
      const { read, written } = encoder.encodeInto(
        piece,
        buffer.bytes.subarray(start),
      );
      if (this.masked) buffer.mask(start, start + written, key);
      key = rotateKey(key, written);
      queue.length = start + written;
      queue.buffered += written;
      from += read;
    }
  }

  /** Writes a header whose payload follows, and returns its masking key. */
  header(first: number, size: number): number {
    const queue = this.#queue;
    const { masked } = this;
    const key = masked ? this.maskKey() : 0;
    const { bytes } = queue.reserve(MAX_HEADER_SIZE);
    const at = queue.length;
    queue.length = writeHeader(bytes, at, first, size, masked, key);
    queue.buffered += queue.length - at;
    this.show(first, size);
    return key;
  }

  /** Writes a part of a payload, over as many buffers as it takes. */
  payload(data: Uint8Array, from: number, to: number, key: number): void {
    const queue = this.#queue;
    queue.buffered += to - from;
    while (from < to) {
      const left = to - from;
      const buffer = left + queue.length > SMALL_BUFFER
        ? queue.spread(1)
        : queue.reserve(left);
      const start = queue.length;
      const end = start + Math.min(left, buffer.bytes.length - start);
      buffer.bytes.set(data.subarray(from, from + end - start), start);
      if (this.masked) buffer.mask(start, end, key);
      key = rotateKey(key, end - start);
      from += end - start;
      queue.length = end;
    }
  }

  /**
   * Queues a ping.
   *
   * @throws {ProtocolError} `control-too-long` for more than 125 bytes.
   */
  ping(payload: Uint8Array): void {
    const frame = new Uint8Array(this.#controlSize(payload));
    const key = this.masked ? this.maskKey() : 0;
    const start = this.#control(frame, 0, OPCODE_PING, payload, key);
    if (this.masked) mask(frame.subarray(start), key);
    this.#queue.ahead(frame);
  }

  /**
   * Queues a pong. Allocates nothing, since a peer may flood us with pings.
   *
   * @throws {ProtocolError} `control-too-long` for more than 125 bytes.
   */
  pong(payload: Uint8Array): void {
    const size = this.#controlSize(payload);
    const key = this.masked ? this.maskKey() : 0;
    const { buffer, start } = this.#queue.pong(size);
    const from = this.#control(buffer.bytes, start, OPCODE_PONG, payload, key);
    if (this.masked) buffer.mask(from, start + size, key);
  }

  #controlSize({ length }: Uint8Array): number {
    if (length > MAX_CONTROL_PAYLOAD) {
      throw new ProtocolError(
        "control-too-long",
        `Cannot send a control frame: its payload has ${length} bytes. At most 125 are allowed.`,
      );
    }
    return headerSizeFor(length, this.masked) + length;
  }

  /** Encodes a control frame, whose payload the caller masks, and returns where the payload begins. */
  #control(
    bytes: Uint8Array,
    at: number,
    opcode: number,
    payload: Uint8Array,
    key: number,
  ): number {
    const { length } = payload;
    const start = writeHeader(
      bytes,
      at,
      FIN | opcode,
      length,
      this.masked,
      key,
    );
    bytes.set(payload, start);
    this.show(FIN | opcode, length);
    return start;
  }

  /** Keeps a header for {@link FrameWriter.report}, if there is a watcher of frames. */
  show(first: number, length: number): void {
    if (this.onFrame === undefined) return;
    this.#headers.push({
      fin: first >= FIN,
      rsv1: (first & RSV1) !== 0,
      rsv2: false,
      rsv3: false,
      opcode: first & 0x0f,
      masked: this.masked,
      length,
    });
  }

  /**
   * Calls the watcher of frames with the headers of what was queued. Called only when a whole message was queued, since
   * the watcher may send: also over other connections, which share memory of the compressor.
   */
  report(): void {
    if (this.#reporting || this.#headers.length === 0) return;
    this.#reporting = true;
    try {
      for (
        let header = this.#headers.shift();
        header !== undefined;
        header = this.#headers.shift()
      ) this.onFrame?.(header);
    } finally {
      this.#reporting = false;
    }
  }

  #frame(first: number, payload: Uint8Array, from: number, to: number): void {
    const queue = this.#queue;
    const size = to - from;
    if (size > UNSPREAD - MAX_HEADER_SIZE) {
      this.payload(payload, from, to, this.header(first, size));
      return;
    }
    const { masked } = this;
    const buffer = queue.reserve(MAX_HEADER_SIZE + size);
    const { bytes } = buffer;
    const at = queue.length;
    const key = masked ? this.maskKey() : 0;
    const start = writeHeader(bytes, at, first, size, masked, key);
    if (size <= SHORT_COPY) {
      // Masked while copying: reading words right after writing their bytes is slow.
      for (let i = 0; i < size; i++) {
        bytes[start + i] = (payload[from + i] ?? 0) ^ (key >>> ((i & 3) << 3));
      }
    } else {
      bytes.set(
        size === payload.length ? payload : payload.subarray(from, to),
        start,
      );
      if (masked) buffer.mask(start, start + size, key);
    }
    queue.length = start + size;
    queue.buffered += start + size - at;
    if (this.onFrame !== undefined) this.show(first, size);
  }
}

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}
