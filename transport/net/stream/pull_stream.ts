import { sleep } from "../../base/schedule.ts";
import type { Clock } from "../../base/clock.ts";
import { ConfigError } from "../../base/errors.ts";
import { isBytes, isLost, plainBytes } from "../../base/message.ts";
import { handled, rejected } from "../../base/promise.ts";
import { HandshakeError } from "../../handshake/errors.ts";
import { HeadReader } from "../../handshake/head_reader.ts";
import {
  type HttpResponse,
  ResponseReader,
} from "../../handshake/response_reader.ts";
import { isLendable } from "../../protocol/send/borrowed_message.ts";
import { type ByteStream, MAX_WRITE_SIZE } from "./byte_stream.ts";
import { bufferChanged, closedByOwner, refusedRead } from "./stream_errors.ts";

const CHUNK = 4_096;
/** The maximum wait for the body of a refusal after its head, in milliseconds. */
const BODY_TIMEOUT = 1_000;

/** A duplex stream of bytes that is read on demand. A `Deno.Conn` is one. */
export interface PullStream {
  /**
   * Reads into `buffer`.
   *
   * @returns How many bytes were read, `null` at the end of the stream.
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Writes some of `bytes`, which must stay unchanged until the promise has resolved.
   *
   * @returns How many bytes were taken.
   */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends our side of the stream. Absent if there are no separate sides. */
  closeWrite?(): Promise<void>;
  /** Closes the stream at once: waiting reads and writes settle, with an error or not. */
  close(): void;
}

interface PendingRead extends PromiseWithResolvers<number | null> {
  readonly buffer: Uint8Array;
}

/** A stream that an adapter has given back. */
export interface ReleasedStream {
  /** The stream, paused. */
  readonly stream: ByteStream;
  /** Bytes that were received and have not been used. */
  readonly early: Uint8Array;
  /** Why the stream cannot be used, if it has failed meanwhile. */
  readonly error: Error | undefined;
}

/** Reads and writes a {@link ByteStream} on demand. One read and one write at a time. */
export class PullAdapter implements PullStream {
  readonly #stream: ByteStream;
  /** What arrived and was not read. The stream is paused meanwhile. */
  #unread: Uint8Array | undefined;
  #ended = false;
  #error: Error | undefined;
  #read: PendingRead | undefined;
  #write: PromiseWithResolvers<void> | undefined;
  #writeError: Error | undefined;

  /** Takes over a stream. Other code must not use it until {@link PullAdapter.release}. */
  constructor(stream: ByteStream) {
    this.#stream = stream;
    stream.attach({
      data: (bytes, borrowed) => this.#onData(bytes, borrowed),
      target: () => this.#target(),
      filled: (count) => this.#settleRead(count),
      end: () => this.#onEnd(),
      drain: () => this.#settleWrite(undefined),
      writeError: (error) => this.#onWriteError(error),
      error: (error) => this.#onError(error),
    });
  }

  /** Reads what has arrived, or waits for the next bytes. */
  read(buffer: Uint8Array): Promise<number | null> {
    if (isLost(buffer)) return rejected(bufferChanged("read"));
    const unread = this.#unread;
    if (unread !== undefined) {
      const count = Math.min(unread.length, buffer.length);
      buffer.set(unread.subarray(0, count));
      this.#unread = count < unread.length ? unread.subarray(count) : undefined;
      return Promise.resolve(count);
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(null);
    if (this.#read !== undefined) {
      return Promise.reject(refusedRead());
    }
    this.#read = {
      ...Promise.withResolvers<number | null>(),
      buffer: plainBytes(buffer),
    };
    this.#stream.resume();
    return this.#read.promise;
  }

  /** Writes the bytes, or the first ones if there are more than {@link MAX_WRITE_SIZE}. */
  async write(bytes: Uint8Array): Promise<number> {
    if (this.#writeError !== undefined) throw this.#writeError;
    const piece = plainBytes(bytes).subarray(0, MAX_WRITE_SIZE);
    if (piece.length === 0 || this.#stream.write(piece)) return piece.length;
    this.#write = Promise.withResolvers();
    await this.#write.promise;
    return piece.length;
  }

  /** Ends our side of the stream. */
  closeWrite(): Promise<void> {
    this.#stream.end();
    return Promise.resolve();
  }

  /** Closes the stream at once. */
  close(): void {
    this.#stream.destroy();
    this.#onError(closedByOwner());
  }

  /**
   * Gives the stream back, paused, with what was not read. No read and no write may be under way. The adapter must not
   * be used afterwards.
   *
   * @param early Bytes that were read last and are given back, in front of the others.
   */
  release(early: Uint8Array = new Uint8Array(0)): ReleasedStream {
    const unread = this.#unread;
    let bytes = early;
    if (unread !== undefined) {
      bytes = new Uint8Array(early.length + unread.length);
      bytes.set(early);
      bytes.set(unread, early.length);
    }
    const error = this.#error ?? this.#writeError;
    return { stream: this.#stream, early: bytes, error };
  }

  /**
   * The memory that a read waits for, unless it is gone meanwhile: then what arrives is kept for the next read. A
   * system call does not read into memory that may be resized before it is complete.
   */
  #target(): Uint8Array | undefined {
    const buffer = this.#read?.buffer;
    return buffer === undefined || isLost(buffer) || !isLendable(buffer)
      ? undefined
      : buffer;
  }

  #onData(bytes: Uint8Array, borrowed: boolean): void {
    const read = this.#read;
    const count = Math.min(bytes.length, read?.buffer.length ?? 0);
    if (count < bytes.length) {
      const rest = bytes.subarray(count);
      this.#unread = borrowed ? rest.slice() : rest;
    }
    if (count > 0) read?.buffer.set(bytes.subarray(0, count));
    this.#settleRead(count);
  }

  #onEnd(): void {
    this.#ended = true;
    this.#settleRead(null);
  }

