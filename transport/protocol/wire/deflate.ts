import { isUint32Array } from "node:util/types";
import { builtin } from "../../base/runtime.ts";
import type { Deflater, Inflater } from "./compression.ts";
import { ProtocolError } from "./errors.ts";
import type { CodecOptions, CompressionCodec } from "./compression.ts";

const Z_NO_FLUSH = 0;
const Z_SYNC_FLUSH = 2;
/** The end of a sync flush, which is omitted on the wire (RFC 7692, section 7.2.1). */
const TAIL = new Uint8Array([0x00, 0x00, 0xff, 0xff]);
/** An empty message, compressed (RFC 7692, section 7.2.3.6). */
const EMPTY = new Uint8Array([0x00]);
const NOTHING = new Uint8Array(0);
const SCRATCH_SIZE = 65_536;
/** Shared by all streams: its content is used before the next call. */
const scratch = new Uint8Array(SCRATCH_SIZE);
/** zlib's raw deflate does not support a window of 256 bytes. */
const MIN_WINDOW_BITS = 9;

/** A stream of `node:zlib` driven synchronously, through its handle. */
class Zlib {
  readonly #stream: { close(): void };
  readonly #handle: object;
  readonly #write: (...args: unknown[]) => unknown;
  readonly #reset: (...args: unknown[]) => unknown;
  readonly #state: Uint32Array;
  #error: string | undefined;
  #closed = false;

  constructor(stream: { close(): void }) {
    const handle: unknown = Reflect.get(stream, "_handle");
    const state: unknown = Reflect.get(stream, "_writeState");
    if (!isHandle(handle) || !isUint32Array(state)) {
      stream.close();
      throw new TypeError(
        "This runtime's node:zlib has no synchronous handle.",
      );
    }
    this.#stream = stream;
    this.#handle = handle;
    this.#write = handle.writeSync;
    this.#reset = handle.reset;
    this.#state = state;
    Reflect.set(handle, "onerror", (message: unknown) => {
      this.#error ??= String(message);
    });
  }

  /** Bytes of the scratch buffer that the last write left free. */
  get free(): number {
    return this.#state[0] ?? 0;
  }

  /** Bytes of the input that the last write did not use. */
  get left(): number {
    return this.#state[1] ?? 0;
  }

  /**
   * Processes the last `left` bytes of the input. The output goes into the scratch buffer, after its first `used`
   * bytes.
   *
   * @throws {Error} On bad data.
   */
  write(flush: number, input: Uint8Array, left: number, used: number): void {
    Reflect.apply(this.#write, this.#handle, [
      flush,
      input,
      input.length - left,
      left,
      scratch,
      used,
      SCRATCH_SIZE - used,
    ]);
    if (this.#error !== undefined) throw new Error(this.#error);
  }

  /** Forgets the window. */
  reset(): void {
    Reflect.apply(this.#reset, this.#handle, []);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.close();
  }
}

/** Output in the scratch buffer, and in further buffers when the scratch buffer is full. */
class Output {
  readonly #full: Uint8Array[] = [];
  /** Bytes of the scratch buffer that are in use. */
  used = 0;

  /** All bytes that were made so far. */
  get size(): number {
    return this.#full.length * SCRATCH_SIZE + this.used;
  }

  /** Takes note of the space that a write has left free. Returns whether more output may follow. */
  took(free: number): boolean {
    this.used = SCRATCH_SIZE - free;
    if (free > 0) return false;
    this.#full.push(scratch.slice());
    this.used = 0;
    return true;
  }

  bytes(): Uint8Array {
    const rest = scratch.subarray(0, this.used);
    if (this.#full.length === 0) return rest;
    const whole = new Uint8Array(this.size);
    this.#full.forEach((part, i) => whole.set(part, i * SCRATCH_SIZE));
    whole.set(rest, this.size - this.used);
    return whole;
  }
}

/** {@link Deflater} over `node:zlib`. Allocates nothing before the first message. */
export class ZlibDeflater implements Deflater {
  readonly threshold: number;
  readonly #options: CodecOptions;
  #zlib: Zlib | undefined;
  #closed = false;

  /** Makes one for what both sides have agreed on. */
  constructor(options: CodecOptions) {
    this.threshold = options.threshold;
    this.#options = options;
  }

