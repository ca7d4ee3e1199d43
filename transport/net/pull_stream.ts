import { sleep } from "../base/schedule.ts";
import type { Clock } from "../base/clock.ts";
import { handled } from "../base/promise.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { HeadReader } from "../handshake/head_reader.ts";
import {
  type HttpResponse,
  ResponseReader,
} from "../handshake/response_reader.ts";

const CHUNK = 4_096;
/** How long the body of a refusal is waited for after its head, in milliseconds. */
const BODY_TIMEOUT = 1_000;

/** A duplex stream of bytes that is read on demand. A `Deno.Conn` is one as it stands. */
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
  /** Ends our side of the stream. Absent where there are no separate sides. */
  closeWrite?(): Promise<void>;
  /** Closes the stream at once: waiting reads and writes settle, with an error or not. */
  close(): void;
}

/** The text of a request's head, and the bytes behind it. */
export interface ReadHead {
  readonly text: string;
  readonly early: Uint8Array;
}

/**
 * Reads the head of a request.
 *
 * @param limit The maximum size of the head in bytes. @default 16384
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
    if (count === null) throw lost();
    const taken = reader.push(buffer.subarray(0, count));
    if (reader.done) {
      return { text: reader.text, early: buffer.slice(taken, count) };
    }
  }
}

/** An answer, and the bytes behind it. */
export interface ReadResponse {
  readonly response: HttpResponse;
  readonly early: Uint8Array;
}

/**
 * Reads the answer to a request for another protocol: see {@link ResponseReader}.
 *
 * The body of a refusal is waited for one second. A stream that breaks in it ends the body.
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
      if (count === null) throw lost();
      if (response !== undefined) {
        deadline ??= sleep(clock, BODY_TIMEOUT, waiting.signal)
          .then(() => null, () => null);
      }
    }
  } finally {
    waiting.abort();
  }
}

function lost(): HandshakeError {
  return new HandshakeError(
    "connection-lost",
    "Cannot complete the handshake: the stream ended before.",
  );
}

/** Writes all of the bytes. */
export async function writeAll(
  stream: PullStream,
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await stream.write(bytes.subarray(at));
  }
}
