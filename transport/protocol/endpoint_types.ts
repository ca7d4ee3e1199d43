import type { ReceiverOptions } from "./receive/receiver.ts";
import type { CloseFrame } from "./wire/close.ts";
import type { Deflater } from "./wire/compression.ts";
import type { FrameHeader } from "./wire/frame.ts";

export type { CloseFrame };

/**
 * Receives what an endpoint gets from its peer. The methods should not throw: an error of theirs ends the connection.
 */
export interface EndpointHandler {
  /**
   * Receives a message.
   *
   * @param size The size of the payload in bytes, inflated; of a text, that of its UTF-8.
   * @returns `false` to receive no more messages until {@link Endpoint.resume}.
   */
  message(data: string | Uint8Array, size: number): boolean;
  /** Receives the payload of a ping. The endpoint answers the ping itself, and makes no copy if this is absent. */
  ping?(payload: Uint8Array): void;
  /** Receives the payload of a pong, whether it answers a ping or not. */
  pong(payload: Uint8Array): void;
}

/** Whether a frame came from the peer or was queued for it. */
export type FrameDirection = "received" | "sent";

/** Called with the header of every frame. An error that it throws ends the connection. */
export type FrameWatcher = (
  direction: FrameDirection,
  header: FrameHeader,
) => void;

/** Options of an {@link Endpoint}. */
export interface EndpointOptions extends ReceiverOptions {
  /**
   * Compresses messages, if permessage-deflate was negotiated.
   *
   * @default {nothing is compressed}
   */
  readonly deflater?: Deflater | undefined;
  /**
   * The maximum payload of a data frame in bytes; longer messages go out in fragments.
   *
   * @default {0, no limit}
   */
  readonly fragmentSize?: number | undefined;
  /**
   * Source of masking keys, see {@link SenderOptions.maskKey}.
   *
   * @default {crypto.getRandomValues}
   */
  readonly maskKey?: (() => number) | undefined;
  /**
   * The maximum time of a closing handshake that the peer begins, in milliseconds; 0 for no limit.
   *
   * @default {5000}
   */
  readonly closeTimeout?: number | undefined;
  /**
   * Bytes to write before any frame: a server's response to the opening handshake.
   *
   * @default {none}
   */
  readonly handshakeResponse?: Uint8Array | undefined;
}

/** How a connection ended. */
export interface EndpointEnd {
  /**
   * The close code of the peer; 1005 if its close frame had none, 1006 if it sent no close frame (RFC 6455, section
   * 7.1.5).
   */
  readonly code: number;
  /** The reason in the peer's close frame, "" without one. */
  readonly reason: string;
  /** Whether the close frames of both sides were received and written. */
  readonly clean: boolean;
  /** Which side began to close: its close frame, its end of the stream or its fault came first. */
  readonly initiator: "local" | "peer";
  /** The close frame that was received. */
  readonly received: CloseFrame | undefined;
  /** The close frame that was written to the stream, not only queued. */
  readonly sent: CloseFrame | undefined;
  /**
   * What went wrong, if the end was not clean: a violation, a broken stream, a deadline, or the error given to
   * `terminate`.
   */
  readonly error: Error | undefined;
  /** The number of messages that arrived while the connection was closing and were dropped. */
  readonly dropped: number;
}

/** When bytes passed, and how many. Times are milliseconds of the caller's clock. */
export interface Activity {
  /** When bytes were received last; at first, when the endpoint was created. */
  readonly receivedAt: number;
  /** Bytes received in all. */
  readonly receivedBytes: number;
  /** When a piece of output was written last; at first, when the endpoint was created. */
  readonly wroteAt: number;
  /** Bytes written in all. */
  readonly writtenBytes: number;
}

/** Something that stops one side of an endpoint: a violation by the peer, or what a callback threw. */
export interface Fault {
  readonly thrown: unknown;
}
