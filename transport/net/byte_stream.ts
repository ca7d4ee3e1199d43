/**
 * A duplex stream of bytes: what a raw socket stands on. A `Deno.Conn` is one as
 * it stands.
 */
export interface ByteStream {
  /**
   * Reads into `buffer`.
   *
   * @returns How many bytes were read, `null` at the end of the stream.
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Writes some of `bytes`, which stay untouched until it has resolved.
   *
   * @returns How many bytes were taken.
   */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the outgoing half. Absent where there are no halves. */
  closeWrite?(): Promise<void>;
  /** Cuts the stream: reads and writes that wait end, with an error or not. */
  close(): void;
}
