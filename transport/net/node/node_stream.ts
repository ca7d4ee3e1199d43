/**
 * Streams and listeners over `node:net` and `node:tls`, on Deno, Node.js and Bun. `shared_read.ts` contains reading on
 * Deno, `read_switch.ts` pausing, and `node_writer.ts` writing.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ConnectionError, toError } from "../../base/errors.ts";
import { isBytes } from "../../base/message.ts";
import { builtin } from "../../base/runtime.ts";
import type { PeerAddress } from "../stream/address.ts";
import type { ByteStream, ByteStreamHandler } from "../stream/byte_stream.ts";
import { type Writer, writerFor } from "./node_writer.ts";
import { type ReadSwitch, readSwitchOf } from "./read_switch.ts";
import { deliverLater, deliversAtOnce } from "./read_burst.ts";
import { refusedWrite } from "../stream/stream_errors.ts";
import type { SharedRead, SharedReadHandler } from "./shared_read.ts";

/** The maximum number of bytes that may arrive while a stream is paused, if the runtime cannot pause it. */
const MAX_HELD = 4 * 1_048_576;

/** Returns the address of a socket's peer; `undefined` if the socket does not know it, or no longer. */
export function peerOf(
  { remoteAddress: hostname, remotePort: port }: Socket,
): PeerAddress | undefined {
  return hostname === undefined || port === undefined
    ? undefined
    : { transport: "tcp", hostname, port };
}

/**
 * A byte stream over a Node.js duplex: `node:net`, `node:tls`, or the socket of an `upgrade` event. Takes the
 * duplex over, also one that has ended, failed or closed meanwhile.
 */
export class NodeStream implements ByteStream {
  /** What a {@link SharedRead} calls, which is not part of the interface of this class. */
  static readonly #Reads = class implements SharedReadHandler {
    readonly #stream: NodeStream;

    constructor(stream: NodeStream) {
      this.#stream = stream;
    }

    data(bytes: Uint8Array<ArrayBuffer>): void {
      this.#stream.#readShared(bytes);
    }

    target(): Uint8Array | undefined {
      const stream = this.#stream;
      // What waits must reach the handler first.
      return stream.#paused || stream.#held.length > 0
        ? undefined
        : stream.#handler?.target?.();
    }

