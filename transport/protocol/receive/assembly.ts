import { invalidUtf8, ProtocolError, textTooLong } from "../wire/errors.ts";
import { MaskView } from "../wire/mask.ts";
import {
  decodeValidUtf8,
  endOfWholeUtf8,
  findInvalidUtf8,
  isWholeUtf8,
} from "../wire/utf8.ts";

/** When this many bytes have arrived and as many are expected, it is faster to read the rest directly. */
export const DIRECT_SIZE = 65_536;

const FIRST_CAPACITY = 4096;

/**
 * Returns the maximum memory of a message of which `arrived` bytes have arrived. A header alone gets almost nothing:
 * the memory grows with the bytes that were really sent. After one read of 64 KiB, a message of 1 MiB gets all of its
 * memory.
 */
function earnedCapacity(arrived: number): number {
  return Math.max(FIRST_CAPACITY, arrived * 32);
}

/**
 * Gathers one message that comes in pieces.
 *
 * Its buffer is handed out with the message and never used again.
 */
export class Assembly {
  #view: MaskView | undefined;
  #size = 0;
  #checked = 0;

  /** How many bytes have been gathered. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a copy of a piece, and unmasks the copy.
   *
   * @param key The key, rotated for the first byte of the piece; 0 for none.
   * @param expected The expected size of the whole message, as far as it is known.
   * @throws {ProtocolError} `message-too-large` when there is no memory for it.
   */
  append(piece: Uint8Array, key: number, expected: number): void {
    const start = this.#size;
    const size = start + piece.length;
    const view = this.#reserve(size, expected);
    view.bytes.set(piece, start);
    if (key !== 0) view.mask(start, size, key);
    this.#size = size;
  }

  /**
   * Returns the memory for the next bytes, so that they can be read directly to their place.
   *
   * @param left How many bytes of the frame are still to come.
   * @throws {ProtocolError} `message-too-large` when there is no memory for it.
   */
  target(left: number, expected: number): Uint8Array {
    const size = this.#size;
    const capacity = this.#view?.bytes.length ?? 0;
    const earned = Math.min(expected, earnedCapacity(size));
    // A buffer that is much too small is replaced before it is full, since less has to be copied then.
    const view = this.#reserve(
      earned >= 2 * capacity ? earned : size + 1,
      expected,
    );
    return view.bytes.subarray(size, size + left);
  }

  /** Records that `length` masked bytes are in the target now. */
  filled(length: number, key: number): void {
    const start = this.#size;
    this.#size = start + length;
    if (key !== 0) this.#view?.mask(start, start + length, key);
  }

  /**
   * Checks the UTF-8 of what has arrived since the last check.
   *
   * @param last Whether the message ends here, so that its last character must be whole.
   * @param offset Where in the stream the bytes end that were gathered, for the error.
   * @throws {ProtocolError} `invalid-utf8`.
   */
  checkText(last: boolean, offset: number | undefined): void {
    const bad = this.#findBadText(last);
    if (bad === -1) return;
    throw invalidUtf8(offset && offset - (this.#size - bad));
  }

  /**
   * Ends a text message that has been checked.
   *
   * @throws {ProtocolError} `message-too-large` if no string can hold it.
   */
  takeText(): string {
    const bytes = this.#view?.bytes.subarray(0, this.#size);
    this.clear();
    try {
      return bytes === undefined ? "" : decodeValidUtf8(bytes);
    } catch (cause) {
      throw textTooLong(cause);
    }
  }

  /**
   * Ends a binary message.
   *
   * @param exact Whether its buffer must have exactly the size of the message.
   */
  takeBytes(exact: boolean): Uint8Array {
    const size = this.#size;
    const bytes = this.#view?.bytes;
    this.clear();
    if (bytes === undefined) return new Uint8Array(0);
    if (bytes.length === size) return bytes;
    return exact ? bytes.slice(0, size) : bytes.subarray(0, size);
  }

  /** Drops the message. */
  clear(): void {
    this.#view = undefined;
    this.#size = 0;
    this.#checked = 0;
  }

  /** @returns The position in the message of the first bad byte, or -1. */
  #findBadText(last: boolean): number {
    const view = this.#view;
    if (view === undefined) return -1;
    const bytes = view.bytes;
    const start = this.#checked;
    const end = this.#size;
    const whole = endOfWholeUtf8(bytes, start, end);
    if (!isWholeUtf8(bytes, start, whole)) {
      return findInvalidUtf8(bytes, start, whole);
    }
    this.#checked = whole;
    const bad = findInvalidUtf8(bytes, whole, end);
    return bad === -1 && last && whole < end ? end : bad;
  }

  #reserve(size: number, expected: number): MaskView {
    const old = this.#view;
    if (old !== undefined && old.bytes.length >= size) return old;
    const wanted = Math.min(
      Math.max(expected, size),
      earnedCapacity(size),
    );
    let view: MaskView;
    try {
      view = new MaskView(new ArrayBuffer(wanted));
    } catch (cause) {
      throw new ProtocolError(
        "message-too-large",
        `Cannot receive: there is no memory for a message of ${wanted} bytes.`,
        { cause },
      );
    }
    if (old !== undefined) view.bytes.set(old.bytes.subarray(0, this.#size));
    this.#view = view;
    return view;
  }
}
