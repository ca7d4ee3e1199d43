/** What the tests of the native socket share: peers over bare TCP, frame by frame. */

import { Buffer } from "node:buffer";
import { acceptKey } from "../handshake/agreement.ts";
import type { SocketEnd, SocketReader } from "../socket/socket.ts";

/** A frame as it was on the wire, unmasked. */
export interface WireFrame {
  readonly opcode: number;
  readonly masked: boolean;
  readonly payload: Uint8Array;
}

/** Opcodes (RFC 6455, section 5.2). */
export const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

/** A close frame's body. */
export function closeBody(code: number, reason = ""): Uint8Array {
  return new Uint8Array([code >> 8, code & 255, ...Buffer.from(reason)]);
}

/** One end of a TCP connection that speaks WebSocket by hand, and does nothing automatically. */
export class WirePeer implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #masks: boolean;
  #bytes = Buffer.alloc(0);
  /** The head of the other side's request or response. */
  head = "";

  private constructor(conn: Deno.Conn, masks: boolean) {
    this.#conn = conn;
    this.#masks = masks;
  }

  /** Accepts a connection and reads the request, without an answer. */
  static async hear(listener: Deno.Listener): Promise<WirePeer> {
    const peer = new WirePeer(await listener.accept(), false);
    peer.head = await peer.readHead();
    return peer;
  }

  /** Accepts a WebSocket as a server. */
  static async accept(
    listener: Deno.Listener,
    headers = "",
  ): Promise<WirePeer> {
    const peer = await WirePeer.hear(listener);
    const key = /sec-websocket-key: (\S+)/i.exec(peer.head)?.[1] ?? "";
    await peer.raw(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
        `Connection: Upgrade\r\nSec-WebSocket-Accept: ${
          acceptKey(key)
        }\r\n${headers}\r\n`,
    );
    return peer;
  }

  /** Sends a request as a client, and what is to come right behind it; does not wait for the answer. */
  static async request(
    port: number,
    head: string,
    behind: Uint8Array = new Uint8Array(0),
  ): Promise<WirePeer> {
    const peer = new WirePeer(await Deno.connect({ port }), true);
    await peer.raw(Buffer.concat([Buffer.from(head), behind]));
    return peer;
  }

  /** Opens a WebSocket as a client. */
  static async connect(port: number, headers = ""): Promise<WirePeer> {
    const peer = await WirePeer.request(port, requestHead(headers));
    peer.head = await peer.readHead();
    return peer;
  }

  /** Writes bytes as they are. */
  async raw(data: string | Uint8Array): Promise<void> {
    const bytes = Buffer.from(data);
    for (let at = 0; at < bytes.length;) {
      at += await this.#conn.write(bytes.subarray(at));
    }
  }

  /** Sends a frame. */
  send(
    opcode: number,
    payload: string | Uint8Array = "",
    fin = true,
  ): Promise<void> {
    return this.raw(frame(opcode, payload, { masked: this.#masks, fin }));
  }

  /** The next frame, `undefined` at the end of the stream. */
  async next(): Promise<WireFrame | undefined> {
    const short = await this.#take(2);
    if (short === undefined) return undefined;
    const masked = ((short[1] ?? 0) & 0x80) !== 0;
    let length = (short[1] ?? 0) & 0x7f;
    if (length === 126) {
      length = (await this.#take(2))?.readUInt16BE() ?? 0;
    } else if (length === 127) {
      length = Number((await this.#take(8))?.readBigUInt64BE() ?? 0n);
    }
    const key = masked ? await this.#take(4) : undefined;
    const payload = await this.#take(length);
    if (payload === undefined) return undefined;
    if (key !== undefined) {
      for (let i = 0; i < length; i++) {
        payload[i] = (payload[i] ?? 0) ^ (key[i & 3] ?? 0);
      }
    }
    return {
      opcode: (short[0] ?? 0) & 15,
      masked,
      payload: new Uint8Array(payload),
    };
  }

  /** Reads up to the empty line of a head. */
  async readHead(): Promise<string> {
    let end = -1;
    while ((end = this.#bytes.indexOf("\r\n\r\n")) < 0) {
      if (!await this.#fill()) break;
    }
    const size = end < 0 ? this.#bytes.length : end + 4;
    return (await this.#take(size))?.toString("latin1") ?? "";
  }

  /** Ends the TCP connection. */
  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch {
      // It was ended already.
    }
  }

  async #take(count: number): Promise<Buffer | undefined> {
    while (this.#bytes.length < count) {
      if (!await this.#fill()) return undefined;
    }
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  async #fill(): Promise<boolean> {
    const chunk = new Uint8Array(65_536);
    const count = await this.#conn.read(chunk).catch(() => null);
    if (count === null) return false;
    this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(0, count)]);
    return true;
  }
}

/** A frame's bytes (RFC 6455, section 5.2). The key is 0, which leaves the payload as it is. */
export function frame(
  opcode: number,
  data: string | Uint8Array = "",
  { masked = false, fin = true } = {},
): Uint8Array {
  const payload = Buffer.from(data);
  const mask = masked ? 0x80 : 0;
  const head = Buffer.alloc(payload.length < 126 ? 2 : 10);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = mask | (payload.length < 126 ? payload.length : 127);
  if (payload.length >= 126) head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), payload]);
}

/** The request of an opening handshake. */
export function requestHead(headers = ""): string {
  return "GET /path?query HTTP/1.1\r\nHost: example\r\nUpgrade: websocket\r\n" +
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`;
}

/** The URL of something on loopback. */
export function urlOf(server: { readonly addr: Deno.Addr }): string {
  return `ws://127.0.0.1:${portOf(server)}`;
}

/** The port of something on loopback. */
export function portOf({ addr }: { readonly addr: Deno.Addr }): number {
  return "port" in addr ? addr.port : 0;
}

/** A listener on loopback, closed at the end of its scope. */
export function listenTcp(): Deno.TcpListener {
  return Deno.listen({ hostname: "127.0.0.1", port: 0 });
}

/** Records what a socket reports, in order. */
export class Recorder implements SocketReader {
  /** Everything in order: messages as they are, `"drain"`, ends as objects. */
  readonly reports: unknown[] = [];
  /** Called with each message. */
  onMessage: (data: unknown) => void = () => {};
  readonly #waiting: { count: number; resolve: () => void }[] = [];

  /** Waits until there are this many reports. */
  heard(count: number): Promise<void> {
    if (this.reports.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  message(data: string | Uint8Array): boolean {
    this.#keep(data);
    this.onMessage(data);
    return true;
  }

  ping(): void {
    this.#keep("ping");
  }

  pong(): void {
    this.#keep("pong");
  }

  drain(): void {
    this.#keep("drain");
  }

  end(end: SocketEnd): void {
    this.#keep(end);
  }

  #keep(thing: unknown): void {
    this.reports.push(thing);
    for (const { count, resolve } of this.#waiting) {
      if (this.reports.length >= count) resolve();
    }
  }
}