    stored(bytes: Uint8Array): void {
      const stream = this.#stream;
      if (stream.#destroyed) return;
      if (stream.#paused) stream.#hold(new Uint8Array(bytes));
      else stream.#handler?.filled?.(bytes.length);
    }
  };

  readonly #duplex: Duplex;
  readonly #writer: Writer;
  /** Whether what the duplex emits is ours alone: the handler may change it. */
  readonly #ownsData: boolean;
  readonly #reading: ReadSwitch;
  /** Created only if it is needed, since there may be many idle connections. */
  #onData: ((chunk: unknown) => void) | undefined;
  #handler: ByteStreamHandler | undefined;

  #paused = true;
  /**
   * Whether the duplex does not read. The first data that arrives during a pause stops it. The pause alone does not:
   * stopping and starting costs several operations of the runtime, and a peer that waits for an answer sends nothing
   * during the pause.
   */
  #stopped = true;
  #destroyed = false;
  /** Data that came while the stream was paused, or in a burst. */
  #held: Uint8Array<ArrayBuffer>[] = [];
  #heldBytes = 0;
  /** Whether the peer has ended its side, and whether the handler knows it. */
  #peerEnd: "open" | "ended" | "reported" = "open";
  /** The duplex has closed, and emits nothing more. */
  #closed = false;
  /** Why the stream is gone. */
  #error: Error | undefined;

  /** `calling` while the writer runs: distinguishes a write that completes at once from one that completes later. */
  #write: "idle" | "calling" | "waiting" = "idle";
  #ended = false;
  #writeError: Error | undefined;
  #writeErrorReported = false;
  #reportScheduled = false;

  /**
   * Takes over a duplex.
   *
   * @param shared The `onread` option that the socket was created with. Default: `data` events are used.
   */
  constructor(duplex: Duplex, shared?: SharedRead) {
    this.#duplex = duplex;
    this.#writer = writerFor(duplex);
    this.#ownsData = duplex instanceof builtin("node:net").Socket;
    this.#reading = readSwitchOf(duplex);
    this.#inspect();
    // A peer that has ended its side can still read.
    duplex.allowHalfOpen = true;
    this.#reading.stop(duplex);
    if (shared !== undefined) shared.handler = new NodeStream.#Reads(this);
    else {
      this.#onData = (chunk) => this.#receive(chunk);
      duplex.on("data", this.#onData);
    }
    duplex.on("end", this.#onEnd);
    duplex.on("error", this.#onError);
    duplex.on("close", this.#onClose);
  }

  get writing(): boolean {
    return this.#write !== "idle";
  }

  get writable(): boolean {
    return !this.#ended && !this.#isBroken();
  }

  #isBroken(): boolean {
    return this.#destroyed || this.#error !== undefined ||
      this.#writeError !== undefined;
  }

  attach(handler: ByteStreamHandler): void {
    this.#handler = handler;
    this.#reportLater();
  }

  /** Detaches from the duplex without a change, so that another owner can take it over. */
  release(): void {
    this.#reading.stop(this.#duplex);
    this.#detach();
    this.#duplex.off("error", this.#onError);
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#mayWrite()) return false;
    this.#write = "calling";
    try {
      this.#writer.write(bytes, this.#onWritten);
    } catch (error) {
      this.#onWritten(toError(error));
    }
    if (this.#write !== "calling") return this.#writeError === undefined;
    this.#write = "waiting";
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused || this.#destroyed) return;
    this.#paused = false;
    if (this.#held.length > 0 || this.#peerEnd === "ended") this.#reportLater();
    else this.#read();
  }

  end(): void {
    if (this.#ended || this.#isBroken()) return;
    this.#ended = true;
    if (this.#write === "idle") this.#duplex.end();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#detach();
    const duplex = this.#duplex;
    // Until the duplex has closed, it may emit an error, which must not end the process.
    if (this.#closed) duplex.off("error", this.#onError);
    else duplex.once("close", () => duplex.off("error", this.#onError));
    duplex.destroy();
  }

  #detach(): void {
    this.#destroyed = true;
    this.#handler = undefined;
    this.#held = [];
    const duplex = this.#duplex;
    if (this.#onData !== undefined) duplex.off("data", this.#onData);
    duplex.off("end", this.#onEnd);
    duplex.off("close", this.#onClose);
  }

  /** Looks at what happened before, since the events for it are not repeated. */
  #inspect(): void {
    const { errored, destroyed, closed, readableEnded, writableEnded } =
      this.#duplex;
    if (readableEnded) this.#peerEnd = "ended";
    this.#closed = closed;
    if (errored || destroyed || closed) {
      this.#error = errored ?? new Error("The stream was closed.");
    } else if (writableEnded) {
      this.#writeError = new Error("Our side of the stream has ended.");
    }
  }

  #receive(chunk: unknown): void {
    if (this.#destroyed || !isBytes(chunk)) return;
    const bytes = this.#ownsData ? toBytes(chunk) : new Uint8Array(chunk);
    if (this.#paused) this.#hold(bytes);
    else if (this.#mustWait(bytes.length)) this.#defer(bytes);
    else this.#handler?.data(bytes, false);
  }

  #readShared(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.#paused && this.#mustWait(bytes.length)) {
      return this.#defer(new Uint8Array(bytes));
    }
    let rest = bytes;
    while (rest.length > 0 && !this.#destroyed) {
      const handler = this.#handler;
      if (this.#paused || handler === undefined) {
        return this.#hold(new Uint8Array(rest));
      }
      const target = handler.target?.();
      if (target === undefined) return handler.data(rest, true);
      const count = Math.min(target.length, rest.length);
      target.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      handler.filled?.(count);
    }
  }

  /** Whether what has arrived must wait for what came before, or for the consumers. */
  #mustWait(size: number): boolean {
    if (this.#held.length > 0) return true;
    return this.#handler?.dividesBursts?.() === true && !deliversAtOnce(size);
  }

  /** Delivers bytes a little later, without stopping the duplex. */
  #defer(bytes: Uint8Array<ArrayBuffer>): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#held.length === 1) deliverLater(() => this.#report());
  }

  #read(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#reading.start(this.#duplex);
  }

  #hold(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#reading.stop(this.#duplex);
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes <= MAX_HELD) return;
    this.#held = [];
    this.#onError(
      new ConnectionError(
        "read-error",
        `Cannot pause reading: this runtime cannot pause the stream, and more than ${MAX_HELD} bytes arrived meanwhile.`,
        { closeCode: 1009 },
      ),
    );
  }

  readonly #onEnd = (): void => {
    if (this.#peerEnd !== "open") return;
    this.#peerEnd = "ended";
    this.#report();
  };

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
    this.#report();
  };

  readonly #onClose = (): void => {
    this.#closed = true;
    // Both sides have ended, and the handler knows it.
    const isOurEnd = this.#ended || this.#writeError !== undefined;
    if (this.#peerEnd !== "open" && isOurEnd) return;
    this.#onError(new Error("The stream was closed."));
  };

  /** @throws {ConnectionError} When the caller must not write. */
  #mayWrite(): boolean {
    if (this.#isBroken()) return false;
    if (this.#write === "idle" && !this.#ended) return true;
    throw refusedWrite(this.#ended);
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (this.#write === "idle") return;
    const atOnce = this.#write === "calling";
    this.#write = "idle";
    if (this.#destroyed) return;
    if (error) {
      // On Bun, the callback comes before the event, and says only that the socket is closed.
      this.#writeError ??= this.#duplex.errored ?? error;
      if (atOnce) this.#reportLater();
      else this.#report();
      return;
    }
    if (this.#ended) this.#duplex.end();
    if (!atOnce) this.#handler?.drain();
  };

  #reportLater(): void {
    if (this.#reportScheduled) return;
    this.#reportScheduled = true;
    queueMicrotask(() => {
      this.#reportScheduled = false;
      this.#report();
    });
  }

  /** Reports what was not reported yet. The handler may pause, write or destroy the stream meanwhile. */
  #report(): void {
    if (this.#handler === undefined) return;
    // What came before the error is delivered first, when the stream is resumed.
    if (this.#held.length > 0) this.#writeError ??= this.#error;
    if (this.#writeError !== undefined && !this.#writeErrorReported) {
      this.#writeErrorReported = true;
      this.#handler.writeError(this.#writeError);
    }
    this.#reportHeld();
    const handler = this.#handler;
    if (this.#error === undefined || handler === undefined) return;
    if (this.#held.length > 0) return;
    this.destroy();
    handler.error(this.#error);
  }

  #reportHeld(): void {
    while (!this.#paused && this.#handler !== undefined) {
      const bytes = this.#held.shift();
      if (bytes === undefined) break;
      this.#heldBytes -= bytes.length;
      this.#handler.data(bytes, false);
    }
    if (this.#paused || this.#handler === undefined) return;
    if (this.#peerEnd === "ended") {
      this.#peerEnd = "reported";
      this.#handler.end();
    } else if (this.#peerEnd === "open") this.#read();
  }
}

/** Returns the bytes of a `Buffer` as a `Uint8Array`: `slice` of a `Buffer` would not copy. */
function toBytes(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = chunk;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, byteOffset, length)
    : new Uint8Array(chunk);
}
