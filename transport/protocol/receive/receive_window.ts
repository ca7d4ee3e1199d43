import { Buffer } from "node:buffer";
import { invalidUtf8, textTooLong } from "../wire/errors.ts";
import { MaskView } from "../wire/mask.ts";
import { decodeAscii, decodeUtf8, findInvalidUtf8 } from "../wire/utf8.ts";
import { KeptMemory } from "./kept_memory.ts";

/**
 * How binary messages are handed over.
 *
 * - `copy`: each message has a buffer of its own.
 * - `view`: a view of the bytes that were pushed, unmasked in place, without a copy. The handler may keep it if those
 *   bytes are never written again; it may share their buffer with other messages.
 * - `borrow`: the same view, but valid only until the handler returns.
 */
export type BinaryMode = "copy" | "view" | "borrow";

/** ASCII text up to this size is put together byte by byte. */
const SHORT_TEXT = 12;
/** ASCII text up to this size is faster through Latin-1 than through a `TextDecoder`. */
const LATIN1_LIMIT = 2048;

/** A buffer as a {@link ReceiveWindow} needs it. */
class ReceivedMemory extends MaskView {
  #latin1: Buffer | undefined;

  /** Decodes ASCII. */
  ascii(start: number, stop: number): string {
    if (stop - start <= SHORT_TEXT) return decodeAscii(this.bytes, start, stop);
    this.#latin1 ??= Buffer.from(this.buffer, 0, this.bytes.length);
    return this.#latin1.toString("latin1", start, stop);
  }
}

const EMPTY = new ReceivedMemory(new ArrayBuffer(0));
/** From this many bytes on, a copy of a payload costs less than its part of a copy of all the bytes around it. */
const LARGE = 16_384;
/** Larger memory is not kept in {@link latest}. */
const MAX_LATEST = 131_072;

/**
 * The borrowed memory that a window was moved to last. The streams of a thread may all read into the same memory, and
 * their windows share its views then: thousands of connections with views of their own do not fit into the processor's
 * cache.
 */
let latest = EMPTY;

/** Returns the views of memory that is valid only for a while. */
function borrowedMemory(buffer: ArrayBufferLike): ReceivedMemory {
  if (buffer === latest.buffer) return latest;
  const memory = new ReceivedMemory(buffer);
  if (buffer.byteLength <= MAX_LATEST) latest = memory;
  return memory;
}

/**
 * The memory that contains the pushed bytes. Returns whole payloads out of it.
 *
 * A stream may read into the same memory again and again, so the views of the memory are kept. All positions count from
 * the start of the memory.
 */
export class ReceiveWindow {
  /** The memory. */
  view = EMPTY;
  /**
   * Whether it pays to let consumers run between large reads: the last message was a text, which is in the memory that
   * V8 moves, or binary messages are views, whose memory can be that of the read. At first it is unknown.
   */
  dividesBursts = true;
  /** What to add to a position in the memory to get one in the stream. */
  origin = 0;
  readonly #masked: boolean;
  readonly #mode: BinaryMode;
  /** Whether payloads are copied one by one. */
  #copies: boolean;
  #kept: KeptMemory | undefined;
  /** Whether the last binary message was small. */
  #small = true;

  /** Creates a window for payloads that are masked or not. */
  constructor(masked: boolean, binary: BinaryMode) {
    this.#masked = masked;
    this.#mode = binary;
    this.#copies = binary === "copy";
  }

  /**
   * Moves to the next bytes.
   *
   * @param borrowed See {@link Receiver.push}.
   * @returns Where they begin in the memory.
   */
  move(bytes: Uint8Array, borrowed: boolean): number {
    if (this.#mode === "view") return this.#moveView(bytes, borrowed);
    const { buffer, byteOffset } = bytes;
    if (buffer !== this.view.buffer) this.view = borrowedMemory(buffer);
    return byteOffset;
  }

  /** Releases the memory. */
  release(): void {
    this.view = EMPTY;
  }

  /**
   * Unmasks a whole text in place and decodes it.
   *
   * @throws {ProtocolError} `invalid-utf8`; `message-too-large` if no string can hold it.
   */
  text(start: number, stop: number, key: number): string {
    this.dividesBursts = true;
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
    if (!ascii) {
      return decodeText(view.bytes.subarray(start, stop), this.origin + start);
    }
    return view.ascii(start, stop);
  }

  /** Unmasks a whole binary payload in place, and copies it in the mode `copy`. */
  binary(start: number, stop: number, key: number): Uint8Array {
    const view = this.view;
    if (this.#masked) view.mask(start, stop, key);
    this.noteSize(stop - start);
    // The constructor is faster than `subarray`, which asks for the species.
    return this.#copies
      ? view.bytes.slice(start, stop)
      : new Uint8Array(view.buffer, start, stop - start);
  }

  /** Learns the size of a binary message: the next ones are likely to be as large. */
  noteSize(size: number): void {
    this.dividesBursts = this.#mode === "view";
    this.#small = size < LARGE;
  }

  /** Small payloads are views of one copy of all the bytes. Large ones are copied one by one, which costs less then. */
  #moveView(bytes: Uint8Array, borrowed: boolean): number {
    this.#copies = borrowed && !this.#small;
    const source = borrowed && !this.#copies
      ? (this.#kept ??= new KeptMemory()).copy(bytes)
      : bytes;
    const { buffer, byteOffset } = source;
    if (buffer !== this.view.buffer) {
      this.view = this.#copies
        ? borrowedMemory(buffer)
        : new ReceivedMemory(buffer);
    }
    return byteOffset;
  }
}

/**
 * Decodes a whole text.
 *
 * @param offset Where in the stream it begins, for the error.
 * @throws {ProtocolError} `invalid-utf8`; `message-too-large` if no string can hold it.
 */
export function decodeText(bytes: Uint8Array, offset?: number): string {
  let text: string | undefined;
  try {
    text = decodeUtf8(bytes);
  } catch (cause) {
    throw textTooLong(cause);
  }
  if (text !== undefined) return text;
  if (offset === undefined) throw invalidUtf8(undefined);
  const bad = findInvalidUtf8(bytes, 0, bytes.length);
  throw invalidUtf8(offset + (bad === -1 ? bytes.length : bad));
}
