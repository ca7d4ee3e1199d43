/**
 * Sockets: the `Socket` interface for messages, `RawSocket` over a byte stream (driven by `endpoint_driver.ts`), and
 * `NativeSocket` over the runtime's own `WebSocket`.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Message } from "../base/message.ts";
import type { HandshakeResponse } from "../handshake/client.ts";
import type { CompressionOptions } from "../handshake/negotiation.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import type {
  CloseFrame,
  EndpointEnd,
  FrameDirection,
} from "../protocol/endpoint_types.ts";
import type { FrameHeader } from "../protocol/wire/frame.ts";

export type { CloseFrame, EndpointEnd, FrameDirection };

/** How a socket ended. */
export interface SocketEnd extends EndpointEnd {
  /** Whether the runtime's own idle timeout has ended it, because the peer was silent. */
  readonly inactive: boolean;
}

/** How many bytes passed through a socket, and when. Times are monotonic milliseconds of its clock. */
export interface SocketActivity {
  /** When the last byte arrived; before the first, when the socket was created. */
  readonly receivedAt: number;
  /** Bytes that arrived in all, frame headers included. */
  readonly receivedBytes: number;
  /** When the stream last completed a piece of our output; before the first, when the socket was created. */
  readonly wroteAt: number;
  /** Bytes of our output that the stream has completed in all. */
  readonly writtenBytes: number;
}

/** Receives what happens on a socket. No method may throw. */
export interface SocketReader {
  /**
   * A message has arrived.
   *
   * @param size The payload in bytes, before any compression.
   * @param at When it was read, in epoch milliseconds.
   * @returns `false` to pause reading: a socket with flow control delivers nothing
   * more until {@link Socket.resume}; one without continues.
   */
  message(data: Message<ArrayBuffer>, size: number, at: number): boolean;
  /**
   * Whether messages that it has taken may still be answered. A raw socket asks in every turn of the event loop after
   * the peer's close frame, and does not answer that frame while it is `true`, for at most `closeTimeout`.
   *
   * @default {false}
   */
  answering?(): boolean;
  /** A ping has arrived. The socket answers it automatically, and copies the payload only if this is present. */
  ping?(payload: Uint8Array): void;
  /** A pong has arrived, whether it answers a ping or not. */
  pong(payload: Uint8Array, at: number): void;
  /** The peer has taken bytes: {@link Socket.bufferedAmount} has fallen. */
  drain(): void;
  /** Watches the header of every frame in both directions. Costs nothing if it is absent. */
  frame?(direction: FrameDirection, header: FrameHeader): void;
  /**
   * The connection is no longer open: one side has begun to close, the peer broke a rule, or our side of the stream
   * broke. Called once, and once more when `sends` turns `false`. Not called if the end comes at once, nor by a socket
   * that does not notice it.
   *
   * @param sends Whether whole messages can still be sent, which may answer a peer that has closed; fragments and pings
   * cannot. If it is `false`, {@link Socket.write} throws.
   * @param received The close frame of the peer, if it has come.
   */
  closing?(sends: boolean, received?: CloseFrame): void;
  /** The end: exactly once, and last. */
  end(end: SocketEnd): void;
}

/** Options of {@link Socket.start}. */
export interface SocketStartOptions {
  /**
   * The maximum time of a closing handshake, in milliseconds, whichever side begins it; 0 for no limit.
   *
   * @default {5000}
   */
  readonly closeTimeout?: number | undefined;
}

/** Options of {@link Socket.close}. */
export interface SocketCloseOptions {
  /**
   * The maximum time of the closing handshake, in milliseconds; 0 for no limit.
   *
   * @default {closeTimeout of Socket.start}
   */
  readonly timeout?: number | undefined;
}

/**
 * One open WebSocket, in either role.
 *
 * A socket delivers nothing before {@link Socket.start}, and loses nothing until then.
 */
export interface Socket {
  /** The URL that was dialled, or the URL of the request that was accepted. */
  readonly url: string;
  /** The subprotocol that was agreed on, "" if there is none. */
  readonly protocol: string;
  /** The extensions that were agreed on, as in `Sec-WebSocket-Extensions`, "" if there are none. */
  readonly extensions: string;
  /**
   * The server's response to the opening handshake. Absent on a server, and on native sockets, whose runtime does not
   * show it.
   */
  readonly response?: HandshakeResponse | undefined;
  /** The address of the peer, if it is known. */
  readonly remoteAddr: PeerAddress | undefined;
  /** How it delivers binary messages. Absent if each has a buffer of its own. */
  readonly binary?: BinaryDelivery | undefined;
  /** Whether the socket can ping, and reports pings and pongs. */
  readonly controlFrames: boolean;
  /** Whether reading from the peer can be paused. */
  readonly flowControl: boolean;
  /** The number of bytes that wait to be sent. */
  readonly bufferedAmount: number;
  /** Whether fewer bytes than `limit` wait. Present if it costs less than {@link Socket.bufferedAmount}. */
  hasSpace?(limit: number): boolean;
  /** The number of payload bytes of all messages written so far, before compression. Never falls. */
  readonly sentBytes: number;
  /** Resolves with how the socket ended. Never rejects. */
  readonly closed: Promise<SocketEnd>;
  /** How many bytes passed through the socket, and when. Absent if the socket does not count. */
  readonly activity?: SocketActivity | undefined;

