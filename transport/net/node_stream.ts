import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { PullStream } from "./pull_stream.ts";
import type { PeerAddress } from "./address.ts";

/** Where the peer of a socket is; `undefined` when the socket does not know, or not any more. */
export function peerOf(
  { remoteAddress: hostname, remotePort: port }: Socket,
): PeerAddress | undefined {
  return hostname === undefined || port === undefined
    ? undefined
    : { transport: "tcp", hostname, port };
}

/** A byte stream over a duplex of Node's kind: `node:net`, `node:tls`, or the socket of an `upgrade` event. */
export class NodeStream implements PullStream {
  readonly #duplex: Duplex;
  /** What was read and did not fit. */
  #rest: Uint8Array | undefined;
  #error: Error | undefined;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #onReadable = () => this.#wake?.();
  readonly #onEnd = () => this.#end();
  readonly #onError = (error: Error) => {
    this.#error ??= error;
    this.#end();
  };

  /** Takes over a duplex. */
  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    duplex.on("readable", this.#onReadable);
    duplex.on("end", this.#onEnd);
    duplex.on("close", this.#onEnd);
    duplex.on("error", this.#onError);
  }

  /** Lets go of the duplex, for somebody else to take over. */
  release(): void {
    const duplex = this.#duplex;
    duplex.off("readable", this.#onReadable);
    duplex.off("end", this.#onEnd);
    duplex.off("close", this.#onEnd);
    duplex.off("error", this.#onError);
  }

  /** Reads what is there, waiting for it where there is nothing. */
  async read(buffer: Uint8Array): Promise<number | null> {
    for (;;) {
      const chunk = this.#rest ?? this.#next();
      if (chunk !== undefined) {
        const count = Math.min(chunk.length, buffer.length);
        buffer.set(chunk.subarray(0, count));
        this.#rest = count < chunk.length ? chunk.subarray(count) : undefined;
        return count;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }

  /** Writes all of the bytes. */
  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) return reject(this.#error);
      // A duplex that was destroyed may never call back.
      if (this.#duplex.destroyed) return reject(new Error("The stream is cut"));
      this.#duplex.write(bytes, (error) => {
        if (error) reject(error);
        else resolve(bytes.length);
      });
    });
  }

  /** Ends the outgoing half. */
  closeWrite(): Promise<void> {
    return new Promise((resolve) => {
      this.#duplex.once("close", resolve);
      this.#duplex.end(() => resolve());
    });
  }

  /** Cuts the stream. */
  close(): void {
    this.#duplex.destroy();
    this.#end();
  }

  #next(): Uint8Array | undefined {
    const chunk: unknown = this.#duplex.read();
    return chunk instanceof Uint8Array ? chunk : undefined;
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}
