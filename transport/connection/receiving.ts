import { toError } from "../base/errors.ts";
import { type Message, messageSize } from "../base/message.ts";
import { Queue } from "../base/queue.ts";
import { flushAll } from "../net/stream/flush.ts";
import type { Socket, SocketActivity } from "../socket/socket.ts";
import type { ConnectionMeter, ResolvedConnectionOptions } from "./options.ts";

/** Takes the messages of a connection in place of its `incoming`. */
export interface MessageSink {
  /**
   * Takes a message. Must not throw.
   *
   * @param size The payload in bytes, before any compression.
   * @param at When the message was read, in epoch milliseconds.
   * @returns `false` to pause reading until `connection.resume()`. The message counts as taken. A socket without
   * flow control continues to deliver.
   */
  message(data: Message<ArrayBuffer>, size: number, at: number): boolean;
  /**
   * Whether messages that it has taken may still be answered. It is asked in every turn of the event loop after the
   * peer's close frame, and while it returns `true`, for at most `closeTimeout`, that frame is not answered: nothing
   * can be sent behind the answer. Must not throw.
   *
   * @default {false}
   */
  answering?(): boolean;
  /**
   * The connection has ended: no message follows. Called once. Must not throw.
   *
   * @param dropped How many messages arrived and could not be handed over: while the connection was closing, or before
   * it had a sink.
   */
  end?(dropped: number): void;
}

/** What a {@link Receiving} needs of its connection. */
export interface ReceivingHost {
  /** A message was dropped, since `incoming` is full and reading cannot be paused. */
  overflowed(): void;
  /** The socket cannot continue. */
  dead(error: Error): void;
}

/** The receiving half of a connection: delivers messages, and pauses reading. */
export class Receiving {
  readonly #config: ResolvedConnectionOptions;
  readonly #meter: ConnectionMeter | undefined;
  readonly #host: ReceivingHost;
  /** Created on demand: a connection with a sink does not need it. */
  #incoming: Queue<Message<ArrayBuffer>> | undefined;
  #ended = false;
  #socket: Socket | undefined;
  #activity: SocketActivity | undefined;
  #sink: MessageSink | undefined;
  /** Messages of `incoming` are being handed to the sink. */
  #pumping = false;
  /** The two reasons why reading may be paused. */
  #pausedByQueue = false;
  #pausedBySink = false;
  #resumedAt = 0;

  /** Messages that arrived. */
  messages = 0;
  /** Their payload bytes, before compression. */
  bytes = 0;
  /** Messages that were dropped, since they found no space. */
  dropped = 0;
  /** When the last message arrived, in epoch milliseconds; 0 before the first. */
  lastAt = 0;
  /** The same in milliseconds of the clock. */
  lastClockAt = 0;

  /** Begins without a socket. */
  constructor(
    config: ResolvedConnectionOptions,
    meter: ConnectionMeter | undefined,
    host: ReceivingHost,
  ) {
    this.#config = config;
    this.#meter = meter;
    this.#host = host;
  }

  /** Messages in order, unless there is a sink. */
  get incoming(): Queue<Message<ArrayBuffer>> {
    if (this.#incoming === undefined) {
      this.#incoming = new Queue<Message<ArrayBuffer>>({
        capacity: this.#config.incomingBufferSize,
        maxWeight: this.#config.incomingBufferBytes,
        weigh: lengthOf,
        onIdle: flushAll,
      });
      if (this.#ended) this.#incoming.close();
    }
    return this.#incoming;
  }

  /** Messages that wait in `incoming`. */
  get depth(): number {
    return this.#incoming?.size ?? 0;
  }

  /** Whether the sink may still answer messages. */
  get answering(): boolean {
    return this.#sink?.answering?.() ?? false;
  }

  /** When reading was last resumed: `Infinity` while it is paused, 0 if it never was. */
  get resumedAt(): number {
    return this.#isPaused() ? Infinity : this.#resumedAt;
  }

  /** Receives from this socket from now on. */
  open(socket: Socket, activity: SocketActivity): void {
    this.#socket = socket;
    this.#activity = activity;
  }

  /** Takes a message. Returns whether reading continues. */
  message(data: Message<ArrayBuffer>, size: number, at: number): boolean {
    this.messages++;
    this.bytes += size;
    this.#meter?.received(size);
    this.lastAt = at;
    this.lastClockAt = this.#activity?.receivedAt ?? 0;
    const sink = this.#sink;
    if (sink !== undefined && !this.#pumping && this.depth === 0) {
      return this.#hand(sink, data, size, at);
    }
    const flowControl = this.#socket?.flowControl;
    // Once a message was dropped, all later ones are dropped, so that there is no gap.
    if (!flowControl && (this.incoming.full || this.dropped > 0)) {
      this.dropped++;
      this.#host.overflowed();
      return true;
    }
    if (this.incoming.push(data) || !flowControl) return true;
    this.#pausedByQueue = true;
    this.incoming.onSpace(() => {
      this.#pausedByQueue = false;
      this.#goOn();
    });
    return false;
  }

  /** Hands messages to `sink` from now on, and before them those that wait in `incoming`. */
  deliverTo(sink: MessageSink): void {
    this.#sink = sink;
    if (this.#pausedBySink) this.resume();
    else this.#pump();
    // After the end, `close` is not called again.
    if (this.#ended) sink.end?.(this.dropped);
  }

  /** Reads on after the sink answered `false`. */
  resume(): void {
    if (!this.#pausedBySink) return;
    this.#pausedBySink = false;
    this.#pump();
    this.#goOn();
  }

  /**
   * The connection has ended: what waits goes to the sink, or stays readable.
   *
   * @param dropped Messages that the socket dropped while it was closing.
   */
  close(dropped: number): void {
    this.dropped += dropped;
    this.#socket = undefined;
    this.#ended = true;
    this.#incoming?.close();
    this.#pump();
    this.#sink?.end?.(this.dropped);
  }

  /**
   * Hands over the messages of `incoming`. That may resume reading: messages that arrive in this way queue behind them.
   */
  #pump(): void {
    const sink = this.#sink;
    if (sink === undefined || this.#pumping) return;
    this.#pumping = true;
    while (!this.#pausedBySink || this.#ended) {
      const data = this.#incoming?.shift();
      if (data === undefined) break;
      this.#hand(sink, data, messageSize(data), this.lastAt);
    }
    this.#pumping = false;
  }

  /** Hands a message to the sink. Returns whether reading continues. */
  #hand(
    sink: MessageSink,
    data: Message<ArrayBuffer>,
    size: number,
    at: number,
  ): boolean {
    // Set before the call, in which the sink may resume.
    this.#pausedBySink = true;
    if (sink.message(data, size, at) || !this.#socket?.flowControl) {
      this.#pausedBySink = false;
    }
    return !this.#isPaused();
  }

  #isPaused(): boolean {
    return this.#pausedByQueue || this.#pausedBySink;
  }

  /** One of the reasons for the pause is gone. */
  #goOn(): void {
    if (this.#isPaused()) return;
    this.#resumedAt = this.#config.clock.now();
    try {
      this.#socket?.resume();
    } catch (error) {
      // The error of a custom socket must not reach the caller that reads messages.
      this.#host.dead(toError(error));
    }
  }
}

function lengthOf(message: Message): number {
  return message.length;
}
