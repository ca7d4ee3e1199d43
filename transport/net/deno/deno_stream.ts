/**
 * Streams and listeners over `Deno.Conn` and `Deno.listen`. `read_turns.ts` makes many streams take turns.
 *
 * @module
 */

import { toError } from "../../base/errors.ts";
import { onDeno } from "../../base/runtime.ts";
import type { PeerAddress } from "../stream/address.ts";
import type { ByteStream, ByteStreamHandler } from "../stream/byte_stream.ts";
import type { PullStream } from "../stream/pull_stream.ts";
import { refusedWrite } from "../stream/stream_errors.ts";
import { ReadBuffer } from "./read_buffer.ts";
import {
  joinReaders,
  leaveReaders,
  mayRead,
  readDone,
  type Reader,
} from "./read_turns.ts";

/** A byte stream over a `Deno.Conn`: TCP, TLS or a Unix socket. Many of them take turns; see `read_turns.ts`. */
export class DenoStream implements ByteStream {
  readonly #conn: PullStream;
  readonly #buffer = new ReadBuffer();
  #handler: ByteStreamHandler | undefined;

  #paused = true;
  #reading = false;
  /** Whether the next read waits for those of other streams. */
  #isInLine = false;
  #hasJoined = false;
  readonly #turn: Reader = {
    readOn: () => {
      this.#isInLine = false;
      this.#read();
    },
  };
  #destroyed = false;
  /** The result of a read that was completed while the stream was paused. */
  #held: ((handler: ByteStreamHandler) => void) | undefined;
  /** The peer has ended its side, or reading failed. */
  #readingOver = false;

  #writing = false;
  #ended = false;
  #broken = false;

  /**
   * Takes over a connection, or another stream with the same methods. TypeScript outside of Deno does not know
   * `Deno.Conn`.
   */
  constructor(conn: PullStream) {
    this.#conn = conn;
  }

  get writing(): boolean {
    return this.#writing;
  }

  get writable(): boolean {
    return !this.#ended && !this.#broken && !this.#destroyed;
  }

  attach(handler: ByteStreamHandler): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#broken || this.#destroyed) return false;
    if (this.#ended || this.#writing) throw refusedWrite(this.#ended);
    this.#writing = true;
    void this.#writeAll(bytes);
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused || this.#destroyed) return;
    this.#paused = false;
    // Not in this call, since the handler may have made it from within one of its methods.
    queueMicrotask(() => this.#read());
  }

  end(): void {
    if (!this.writable) return;
    this.#ended = true;
    if (!this.#writing) void this.#closeWrite();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#handler = undefined;
    this.#held = undefined;
    if (this.#hasJoined) leaveReaders();
    try {
      this.#conn.close();
    } catch {
      // Other code has closed it.
    }
  }

  #read(): void {
    if (this.#paused || this.#handler === undefined) return;
    const held = this.#held;
    this.#held = undefined;
    held?.(this.#handler);
    if (this.#reading || this.#isInLine || !this.#wantsToRead()) return;
    if (!this.#hasJoined) joinReaders();
    this.#hasJoined = true;
    void this.#readAll();
  }

  async #readAll(): Promise<void> {
    this.#reading = true;
    try {
      while (this.#wantsToRead()) {
        this.#isInLine = !mayRead(this.#turn);
        if (this.#isInLine) return;
        const target = this.#handler?.target?.();
        if (target !== undefined) await this.#readTo(target);
        else await this.#readData();
      }
    } catch (error) {
      this.#readFailed(error);
    } finally {
      this.#reading = false;
    }
  }

  #wantsToRead(): boolean {
    return !this.#paused && !this.#destroyed && !this.#readingOver;
  }

  async #readData(): Promise<void> {
    const memory = this.#buffer.take();
    const count = await this.#conn.read(memory);
    readDone();
    if (this.#paused) {
      this.#held = (handler) => this.#deliver(handler, memory, count);
    } else if (this.#handler !== undefined) {
      this.#deliver(this.#handler, memory, count);
    }
  }

  async #readTo(target: Uint8Array): Promise<void> {
    const count = await this.#conn.read(target);
    readDone();
    if (this.#paused) {
      this.#held = (handler) => this.#deliverFilled(handler, count);
    } else if (this.#handler !== undefined) {
      this.#deliverFilled(this.#handler, count);
    }
  }

  #deliver(
    handler: ByteStreamHandler,
    memory: Uint8Array<ArrayBuffer>,
    count: number | null,
  ): void {
    if (count === null) return this.#endReading(handler);
    this.#buffer.used(count === memory.length, performance.now());
    const bytes = memory.subarray(0, count);
    handler.data(bytes, true);
  }

  #deliverFilled(handler: ByteStreamHandler, count: number | null): void {
    if (count === null) this.#endReading(handler);
    else handler.filled?.(count);
  }

  #endReading(handler: ByteStreamHandler): void {
    this.#readingOver = true;
    handler.end();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        const rest = at === 0 ? bytes : bytes.subarray(at);
        at += await this.#conn.write(rest);
        if (this.#destroyed) return;
      }
    } catch (error) {
      this.#writing = false;
      return this.#break(error);
    }
    this.#writing = false;
    if (this.#ended) void this.#closeWrite();
    this.#handler?.drain();
  }

  async #closeWrite(): Promise<void> {
    try {
      const conn = this.#conn;
      // A stream without separate sides ends in both directions.
      if (conn.closeWrite === undefined) conn.close();
      else await conn.closeWrite();
    } catch (error) {
      this.#break(error);
    }
  }

  #break(error: unknown): void {
    if (this.#destroyed || this.#broken) return;
    this.#broken = true;
    this.#handler?.writeError(toError(error));
  }

  #readFailed(error: unknown): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    // A TLS peer that leaves without a close_notify counts as a peer that ends its side of plain TCP.
    if (onDeno && error instanceof Deno.errors.UnexpectedEof) {
      if (!this.#paused) return this.#endReading(handler);
      this.#held = (handler) => this.#endReading(handler);
      return;
    }
    this.destroy();
    handler.error(toError(error));
  }
}

/** Converts an address of the runtime to a {@link PeerAddress}. */
export function addressOf(addr: Deno.Addr): PeerAddress | undefined {
  switch (addr.transport) {
    case "tcp": {
      const { hostname, port } = addr;
      return { transport: "tcp", hostname, port };
    }
    case "unix":
      // Whatever its type says, the path of a client that is accepted is `null`: its end has no name.
      return typeof addr.path === "string"
        ? { transport: "unix", path: addr.path }
        : undefined;
    default:
      return undefined;
  }
}
