import { constants, deflateRawSync } from "node:zlib";

/** What a frame of an attacker is made of: nothing is checked, since it is meant to be wrong. */
export interface HostileFrame {
  readonly opcode: number;
  readonly payload?: Uint8Array;
  /** @default true */
  readonly fin?: boolean;
  /** @default false */
  readonly rsv1?: boolean;
  /** @default true */
  readonly masked?: boolean;
  /** A length that is claimed, in eight bytes. @default that of the payload */
  readonly claimed?: bigint;
}

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** The bytes of a frame. A mask is always zero, so that the payload is what it looks like. */
export function frame(
  { opcode, payload, fin = true, rsv1 = false, masked = true, claimed }:
    HostileFrame,
): Uint8Array<ArrayBuffer> {
  const body = payload ?? new Uint8Array();
  const long = claimed !== undefined || body.length > 65_535;
  const wide = long ? 8 : body.length > 125 ? 2 : 0;
  const header = 2 + wide;
  const bytes = new Uint8Array(header + (masked ? 4 : 0) + body.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode;
  bytes[1] = (masked ? 0x80 : 0) |
    (wide === 8 ? 127 : wide === 2 ? 126 : body.length);
  if (wide === 8) view.setBigUint64(2, claimed ?? BigInt(body.length));
  if (wide === 2) view.setUint16(2, body.length);
  bytes.set(body, bytes.length - body.length);
  return bytes;
}

/** A close frame. */
export function closing(code: number, masked = true): Uint8Array<ArrayBuffer> {
  return frame({
    opcode: CLOSE,
    payload: Uint8Array.of(code >> 8, code & 255),
    masked,
  });
}

/** The same bytes, many times. */
export function repeat(
  bytes: Uint8Array,
  times: number,
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes.length * times);
  for (let i = 0; i < times; i++) all.set(bytes, i * bytes.length);
  return all;
}

let bomb: Uint8Array | undefined;

/** A text frame of 64 KiB that inflates to 64 MiB (RFC 7692, section 7.2.1). */
export function deflateBomb(masked: boolean): Uint8Array<ArrayBuffer> {
  bomb ??= deflateRawSync(new Uint8Array(67_108_864), {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).subarray(0, -4);
  return frame({ opcode: TEXT, payload: bomb, rsv1: true, masked });
}

/** What an attacker reads: the head of a request or an answer, and close frames behind it. */
export class Observer {
  #bytes = new Uint8Array();
  #text = "";
  #headDone: boolean;
  /** The status of an answer, once there. */
  status: number | undefined;
  /** The code of the close frame that came. */
  closeCode: number | undefined;
  /** Called with the payload of a ping. */
  onPing: (payload: Uint8Array) => void = () => {};
  /** The head that came. */
  head = "";

  /** @param head Whether a head comes first. */
  constructor(head: boolean) {
    this.#headDone = !head;
  }

  get headDone(): boolean {
    return this.#headDone;
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    if (!this.#headDone) {
      this.#text += String.fromCharCode(...chunk);
      const end = this.#text.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#headDone = true;
      this.head = this.#text.slice(0, end);
      const [version = "", status] = this.head.split(" ", 2);
      if (version.startsWith("HTTP/")) this.status = Number(status);
      rest = chunk.subarray(chunk.length - (this.#text.length - end - 4));
    }
    if (this.status !== undefined && this.status !== 101) return;
    const bytes = new Uint8Array(this.#bytes.length + rest.length);
    bytes.set(this.#bytes);
    bytes.set(rest, this.#bytes.length);
    this.#bytes = bytes.subarray(this.#frames(bytes));
  }

  /** Goes through whole frames, and says where they end. */
  #frames(bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    let at = 0;
    while (at + 2 <= bytes.length) {
      const second = view.getUint8(at + 1);
      const short = second & 127;
      const wide = short === 127 ? 8 : short === 126 ? 2 : 0;
      const start = at + 2 + wide + (second > 127 ? 4 : 0);
      if (start > bytes.length) break;
      const size = wide === 8
        ? Number(view.getBigUint64(at + 2))
        : wide === 2
        ? view.getUint16(at + 2)
        : short;
      if (start + size > bytes.length) break;
      const opcode = view.getUint8(at) & 15;
      if (opcode === PING) this.onPing(bytes.slice(start, start + size));
      if (opcode === CLOSE && size >= 2) {
        this.closeCode = second > 127
          ? ((view.getUint8(start) ^ view.getUint8(start - 4)) << 8) |
            (view.getUint8(start + 1) ^ view.getUint8(start - 3))
          : view.getUint16(start);
      }
      at = start + size;
    }
    return at;
  }
}
