import { ProtocolError, type ProtocolErrorCode } from "../wire/errors.ts";
import {
  decodeLength,
  type FrameHeader,
  headerSizeOf,
  MAX_CONTROL_PAYLOAD,
  MAX_HEADER_SIZE,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PONG,
  OPCODE_TEXT,
  opcodeName,
  readKey,
} from "../wire/frame.ts";

/** Reads frame headers, which may come in pieces, and checks them against the rules of RFC 6455. */
export class FrameReader {
  readonly #masked: boolean;
  readonly #inflating: boolean;
  #head: Uint8Array | undefined;
  #headSize = 0;

  /** Where in the stream the frame begins. */
  start = 0;
  /** The first byte of the header: FIN, RSV and opcode. */
  first = 0;
  /** The length of the payload in bytes. */
  length = 0;
  /** The masking key, 0 for none. */
  key = 0;

  /**
   * Creates a reader.
   *
   * @param masked Whether frames must be masked.
   * @param inflating Whether permessage-deflate was negotiated.
   */
  constructor(masked: boolean, inflating: boolean) {
    this.#masked = masked;
    this.#inflating = inflating;
  }

  /** The opcode of the frame. */
  get opcode(): number {
    return this.first & 0x0f;
  }

  /** Whether it is a control frame. */
  get isControl(): boolean {
    return (this.first & 0x08) !== 0;
  }

  /** Whether a part of a header has arrived. */
  get begun(): boolean {
    return this.#headSize !== 0;
  }

  /**
   * Reads a header, or keeps the part of it that has arrived.
   *
   * @param pos Where the header, or the rest of it, begins in `bytes`.
   * @param end Where the bytes end.
   * @param origin What to add to a position in `bytes` to get one in the stream.
   * @param type The opcode of the message that is under way, 0 for none.
   * @returns Where the payload begins, -1 if the header is not complete: then all bytes were taken.
   * @throws {ProtocolError} If the header breaks a rule, as soon as its first two bytes have arrived.
   */
  read(
    bytes: Uint8Array,
    pos: number,
    end: number,
    origin: number,
    type: number,
  ): number {
    if (this.#headSize === 0) {
      this.start = origin + pos;
      if (end - pos >= 2) {
        const size = headerSizeOf(bytes[pos + 1] ?? 0);
        if (end - pos >= size) {
          this.#decode(bytes, pos, size, type);
          return pos + size;
        }
      }
    }
    const head = this.#head ??= new Uint8Array(MAX_HEADER_SIZE);
    let size = this.#headSize;
    while (pos < end) {
      head[size++] = bytes[pos++] ?? 0;
      this.#headSize = size;
      if (size === 2) this.#check(head[0] ?? 0, head[1] ?? 0, type);
      if (size >= 2 && size === headerSizeOf(head[1] ?? 0)) {
        this.#headSize = 0;
        this.#decode(head, 0, size, type);
        return pos;
      }
    }
    return -1;
  }

  /** Returns the header that was read last. */
  header(): FrameHeader {
    return {
      fin: this.first >= 0x80,
      rsv1: (this.first & 0x40) !== 0,
      rsv2: false,
      rsv3: false,
      opcode: this.opcode,
      masked: this.#masked,
      length: this.length,
    };
  }

  #decode(bytes: Uint8Array, at: number, size: number, type: number): void {
    const first = bytes[at] ?? 0;
    const second = bytes[at + 1] ?? 0;
    this.#check(first, second, type);
    const short = second & 0x7f;
    this.first = first;
    this.length = short < 126
      ? short
      : decodeLength(bytes, at, short, this.start);
    this.key = this.#masked ? readKey(bytes, at + size - 4) : 0;
  }

  #check(first: number, second: number, type: number): void {
    checkFrameStart(
      first,
      second,
      this.#masked,
      this.#inflating,
      type,
      this.start,
    );
  }
}

/**
 * Checks the first two bytes of a frame against RFC 6455, sections 5.1 to 5.5.
 *
 * @param masked Whether frames must be masked: those that a server receives.
 * @param inflating Whether permessage-deflate was negotiated, which gives RSV1 a
 * meaning in the first frame of a message (RFC 7692, section 6).
 * @param type The opcode of the message that is under way, 0 when none is.
 * @param offset Where in the stream the frame begins, for the error.
 * @throws {ProtocolError} For the first rule that is broken.
 */
function checkFrameStart(
  first: number,
  second: number,
  masked: boolean,
  inflating: boolean,
  type: number,
  offset: number,
): void {
  const opcode = first & 0x0f;
  if ((first & 0x70) !== 0 && !areBitsAllowed(first, opcode, inflating)) {
    const bits = ["RSV1", "RSV2", "RSV3"].filter((_, i) =>
      (first & 0x40 >> i) !== 0
    );
    violate(
      "reserved-bits",
      `${bits.join(" and ")} must not be set in the ${
        opcodeName(opcode)
      } frame`,
      offset,
    );
  }
  if (opcode >= OPCODE_CLOSE) {
    checkControl(first, second, opcode, offset);
  } else if (opcode > OPCODE_BINARY) {
    violate("reserved-opcode", `opcode ${opcode} is reserved`, offset);
  } else if (opcode === OPCODE_CONTINUATION) {
    if (type === 0) {
      violate(
        "unexpected-continuation",
        "the continuation frame has no message to continue",
        offset,
      );
    }
  } else if (type !== 0) {
    violate(
      "unfinished-message",
      `the ${opcodeName(opcode)} frame arrived before the ${
        opcodeName(type)
      } message was finished`,
      offset,
    );
  }
  if (second >= 0x80 !== masked) {
    violate(
      masked ? "mask-missing" : "mask-unexpected",
      masked
        ? "the frame of a client must be masked"
        : "the frame of a server must not be masked",
      offset + 1,
    );
  }
}

function areBitsAllowed(
  first: number,
  opcode: number,
  inflating: boolean,
): boolean {
  return inflating && (first & 0x30) === 0 &&
    (opcode === OPCODE_TEXT || opcode === OPCODE_BINARY);
}

function checkControl(
  first: number,
  second: number,
  opcode: number,
  offset: number,
): void {
  if (opcode > OPCODE_PONG) {
    violate("reserved-opcode", `opcode ${opcode} is reserved`, offset);
  }
  if (first < 0x80) {
    violate(
      "control-fragmented",
      `the ${opcodeName(opcode)} frame must have FIN`,
      offset,
    );
  }
  if ((second & 0x7f) > MAX_CONTROL_PAYLOAD) {
    violate(
      "control-too-long",
      `the ${opcodeName(opcode)} frame must not have more than 125 bytes`,
      offset + 1,
    );
  }
}

function violate(
  code: ProtocolErrorCode,
  why: string,
  offset: number,
): never {
  throw new ProtocolError(code, `Cannot receive: ${why}.`, { offset });
}
