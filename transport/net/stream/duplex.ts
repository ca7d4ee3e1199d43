import { ConnectionError } from "../../base/errors.ts";
import { isLost } from "../../base/message.ts";
import { handled, rejected } from "../../base/promise.ts";
import { checkBytes, type PullStream, writeAll } from "./pull_stream.ts";
import { bufferChanged } from "./stream_errors.ts";

/** How many bytes one read of {@link Duplex.readable} asks for. */
const READ_SIZE = 65_536;

/**
 * A duplex stream of bytes that was upgraded to another protocol. The first reads give what came right after the
 * handshake.
 *
 * Use either {@link Duplex.read} and {@link Duplex.write} or the two Web streams. Each side may be used alone, as in a
 * `Deno.Conn`. Call {@link Duplex.close} in the end, unless both Web streams have ended.
 */
export class Duplex implements PullStream, Disposable {
  readonly #stream: PullStream;
  /** What came right after the handshake and was not read. */
  #early: Uint8Array | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;
  #openSides = 2;
  #closed = false;
  /** Reject the writes that wait. Deno 2.9.3 does not settle them when a connection is closed. */
  readonly #endWrites = new Set<(error: Error) => void>();

  /** Takes over a stream whose first bytes were read already. */
  constructor(stream: PullStream, early: Uint8Array) {
    this.#stream = stream;
    this.#early = early.length === 0 ? undefined : early;
  }

  /** What the peer sends. Cancelling it closes the stream. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= new ReadableStream({
      pull: (controller) => this.#pull(controller),
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
  }

  /** What is sent to the peer. Closing it ends this side of the stream, aborting it closes the stream. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= new WritableStream({
      // Not in `abort`, which is called only after the write that is under way: a peer that does not read holds it up.
      start: ({ signal }) =>
        signal.addEventListener("abort", () => this.close(), { once: true }),
      write: (bytes) => {
        checkBytes(bytes);
        return this.#untilClosed(writeAll(this.#stream, bytes));
      },
      close: () => this.#endWriting(),
    });
  }

  /**
   * Reads into `buffer`.
   *
   * @returns How many bytes were read, `null` at the end of the stream.
   * @throws {ConnectionError} `buffer-changed` if the buffer is resized or transferred meanwhile.
   */
  read(buffer: Uint8Array): Promise<number | null> {
    if (isLost(buffer)) return rejected(bufferChanged("read"));
    const early = this.#early;
    if (early === undefined) return handled(this.#stream.read(buffer));
    const count = Math.min(early.length, buffer.length);
    buffer.set(early.subarray(0, count));
    this.#early = count < early.length ? early.subarray(count) : undefined;
    return Promise.resolve(count);
  }

  /**
   * Writes some of `bytes`, which must stay unchanged until the promise has resolved.
   *
   * @returns How many bytes were taken.
   * @throws {ConfigError} `invalid-argument` if `bytes` is no `Uint8Array`.
   * @throws {ConnectionError} `buffer-changed` if the buffer was resized or transferred.
   */
  write(bytes: Uint8Array): Promise<number> {
    return handled(this.#write(bytes));
  }

  /** Ends this side of the stream: the peer reads its end. Reading continues. */
  closeWrite(): Promise<void> {
    return handled(this.#closeWrite());
  }

  async #closeWrite(): Promise<void> {
    await this.#stream.closeWrite?.();
  }

  /** Closes the stream at once. Waiting reads and writes settle, with an error or not. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.close();
    for (const end of this.#endWrites) {
      end(
        new ConnectionError(
          "connection-closed",
          "Cannot write: the stream was closed.",
        ),
      );
    }
  }

  /** Same as {@link Duplex.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #write(bytes: Uint8Array): Promise<number> {
    checkBytes(bytes);
    return await this.#untilClosed(this.#stream.write(bytes));
  }

  /** Waits for a write, but no longer than until the stream is closed. */
  #untilClosed<T>(write: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#endWrites.add(reject);
      const done = () => void this.#endWrites.delete(reject);
      write.then(resolve, reject).then(done);
    });
  }

  async #pull(
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    const buffer = new Uint8Array(READ_SIZE);
    const count = await this.read(buffer);
    if (count !== null) return controller.enqueue(buffer.subarray(0, count));
    controller.close();
    this.#endSide();
  }

  async #endWriting(): Promise<void> {
    await this.closeWrite();
    this.#endSide();
  }

  #endSide(): void {
    if (--this.#openSides === 0) this.close();
  }
}
