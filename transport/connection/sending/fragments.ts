import type { ConfigError } from "../../base/errors.ts";
import { refuseChunk } from "./chunk_source.ts";

/** Receives a fragment. Its bytes must be used before it returns. */
export type FragmentWriter = (
  payload: Uint8Array,
  last: boolean,
) => Promise<void>;

/** Returns the error for a chunk whose memory was resized or transferred before all of it was sent. */
export function memoryChanged(): ConfigError {
  return refuseChunk(
    "was resized or transferred before all of it was sent. Leave it unchanged until the next one is asked for",
  );
}

/** Bytes that a buffer begins with: most streamed messages come in chunks that fill it at once. */
const FIRST_SIZE = 4_096;

/**
 * Cuts a stream of bytes into fragments of `size` bytes, however large or small the pieces are in which it comes.
 *
 * The last fragment may be shorter, and is empty only if the whole message is. The pieces belong to their source
 * again when a call has ended: what is kept is copied.
 */
export class Fragments {
  readonly #size: number;
  readonly #write: FragmentWriter;
  /** The fragment that is being filled. A full one waits here until it is known whether it is the last. */
  #buffer: Uint8Array;
  #filled = 0;

  /** Begins a message. */
  constructor(size: number, write: FragmentWriter) {
    this.#size = size;
    this.#write = write;
    this.#buffer = new Uint8Array(Math.min(size, FIRST_SIZE));
  }

  /**
   * Adds bytes to the message, and writes the fragments that are complete.
   *
   * @throws {ConfigError} `invalid-argument` if the memory of the bytes is resized or transferred meanwhile.
   */
  async add(bytes: Uint8Array): Promise<void> {
    const { length } = bytes;
    let at = 0;
    while (at < length) {
      if (bytes.length !== length) throw memoryChanged();
      const left = length - at;
      if (this.#filled === this.#size) {
        await this.#write(this.#buffer.subarray(0, this.#size), false);
        this.#filled = 0;
      } else if (this.#filled === 0 && left > this.#size) {
        await this.#write(bytes.subarray(at, at + this.#size), false);
        at += this.#size;
      } else {
        const count = Math.min(left, this.#size - this.#filled);
        this.#keep(bytes.subarray(at, at + count));
        at += count;
      }
    }
  }

  /** Ends the message. */
  async end(): Promise<void> {
    await this.#write(this.#buffer.subarray(0, this.#filled), true);
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#filled + bytes.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(
        Math.min(this.#size, Math.max(needed, 2 * this.#buffer.length)),
      );
      larger.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled = needed;
  }
}
