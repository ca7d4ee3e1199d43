/**
 * Large messages that stay in their owner's memory and are written piece by piece.
 *
 * @module
 */

import {
  headerSizeFor,
  MAX_HEADER_SIZE,
  OPCODE_BINARY,
  OPCODE_CONTINUATION,
  writeHeader,
} from "./frame.ts";
import { type MaskView, rotateKey } from "./mask.ts";
import { LARGE_SLAB } from "./slabs.ts";

/** The most bytes of payload in a fragment, so that it fits into one slab with its header. */
export const MAX_FRAGMENT = LARGE_SLAB - MAX_HEADER_SIZE;

/** A message of which there is more to write. */
export interface Source {
  /** How many bytes it has still to give. */
  readonly left: number;
  /** Called when the memory is no longer needed. */
  readonly done: () => void;
  /** Whether a frame ends where what was given ends, so that a control frame may follow. */
  readonly atFrameEnd: boolean;
  /** Gives the rest as it is, where it needs no change. */
  direct?(): Uint8Array;
  /** Puts as much as fits into a slab, and gives the number of bytes. */
  fill(slab: MaskView): number;
}

/** The rest of a payload that goes out as it is. */
export class PlainSource implements Source {
  readonly done: () => void;
  readonly #data: Uint8Array;
  #offset: number;

  constructor(data: Uint8Array, offset: number, done: () => void) {
    this.#data = data;
    this.#offset = offset;
    this.done = done;
  }

  get left(): number {
    return this.#data.length - this.#offset;
  }

  get atFrameEnd(): boolean {
    return this.left === 0;
  }

  direct(): Uint8Array {
    const rest = this.#data.subarray(this.#offset);
    this.#offset = this.#data.length;
    return rest;
  }

  fill(): number {
    return 0;
  }
}

/** The rest of a payload that is masked as it goes. */
export class MaskedSource implements Source {
  readonly done: () => void;
  readonly #data: Uint8Array;
  #offset: number;
  #key: number;

  /** @param key The key as it stands at `offset`. */
  constructor(
    data: Uint8Array,
    offset: number,
    key: number,
    done: () => void,
  ) {
    this.#data = data;
    this.#offset = offset;
    this.#key = key;
    this.done = done;
  }

  get left(): number {
    return this.#data.length - this.#offset;
  }

  get atFrameEnd(): boolean {
    return this.left === 0;
  }

  fill(slab: MaskView): number {
    const from = this.#offset;
    const size = Math.min(slab.bytes.length, this.left);
    slab.bytes.set(this.#data.subarray(from, from + size));
    slab.mask(0, size, this.#key);
    this.#key = rotateKey(this.#key, size);
    this.#offset = from + size;
    return size;
  }
}

/** A binary message in fragments, each of which is whole in one slab. */
export class FragmentSource implements Source {
  readonly done: () => void;
  readonly atFrameEnd = true;
  readonly #data: Uint8Array;
  readonly #size: number;
  readonly #maskKey: (() => number) | undefined;
  readonly #show: (first: number, length: number) => void;
  #offset = 0;
  #left: number;

  /**
   * @param size The most bytes of payload in a frame, at most {@link MAX_FRAGMENT}.
   * @param maskKey Where keys come from, `undefined` when nothing is masked.
   * @param show Told of each frame.
   */
  constructor(
    data: Uint8Array,
    size: number,
    maskKey: (() => number) | undefined,
    show: (first: number, length: number) => void,
    done: () => void,
  ) {
    const masked = maskKey !== undefined;
    const { length } = data;
    const rest = length % size;
    this.#data = data;
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

  fill(slab: MaskView): number {
    const data = this.#data;
    const { bytes } = slab;
    const masked = this.#maskKey !== undefined;
    let at = 0;
    while (this.#offset < data.length) {
      const from = this.#offset;
      const size = Math.min(this.#size, data.length - from);
      if (at + headerSizeFor(size, masked) + size > bytes.length) break;
      const first = (from + size === data.length ? 0x80 : 0) |
        (from === 0 ? OPCODE_BINARY : OPCODE_CONTINUATION);
      const key = this.#maskKey?.() ?? 0;
      const start = writeHeader(bytes, at, first, size, masked, key);
      at = start + size;
      bytes.set(data.subarray(from, from + size), start);
      if (masked) slab.mask(start, at, key);
      this.#offset = from + size;
      this.#show(first, size);
    }
    this.#left -= at;
    return at;
  }
}
