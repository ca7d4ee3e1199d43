import { plainBytes } from "../../base/message.ts";
import type { ByteStream, ByteStreamHandler } from "./byte_stream.ts";
import { refusedWrite } from "./stream_errors.ts";

const NO_HANDLER: ByteStreamHandler = {
  data: () => {},
  end: () => {},
  drain: () => {},
  writeError: () => {},
  error: () => {},
};

/** One end of a byte stream in memory. Made by {@link memoryStreams}. */
export class MemoryStream implements ByteStream {
  readonly #capacity: number;
  #peer: MemoryStream | undefined;
  #handler = NO_HANDLER;
  #paused = true;
  #destroyed = false;
  #scheduled = false;

  /** Data that has arrived and was not read yet. */
  readonly #unread: Uint8Array<ArrayBuffer>[] = [];
  #unreadBytes = 0;
  /** How the peer's side has ended; reported after the data. */
  #peerEnded = false;
  #endReported = false;
  #error: Error | undefined;

  /** Bytes of `write` for which the peer has no capacity. */
  #output: Uint8Array | undefined;
  #writing = false;
  #drained = false;
  #ended = false;
  #writeError: Error | undefined;
  #broken = false;

  /**
   * Creates an end that leads nowhere yet; see {@link MemoryStream.connect}.
   *
   * @param capacity Unread bytes that this end holds before the other has to wait.
   */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Makes two ends one stream. */
  static connect(a: MemoryStream, b: MemoryStream): void {
    a.#peer = b;
    b.#peer = a;
  }

  /** Bytes that have arrived and were not read yet. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Whether {@link destroy} was called or the stream failed. */
  get destroyed(): boolean {
    return this.#destroyed;
  }

  get writing(): boolean {
    return this.#writing;
  }

  get writable(): boolean {
    return !this.#ended && !this.#broken && !this.#destroyed;
  }

  attach(handler: ByteStreamHandler): void {
    this.#handler = handler;
    this.#schedule();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#destroyed || this.#broken) return false;
    if (this.#writing || this.#ended) throw refusedWrite(this.#ended);
    this.#writing = true;
    this.#output = plainBytes(bytes);
    this.#move();
    if (!this.#drained || this.#writeError !== undefined) return false;
    this.#drained = false;
    this.#writing = false;
    return true;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
    if (this.#capacity === 0 && this.#peer !== undefined) this.#peer.#move();
  }

  end(): void {
    this.#ended = true;
    this.#move();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#handler = NO_HANDLER;
    this.#unread.length = 0;
    this.#output = undefined;
    const peer = this.#peer;
    if (peer === undefined) return;
    // What was written before can still be read, then the stream ends.
    peer.#peerEnded = true;
    if (peer.#output !== undefined) {
      peer.breakWriting(new Error("Broken pipe."));
    }
    peer.#schedule();
  }

  /** Breaks our side: the write under way, or the next one, fails with `error`. */
  breakWriting(error: Error): void {
    this.#writeError ??= error;
    this.#schedule();
  }

  /** Breaks the stream in both directions, as a reset does. Unread data is lost. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#unread.length = 0;
    this.#unreadBytes = 0;
    this.#schedule();
  }

  /** How many bytes the other end may write now. */
  #space(): number {
    if (this.#capacity > 0) return this.#capacity - this.#unreadBytes;
    return this.#paused || this.#unread.length > 0 ? 0 : Infinity;
  }

  /** Moves output to the peer, as far as it has capacity. */
  #move(): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    const output = this.#output;
    if (peer.#destroyed && output !== undefined) {
      return this.breakWriting(new Error("Broken pipe."));
    }
    if (output !== undefined && peer.#space() > 0) {
      const count = Math.min(output.length, peer.#space());
      peer.#unread.push(new Uint8Array(output.subarray(0, count)));
      peer.#unreadBytes += count;
      this.#output = count === output.length
        ? undefined
        : output.subarray(count);
    }
    if (this.#output === undefined) {
      if (this.#writing) this.#drained = true;
      if (this.#ended) peer.#peerEnded = true;
    }
    this.#schedule();
    peer.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#destroyed) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#report();
    });
  }

  /** Reports what has happened. The handler may pause, write or destroy the stream meanwhile. */
  #report(): void {
    if (this.#handler === NO_HANDLER) return;
    if (this.#writeError !== undefined && !this.#broken && this.#writing) {
      this.#broken = true;
      this.#writing = false;
      this.#output = undefined;
      this.#handler.writeError(this.#writeError);
    }
    if (this.#drained && !this.#broken) {
      this.#drained = false;
      this.#writing = false;
      this.#handler.drain();
    }
    while (!this.#paused && !this.#destroyed) {
      const bytes = this.#unread.shift();
      if (bytes === undefined) break;
      this.#unreadBytes -= bytes.length;
      this.#handler.data(bytes, false);
      if (this.#peer !== undefined) this.#peer.#move();
    }
    if (this.#destroyed) return;
    if (this.#error !== undefined) {
      const handler = this.#handler;
      const error = this.#error;
      this.destroy();
      handler.error(error);
    } else if (
      this.#peerEnded && !this.#endReported && !this.#paused &&
      this.#unread.length === 0
    ) {
      this.#endReported = true;
      this.#handler.end();
    }
  }
}

/**
 * Creates both ends of a byte stream in memory.
 *
 * @param capacity Unread bytes that each end holds before a write of the other has to wait; with 0, a write is complete
 * when it is read. Default: unlimited.
 */
export function memoryStreams(
  capacity = Infinity,
): [MemoryStream, MemoryStream] {
  const a = new MemoryStream(capacity);
  const b = new MemoryStream(capacity);
  MemoryStream.connect(a, b);
  return [a, b];
}
