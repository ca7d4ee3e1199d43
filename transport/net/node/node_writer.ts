import type { Duplex } from "node:stream";
import { builtin } from "../../base/runtime.ts";

/** Writes to a duplex, one write at a time. `done` is called once for each, possibly before the method returns. */
export interface Writer {
  /** Writes bytes. */
  write(bytes: Uint8Array, done: WriteCallback): void;
}

/** Called when a write is complete, or has failed. */
export type WriteCallback = (error?: Error | null) => void;

/** The method by which a `node:net` socket implements its `Writable`. */
interface WritableImplementation {
  _write(chunk: Uint8Array, encoding: string, done: WriteCallback): void;
}

/**
 * Writes to a `node:net` or `node:tls` socket by the method that its `Writable` calls.
 *
 * A failed write through `Writable` destroys the socket, and data that had arrived before is lost. Here the error only
 * reaches the callback, and reading continues. It also costs 3 us less per write on Deno.
 */
class DirectWriter implements Writer {
  readonly #socket: WritableImplementation;

  constructor(socket: WritableImplementation) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array, done: WriteCallback): void {
    this.#socket._write(bytes, "buffer", done);
  }
}

/**
 * Writes to a duplex by its public methods. It gets copies, since it may keep what is written to it, as a `PassThrough`
 * does: the memory of the stream's owner is used again after the write.
 */
class DuplexWriter implements Writer {
  readonly #duplex: Duplex;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
  }

  write(bytes: Uint8Array, done: WriteCallback): void {
    this.#duplex.write(new Uint8Array(bytes), done);
  }
}

/** Returns the writer that suits a duplex. */
export function writerFor(duplex: Duplex): Writer {
  return hasImplementation(duplex)
    ? new DirectWriter(duplex)
    : new DuplexWriter(duplex);
}

function hasImplementation(
  duplex: Duplex,
): duplex is Duplex & WritableImplementation {
  return duplex instanceof builtin("node:net").Socket &&
    typeof duplex._write === "function";
}
