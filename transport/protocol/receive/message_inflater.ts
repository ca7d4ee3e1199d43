import type { Inflater } from "../wire/compression.ts";
import { ProtocolError } from "../wire/errors.ts";
import type { Limits } from "./limits.ts";

/** Inflates messages that arrive in pieces (RFC 7692), and enforces the maximum size. */
export class MessageInflater {
  readonly #inflater: Inflater | undefined;
  readonly #limits: Limits;
  /** Compressed bytes of the message that have arrived. */
  #size = 0;

  /** Creates one for a connection. Without an inflater it is never used. */
  constructor(inflater: Inflater | undefined, limits: Limits) {
    this.#inflater = inflater;
    this.#limits = limits;
  }

  /** Begins a message. */
  begin(): void {
    this.#size = 0;
  }

  /**
   * Inflates a piece of the message.
   *
   * @param last Whether the message ends with it.
   * @param before Inflated bytes of the message before it.
   * @returns The inflated bytes, which are valid until the next call.
   * @throws {ProtocolError} `invalid-deflate-data`, `message-too-large`.
   */
  inflate(piece: Uint8Array, last: boolean, before: number): Uint8Array {
    this.#size += piece.length;
    if (last && this.#size === 0) {
      throw new ProtocolError(
        "invalid-deflate-data",
        "Cannot receive: the compressed message has no bytes, and has to have at least one.",
      );
    }
    const space = this.#limits.message - before;
    let inflated: Uint8Array;
    try {
      inflated = this.#inflater?.inflate(piece, last, space) ?? piece;
    } catch (cause) {
      if (cause instanceof ProtocolError) {
        if (cause.code !== "message-too-large") throw cause;
        this.#limits.refuseInflated(cause);
      }
      throw new ProtocolError(
        "invalid-deflate-data",
        "Cannot receive: the compressed message cannot be inflated.",
        { cause },
      );
    }
    // An inflater of the user may ignore the limit.
    if (inflated.length > space) this.#limits.refuseInflated(undefined);
    return inflated;
  }
}
