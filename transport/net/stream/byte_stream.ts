/**
 * The interface of byte streams, and what needs no runtime: streams in memory, reading on demand, write batching, and
 * the options and results of opening and accepting.
 *
 * @module
 */

/**
 * Largest number of bytes that one {@link ByteStream.write} may hand over.
 *
 * Runtimes report no progress inside one write, so smaller writes make a slow reader visible. From 256 KiB
 * on, dividing a write costs no throughput (measured: 3.1 GB/s, undivided 2.7).
 */
export const MAX_WRITE_SIZE = 262_144;

/**
 * Receives what happens on a {@link ByteStream}.
 *
 * The stream calls a method only from the event loop, never from within a call of one of its own methods, and
 * never after {@link ByteStream.destroy}. A method may call any method of the stream. It must not throw.
 */
export interface ByteStreamHandler {
  /**
   * Receives bytes that have arrived, in order. Not called while the stream is paused.
   *
   * The handler may change the bytes in place.
   *
   * @param borrowed Whether the bytes are valid only until it returns, in memory that other streams read into too: the
   * handler must copy what it keeps, and must not transfer the buffer. Otherwise they belong to the handler.
   */
  data(bytes: Uint8Array<ArrayBuffer>, borrowed: boolean): void;
  /**
   * Returns memory for the next bytes of the stream, such as the rest of a large message, which are then stored there
   * directly. Only streams that can read into memory of the handler call it; others call {@link data}. The memory
   * belongs to the stream until the next call of `data` or `filled`.
   *
   * @returns `undefined` to receive the next bytes by `data`.
   */
  target?(): Uint8Array | undefined;
  /**
   * Reports that `count` bytes were stored at the start of the last {@link target}. Not called while the stream is
   * paused.
   */
  filled?(count: number): void;
  /**
   * Whether the stream should let consumers run before it delivers more of a burst of large reads, although it may have
   * to copy them then. Default: no.
   */
  dividesBursts?(): boolean;
  /**
   * Reports that the peer has ended its side: no more data follows. Our side can still be written. Not called while
   * the stream is paused.
   */
  end(): void;
  /** Reports that the write that was under way is complete: its memory is free, and the next write may begin. */
  drain(): void;
  /**
   * Reports that our side of the stream broke: nothing more can be written, and `drain` is not called any more. Called
   * at most once, also while paused.
   *
   * Reading continues, since the system may hold data that arrived before. Not every runtime reports the end of the
   * stream afterwards, so the caller must bound the wait.
   */
  writeError(error: Error): void;
  /**
   * Reports that the stream is gone in both directions. Last call, also made while paused. Not called for a stream
   * whose two sides have ended without an error.
   */
  error(error: Error): void;
}

/**
 * A duplex stream of bytes that pushes what arrives to a handler.
 *
 * A new stream is paused: {@link attach} a handler, then {@link resume}. What happened before, such as the end of a
 * stream that is taken over late, is reported then. The owner has to call {@link destroy} in the end.
 */
export interface ByteStream {
  /** Whether a write is under way: from a {@link write} that returned `false` until `drain` or `writeError`. */
  readonly writing: boolean;
  /** Whether our side is open: it was not ended, destroyed or broken. */
  readonly writable: boolean;
  /** Reports to `handler` from now on, instead of the one before. Does not change whether the stream is paused. */
  attach(handler: ByteStreamHandler): void;
  /**
   * Writes bytes. While the write is under way the memory belongs to the stream. If neither `drain` nor `writeError`
   * comes because of {@link destroy}, or if the write failed, the memory must not be used for the data of another
   * connection.
   *
   * @param bytes From 1 to {@link MAX_WRITE_SIZE} bytes.
   * @returns `true` when the system has taken all of the bytes already: `drain` is not called then. `false` when the
   * write is under way, and when our side is broken or the stream destroyed.
   * @throws {ConnectionError} `invalid-state` while another write is under way, `connection-closed` after {@link end}.
   */
  write(bytes: Uint8Array): boolean;
  /**
   * Stops reading, so that TCP slows the peer down. Takes effect at once: no `data`, `filled` or `end` follows
   * before {@link resume}. Safe to call twice.
   */
  pause(): void;
  /** Resumes reading. Safe to call twice. */
  resume(): void;
  /**
   * Ends our side after the write that is under way. Reading continues. Safe to call twice. Streams without separate
   * sides end in both directions.
   */
  end(): void;
  /**
   * Closes the stream at once, in both directions. Data that is still being written may be lost. Safe to call twice.
   */
  destroy(): void;
}