  #onWriteError(error: Error): void {
    this.#writeError = error;
    this.#settleWrite(error);
  }

  #onError(error: Error): void {
    this.#error ??= error;
    this.#writeError ??= error;
    const read = this.#read;
    this.#read = undefined;
    read?.reject(error);
    this.#settleWrite(error);
  }

  #settleRead(count: number | null): void {
    // What happens from now on may be for the next owner of the stream.
    this.#stream.pause();
    const read = this.#read;
    this.#read = undefined;
    if (read === undefined) return;
    const { buffer } = read;
    if (count !== null && (isLost(buffer) || count > buffer.length)) {
      read.reject(bufferChanged("read"));
    } else read.resolve(count);
  }

  #settleWrite(error: Error | undefined): void {
    const write = this.#write;
    this.#write = undefined;
    if (error === undefined) write?.resolve();
    else write?.reject(error);
  }
}

/** The text of a request's head, and the bytes after it. */
export interface ReadHead {
  readonly text: string;
  readonly early: Uint8Array;
}

/**
 * Reads the head of a request.
 *
 * @param limit The maximum size of the head in bytes. Default: 16384.
 * @throws {HandshakeError} `head-too-large`, `bad-request` or `bad-header`, or `connection-lost` if the stream ends
 * before.
 */
export async function readHead(
  stream: PullStream,
  limit?: number,
): Promise<ReadHead> {
  const reader = new HeadReader("request", limit);
  const buffer = new Uint8Array(CHUNK);
  for (;;) {
    const count = await stream.read(buffer);
    if (count === null) throw lost("the request was complete");
    const taken = reader.push(buffer.subarray(0, count));
    if (reader.done) {
      return { text: reader.text, early: buffer.slice(taken, count) };
    }
  }
}

/** A response, and the bytes after it. */
export interface ReadResponse {
  readonly response: HttpResponse;
  readonly early: Uint8Array;
}

/**
 * Reads the response to a request for another protocol: see {@link ResponseReader}.
 *
 * Waits at most one second for the body of a refusal. If the stream breaks in the body, the body ends there.
 *
 * @param grants Whether a status hands the stream over.
 * @throws {HandshakeError} `head-too-large`, `bad-response` or `bad-header`, or `connection-lost` if the stream ends
 * before the head is complete.
 */
export async function readResponse(
  stream: PullStream,
  grants: (status: number) => boolean,
  clock: Clock,
): Promise<ReadResponse> {
  const reader = new ResponseReader(grants);
  const buffer = new Uint8Array(CHUNK);
  const waiting = new AbortController();
  let deadline: Promise<null> | undefined;
  let hasBegun = false;
  try {
    for (;;) {
      const count = deadline === undefined
        ? await stream.read(buffer)
        : await Promise.race([
          handled(stream.read(buffer)).catch(() => null),
          deadline,
        ]);
      const taken = count === null ? 0 : reader.push(buffer.subarray(0, count));
      const { response } = reader;
      if (response !== undefined && (reader.done || count === null)) {
        return { response, early: buffer.slice(taken, count ?? 0) };
      }
      if (count === null) {
        throw lost(
          hasBegun ? "the response was complete" : "a response arrived",
        );
      }
      hasBegun = true;
      if (response !== undefined) {
        deadline ??= sleep(clock, BODY_TIMEOUT, waiting.signal)
          .then(() => null, () => null);
      }
    }
  } finally {
    waiting.abort();
  }
}

function lost(before: string): HandshakeError {
  return new HandshakeError(
    "connection-lost",
    `Cannot complete the handshake: the connection was closed before ${before}.`,
  );
}

/**
 * Writes all of the bytes.
 *
 * @throws {ConnectionError} `buffer-changed` if their memory is resized or transferred meanwhile.
 */
export async function writeAll(
  stream: PullStream,
  bytes: Uint8Array,
): Promise<void> {
  const { length } = bytes;
  for (let at = 0; at < length;) {
    at += await stream.write(plainBytes(bytes).subarray(at));
    if (bytes.length !== length) throw bufferChanged("write");
  }
}

/**
 * Checks what a caller gives to be written.
 *
 * @throws {ConfigError} `invalid-argument` if it is no `Uint8Array`.
 * @throws {ConnectionError} `buffer-changed` if its content is lost.
 */
export function checkBytes(bytes: unknown): asserts bytes is Uint8Array {
  if (!isBytes(bytes)) {
    throw new ConfigError(
      "invalid-argument",
      "bytes",
      `Cannot write: bytes must be a Uint8Array, and is of type ${typeof bytes}.`,
    );
  }
  if (isLost(bytes)) throw bufferChanged("write");
}
