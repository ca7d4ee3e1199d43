import { notify } from "../base/callbacks.ts";
import type { Clock } from "../base/clock.ts";
import { toError } from "../base/errors.ts";
import type { Message } from "../base/message.ts";
import { Schedule, type Task } from "../base/schedule.ts";
import type { HandshakeResponse } from "../handshake/client.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import { MAX_CLOSE_EXTENSION } from "../protocol/close_deadline.ts";
import { cutEnd } from "./cut_end.ts";
import { NativeSocket } from "./native_socket.ts";
import { RawSocket } from "./raw_socket.ts";
import type {
  BinaryDelivery,
  Fragment,
  Socket,
  SocketActivity,
  SocketCloseOptions,
  SocketEnd,
  SocketReader,
  SocketStartOptions,
} from "./socket.ts";

/** Milliseconds after `terminate` within which a socket has to report its end. */
const END_WITHIN = 1_000;

/**
 * Returns a socket that keeps the contract of {@link Socket}, whatever the caller's own socket does: a method that
 * rejects ends the connection, figures that are no numbers do not count, and the end comes once and in time. What a
 * method throws is thrown, except by `terminate`. The library's own sockets are returned as they are.
 */
export function guardSocket(socket: Socket, clock: Clock): Socket {
  return isOwn(socket) ? socket : new GuardedSocket(socket, clock);
}

const METHODS = ["start", "resume", "write", "ping", "close", "terminate"];

/** Whether a socket is one of the library's, without changes. */
function isOwn(socket: Socket): boolean {
  const prototype: unknown = Object.getPrototypeOf(socket);
  return (prototype === RawSocket.prototype && RawSocket.owns(socket) ||
    prototype === NativeSocket.prototype && NativeSocket.owns(socket)) &&
    !METHODS.some((name) => Object.hasOwn(socket, name));
}

class GuardedSocket implements Socket {
  readonly url: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly response: HandshakeResponse | undefined;
  readonly remoteAddr: PeerAddress | undefined;
  readonly binary: BinaryDelivery | undefined;
  readonly controlFrames: boolean;
  readonly flowControl: boolean;
  readonly activity: SocketActivity | undefined;
  readonly writeFragment?: (fragment: Fragment) => void;
  readonly #socket: Socket;
  readonly #schedule: Schedule;
  #reader: SocketReader | undefined;
  #closeTimeout = 0;
  #ended = false;
  #sentBytes = 0;
  /** Ends the connection if the socket does not do so in time. */
  #deadline: Task | undefined;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#schedule = Schedule.of(clock);
    this.url = socket.url;
    this.protocol = socket.protocol;
    this.extensions = socket.extensions;
    this.response = socket.response;
    this.remoteAddr = socket.remoteAddr;
    this.binary = socket.binary;
    this.controlFrames = socket.controlFrames === true;
    this.flowControl = socket.flowControl === true;
    const { activity } = socket;
    this.activity = typeof activity?.receivedAt === "number"
      ? activity
      : undefined;
    if (typeof socket.writeFragment === "function") {
      this.writeFragment = (fragment) =>
        this.#watch(socket.writeFragment?.(fragment));
    }
  }

  get bufferedAmount(): number {
    try {
      const { bufferedAmount } = this.#socket;
      return bufferedAmount > 0 ? bufferedAmount : 0;
    } catch (error) {
      this.terminate(toError(error));
      return 0;
    }
  }

  get sentBytes(): number {
    try {
      const { sentBytes } = this.#socket;
      if (sentBytes > this.#sentBytes) this.#sentBytes = sentBytes;
    } catch (error) {
      this.terminate(toError(error));
    }
    return this.#sentBytes;
  }

  get closed(): Promise<SocketEnd> {
    return this.#socket.closed;
  }

  start(reader: SocketReader, options?: SocketStartOptions): void {
    this.#reader = reader;
    this.#closeTimeout = options?.closeTimeout ?? 0;
    const { ping, frame } = reader;
    this.#watch(this.#socket.start({
      message: (data, size, at) =>
        this.#ended || reader.message(data, size, at),
      answering: () => reader.answering?.() ?? false,
      ...(ping && {
        ping: (payload) => this.#ended || ping.call(reader, payload),
      }),
      pong: (payload, at) => this.#ended || reader.pong(payload, at),
      drain: () => this.#ended || reader.drain(),
      ...(frame && { frame: frame.bind(reader) }),
      closing: (sends, received) =>
        this.#ended || reader.closing?.(sends, received),
      end: (end) => this.#end(end),
    }, options));
  }

  resume(): void {
    this.#watch(this.#socket.resume());
  }

  write(data: Message, copy?: boolean): Promise<void> | undefined {
    const lent: unknown = this.#socket.write(data, copy);
    if (!(lent instanceof Promise)) return undefined;
    // Only a caller that needs the memory waits for the promise.
    lent.catch(() => {});
    return lent;
  }

  ping(payload: Uint8Array): void {
    this.#watch(this.#socket.ping(payload));
  }

  close(code?: number, reason?: string, options?: SocketCloseOptions): void {
    const timeout = options?.timeout ?? this.#closeTimeout;
    if (timeout > 0) {
      this.#endWithin(
        MAX_CLOSE_EXTENSION * timeout + END_WITHIN,
        () => this.terminate(),
      );
    }
    this.#watch(this.#socket.close(code, reason, options));
  }

  terminate(error?: Error): void {
    if (this.#ended) return;
    this.#endWithin(END_WITHIN, () => this.#end(cutEnd(error)));
    try {
      this.#watch(this.#socket.terminate(error));
    } catch (thrown) {
      this.#end(cutEnd(error ?? toError(thrown)));
    }
  }

  /** Ends the connection if a method turns out to be async and rejects. */
  #watch(result: unknown): void {
    if (result === undefined) return;
    notify(() => result, (error) => this.terminate(error));
  }

  #endWithin(delay: number, otherwise: () => void): void {
    if (this.#ended) return;
    this.#schedule.cancel(this.#deadline);
    this.#deadline = this.#schedule.after(delay, otherwise);
  }

  #end(end: SocketEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#schedule.cancel(this.#deadline);
    this.#reader?.end(
      typeof end === "object" && end !== null ? end : cutEnd(),
    );
  }
}
