import { notify } from "../base/callbacks.ts";
import type { Message } from "../base/message.ts";
import type { FrameHeader } from "../protocol/wire/frame.ts";
import type {
  FrameDirection,
  SocketEnd,
  SocketReader,
} from "../socket/socket.ts";
import type { ObservedActivity } from "./liveness/activity.ts";
import type { Liveness } from "./liveness/liveness.ts";
import type { ConnectionOptions } from "./options.ts";
import type { Outgoing } from "./sending/outgoing.ts";
import type { Receiving } from "./receiving.ts";

/** What a {@link ConnectionReader} needs of its connection. */
export interface ReaderHost {
  readonly receiving: Receiving;
  /** The user's callbacks. */
  readonly options: Pick<ConnectionOptions, "onPing" | "onPong" | "onFrame">;
  /** A callback threw or rejected. */
  readonly callbackFailed: (error: Error) => void;
  /** The connection is no longer open. `sends` says whether whole messages can still be sent. */
  closing(sends: boolean): void;
  /** The socket has ended. */
  ended(end: SocketEnd): void;
}

/** Passes what the socket reports to the parts of the connection. */
export class ConnectionReader implements SocketReader {
  readonly #host: ReaderHost;
  readonly #receiving: Receiving;
  readonly #outgoing: Outgoing;
  readonly #liveness: Liveness;
  readonly #observed: ObservedActivity | undefined;
  readonly frame?: (direction: FrameDirection, header: FrameHeader) => void;

  /**
   * Makes the reader of one socket.
   *
   * @param observed Given if the socket does not count bytes.
   */
  constructor(
    host: ReaderHost,
    outgoing: Outgoing,
    liveness: Liveness,
    observed: ObservedActivity | undefined,
  ) {
    this.#host = host;
    this.#receiving = host.receiving;
    this.#outgoing = outgoing;
    this.#liveness = liveness;
    this.#observed = observed;
    const { onFrame } = host.options;
    if (onFrame === undefined) return;
    this.frame = (direction, header) =>
      notify(onFrame, host.callbackFailed, direction, header);
  }

  /** Takes a message. */
  message(data: Message, size: number, at: number): boolean {
    this.#observed?.received(size, at);
    return this.#receiving.message(data, size, at);
  }

  /** Takes a ping. */
  ping(payload: Uint8Array): void {
    this.#observed?.received(payload.length);
    const { onPing } = this.#host.options;
    if (onPing) notify(onPing, this.#host.callbackFailed, payload);
  }

  /** Takes a pong. */
  pong(payload: Uint8Array, at: number): void {
    this.#observed?.received(payload.length, at);
    this.#liveness.pong(payload, at);
    const { onPong } = this.#host.options;
    if (onPong) notify(onPong, this.#host.callbackFailed, payload);
  }

  /** The socket has taken output. */
  drain(): void {
    this.#observed?.wrote();
    this.#liveness.drained();
    this.#outgoing.drain();
  }

  /** The connection is no longer open. */
  closing(sends: boolean): void {
    this.#host.closing(sends);
  }

  /** The socket has ended. */
  end(end: SocketEnd): void {
    this.#host.ended(end);
  }
}
