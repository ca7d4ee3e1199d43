/** A server that does nothing automatically after the opening handshake: the test writes and reads its frames. */

import { createHash } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { Queue } from "../../transport/base/queue.ts";

/** First bytes of frames (RFC 6455, section 5.2). */
export const TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89;

/** A frame that the client sent. */
export interface SeenFrame {
  /** FIN, RSV and opcode. */
  readonly first: number;
  readonly payload: Uint8Array;
}

/** The server's end of one connection. */
export class HandPeer {
  readonly stream: Socket;
  /** Frames that came. Ends with the stream. */
  readonly frames: Queue<SeenFrame> = new Queue({ capacity: 10_000 });
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(stream: Socket) {
    this.stream = stream;
    stream.on("error", () => {});
    stream.on("close", () => this.frames.close());
    stream.on("data", (bytes: Uint8Array) => this.#read(bytes));
  }

  /** Sends a frame of at most 125 bytes. */
  send(first: number, payload: Uint8Array | string = ""): void {
    const body = typeof payload === "string"
      ? new TextEncoder().encode(payload)
      : payload;
    this.stream.write(Uint8Array.of(first, body.length, ...body));
  }

  /** Sends a close frame. */
  close(code: number, reason = ""): void {
    const body = new TextEncoder().encode(reason);
    this.send(CLOSE, Uint8Array.of(code >> 8, code & 255, ...body));
  }

  /** Leaves without a close frame. */
  cut(): void {
    this.stream.destroy();
  }

  #read(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#bytes.length + bytes.length);
    all.set(this.#bytes);
    all.set(bytes, this.#bytes.length);
    this.#bytes = all;
    for (let size = this.#frame(); size > 0; size = this.#frame()) {
      this.#bytes = this.#bytes.slice(size);
    }
  }

  /** Takes note of the first frame, if all of it is there; gives its size, or 0. */
  #frame(): number {
    const [first, second] = this.#bytes;
    if (first === undefined || second === undefined) return 0;
    const view = new DataView(this.#bytes.buffer);
    const short = second & 0x7f;
    const more = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (this.#bytes.length < 2 + more) return 0;
    const length = more === 2
      ? view.getUint16(2)
      : more === 8
      ? Number(view.getBigUint64(2))
      : short;
    const start = 2 + more + 4;
    if (this.#bytes.length < start + length) return 0;
    const key = this.#bytes.slice(start - 4, start);
    const payload = this.#bytes.slice(start, start + length)
      .map((byte, i) => byte ^ (key[i & 3] ?? 0));
    this.frames.push({ first, payload });
    return start + length;
  }
}

/** Listens, and answers each handshake at once, or as the test wants it. */
export class HandServer implements AsyncDisposable {
  /** The URL of the server. */
  url = "";
  /** Connections on which the handshake was answered. */
  readonly peers: Queue<HandPeer> = new Queue({ capacity: 100 });
  readonly #server: Server;
  readonly #streams = new Set<Socket>();

  private constructor(answer: (key: string) => string | undefined) {
    this.#server = createServer((stream) => this.#accept(stream, answer));
  }

  /** @param answer Makes the answer to a handshake of its key; none without an answer. */
  static async listen(
    answer: (key: string) => string | undefined = switchProtocols,
  ): Promise<HandServer> {
    const server = new HandServer(answer);
    await new Promise<void>((resolve) =>
      server.#server.listen(0, "127.0.0.1", resolve)
    );
    const address = server.#server.address();
    if (address === null || typeof address === "string") throw new Error();
    server.url = `ws://127.0.0.1:${address.port}`;
    return server;
  }

  /** The next connection. */
  async accept(): Promise<HandPeer> {
    const peer = await this.peers.take();
    if (peer === undefined) throw new Error("The server is closed");
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(
    stream: Socket,
    answer: (key: string) => string | undefined,
  ): void {
    this.#streams.add(stream);
    stream.on("error", () => {});
    stream.on("close", () => this.#streams.delete(stream));
    stream.once("data", (head: Uint8Array) => {
      const [, key = ""] =
        /^sec-websocket-key: (.*)\r$/im.exec(new TextDecoder().decode(head)) ??
          [];
      const text = answer(key);
      if (text === undefined) return;
      stream.write(text, "latin1");
      if (text.startsWith("HTTP/1.1 101 ")) {
        this.peers.push(new HandPeer(stream));
      }
    });
  }
}

/** The answer that opens a connection (RFC 6455, section 4.2.2), with more header lines. */
export function switchProtocols(key: string, ...lines: string[]): string {
  const accept = createHash("sha1")
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    ...lines,
    "\r\n",
  ].join("\r\n");
}
