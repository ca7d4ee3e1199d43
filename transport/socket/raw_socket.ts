import { type Clock, clockOf } from "../base/clock.ts";
import type { Message } from "../base/message.ts";
import { checkWord, numberOption } from "../base/options.ts";
import { SOCKET_RULES } from "../base/rules.ts";
import type { HandshakeResponse } from "../handshake/client.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import type { ByteStream } from "../net/stream/byte_stream.ts";
import type { Deflater, Inflater } from "../protocol/wire/compression.ts";
import type { EndpointEnd } from "../protocol/endpoint_types.ts";
import { CLOSE_NORMAL } from "../protocol/wire/close.ts";
import type { Role } from "../protocol/wire/frame.ts";
import { EndpointDriver } from "./endpoint_driver.ts";
import type {
  BinaryDelivery,
  Fragment,
  Socket,
  SocketActivity,
  SocketCloseOptions,
  SocketEnd,
  SocketOptions,
  SocketReader,
  SocketStartOptions,
} from "./socket.ts";

/** Larger binary messages are sent from the caller's memory, without a copy. */
const MAX_COPIED = 65_536;

/** Options of a {@link RawSocket}: what the opening handshake has agreed on, and limits. */
export interface RawSocketOptions extends Omit<SocketOptions, "compression"> {
  /** Our role: a client masks what it sends, a server does not (RFC 6455, section 5.1). */
  readonly role: Role;
  /** The URL that was dialled or requested. */
  readonly url: string;
  /**
   * The subprotocol.
   *
   * @default {""}
   */
  readonly protocol?: string | undefined;
  /**
   * The extensions, as in the header.
   *
   * @default {""}
   */
  readonly extensions?: string | undefined;
  /**
   * The server's response to the opening handshake, for a client.
   *
   * @default {unknown}
   */
  readonly response?: HandshakeResponse | undefined;
  /**
   * The address of the peer.
   *
   * @default {unknown}
   */
  readonly remoteAddr?: PeerAddress | undefined;
  /**
   * Bytes that came right after the handshake. They belong to the socket from then on.
   *
   * @default {none}
   */
  readonly early?: Uint8Array | undefined;
  /**
   * Bytes that go out before anything else: a server's response to the opening handshake.
   *
   * @default {none}
   */
  readonly handshakeResponse?: Uint8Array | undefined;
  /**
   * Compresses what is sent (RFC 7692).
   *
   * @default {nothing is compressed}
   */
  readonly deflater?: Deflater | undefined;
  /**
   * Inflates what arrives.
   *
   * @default {compressed frames are violations}
   */
  readonly inflater?: Inflater | undefined;
}

/**
 * RFC 6455 over any stream of bytes, in either role, with everything that the runtime's own socket hides: pings and
 * pongs, backpressure in both directions, limits, and termination without a closing handshake.
 *
 * An `Endpoint` decides about the protocol. Small messages are gathered and written together.
 */
export class RawSocket implements Socket {
  /** The URL that was dialled or requested. */
  readonly url: string;
  /** The subprotocol agreed on, "" without one. */
  readonly protocol: string;
  /** The extensions agreed on, "" without any. */
  readonly extensions: string;
  /** The server's response to the opening handshake, on a client if it is known. */
  readonly response: HandshakeResponse | undefined;
  /** The address of the peer, if it is known. */
  readonly remoteAddr: PeerAddress | undefined;
  /** How binary messages are delivered. */
  readonly binary: BinaryDelivery;
  /** The socket can ping, and shows pings and pongs. */
  readonly controlFrames = true;
  /** Reading from the peer can be paused. */
  readonly flowControl = true;

  /** Whether `value` is such a socket itself. A `Proxy` of one is not. */
  static owns(value: object): boolean {
    return #driver in value;
  }

  readonly #driver: EndpointDriver;
  readonly #deflater: Deflater | undefined;
  readonly #inflater: Inflater | undefined;
  #reader: SocketReader | undefined;
  /** Created on demand. */
  #closed: PromiseWithResolvers<SocketEnd> | undefined;
  #end: SocketEnd | undefined;

