/**
 * What the receiver and the sender need of a compressor. `deflate.ts` has the one for permessage-deflate; a caller may
 * pass another.
 *
 * @module
 */

/** Decompresses the messages of one direction of one connection (RFC 7692, section 7.2.2). */
export interface Inflater {
  /**
   * Decompresses a piece of one message.
   *
   * The pieces of a message come in order, and no other message between them.
   * The method adds the tail `00 00 ff ff` to the last one.
   *
   * @param piece Compressed bytes, possibly none. The method must not change or transfer them. They are valid until it
   * returns.
   * @param last Whether the message ends with this piece.
   * @param space The maximum number of decompressed bytes of this piece, `Infinity` for no limit.
   * @returns The decompressed bytes, which are valid until the next call.
   * @throws {ProtocolError} `message-too-large` if there would be more than `space`, `invalid-deflate-data` if the piece
   * cannot be decompressed.
   */
  inflate(piece: Uint8Array, last: boolean, space: number): Uint8Array;
  /** Frees its memory. Safe to call twice. */
  close(): void;
}

/** Compresses the messages of one direction of one connection (RFC 7692, section 7.2.1). */
export interface Deflater {
  /** The minimum size in bytes of a message that is compressed. */
  readonly threshold: number;
  /**
   * Compresses a piece of one message.
   *
   * @param payload Plain bytes, possibly none. The method must not change or transfer them. They are valid until it
   * returns.
   * @param last Whether the message ends with this piece. The tail `00 00 ff ff` is removed then.
   * @returns The compressed bytes, which are valid until the next call.
   */
  deflate(payload: Uint8Array, last: boolean): Uint8Array;
  /** Frees its memory. Safe to call twice. */
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
  /** How much memory the compressor may use, 1 to 9. */
  readonly memLevel: number;
  /** The minimum size in bytes of a message that is compressed. */
  readonly threshold: number;
}

/** Makes the compressors of a connection. */
export interface CompressionCodec {
  /** Makes the compressor of what we send; `undefined` to send everything uncompressed. */
  deflater(options: CodecOptions): Deflater | undefined;
  /** Makes the decompressor of what we receive. */
  inflater(options: CodecOptions): Inflater;
  /**
   * The minimum window that `deflater` supports, as `windowBits`.
   *
   * @default {8}
   */
  readonly minWindowBits?: number;
}
