import { HandshakeError } from "../handshake/errors.ts";
import { type HeadKind, HeadReader } from "../handshake/head.ts";

const CHUNK = 4_096;

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

/** A head, and what came right behind it. */
export interface ReadHead {
  readonly text: string;
  readonly early: Uint8Array;
}

/**
 * Reads up to the end of a head.
 *
 * @param limit Most bytes of the head. @default 16384
 * @throws {HandshakeError} `head-too-large` or `bad-header`, or `connection-lost` when the stream ends before.
 */
export async function readHead(
  stream: PullStream,
  kind: HeadKind,
  limit?: number,
): Promise<ReadHead> {
  const reader = new HeadReader(kind, limit);
  const buffer = new Uint8Array(CHUNK);
  for (;;) {
    const count = await stream.read(buffer);
    if (count === null) {
      throw new HandshakeError(
        "connection-lost",
        "The stream ended before the handshake was done",
      );
    }
    const taken = reader.push(buffer.subarray(0, count));
    if (reader.done) {
      return { text: reader.text, early: buffer.slice(taken, count) };
    }
  }
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
