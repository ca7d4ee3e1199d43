import { Socket } from "node:net";
import { onDeno } from "../../base/runtime.ts";

/** Size of the blocks that small reads share. An idle connection holds at most one. */
const BLOCK_SIZE = 1_024;
/** Reads from this size on get memory of their own. */
const MAX_SHARED = BLOCK_SIZE / 2;

/**
 * Memory for bytes that a handler keeps.
 *
 * Small reads share blocks, since allocating an `ArrayBuffer` costs more than handling a small message (about 1 us).
 */
export class KeptMemory {
  #block: Uint8Array<ArrayBuffer> | undefined;
  #used = 0;

  /** Copies bytes to memory that is never written again. */
  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const { length } = bytes;
    if (length > MAX_SHARED) return new Uint8Array(bytes);
    // A block that a consumer transferred has the length 0.
    if (this.#block === undefined || this.#used + length > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_SIZE);
      this.#used = 0;
    }
    const kept = this.#block.subarray(this.#used, this.#used += length);
    kept.set(bytes);
    return kept;
  }
}

/** Largest number of bytes that one read returns. */
const READ_SIZE = 65_536;

/** Memory that all sockets of this thread read into, one after the other. Allocated when the first socket needs it. */
let memory: Uint8Array<ArrayBuffer> | undefined;

/** Whether sockets are created with {@link SharedRead}. Other runtimes gain too little to depend on it. */
export const canShareReads = onDeno;

/**
 * The `onread` option of a `node:net` socket that reads into memory shared by all sockets of this thread.
 *
 * A socket reads only when it has data, and hands it on at once, so one buffer is enough, and an idle connection holds none. Without
 * it the runtime allocates memory for each read, which takes a third of the processor time of a TCP echo on Deno.
 */
export class SharedRead {
  readonly buffer: Uint8Array<ArrayBuffer> = memory ??= new Uint8Array(
    READ_SIZE,
  );
  /** Receives what was read; the bytes are valid until it returns. The socket is paused until it is set. */
  receive: (bytes: Uint8Array<ArrayBuffer>) => void = () => {};
  /** Called by the runtime. Always reads on: a pause is made by pausing the socket. */
  readonly callback = (count: number): boolean => {
    this.receive(this.buffer.subarray(0, count));
    return true;
  };
}

/** Where a socket has its {@link SharedRead}. A `WeakMap` of thousands of sockets costs more than the property. */
const SHARED_READ = Symbol("sharedRead");

/** Makes a paused socket of an accepted handle, which reads by {@link sharedReadOf}. */
export function socketWithSharedRead(handle: object): Socket {
  const onread = new SharedRead();
  const options = {
    handle,
    onread,
    allowHalfOpen: true,
    pauseOnCreate: true,
    readable: true,
    writable: true,
  };
  // The type of the options does not know the handle.
  const socket: Socket = Reflect.construct(Socket, [options]);
  Reflect.set(socket, SHARED_READ, onread);
  return socket;
}

/** Returns what a socket reads by; `undefined` if it emits `data` events. */
export function sharedReadOf(socket: Socket): SharedRead | undefined {
  const shared: unknown = Reflect.get(socket, SHARED_READ);
  return shared instanceof SharedRead ? shared : undefined;
}
