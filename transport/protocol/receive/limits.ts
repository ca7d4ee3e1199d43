import { ProtocolError } from "../wire/errors.ts";

/** Limits on what a peer may send. */
export interface ReceiverLimits {
  /** The maximum size of a message in bytes, reassembled and inflated; 0 for no limit. */
  readonly maxMessageSize: number;
  /** The maximum payload of a frame in bytes; 0 for no limit. */
  readonly maxFrameSize: number;
  /** The maximum number of frames of a message, empty ones included; 0 for no limit. */
  readonly maxFragments: number;
}

/**
 * The limits of one connection; `Infinity` stands for no limit. The errors name the option that was exceeded, and its
 * value.
 */
export class Limits {
  /** The maximum size of a message in bytes. */
  readonly message: number;
  /** The maximum payload of a frame in bytes. */
  readonly frame: number;
  /** The maximum number of frames of a message. */
  readonly fragments: number;

  /** Takes over the limits of a receiver. */
  constructor(limits: ReceiverLimits) {
    this.message = limits.maxMessageSize || Infinity;
    this.frame = limits.maxFrameSize || Infinity;
    this.fragments = limits.maxFragments || Infinity;
  }

  /**
   * Throws the error for a data frame that exceeds a limit.
   *
   * @param fragments How many frames of the message came, with this one.
   * @param before Bytes of the message before this frame.
   * @param length Payload of this frame in bytes.
   * @param offset Where the frame begins in the stream.
   * @throws {ProtocolError} `too-many-fragments`, `frame-too-large`, `message-too-large`.
   */
  refuse(
    fragments: number,
    before: number,
    length: number,
    offset: number,
  ): never {
    if (fragments > this.fragments) {
      throw new ProtocolError(
        "too-many-fragments",
        `Cannot receive: the message has more than maxFragments (${this.fragments}) frames.`,
        { offset },
      );
    }
    if (length > this.frame) {
      throw new ProtocolError(
        "frame-too-large",
        `Cannot receive: the frame has ${length} bytes, more than maxFrameSize (${this.frame} bytes).`,
        { offset: offset + 1 },
      );
    }
    throw new ProtocolError(
      "message-too-large",
      `Cannot receive: the message has ${
        before + length
      } bytes or more, more than maxMessageSize (${this.message} bytes).`,
      { offset: offset + 1 },
    );
  }

  /**
   * Throws the error for a message that is larger than the limit once it is inflated.
   *
   * @throws {ProtocolError} `message-too-large`.
   */
  refuseInflated(cause: unknown): never {
    throw new ProtocolError(
      "message-too-large",
      `Cannot receive: the inflated message is larger than maxMessageSize (${this.message} bytes).`,
      { cause },
    );
  }
}
