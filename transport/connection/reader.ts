import { type CallbackErrorHandler, notify } from "../base/callbacks.ts";
import type { Message } from "../base/message.ts";
import type { FrameHeader } from "../protocol/frame.ts";
import type {
  FrameDirection,
  SocketEnd,
  SocketReader,
} from "../socket/socket.ts";
import type { ObservedActivity } from "./liveness/activity.ts";
import type { Liveness } from "./liveness/liveness.ts";
import type { ConnectionOptions } from "./options.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Receiving } from "./receiving.ts";

/** Where a {@link ConnectionReader} takes what the socket hands over. */
export interface ReaderTargets {
  readonly receiving: Receiving;
  readonly outgoing: Outgoing;
  readonly liveness: Liveness;
  /** Set if the socket does not tell its activity. */
  readonly observed: ObservedActivity | undefined;
  /** The user's callbacks. */
  readonly callbacks: Pick<ConnectionOptions, "onPing" | "onPong" | "onFrame">;
  readonly onCallbackError: CallbackErrorHandler;
  /** The connection is no longer open. `sends` says whether whole messages can still be sent. */
  readonly onClosing: (sends: boolean) => void;
  readonly onEnd: (end: SocketEnd) => void;
}

/** Passes what the socket of a connection hands over to the part that it concerns. */
export class ConnectionReader implements SocketReader {
  readonly #targets: ReaderTargets;
  // Beside the targets, since every message needs them.
  readonly #receiving: Receiving;
  readonly #observed: ObservedActivity | undefined;
  readonly frame?: (direction: FrameDirection, header: FrameHeader) => void;

  /** Makes the reader of one socket. */
  constructor(targets: ReaderTargets) {
    this.#targets = targets;
    this.#receiving = targets.receiving;
    this.#observed = targets.observed;
    const { callbacks: { onFrame }, onCallbackError } = targets;
    if (onFrame === undefined) return;
    this.frame = (direction, header) =>
      notify(onFrame, onCallbackError, direction, header);
  }

  /** Takes a message. */
  message(data: Message, size: number, at: number): boolean {
    this.#observed?.received(size);
    return this.#receiving.message(data, size, at);
  }

  /** Takes a ping. */
  ping(payload: Uint8Array): void {
    this.#observed?.received(payload.length);
    const { callbacks: { onPing }, onCallbackError } = this.#targets;
    notify(onPing, onCallbackError, payload);
  }

  /** Takes a pong. */
  pong(payload: Uint8Array, at: number): void {
    this.#observed?.received(payload.length);
    const { liveness, callbacks: { onPong }, onCallbackError } = this.#targets;
    liveness.pong(payload, at);
    notify(onPong, onCallbackError, payload);
  }

  /** The socket has taken output. */
  drain(): void {
    this.#observed?.wrote();
    this.#targets.liveness.drained();
    this.#targets.outgoing.drain();
  }

  /** The connection is no longer open. */
  closing(sends: boolean): void {
    this.#targets.onClosing(sends);
  }

  /** The socket has ended. */
  end(end: SocketEnd): void {
    this.#targets.onEnd(end);
  }
}
