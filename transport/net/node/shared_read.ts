import type { Socket } from "node:net";
import { builtin, onBun } from "../../base/runtime.ts";

/**
 * The maximum number of bytes that one read into shared memory returns: 64 KiB of payload, and headers. Peers that send
 * 64 messages of 1 KiB at a time would need two reads otherwise, which costs a fifth more.
 */
const READ_SIZE = 66_560;
/** The maximum number of bytes of one read into memory of the handler, so that other connections do not wait long. */
const MAX_DIRECT = 1_048_576;

/** The memory that all sockets of this thread read into, one after the other. Allocated for the first socket. */
let shared: Uint8Array<ArrayBuffer> | undefined;

/** Whether sockets are created with {@link SharedRead}. On Bun it saves too little. */
export const canShareReads = !onBun;

/** Receives what a {@link SharedRead} has read. */
export interface SharedReadHandler {
  /** Receives bytes in the shared memory. They are valid until this returns. */
  data(bytes: Uint8Array<ArrayBuffer>): void;
  /**
   * Returns memory for the next bytes, see `ByteStreamHandler.target`. Memory smaller than the shared one is not used.
   */
  target(): Uint8Array | undefined;
  /** Receives bytes that were read to the start of the target. */
  stored(bytes: Uint8Array): void;
}

/**
 * The `onread` option of a `node:net` socket that reads into memory shared by all sockets of this thread, and the rest
 * of a large message into its own.
 *
 * A socket reads only when it has data, and hands it on at once, so one buffer is enough, and an idle connection holds
 * none. Without it the runtime allocates memory for each read, which takes a third of the processor time of a TCP echo
 * on Deno. On Node.js, an echo takes 20 instead of 26 us, and one of 16 KiB 31 instead of 50: that memory also makes V8
 * collect garbage of all ages, since most of it is outside of V8's heap.
 */
export class SharedRead {
  readonly #shared = shared ??= new Uint8Array(READ_SIZE);
  /** What the socket reads into. */
  #memory: Uint8Array | undefined;
  #hasRead = false;
  /** While it is not set, the socket is paused. */
  handler: SharedReadHandler | undefined;

  /**
   * Called by the runtime after each read, and for each handle that the socket gets before: a host may have several
   * addresses, each of which is tried with a handle of its own. Returns the memory for the next read, `undefined` for
   * no change.
   */
  readonly buffer = (): Uint8Array | undefined => {
    const target = this.handler?.target();
    const isLarge = target !== undefined && target.length >= READ_SIZE;
    const memory = isLarge ? target.subarray(0, MAX_DIRECT) : this.#shared;
    if (this.#hasRead && memory === this.#memory) return undefined;
    this.#memory = memory;
    return memory;
  };

  /** Called by the runtime after each read. Returns `true` to read on: a pause is made by pausing the socket. */
  readonly callback = (count: number): boolean => {
    const memory = this.#memory;
    this.#hasRead = true;
    if (memory === undefined || memory === this.#shared) {
      this.handler?.data(this.#shared.subarray(0, count));
    } else this.handler?.stored(memory.subarray(0, count));
    return true;
  };
}

/**
 * Returns the option of a socket that reads by `shared`. It is an `object` since, in the type of the runtime's options,
 * `buffer` cannot return `undefined`.
 */
export function readingBy(shared: SharedRead): object {
  return { onread: shared };
}

/** Where a socket has its {@link SharedRead}. A `WeakMap` of thousands of sockets costs more than the property. */
const SHARED_READ = Symbol("sharedRead");

/** Makes a paused socket of an accepted handle, which reads by {@link sharedReadOf}. */
export function socketWithSharedRead(handle: object): Socket {
  const onread = new SharedRead();
  const options = {
    handle,
    ...readingBy(onread),
    allowHalfOpen: true,
    pauseOnCreate: true,
    readable: true,
    writable: true,
  };
  // The type of the options does not know the handle.
  const socket: Socket = Reflect.construct(builtin("node:net").Socket, [
    options,
  ]);
  Reflect.set(socket, SHARED_READ, onread);
  return socket;
}

/**
 * Returns a socket for the connection of a paused socket that a server of Node.js has accepted, which reads by
 * {@link sharedReadOf}. Servers have no option for that. Returns the same socket if the runtime cannot do that.
 */
export function withSharedRead(accepted: Socket): Socket {
  const handle: unknown = Reflect.get(accepted, "_handle");
  if (
    !canShareReads || typeof handle !== "object" || handle === null ||
    typeof Reflect.get(handle, "useUserBuffer") !== "function"
  ) return accepted;
  // Nothing else refers to the accepted socket, which must not close the handle.
  Reflect.set(accepted, "_handle", null);
  // By its server, a socket reports that it has closed.
  const server: unknown = Reflect.get(accepted, "server");
  return Object.assign(socketWithSharedRead(handle), {
    server,
    _server: server,
  });
}

/** Returns the {@link SharedRead} of a socket; `undefined` if the socket emits `data` events. */
export function sharedReadOf(socket: Socket): SharedRead | undefined {
  const shared: unknown = Reflect.get(socket, SHARED_READ);
  return shared instanceof SharedRead ? shared : undefined;
}
