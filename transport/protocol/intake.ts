import { Buffer } from "node:buffer";
import { headerSizeOf } from "./frame.ts";
import { MaskView } from "./mask.ts";
import { decodeAscii, decodeUtf8 } from "./utf8.ts";

/**
 * How binary messages are handed on.
 *
 * - `view`: views that the handler may keep, which may share a buffer with other
 *   messages of the same connection; it is never written again.
 * - `copy`: a buffer of its own for each.
 * - `borrow`: unmasked in place, a view of the bytes that were pushed: good for as
 *   long as those are.
 */
export type BinaryMode = "view" | "copy" | "borrow";

/** The most bytes of one push that are copied at once for messages to share. */
const BLOCK_SIZE = 65_536;
/** A binary message of this size gets a buffer of its own. */
const BLOCK_LIMIT = 32_768;
/** ASCII text up to this size is put together byte by byte. */
const SHORT_TEXT = 12;
/** ASCII text up to this size is faster through Latin-1 than through a `TextDecoder`. */
const LATIN1_LIMIT = 2048;

const EMPTY = new MaskView(new ArrayBuffer(0));

/**
 * The memory that pushed bytes are in, and whole payloads out of it.
 *
 * A socket reads into the same memory again and again, so its views are kept.
 * All positions count from the start of that memory.
 */
export class Intake {
  /** The memory. */
  view = EMPTY;
  readonly #masked: boolean;
  readonly #binary: BinaryMode;
  #latin1: Buffer | undefined;
  /** A copy of a stretch of the memory that binary messages are cut from. */
  #block: MaskView | undefined;
  #blockStart = 0;
  #blockEnd = 0;

  /** Makes one for payloads that are masked or not. */
  constructor(masked: boolean, binary: BinaryMode) {
    this.#masked = masked;
    this.#binary = binary;
  }

  /** Turns to the memory that the next bytes are in. */
  adopt(buffer: ArrayBufferLike): void {
    if (buffer === this.view.buffer) return;
    this.release();
    this.view = new MaskView(buffer);
  }

  /** Gives up the copied stretch: the memory is about to change. */
  endBlock(): void {
    this.#block = undefined;
  }

  /** Gives up the memory. */
  release(): void {
    this.view = EMPTY;
    this.#latin1 = undefined;
    this.#block = undefined;
  }

  /**
   * Unmasks a whole text in place and decodes it.
   *
   * @returns `undefined` when it is not UTF-8.
   */
  text(start: number, stop: number, key: number): string | undefined {
    const view = this.view;
    const size = stop - start;
    let ascii = false;
    if (size > LATIN1_LIMIT) {
      view.mask(start, stop, key);
    } else if (this.#masked) {
      ascii = view.maskText(start, stop, key);
    } else {
      ascii = view.isAscii(start, stop);
    }
    if (!ascii) return decodeUtf8(view.bytes.subarray(start, stop));
    if (size <= SHORT_TEXT) return decodeAscii(view.bytes, start, stop);
    const latin1 = this.#latin1 ??= Buffer.from(
      view.bytes.buffer,
      0,
      view.bytes.length,
    );
    return latin1.toString("latin1", start, stop);
  }

  /**
   * Unmasks a whole binary payload.
   *
   * @param end Where the bytes end that are there.
   */
  binary(start: number, stop: number, end: number, key: number): Uint8Array {
    const view = this.view;
    if (this.#binary === "view" && stop > start) {
      let block = this.#block;
      // The user may have detached it, having got views of it.
      if (
        block === undefined || stop > this.#blockEnd || block.bytes.length === 0
      ) {
        block = this.#makeBlock(start, stop, end);
      }
      if (block !== undefined) {
        const from = start - this.#blockStart;
        const to = stop - this.#blockStart;
        if (this.#masked) block.mask(from, to, key);
        return block.bytes.subarray(from, to);
      }
    }
    if (this.#masked) view.mask(start, stop, key);
    return this.#binary === "borrow"
      ? view.bytes.subarray(start, stop)
      : view.bytes.slice(start, stop);
  }

  /** Copies a stretch that has more messages than one, so that they can share it. */
  #makeBlock(start: number, stop: number, end: number): MaskView | undefined {
    this.#block = undefined;
    const { bytes } = this.view;
    if (stop - start >= BLOCK_LIMIT || !isFrameWhole(bytes, stop, end)) return;
    this.#blockStart = start;
    this.#blockEnd = Math.min(end, start + BLOCK_SIZE);
    return this.#block = new MaskView(
      bytes.slice(start, this.#blockEnd).buffer,
    );
  }
}

/** Whether a whole frame stands at a position; a very large one counts as none. */
function isFrameWhole(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 2) return false;
  const second = bytes[at + 1] ?? 0;
  const short = second & 0x7f;
  if (short === 127) return false;
  const length = short < 126
    ? short
    : (bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0);
  return end - at >= headerSizeOf(second) + length;
}
