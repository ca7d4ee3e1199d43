import type { ByteStream } from "./byte_stream.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { type HeadKind, HeadReader } from "../handshake/head.ts";

const CHUNK = 4_096;

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
  stream: ByteStream,
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
  stream: ByteStream,
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await stream.write(bytes.subarray(at));
  }
}