  /** Begins reading. Called once. */
  start(reader: SocketReader, options?: SocketStartOptions): void;
  /** Resumes delivery after `message` of the reader returned `false`. */
  resume(): void;
  /**
   * Queues a message, however many bytes wait: the caller has to look at {@link Socket.bufferedAmount}.
   *
   * @returns Nothing if the caller may change the bytes at once. Otherwise a promise that resolves when the caller may
   * change them, and rejects if the socket ends before the message was written. With `copy`, the bytes are always
   * copied at once.
   * @throws {ConnectionError} `connection-closed` if the message can no longer be sent.
   */
  write(data: Message, copy?: boolean): Promise<void> | undefined;
  /**
   * Queues a fragment of a message of unknown length (RFC 6455, section 5.4). Absent if the socket cannot stream.
   *
   * @throws {ConnectionError} `connection-closed` if it can no longer be sent.
   */
  writeFragment?(fragment: Fragment): void;
  /**
   * Sends a ping of at most 125 bytes. Only with {@link Socket.controlFrames}.
   *
   * @throws {ConnectionError} `connection-closed` if the connection is not open.
   */
  ping(payload: Uint8Array): void;
  /**
   * Begins the closing handshake after everything that is queued, or answers the handshake of the peer. If our close
   * frame is queued already, the call can only shorten the maximum time of the handshake.
   *
   * Messages that still arrive are delivered until the reader returns `false`. Later ones are dropped and counted.
   *
   * @param code None for a close frame without a code.
   */
  close(code?: number, reason?: string, options?: SocketCloseOptions): void;
  /**
   * Ends the connection without a closing handshake. The end may be reported before this returns. Messages that are
   * buffered are lost.
   */
  terminate(error?: Error): void;
}

/** A piece of a message that is sent while its length is not known yet. */
export interface Fragment {
  /** The kind of the whole message. */
  readonly type: "text" | "binary";
  /** The payload; of a text, UTF-8 that may break off inside a character. */
  readonly payload: Uint8Array;
  /** Whether it begins the message. */
  readonly first: boolean;
  /** Whether it ends the message (FIN). */
  readonly last: boolean;
}

/**
 * How binary messages are delivered.
 *
 * - `"copy"`: each message has a buffer of its own.
 * - `"view"`: each message is a view of the memory into which it was read, without a copy. It may share that memory
 *   with other messages of the same connection. The memory is never written again. A message that you keep also keeps
 *   its neighbours in memory (at most 65 KiB), and transferring its buffer empties its neighbours.
 * - `"borrow"`: each message is a view that is valid until {@link SocketReader.message} returns. Only for sockets that
 *   are used without a connection.
 */
export type BinaryDelivery = "view" | "copy" | "borrow";

/** Limits on what a peer may send; 0 for no limit. */
export interface SocketLimits {
  /**
   * The maximum size of a message in bytes, reassembled and decompressed.
   *
   * @default {1048576}
   */
  readonly maxMessageSize?: number | undefined;
  /**
   * The maximum payload of a frame in bytes. Raw sockets only.
   *
   * @default {0}
   */
  readonly maxFrameSize?: number | undefined;
  /**
   * The maximum number of fragments of a message, including empty ones. Raw sockets only.
   *
   * @default {16384}
   */
  readonly maxFragments?: number | undefined;
}

/** Options that the sockets of both roles have. */
export interface SocketOptions extends SocketLimits {
  /**
   * How binary messages are delivered.
   *
   * @default {"copy"}
   */
  readonly binary?: BinaryDelivery | undefined;
  /**
   * permessage-deflate (RFC 7692): `true` for its defaults.
   *
   * @default {false}
   */
  readonly compression?: boolean | CompressionOptions | undefined;
  /**
   * The maximum payload of an outgoing frame in bytes; 0 never divides a message. Raw sockets only.
   *
   * @default {0}
   */
  readonly fragmentSize?: number | undefined;
  /**
   * The source of time and randomness.
   *
   * @default {the runtime's own}
   */
  readonly clock?: Clock | undefined;
}
