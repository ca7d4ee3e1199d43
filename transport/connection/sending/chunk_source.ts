import { ConfigError } from "../../base/errors.ts";
import { handled } from "../../base/promise.ts";

/** What a streamed message may be read from. */
export type MessageStream =
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>;

/** A source of chunks that can be cancelled at any time. */
export interface ChunkSource {
  /** Reads the next chunk. */
  next(): Promise<{ readonly done?: boolean; readonly value?: unknown }>;
  /** Cancels the source, also while a read is pending. Errors of the source are ignored. */
  cancel(reason: unknown): void;
  /** Leaves the source, which has ended. */
  release(): void;
}

/**
 * Checks that a value can be read piece by piece.
 *
 * @throws {ConfigError} `invalid-argument`.
 */
export function checkStream(stream: unknown): void {
  if (
    typeof stream !== "object" || stream === null ||
    !(Symbol.asyncIterator in stream || Symbol.iterator in stream)
  ) {
    throw refuseStream(
      "a ReadableStream or iterable",
      stream === null ? "null" : typeof stream,
    );
  }
  if (stream instanceof ReadableStream && stream.locked) {
    throw refuseStream("unlocked", "a stream that somebody else reads");
  }
}

/** Begins to read a stream. */
export function openSource(stream: MessageStream): ChunkSource {
  return stream instanceof ReadableStream
    ? new StreamSource(stream)
    : new IterableSource(stream);
}

/** A ReadableStream, through its reader: its iterator could not be cancelled while a read is pending. */
class StreamSource implements ChunkSource {
  readonly #reader: ReadableStreamDefaultReader<unknown>;

  constructor(stream: ReadableStream<unknown>) {
    this.#reader = stream.getReader();
  }

  next(): Promise<ReadableStreamReadResult<unknown>> {
    return this.#reader.read();
  }

  cancel(reason: unknown): void {
    handled(this.#reader.cancel(reason));
    this.#reader.releaseLock();
  }

  release(): void {
    this.#reader.releaseLock();
  }
}

class IterableSource implements ChunkSource {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;

  constructor(stream: AsyncIterable<unknown> | Iterable<unknown>) {
    this.#iterator = Symbol.asyncIterator in stream
      ? stream[Symbol.asyncIterator]()
      : stream[Symbol.iterator]();
  }

  async next(): Promise<IteratorResult<unknown, unknown>> {
    return await this.#iterator.next();
  }

  cancel(): void {
    handled(this.#return());
  }

  release(): void {
    // `return` must not be called on an iterator that has ended.
  }

  async #return(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** The error for a stream, or a chunk of one, that cannot be sent. */
export function refuseStream(rule: string, got: string): ConfigError {
  return new ConfigError(
    "invalid-argument",
    "stream",
    `Cannot send: the stream must be ${rule}, and is ${got}.`,
  );
}

/** The error for a chunk that cannot be sent. */
export function refuseChunk(what: string): ConfigError {
  return new ConfigError(
    "invalid-argument",
    "stream",
    `Cannot send: each chunk of the stream must be a string or a Uint8Array, and one ${what}.`,
  );
}
