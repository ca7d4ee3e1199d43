/**
 * Sockets: the `Socket` interface over messages, `RawSocket` over a byte stream, and `NativeSocket` over the runtime's own `WebSocket`.
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

/** The server's answer to the opening handshake. */
export type SocketResponse = HandshakeResponse;

/** What a socket tells whoever reads it. None of these may throw. */
export interface SocketReader {
  /**
   * A message has arrived.
   *
   * @param size The payload in bytes, before any compression.
   * @param at When it was read, in epoch milliseconds.
   * @returns `false` to hold the peer back: a socket with flow control hands over nothing
   * more until {@link Socket.resume}; one without goes on.
   */
  message(data: Message, size: number, at: number): boolean;
  /** A ping has arrived. The socket answers it by itself. */
  ping(payload: Uint8Array): void;
  /** A pong has arrived, asked for or not. */
  pong(payload: Uint8Array, at: number): void;
  /** The peer has taken bytes: {@link Socket.bufferedAmount} has fallen. */
  drain(): void;
  /** Watches the header of every frame in both directions. Costs nothing if it is absent. */
  frame?(direction: FrameDirection, header: FrameHeader): void;
  /**
   * The connection is no longer open: one side has begun to close, the peer broke a rule, or our side of the stream broke. Called once, and
   * once more when `sends` turns `false`. Not called if the end comes at once, nor by a socket that does not know.
   *
   * @param sends Whether whole messages can still be sent: answers to a peer that has closed. Fragments and pings cannot. Without it
   * {@link Socket.write} throws.
   */
  closing?(sends: boolean): void;
  /** The end: exactly once, and last. */
  end(end: SocketEnd): void;
}

/** Options of {@link Socket.start}. */
export interface SocketStartOptions {
  /**
   * The longest time in milliseconds that a closing handshake may take, whoever begins it; 0 for no limit.
   *
   * @default {5000}
   */
  readonly closeTimeout?: number | undefined;
}

/** Options of {@link Socket.close}. */
export interface SocketCloseOptions {
  /**
   * The longest time in milliseconds that the closing handshake may take; 0 for no limit.
   *
   * @default {closeTimeout of Socket.start}
   */
  readonly timeout?: number | undefined;
}

/**
 * One open WebSocket, in either role: what everything above stands on.
 *
 * A socket delivers nothing before {@link Socket.start}, and loses nothing by that.
 */
export interface Socket {
  /** The URL it was dialled by, or that of the request that was accepted. */
  readonly url: string;
  /** The subprotocol agreed on, "" without one. */
  readonly protocol: string;
  /** The extensions agreed on, as in `Sec-WebSocket-Extensions`, "" without any. */
  readonly extensions: string;
  /**
   * The server's answer to the opening handshake. Absent on a server, and on native sockets, whose runtime does not
   * show it.
   */
  readonly response?: SocketResponse | undefined;
  /** Where the peer is, when known. */
  readonly remoteAddr: PeerAddress | undefined;
  /** How it delivers binary messages. Absent if each has a buffer of its own. */
  readonly binary?: BinaryDelivery | undefined;
  /** Whether it can ping, and shows pings and pongs. */
  readonly controlFrames: boolean;
  /** Whether a peer that sends can be held back. */
  readonly flowControl: boolean;
  /** Bytes that were written and that the peer's side has not taken yet. */
  readonly bufferedAmount: number;
  /** Whether fewer bytes than `limit` wait. Present if that is cheaper to know than {@link Socket.bufferedAmount}. */
  hasRoom?(limit: number): boolean;
  /** Payload bytes of all messages written so far, before compression. Only grows. */
  readonly sentBytes: number;
  /** How it ended. Never rejects. */
  readonly closed: Promise<SocketEnd>;
  /** What passed through it. Absent if it cannot tell. */
  readonly activity?: SocketActivity | undefined;

  /** Begins reading. Called once. */
  start(reader: SocketReader, options?: SocketStartOptions): void;
  /** Goes on after the reader's `message` answered `false`. */
  resume(): void;
  /**
   * Queues a message. Never refuses because too much waits: the caller looks at {@link Socket.bufferedAmount}.
   *
   * @returns Nothing if the caller may change the bytes at once, else a promise that resolves when the caller may, and rejects if
   * the socket ends before the message was written. With `copy` the bytes are always copied at once.
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
   * Begins the closing handshake behind what is queued, or answers that of the peer; otherwise it can only shorten the time that
   * the handshake may take.
   *
   * Messages that still arrive are delivered until the reader takes no more; from then on they are dropped and counted.
   *
   * @param code None for a close frame without a code.
   */
  close(code?: number, reason?: string, options?: SocketCloseOptions): void;
  /** Cuts the connection, without a handshake; the end may come before this returns. What is buffered is lost. */
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
 * - `"view"`: a view of the memory that it was read into, without a copy. It may share that memory with other messages of the same
 *   connection, which is never written again: a message that is kept keeps its neighbours' memory, at most 64 KiB, and a buffer that
 *   is transferred empties its neighbours.
 * - `"borrow"`: a view that is valid until {@link SocketReader.message} returns. Only for those who use a socket without a
 *   connection.
 */
export type BinaryDelivery = "view" | "copy" | "borrow";

/** Limits on what a peer may send; 0 is no limit. */
export interface SocketLimits {
  /**
   * Most bytes of a message, reassembled and inflated.
   *
   * @default {1 MiB}
   */
  readonly maxMessageSize?: number | undefined;
  /**
   * Most bytes of a frame's payload.
   *
   * @default {0, none of its own}
   */
  readonly maxFrameSize?: number | undefined;
  /**
   * Most fragments of a message, empty ones too.
   *
   * @default {16384}
   */
  readonly maxFragments?: number | undefined;
}

/** What both roles of a socket can be given. */
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
   * Most payload bytes of an outgoing frame; 0 never fragments.
   *
   * @default {0}
   */
  readonly fragmentSize?: number | undefined;
  /**
   * Where time and chance come from.
   *
   * @default {the runtime's own}
   */
  readonly clock?: Clock | undefined;
}
