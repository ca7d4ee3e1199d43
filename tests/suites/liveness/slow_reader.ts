import { assert } from "@std/assert";

const HEAD =
  "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const PING = 0x9;
/** Reads in a second. */
const STEPS = 10;

/**
 * A client that reads its TCP connection at a steady rate, nothing else between, and answers pings as it comes to them.
 */
export class SlowReader {
  readonly #conn: Deno.TcpConn;
  readonly #step: Uint8Array<ArrayBuffer>;
  #rest = new Uint8Array(0);
  /** Bytes of a payload that are still to be skipped. */
  #skip = 0;
  /** Payload bytes of messages that were read. */
  received = 0;
  /** Pings that were answered. */
  pings = 0;

  private constructor(conn: Deno.TcpConn, rate: number) {
    this.#conn = conn;
    this.#step = new Uint8Array(Math.floor(rate / STEPS));
  }

  /** Connects to a server and upgrades. */
  static async connect(port: number, rate: number): Promise<SlowReader> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode(HEAD));
    let head = "";
    const byte = new Uint8Array(1);
    while (!head.endsWith("\r\n\r\n")) {
      if (await conn.read(byte) === null) throw new Error("No response");
      head += String.fromCharCode(byte[0] ?? 0);
    }
    assert(head.startsWith("HTTP/1.1 101"), head);
    return new SlowReader(conn, rate);
  }

  /** Reads until so many payload bytes have come, or the connection has ended. */
  async read(bytes: number): Promise<void> {
    const start = performance.now();
    for (let step = 1; this.received < bytes; step++) {
      for (let filled = 0; filled < this.#step.length;) {
        const count = await this.#conn.read(this.#step.subarray(filled))
          .catch(() => null);
        if (count === null) return;
        await this.#parse(this.#step.slice(filled, filled + count));
        filled += count;
        if (this.received >= bytes) return;
      }
      const due = start + step * 1_000 / STEPS;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  close(): void {
    this.#conn.close();
  }

  async #parse(bytes: Uint8Array): Promise<void> {
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    this.received += skipped;
    const rest = new Uint8Array(this.#rest.length + bytes.length - skipped);
    rest.set(this.#rest);
    rest.set(bytes.subarray(skipped), this.#rest.length);
    this.#rest = rest;
    for (;;) {
      const [first = 0, second = 0] = this.#rest;
      const view = new DataView(this.#rest.buffer, this.#rest.byteOffset);
      const size = second < 126 ? 2 : second === 126 ? 4 : 10;
      if (this.#rest.length < size) return;
      const length = size === 2
        ? second
        : size === 4
        ? view.getUint16(2)
        : Number(view.getBigUint64(2));
      if ((first & 15) === PING) {
        if (this.#rest.length < size + length) return;
        this.pings++;
        // A masking key of zero changes nothing.
        const pong = new Uint8Array(6 + length);
        pong.set([0x8a, 0x80 | length]);
        pong.set(this.#rest.subarray(size, size + length), 6);
        await this.#conn.write(pong);
        this.#rest = this.#rest.slice(size + length);
      } else {
        const here = Math.min(length, this.#rest.length - size);
        this.received += here;
        this.#skip = length - here;
        this.#rest = this.#rest.slice(size + here);
      }
    }
  }
}
