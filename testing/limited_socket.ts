import { ConnectionError } from "../transport/base/errors.ts";
import type { Message } from "../transport/base/message.ts";
import type { PeerAddress } from "../transport/net/stream/address.ts";
import type {
  Fragment,
  Socket,
  SocketActivity,
  SocketCloseOptions,
  SocketEnd,
  SocketReader,
  SocketStartOptions,
} from "../transport/socket/socket.ts";

/** What a socket in memory can do. */
export interface SocketTraits {
  /**
   * Whether it can ping, and shows pings and pongs; it answers pings in any case.
   *
   * @default {true}
   */
  readonly controlFrames?: boolean;
  /**
   * Whether its reader can pause reading.
   *
   * @default {true}
   */
  readonly flowControl?: boolean;
}

/** Returns a reader that gets only what a socket with these traits reports. */
export function limitReader(
  reader: SocketReader,
  { controlFrames = true, flowControl = true }: SocketTraits,
): SocketReader {
  const { frame } = reader;
  return {
    message: (data, size, at) => reader.message(data, size, at) || !flowControl,
    answering: () => reader.answering?.() ?? false,
    ...(controlFrames && reader.ping && {
      ping: (payload) => reader.ping?.(payload),
    }),
    pong: (payload, at) => controlFrames && reader.pong(payload, at),
    drain: () => reader.drain(),
    ...(controlFrames && frame && {
      frame: (direction, header) => reader.frame?.(direction, header),
    }),
    closing: (sends, received) => reader.closing?.(sends, received),
    end: (end) => reader.end(end),
  };
}

/** @throws {ConnectionError} `ping-unsupported` without control frames: nobody should have called it. */
export function checkPing({ controlFrames = true }: SocketTraits): void {
  if (controlFrames) return;
  throw new ConnectionError(
    "ping-unsupported",
    "Cannot ping: this socket has no control frames.",
  );
}

/** A socket that can do less than the one below, as those of the runtime. */
export class LimitedSocket implements Socket {
  readonly url: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly remoteAddr: PeerAddress | undefined;
  readonly controlFrames: boolean;
  readonly flowControl: boolean;
  readonly writeFragment?: (fragment: Fragment) => void;
  readonly #socket: Socket;

  /** Limits a socket. */
  constructor(socket: Socket, traits: SocketTraits, streaming: boolean) {
    this.#socket = socket;
    this.url = socket.url;
    this.protocol = socket.protocol;
    this.extensions = socket.extensions;
    this.remoteAddr = socket.remoteAddr;
    this.controlFrames = traits.controlFrames ?? true;
    this.flowControl = traits.flowControl ?? true;
    if (streaming) {
      this.writeFragment = (fragment) => socket.writeFragment?.(fragment);
    }
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  get sentBytes(): number {
    return this.#socket.sentBytes;
  }

  get activity(): SocketActivity | undefined {
    return this.#socket.activity;
  }

  get closed(): Promise<SocketEnd> {
    return this.#socket.closed;
  }

  start(reader: SocketReader, options?: SocketStartOptions): void {
    this.#socket.start(limitReader(reader, this), options);
  }

  resume(): void {
    this.#socket.resume();
  }

  write(data: Message, copy?: boolean): Promise<void> | undefined {
    return this.#socket.write(data, copy);
  }

  ping(payload: Uint8Array): void {
    checkPing(this);
    this.#socket.ping(payload);
  }

  close(code?: number, reason?: string, options?: SocketCloseOptions): void {
    this.#socket.close(code, reason, options);
  }

  terminate(error?: Error): void {
    this.#socket.terminate(error);
  }
}