  deflate(payload: Uint8Array, last: boolean): Uint8Array {
    if (this.#closed) return NOTHING;
    const { windowBits, level, memLevel, noContextTakeover } = this.#options;
    const zlib = this.#zlib ??= new Zlib(
      builtin("node:zlib").createDeflateRaw({
        windowBits,
        level,
        memLevel,
        chunkSize: 64,
      }),
    );
    const output = new Output();
    const flush = last ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    let left = payload.length;
    do {
      zlib.write(flush, payload, left, output.used);
      left = zlib.left;
    } while (output.took(zlib.free));
    const bytes = output.bytes();
    if (!last) return bytes;
    if (noContextTakeover) zlib.reset();
    // A flush that finds nothing to flush writes nothing.
    return bytes.length < TAIL.length ? EMPTY : bytes.subarray(0, -TAIL.length);
  }

  close(): void {
    this.#closed = true;
    this.#zlib?.close();
    this.#zlib = undefined;
  }
}

/** {@link Inflater} over `node:zlib`. Allocates nothing before the first message. */
export class ZlibInflater implements Inflater {
  readonly #options: CodecOptions;
  #zlib: Zlib | undefined;
  #closed = false;

  /** Makes one for what both sides have agreed on. */
  constructor(options: CodecOptions) {
    this.#options = options;
  }

  inflate(piece: Uint8Array, last: boolean, space: number): Uint8Array {
    if (this.#closed) return NOTHING;
    const { windowBits, noContextTakeover } = this.#options;
    const zlib = this.#zlib ??= new Zlib(
      builtin("node:zlib").createInflateRaw({
        // zlib uses 9 if it is asked for 8, so its peers have to accept that.
        windowBits: Math.max(windowBits, MIN_WINDOW_BITS),
        chunkSize: 64,
      }),
    );
    const output = new Output();
    this.#feed(zlib, piece, output, space);
    if (last) {
      const { size } = output;
      this.#feed(zlib, TAIL, output, space);
      if (output.size !== size) throw broken("ends inside a block");
      if (noContextTakeover) zlib.reset();
    }
    return output.bytes();
  }

  close(): void {
    this.#closed = true;
    this.#zlib?.close();
    this.#zlib = undefined;
  }

  #feed(zlib: Zlib, bytes: Uint8Array, output: Output, space: number): void {
    let left = bytes.length;
    let more = left > 0;
    while (more) {
      try {
        zlib.write(Z_SYNC_FLUSH, bytes, left, output.used);
      } catch (cause) {
        throw broken("cannot be inflated", cause);
      }
      left = zlib.left;
      more = output.took(zlib.free);
      if (output.size > space) {
        throw new ProtocolError(
          "message-too-large",
          "Cannot receive: the inflated message is larger than maxMessageSize.",
        );
      }
      if (more || left === 0) continue;
      // Input is left although there was space: a block with BFINAL has ended the stream (section
      // 7.2.3.4), and the rest is another stream. Only the tail after the last block is not.
      zlib.reset();
      more = bytes !== TAIL;
    }
  }
}

function broken(what: string, cause?: unknown): ProtocolError {
  return new ProtocolError(
    "invalid-deflate-data",
    `Cannot receive: the compressed message ${what}.`,
    { cause },
  );
}

/** The codec of the library, over `node:zlib`. */
export const zlibCodec: CompressionCodec = {
  minWindowBits: MIN_WINDOW_BITS,
  deflater: (options) =>
    options.windowBits < MIN_WINDOW_BITS
      ? undefined
      : new ZlibDeflater(options),
  inflater: (options) => new ZlibInflater(options),
};

let supported: boolean | undefined;

/** Whether this runtime's `node:zlib` has what the codec of the library needs. */
export function isDeflateSupported(): boolean {
  if (supported === undefined) {
    const stream = builtin("node:zlib").createDeflateRaw({ chunkSize: 64 });
    // Not `instanceof`, which is wrong where the global types are of another realm (jsdom).
    supported = isHandle(Reflect.get(stream, "_handle")) &&
      isUint32Array(Reflect.get(stream, "_writeState"));
    stream.close();
  }
  return supported;
}

interface Handle {
  writeSync(...args: unknown[]): unknown;
  reset(...args: unknown[]): unknown;
}

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null &&
    typeof Reflect.get(value, "writeSync") === "function" &&
    typeof Reflect.get(value, "reset") === "function";
}
