/**
 * Large messages that stay in their owner's memory and are written piece by piece.
 *
 * @module
 */

import { ConnectionError } from "../../base/errors.ts";
import {
  headerSizeFor,
  OPCODE_BINARY,
  OPCODE_CONTINUATION,
  writeHeader,
} from "../wire/frame.ts";
import { type MaskView, rotateKey } from "../wire/mask.ts";

/** The maximum payload of a fragment: its length fits into two bytes, and it fits into one buffer with its header. */
export const MAX_FRAGMENT = 65_535;
/** The maximum size of a piece that is written at a time: from this size on, dividing a write costs no throughput. */
const MAX_PIECE = 262_144;

/** A message of which there is more to write. */
export interface BorrowedMessage {
  /** How many bytes are still to be written, headers included. */
  readonly left: number;
  /** Called once the memory is no longer needed, with whether all of it was written. */
  readonly done: (written: boolean) => void;
  /** Whether a frame ends where the last piece ends, so that a control frame may follow. */
  readonly atFrameEnd: boolean;
  /**
   * Returns the next piece as it is in memory. Absent if the bytes have to be changed.
   *
   * @throws {ConnectionError} `buffer-changed`.
   */
  direct?(): Uint8Array;
  /**
   * Puts as much as fits into a buffer, and returns the number of bytes.
   *
   * @throws {ConnectionError} `buffer-changed`.
   */
  fill(buffer: MaskView): number;
}

/**
 * Whether a message may stay in its owner's memory until it is written. The bytes of a resizable or shared buffer have
 * to be copied at once, since the buffer may be resized or written by another thread meanwhile.
 */
export function isLendable({ buffer }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && !buffer.resizable;
}

/** A payload that has to be as long as it was when it was borrowed. */
class Payload {
  readonly length: number;
  readonly #data: Uint8Array;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.length = data.length;
  }

  slice(from: number, to: number): Uint8Array {
    if (this.#data.length === this.length) return this.#data.subarray(from, to);
    throw bufferChanged(
      `when ${from} of ${this.length} bytes were written`,
    );
  }
}

/** Returns the error for borrowed memory whose buffer was detached. */
export function bufferChanged(when: string): ConnectionError {
  return new ConnectionError(
    "buffer-changed",
    `Cannot send the message: its buffer was detached ${when}. Keep the buffer until send() has resolved.`,
  );
}

/** The rest of a payload that goes out as it is. */
export class PlainMessage implements BorrowedMessage {
  readonly done: (written: boolean) => void;
  readonly #payload: Payload;
  #offset: number;

  constructor(
    data: Uint8Array,
    offset: number,
    done: (written: boolean) => void,
  ) {
    this.#payload = new Payload(data);
    this.#offset = offset;
    this.done = done;
  }

  get left(): number {
    return this.#payload.length - this.#offset;
  }

  get atFrameEnd(): boolean {
    return this.left === 0;
  }

  direct(): Uint8Array {
    const from = this.#offset;
    const to = Math.min(from + MAX_PIECE, this.#payload.length);
    const piece = this.#payload.slice(from, to);
    this.#offset = to;
    return piece;
  }

  fill(): number {
    return 0;
  }
}

/** The rest of a payload that is masked as it goes out. */
export class MaskedMessage implements BorrowedMessage {
  readonly done: (written: boolean) => void;
  readonly #payload: Payload;
  #offset: number;
  #key: number;

  /** @param key The key, rotated for `offset`. */
  constructor(
    data: Uint8Array,
    offset: number,
    key: number,
    done: (written: boolean) => void,
  ) {
    this.#payload = new Payload(data);
    this.#offset = offset;
    this.#key = key;
    this.done = done;
  }

  get left(): number {
    return this.#payload.length - this.#offset;
  }

  get atFrameEnd(): boolean {
    return this.left === 0;
  }

  fill(buffer: MaskView): number {
    const from = this.#offset;
    const size = Math.min(buffer.bytes.length, this.left);
    buffer.bytes.set(this.#payload.slice(from, from + size));
    buffer.mask(0, size, this.#key);
    this.#key = rotateKey(this.#key, size);
    this.#offset = from + size;
    return size;
  }
}

/** A binary message in fragments, each of which is whole in one buffer. */
export class FragmentedMessage implements BorrowedMessage {
  readonly done: (written: boolean) => void;
  readonly atFrameEnd = true;
  readonly #payload: Payload;
  readonly #size: number;
  readonly #maskKey: (() => number) | undefined;
  readonly #show: (first: number, length: number) => void;
  #offset = 0;
  #left: number;

  /**
   * @param size The maximum payload of a frame in bytes, at most {@link MAX_FRAGMENT}.
   * @param maskKey Source of masking keys, `undefined` if nothing is masked.
   * @param show Called with each frame.
   */
  constructor(
    data: Uint8Array,
    size: number,
    maskKey: (() => number) | undefined,
    show: (first: number, length: number) => void,
    done: (written: boolean) => void,
  ) {
    const masked = maskKey !== undefined;
    const { length } = data;
    const rest = length % size;
    this.#payload = new Payload(data);
    this.#size = size;
    this.#maskKey = maskKey;
    this.#show = show;
    this.#left = length +
      Math.floor(length / size) * headerSizeFor(size, masked) +
      (rest > 0 ? headerSizeFor(rest, masked) : 0);
    this.done = done;
  }

  get left(): number {
    return this.#left;
  }

  fill(buffer: MaskView): number {
    const payload = this.#payload;
    const { bytes } = buffer;
    const masked = this.#maskKey !== undefined;
    let at = 0;
    while (this.#offset < payload.length) {
      const from = this.#offset;
      const size = Math.min(this.#size, payload.length - from);
      if (at + headerSizeFor(size, masked) + size > bytes.length) break;
      const first = (from + size === payload.length ? 0x80 : 0) |
        (from === 0 ? OPCODE_BINARY : OPCODE_CONTINUATION);
      const key = this.#maskKey?.() ?? 0;
      const start = writeHeader(bytes, at, first, size, masked, key);
      at = start + size;
      bytes.set(payload.slice(from, from + size), start);
      if (masked) buffer.mask(start, at, key);
      this.#offset = from + size;
      this.#show(first, size);
    }
    this.#left -= at;
    return at;
  }
}
