/** A client of an echo with permessage-deflate (RFC 7692): answers are counted by their frames. @module */
import { Buffer } from "node:buffer";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { frame } from "./frame.ts";

/** Other texts, so that what was sent before does not foretell all of what comes. */
const TEXTS = 64;
const FLUSH = { finishFlush: constants.Z_SYNC_FLUSH, level: 1 };
const TAIL = Uint8Array.of(0x00, 0x00, 0xff, 0xff);
const RSV1 = 0x40;

/** A text of JSON. */
function json(size: number, seed: number): Uint8Array {
  let text = "";
  for (let i = seed; text.length < size; i++) {
    const hex = Math.imul(i + 1, 2_654_435_761).toString(16);
    text += `{"id":"${hex}","kind":${i % 7},"content":"message ${i * 31}"},`;
  }
  return new TextEncoder().encode(text.slice(0, size));
}

/** One connection with a number of messages in flight. */
export class DeflateClient {
  readonly #conn: Deno.Conn;
  readonly #frames: Uint8Array[];
  readonly #first: Uint8Array;
  readonly #window: number;
  readonly #onMessage: () => void;
  #next = 0;

  /** @param onMessage Called for each answer. */
  constructor(
    conn: Deno.Conn,
    size: number,
    window: number,
    onMessage: () => void,
  ) {
    this.#conn = conn;
    this.#window = window;
    this.#onMessage = onMessage;
    this.#first = json(size, 0);
    this.#frames = Array.from({ length: TEXTS }, (_, i) => {
      const bytes = deflateRawSync(json(size, i * 97), FLUSH);
      return frame(RSV1 | 1, bytes.subarray(0, -TAIL.length), true);
    });
  }

  /** Sends and counts until the connection ends. Throws when the first answer is not what was sent. */
  async run(): Promise<void> {
    this.#send(this.#window);
    const buffer = new Uint8Array(131_072);
    let kept = 0;
    let checked = false;
    for (;;) {
      const count = await this.#conn.read(buffer.subarray(kept))
        .catch(() => null);
      if (count === null) return;
      const end = kept + count;
      let at = 0;
      let done = 0;
      for (let size = whole(buffer, at, end); size > 0;) {
        if (!checked) this.#check(buffer.slice(at, at + size));
        checked = true;
        at += size;
        done++;
        this.#onMessage();
        size = whole(buffer, at, end);
      }
      buffer.copyWithin(0, at, end);
      kept = end - at;
      if (done > 0) this.#send(done);
    }
  }

  #send(count: number): void {
    const frames = Array.from(
      { length: count },
      () => this.#frames[this.#next++ % TEXTS] ?? new Uint8Array(0),
    );
    void writeAll(this.#conn, Buffer.concat(frames));
  }

  #check(answer: Uint8Array): void {
    const long = ((answer[1] ?? 0) & 0x7f) === 126;
    const body = answer.subarray(long ? 4 : 2);
    const text = inflateRawSync(Buffer.concat([body, TAIL]), FLUSH);
    if (answer[0] !== (0x80 | RSV1 | 1) || !text.equals(this.#first)) {
      throw new Error("An answer is not what was sent");
    }
  }
}

/** The size of the frame at `at`, 0 while it is not whole. */
function whole(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 4) return 0;
  const short = (bytes[at + 1] ?? 0) & 0x7f;
  const size = short < 126
    ? 2 + short
    : 4 + ((bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0));
  return end - at >= size ? size : 0;
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) {
      at += await conn.write(at === 0 ? bytes : bytes.subarray(at));
    }
  } catch {
    // It is over.
  }
}
