/** What the tests of the raw socket share: a stream in memory, and a peer who writes frames by hand. */

import { setImmediate } from "node:timers";
import { MemoryStream } from "../net/stream/memory_stream.ts";
import { PullAdapter, type PullStream } from "../net/stream/pull_stream.ts";
import type { Role } from "../protocol/wire/frame.ts";
import { frame, join } from "./bytes.ts";
import { RawSocket, type RawSocketOptions } from "../socket/raw_socket.ts";

/** First bytes of frames (RFC 6455, section 5.2). */
export const TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8a;

/** One end of a stream in memory that remembers what was done to it. */
export class TestStream extends MemoryStream {
  /** How often it was destroyed. */
  destroys = 0;
  /** Whether our side was ended. */
  ended = false;
  /** Bytes of each write. */
  readonly writes: number[] = [];

  override write(bytes: Uint8Array): boolean {
    this.writes.push(bytes.length);
    return super.write(bytes);
  }

  override end(): void {
    this.ended = true;
    super.end();
  }

  override destroy(): void {
    this.destroys++;
    super.destroy();
  }
}

/** Two ends of a stream in memory. Each holds `capacity` unread bytes before a write of the other has to wait. */
export function testStreams(capacity = Infinity): [TestStream, TestStream] {
  const a = new TestStream(capacity);
  const b = new TestStream(capacity);
  MemoryStream.connect(a, b);
  return [a, b];
}

/** A frame as it came, unmasked. */
export interface SeenFrame {
  /** FIN, RSV and opcode. */
  readonly first: number;
  readonly masked: boolean;
  readonly payload: Uint8Array;
}

/** A peer that does nothing automatically. */
export class HandPeer implements Disposable {
  readonly #role: Role;
  #bytes = new Uint8Array(0);

  /** @param role The peer's own. */
  constructor(readonly stream: PullStream, role: Role) {
    this.#role = role;
  }

  /** Sends bytes as they are. */
  async raw(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.stream.write(bytes.subarray(at));
    }
  }

  /** Sends a frame. */
  send(first: number, payload: Uint8Array | string = ""): Promise<void> {
    return this.raw(this.frame(first, payload));
  }

  /** A frame's bytes. */
  frame(first: number, payload: Uint8Array | string = ""): Uint8Array {
    return frame(this.#role, first, payload);
  }

  /** The next frame, `undefined` at the end of the stream. */
  async next(): Promise<SeenFrame | undefined> {
    const head = await this.#take(2);
    if (head === undefined) return undefined;
    const masked = (head[1] ?? 0) >= 0x80;
    let length = (head[1] ?? 0) & 0x7f;
    if (length >= 126) {
      const more = await this.#take(length === 126 ? 2 : 8);
      length = (more ?? new Uint8Array(0)).reduce(
        (n, byte) => n * 256 + byte,
        0,
      );
    }
    const key = masked ? await this.#take(4) : undefined;
    const body = await this.#take(length);
    if (body === undefined) return undefined;
    const payload = body.map((byte, i) => byte ^ (key?.[i & 3] ?? 0));
    return { first: head[0] ?? 0, masked, payload };
  }

  /** The next frame as its first byte and its payload as text. */
  async nextText(): Promise<[number, string] | undefined> {
    const next = await this.next();
    return next && [next.first, new TextDecoder().decode(next.payload)];
  }

  /** The next frame, which has to be a close frame, as its code and reason. */
  async nextClose(): Promise<[number, string]> {
    const next = await this.next();
    if (next?.first !== CLOSE) throw new Error(`No close but ${next?.first}`);
    const [high = 0, low = 0] = next.payload;
    return [
      high * 256 + low,
      new TextDecoder().decode(next.payload.subarray(2)),
    ];
  }

  /** Cuts the stream. */
  [Symbol.dispose](): void {
    try {
      this.stream.close();
    } catch {
      // It was cut already.
    }
  }

  async #take(count: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const buffer = new Uint8Array(65_536);
    const parts: Uint8Array[] = [this.#bytes];
    let size = this.#bytes.length;
    while (size < count) {
      const got = await this.stream.read(buffer).catch(() => null);
      if (got === null) break;
      parts.push(buffer.slice(0, got));
      size += got;
    }
    if (parts.length > 1) this.#bytes = join(...parts);
    if (size < count) return undefined;
    const taken = this.#bytes.slice(0, count);
    this.#bytes = this.#bytes.slice(count);
    return taken;
  }
}

/** A close frame's body. */
export function closeBody(code: number, reason = ""): Uint8Array {
  return join(
    new Uint8Array([code >> 8, code & 255]),
    new TextEncoder().encode(reason),
  );
}

/** A raw socket over a stream in memory, and the other end in our hands. */
export function rawWithPeer(
  role: Role,
  options: Partial<RawSocketOptions> = {},
  capacity?: number,
): { socket: RawSocket; peer: HandPeer; stream: TestStream } {
  const [stream, other] = testStreams(capacity);
  const socket = new RawSocket(stream, { role, url: "ws://test/", ...options });
  const peer = new HandPeer(
    new PullAdapter(other),
    role === "client" ? "server" : "client",
  );
  return { socket, peer, stream };
}

/** A TCP connection on loopback, without Nagle's delay. */
export async function tcpPair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [a, b] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port }),
    listener.accept(),
  ]);
  a.setNoDelay(true);
  b.setNoDelay(true);
  return [a, b];
}

/** Lets everything run that can: a few turns of the event loop. */
export async function turns(count = 4): Promise<void> {
  for (let i = 0; i < count; i++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
