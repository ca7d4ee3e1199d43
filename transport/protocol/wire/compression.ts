/**
 * What the receiver and the sender need of a compressor. `deflate.ts` has the
 * permessage-deflate one; another can be handed in.
 *
 * @module
 */

/** Decompresses the messages of one direction of one connection (RFC 7692, section 7.2.2). */
export interface Inflater {
  /**
   * Decompresses a piece of one message.
   *
   * The pieces of a message come in order, and no other message between them.
   * The tail `00 00 ff ff` of the last one is added inside.
   *
   * @param piece Compressed bytes, maybe none. They are not changed.
   * @param last Whether the message ends with this piece.
   * @param room The maximum number of bytes that this piece may become, `Infinity` for no limit.
   * @returns What the piece became. It is good until the next call.
   * @throws {ProtocolError} `message-too-large` when it would become more than `room`,
   * `invalid-deflate-data` when it cannot be decompressed.
   */
  inflate(piece: Uint8Array, last: boolean, room: number): Uint8Array;
  /** Frees what it holds. Closing twice is safe. */
  close(): void;
}

/** Compresses the messages of one direction of one connection (RFC 7692, section 7.2.1). */
export interface Deflater {
  /** The minimum size in bytes of a message that is compressed. */
  readonly threshold: number;
  /**
   * Compresses a piece of one message.
   *
   * @param payload Plain bytes, maybe none. They are not changed.
   * @param last Whether the message ends with this piece; the tail `00 00 ff ff` is
   * taken off then.
   * @returns The compressed bytes. They are good until the next call.
   */
  deflate(payload: Uint8Array, last: boolean): Uint8Array;
  /** Frees what it holds. Closing twice is safe. */
  close(): void;
}

/** How one direction is compressed. */
export interface CodecOptions {
  /** Base-2 logarithm of the window size in bytes, 8 to 15. */
  readonly windowBits: number;
  /** Each message starts with an empty window. */
  readonly noContextTakeover: boolean;
  /** Compression level, 0 to 9. */
  readonly level: number;
  /** How much memory the compressor may take, 1 to 9. */
  readonly memLevel: number;
  /** The least size in bytes of a message that is worth compressing. */
  readonly threshold: number;
}

/** Makes the compressors of a connection. */
export interface CompressionCodec {
  /** A compressor for what we send, or `undefined` to send everything plain. */
  deflater(options: CodecOptions): Deflater | undefined;
  /** A decompressor for what we receive. */
  inflater(options: CodecOptions): Inflater;
  /**
   * The least window that `deflater` can keep to, as `windowBits`.
   *
   * @default {8}
   */
  readonly minWindowBits?: number;
}
