import { Assembly, DIRECT_SIZE } from "./assembly.ts";
import { OPCODE_CONTINUATION, OPCODE_TEXT } from "../wire/frame.ts";
import type { FrameReader } from "./frame_reader.ts";
import type { Limits } from "./limits.ts";
import { rotateKey } from "../wire/mask.ts";
import type { MessageInflater } from "./message_inflater.ts";
import { decodeText, type ReceiveWindow } from "./receive_window.ts";

/**
 * Puts messages together out of the payloads of data frames: fragments, pieces of frames, and compressed messages.
 *
 * After {@link MessageReader.read} or {@link MessageReader.filled} returned `true`, the message is in `data` and
 * `size`.
 */
export class MessageReader {
  readonly #window: ReceiveWindow;
  readonly #limits: Limits;
  readonly #inflater: MessageInflater;
  readonly #copies: boolean;
  readonly #assembly = new Assembly();
  #fin = false;
  /** The masking key, rotated for the next byte of the payload. */
  #key = 0;
  #fragments = 0;
  #compressed = false;

  /** The opcode of the message that is under way, 0 for none. */
  type = 0;
  /** Payload bytes of the frame that are still to come. */
  left = 0;
  /** The message. */
  data: string | Uint8Array = "";
  /** The size of the message in bytes. */
  size = 0;

  /** @param copies Whether each message gets a buffer of its own size. */
  constructor(
    window: ReceiveWindow,
    limits: Limits,
    inflater: MessageInflater,
    copies: boolean,
  ) {
    this.#window = window;
    this.#limits = limits;
    this.#inflater = inflater;
    this.#copies = copies;
  }

  /**
   * Begins a data frame.
   *
   * @throws {ProtocolError} If it exceeds a limit.
   */
  begin(frame: FrameReader): void {
    const { first, length } = frame;
    const opcode = first & 0x0f;
    if (opcode !== OPCODE_CONTINUATION) {
      this.type = opcode;
      this.#fragments = 0;
      this.#compressed = (first & 0x40) !== 0;
      if (this.#compressed) this.#inflater.begin();
    }
    const limits = this.#limits;
    const { size } = this.#assembly;
    if (
      ++this.#fragments > limits.fragments || length > limits.frame ||
      (!this.#compressed && length > limits.message - size)
    ) limits.refuse(this.#fragments, size, length, frame.start);
    this.#fin = first >= 0x80;
    this.#key = frame.key;
    this.left = length;
  }

  /**
   * Takes a piece of the payload out of the window.
   *
   * @returns Whether it completes the message.
   * @throws {ProtocolError} `invalid-utf8`, `invalid-deflate-data`, `message-too-large`.
   */
  read(start: number, stop: number): boolean {
    this.left -= stop - start;
    if (this.#compressed) return this.#readCompressed(start, stop);
    const assembly = this.#assembly;
    if (this.#ends() && assembly.size === 0) {
      const isText = this.type === OPCODE_TEXT;
      this.#complete(
        isText
          ? this.#window.text(start, stop, this.#key)
          : this.#window.binary(start, stop, this.#key),
        stop - start,
      );
      return true;
    }
    if (stop > start) {
      assembly.append(
        this.#window.view.bytes.subarray(start, stop),
        this.#key,
        this.#expected(stop - start),
      );
      if (this.left !== 0) this.#key = rotateKey(this.#key, stop - start);
    }
    return this.#endPiece(this.#window.origin + stop);
  }

  /** Returns where the next bytes may be read to, see {@link Receiver.target}. */
  target(): Uint8Array | undefined {
    return this.left < DIRECT_SIZE || this.#compressed ||
        this.#assembly.size < DIRECT_SIZE
      ? undefined
      : this.#assembly.target(this.left, this.#expected(0));
  }

  /**
   * Records that `length` bytes were read to the target.
   *
   * @param offset Where in the stream they end.
   * @returns Whether they complete the message.
   * @throws {ProtocolError} `invalid-utf8`.
   */
  filled(length: number, offset: number): boolean {
    this.#assembly.filled(length, this.#key);
    this.#key = rotateKey(this.#key, length);
    this.left -= length;
    return this.#endPiece(offset);
  }

  /** Drops the message that is under way. */
  clear(): void {
    this.#assembly.clear();
    this.data = "";
  }

  #readCompressed(start: number, stop: number): boolean {
    const { view } = this.#window;
    const assembly = this.#assembly;
    const ends = this.#ends();
    if (stop > start || ends) {
      view.mask(start, stop, this.#key);
      this.#key = rotateKey(this.#key, stop - start);
      const piece = this.#inflater.inflate(
        view.bytes.subarray(start, stop),
        ends,
        assembly.size,
      );
      if (ends && assembly.size === 0) {
        const isText = this.type === OPCODE_TEXT;
        this.#complete(
          isText ? decodeText(piece) : new Uint8Array(piece),
          piece.length,
        );
        return true;
      }
      const size = assembly.size + piece.length;
      if (piece.length > 0) {
        const expected = Math.min(2 * size, this.#limits.message);
        assembly.append(piece, 0, ends ? size : expected);
      }
    }
    // Inflated bytes have no place in the stream.
    return this.#endPiece(undefined);
  }

  /** Whether the message ends where the last byte was taken. */
  #ends(): boolean {
    return this.left === 0 && this.#fin;
  }

  /** Returns the expected size of the whole message, of which `more` bytes are about to be added. */
  #expected(more: number): number {
    const size = this.#assembly.size + more;
    const known = size + this.left;
    return this.#fin
      ? known
      : Math.max(known, Math.min(2 * size, this.#limits.message));
  }

  #endPiece(offset: number | undefined): boolean {
    const ends = this.#ends();
    const assembly = this.#assembly;
    const isText = this.type === OPCODE_TEXT;
    if (isText) assembly.checkText(ends, offset);
    if (!ends) return false;
    const { size } = assembly;
    if (!isText) this.#window.noteSize(size);
    this.#complete(
      isText ? assembly.takeText() : assembly.takeBytes(this.#copies),
      size,
    );
    return true;
  }

  #complete(data: string | Uint8Array, size: number): void {
    this.data = data;
    this.size = size;
    this.type = 0;
  }
}
