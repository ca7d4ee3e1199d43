import type { ResponseHead } from "./head.ts";
import { listItems } from "./token.ts";

/** The maximum number of bytes of a body that are kept. */
const MAX_BODY_SIZE = 4_096;
/** The maximum length of a line that starts a chunk, with its extensions. */
const MAX_CHUNK_LINE = 256;
const LF = 0x0a;

/**
 * Collects the start of a response's body (RFC 9112, section 6.3), up to {@link MAX_BODY_SIZE} bytes.
 *
 * The body explains a refusal to a human. Therefore a malformed body is not an error: it ends where it is malformed.
 */
export class BodyReader {
  readonly #bytes = new Uint8Array(MAX_BODY_SIZE);
  #size = 0;
  /** Bytes left of the body, or of the present chunk. */
  #left: number;
  readonly #isChunked: boolean;
  readonly #isEncoded: boolean;
  /** The line before a chunk, as far as it has come. */
  #line = "";
  #done: boolean;

  /** Reads the body that belongs to a head. */
  constructor({ status, headers }: ResponseHead) {
    const codings = listItems(headers.get("transfer-encoding") ?? "");
    this.#isChunked = codings.at(-1)?.toLowerCase() === "chunked";
    this.#isEncoded = headers.get("content-encoding") !== undefined;
    this.#left = this.#isChunked
      ? 0
      : codings.length > 0
      ? Infinity
      : lengthOf(headers.get("content-length"));
    const isBodiless = status < 200 || status === 204 || status === 304;
    this.#done = isBodiless || (this.#left === 0 && !this.#isChunked);
  }

  /** Whether the body has ended, or as much of it has arrived as is kept. */
  get done(): boolean {
    return this.#done;
  }

  /** The part that is kept, decoded as UTF-8. `undefined` for a body that is compressed. */
  get text(): string | undefined {
    if (this.#isEncoded) return undefined;
    // Not at its end: a character that was cut in two is left out.
    return new TextDecoder().decode(this.#bytes.subarray(0, this.#size), {
      stream: true,
    });
  }

  /** Takes bytes up to the end of the body, and returns how many it took. */
  push(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && !this.#done) {
      at += this.#left > 0
        ? this.#data(bytes.subarray(at))
        : this.#chunkLine(bytes[at] ?? 0);
    }
    return at;
  }

  #data(bytes: Uint8Array): number {
    const space = MAX_BODY_SIZE - this.#size;
    const taken = Math.min(bytes.length, this.#left, space);
    this.#bytes.set(bytes.subarray(0, taken), this.#size);
    this.#size += taken;
    this.#left -= taken;
    this.#done = this.#size === MAX_BODY_SIZE ||
      (this.#left === 0 && !this.#isChunked);
    return taken;
  }

  /** Takes a byte of a line that gives the size of a chunk, or of the empty one that ends a chunk. */
  #chunkLine(byte: number): 1 {
    if (byte !== LF) {
      this.#line += String.fromCharCode(byte);
      this.#done = this.#line.length > MAX_CHUNK_LINE;
      return 1;
    }
    const line = this.#line.trim();
    this.#line = "";
    if (line === "") return 1;
    const [, digits = ""] = /^([\dA-Fa-f]+)\s*(?:;|$)/.exec(line) ?? [];
    // Nothing for what is no size, and for the last chunk, whose size is 0.
    this.#left = Number.parseInt(digits, 16) || 0;
    this.#done = this.#left === 0;
    return 1;
  }
}

/** Returns the length of a body, or infinity for one that ends with the connection. */
function lengthOf(value: string | undefined): number {
  const [length = "", ...others] = new Set(listItems(value ?? ""));
  return /^\d+$/.test(length) && others.length === 0
    ? Number(length)
    : Infinity;
}