  /**
   * Takes over a stream on which the opening handshake is done. The stream must be paused.
   *
   * @throws {ConfigError} `invalid-option`.
   */
  constructor(stream: ByteStream, options: RawSocketOptions) {
    this.url = options.url;
    this.protocol = options.protocol ?? "";
    this.extensions = options.extensions ?? "";
    this.response = options.response;
    this.remoteAddr = options.remoteAddr;
    this.binary = options.binary ?? "copy";
    this.#deflater = options.deflater;
    this.#inflater = options.inflater;
    const clock: Clock = clockOf(options.clock);
    this.#driver = new EndpointDriver(stream, endpointOptions(options), {
      clock,
      early: options.early,
      onEnd: (end) => this.#finish(end),
    });
  }

  /** Bytes that wait, or that the stream has not taken completely. */
  get bufferedAmount(): number {
    return this.#driver.endpoint.bufferedAmount;
  }

  /** Payload bytes of all messages sent so far, before compression. */
  get sentBytes(): number {
    return this.#driver.endpoint.sentBytes;
  }

  /** How many bytes passed, and when. */
  get activity(): SocketActivity {
    return this.#driver.endpoint.activity;
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<SocketEnd> {
    this.#closed ??= Promise.withResolvers();
    if (this.#end !== undefined) this.#closed.resolve(this.#end);
    return this.#closed.promise;
  }

  /** Begins to read. Called once. */
  start(reader: SocketReader, options: SocketStartOptions = {}): void {
    if (this.#end !== undefined) return reader.end(this.#end);
    this.#reader = reader;
    this.#driver.start(reader, options);
  }

  /** Resumes after the reader's `message` returned `false`. */
  resume(): void {
    this.#driver.resume();
  }

  /**
   * Queues a message. Binary messages of more than 64 KiB are not copied, unless `copy` is set.
   *
   * @returns Nothing if the caller may change the bytes at once. Otherwise a promise that resolves when the caller may
   * change them, and rejects if the connection ends before all of them are written.
   * @throws {ConnectionError} `connection-closed` if the message can no longer be sent.
   */
  write(data: Message, copy = false): Promise<void> | undefined {
    if (
      !copy && typeof data !== "string" && data.length > MAX_COPIED &&
      this.#deflater === undefined
    ) return this.#driver.lend(data);
    this.#driver.send(data);
  }

  /**
   * Queues a fragment of a message of unknown length.
   *
   * @throws {ConnectionError} `connection-closed` if it can no longer be sent.
   */
  writeFragment(fragment: Fragment): void {
    this.#driver.sendFragment(fragment);
  }

  /**
   * Queues a ping, ahead of messages that wait.
   *
   * @throws {ConnectionError} `connection-closed` if the connection is not open.
   */
  ping(payload: Uint8Array): void {
    this.#driver.sendPing(payload);
  }

  /**
   * Begins the closing handshake after everything that is queued, or answers the handshake of the peer.
   *
   * Messages that still arrive are delivered until the reader returns `false`. Later ones are dropped and counted.
   * The end comes after `timeout`, or after at most four times that if the peer keeps taking what is queued.
   */
  close(code?: number, reason = "", options: SocketCloseOptions = {}): void {
    const { timeout = this.#driver.endpoint.closeTimeout } = options;
    this.#driver.close(code, reason, timeout);
  }

  /** Ends the connection without a closing handshake, before this returns. What is queued is lost. */
  terminate(error?: Error): void {
    this.#driver.terminate(error);
  }

  /** Closes with code 1000 and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close(CLOSE_NORMAL);
    await this.closed;
  }

  #finish(end: EndpointEnd): void {
    this.#end = { ...end, inactive: false };
    this.#deflater?.close();
    this.#inflater?.close();
    this.#reader?.end(this.#end);
    this.#closed?.resolve(this.#end);
  }
}

/** @throws {ConfigError} `invalid-option`. */
function endpointOptions(options: RawSocketOptions) {
  // In JavaScript, the role may be missing.
  checkWord("role", ["client", "server"], options.role ?? null);
  checkWord("binary", ["copy", "view", "borrow"], options.binary);
  const number = (name: keyof typeof SOCKET_RULES) =>
    numberOption(name, SOCKET_RULES[name], options[name]);
  return {
    role: options.role,
    maxMessageSize: number("maxMessageSize"),
    maxFrameSize: number("maxFrameSize"),
    maxFragments: number("maxFragments"),
    fragmentSize: number("fragmentSize"),
    binary: options.binary ?? "copy",
    handshakeResponse: options.handshakeResponse,
    deflater: options.deflater,
    inflater: options.inflater,
  };
}
