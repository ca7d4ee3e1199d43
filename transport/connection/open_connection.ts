import { notify } from "../base/callbacks.ts";
import type { ConnectionError } from "../base/errors.ts";
import type { Message } from "../base/message.ts";
import type { FrameHeader } from "../protocol/wire/frame.ts";
import type {
  CloseFrame,
  FrameDirection,
  Socket,
  SocketActivity,
  SocketEnd,
  SocketReader,
} from "../socket/socket.ts";
import { cannotSend } from "./end.ts";
import type { Heartbeats } from "./heartbeats.ts";
import { ObservedActivity } from "./liveness/activity.ts";
import { Liveness, type LivenessHost } from "./liveness/liveness.ts";
import type { ConnectionMeter, ResolvedConnectionOptions } from "./options.ts";
import type { Receiving } from "./receiving.ts";
import { Outgoing } from "./sending/outgoing.ts";

/** What an {@link OpenConnection} needs of its connection. */
export interface OpenConnectionHost {
  readonly receiving: Receiving;
  readonly heartbeats: Heartbeats;
  /** A callback of the user threw or rejected. */
  readonly callbackFailed: (error: Error) => void;
  /** Nothing can be sent any more. The end follows. `received` is the close frame of the peer, if it has come. */
  closing(received: CloseFrame | undefined): void;
  /** The peer is dead, or the socket cannot ping. */
  dead(error: Error): void;
  /** The socket has ended. */
  ended(end: SocketEnd): void;
}

/**
 * What a connection has only from its opening on: the socket, the sending half, and pings with their deadlines. Passes
 * what the socket reports to the parts of the connection.
 */
export class OpenConnection implements SocketReader, LivenessHost {
  readonly #host: OpenConnectionHost;
  readonly #config: ResolvedConnectionOptions;
  readonly #receiving: Receiving;
  /** Present if the socket does not count bytes. */
  readonly #observed: ObservedActivity | undefined;
  readonly socket: Socket;
  readonly activity: SocketActivity;
  readonly outgoing: Outgoing;
  readonly liveness: Liveness;
  readonly ping?: (payload: Uint8Array) => void;
  readonly frame?: (direction: FrameDirection, header: FrameHeader) => void;

  /** Begins to ping. The socket is not started yet. */
  constructor(
    socket: Socket,
    config: ResolvedConnectionOptions,
    meter: ConnectionMeter | undefined,
    host: OpenConnectionHost,
  ) {
    const { clock, highWaterMark, onPing, onFrame } = config;
    this.#host = host;
    this.#config = config;
    this.#receiving = host.receiving;
    this.socket = socket;
    this.activity = socket.activity ?? new ObservedActivity(socket, clock);
    this.#observed = this.activity instanceof ObservedActivity
      ? this.activity
      : undefined;
    this.liveness = new Liveness(socket, this.activity, config, this);
    this.outgoing = new Outgoing({
      socket,
      clock,
      highWaterMark,
      meter,
      watcher: this.liveness,
    });
    const observed = this.#observed;
    if (onPing !== undefined || observed !== undefined) {
      this.ping = (payload) => {
        observed?.received(payload.length);
        if (onPing) notify(onPing, host.callbackFailed, payload);
      };
    }
    if (onFrame === undefined) return;
    this.frame = (direction, header) =>
      notify(onFrame, host.callbackFailed, direction, header);
  }

  /** When reading was last resumed: `Infinity` while it is paused, 0 if it never was. */
  get resumedAt(): number {
    return this.#receiving.resumedAt;
  }

  /** Whether a caller waits for the peer to take output. */
  get sendWaits(): boolean {
    return this.outgoing.waits;
  }

  /** Takes a message. */
  message(data: Message<ArrayBuffer>, size: number, at: number): boolean {
    this.#observed?.received(size, at);
    return this.#receiving.message(data, size, at);
  }

  /** Whether messages may still be answered. */
  answering(): boolean {
    return this.#receiving.answering;
  }

  /** Takes a pong. */
  pong(payload: Uint8Array, at: number): void {
    this.#observed?.received(payload.length, at);
    this.liveness.pong(payload, at);
    const { onPong } = this.#config;
    if (onPong) notify(onPong, this.#host.callbackFailed, payload);
  }

  /** A pong has answered one of our pings, `at` epoch milliseconds. */
  heartbeat(latency: number, at: number): void {
    this.#host.heartbeats.add(latency, at);
  }

  /** The socket has taken output. */
  drain(): void {
    this.#observed?.wrote();
    this.liveness.drained();
    this.outgoing.drain();
  }

  /** One side has begun to close, or our side of the stream broke. `sends` says whether messages can still be sent. */
  closing(sends: boolean, received?: CloseFrame): void {
    if (!sends) return this.#host.closing(received);
    // Whole messages can still be sent, which may answer the peer. Pings and fragments cannot.
    this.liveness.stop();
    this.outgoing.stopStreams(cannotSend(received));
  }

  /** The peer is dead, or the socket cannot ping. */
  dead(error: Error): void {
    this.#host.dead(error);
  }

  /** The socket has ended. */
  end(end: SocketEnd): void {
    this.#host.ended(end);
  }

  /** Nothing is sent any more, and pending calls fail. */
  stop(error: ConnectionError): void {
    this.#observed?.stop();
    this.liveness.stop();
    this.outgoing.fail(error);
  }
}
