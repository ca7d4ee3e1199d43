import type { Clock } from "../base/clock.ts";
import type { Connection } from "../connection/connection.ts";
import type { ConnectionStats, Heartbeat } from "../connection/stats.ts";
import type { Message } from "../base/message.ts";
import type { SendOptions } from "../connection/outgoing.ts";
import { onAbort } from "../base/promise.ts";
import { Queue, type Sink } from "../base/queue.ts";
import { Schedule, type Task } from "../base/schedule.ts";

/** A message in a pool's inbox. */
export interface InboxMessage {
  /** The peer that sent it: its id, or its normalised URL. */
  readonly id: string;
  /** The message: a string is a text, a `Uint8Array` a binary one. */
  readonly data: Message;
  /** When it was taken off the connection, in epoch milliseconds. */
  readonly receivedAt: number;
  /** Counts the peer's stays (inbound) or its connections (outbound), from 1. */
  readonly session: number;
}

/** Figures of a worker. The counters only grow. */
export interface WorkerStats {
  /** Messages that wait between reader and inbox. */
  readonly queueDepth: number;
  /** Messages that went into the inbox. */
  readonly processed: number;
  /** Messages that gave way to newer ones: see `maxQueueSize`. */
  readonly dropped: number;
  /** Messages that were sent. */
  readonly sent: number;
  /** Figures of the present connection, or of the last one. */
  readonly connection: ConnectionStats | undefined;
}

/** What a worker counts for its pool. */
export interface Counter {
  /** Messages that were sent. */
  sent: number;
  /** Messages that went into the inbox. */
  received: number;
}

/**
 * What happens on the wire for one peer. The pool owns registration, inbox, events
 * and lifetime; the worker owns the rest.
 */
export interface Worker<Plugin> {
  /** Works until the peer is done with, or until it is stopped; then resolves. */
  start(plugin: Plugin): Promise<void>;
  /**
   * Ends the work: the peer is told with a close frame. What it had sent goes into the inbox
   * at once, whether there is room or not. Called more than once at times.
   */
  stop(code: number, reason: string): void;
  /** Sends a message: see {@link Connection.send}. */
  send(data: Message, options?: SendOptions): Promise<void>;
  /** Sends a message if there is room: see {@link Connection.trySend}. Without it the pool's `trySend` says `false`. */
  trySend?(data: Message): boolean;
  /** The present figures. Must not wait. */
  stats(): WorkerStats;
}

/** When a peer was last heard. */
export class Pulse {
  /** Epoch milliseconds. */
  lastAt: number;

  /** Begins at a moment, in epoch milliseconds. */
  constructor(at: number) {
    this.lastAt = at;
  }

  /** The peer was heard. */
  beat(at: number): void {
    if (at > this.lastAt) this.lastAt = at;
  }
}

/** What {@link reader} needs. */
export interface ReaderOptions {
  /** Where messages come from. */
  readonly connection: Connection;
  /** Where they go to. */
  readonly output: Sink<InboxMessage>;
  /** Told of each message. */
  readonly pulse: Pulse;
  /** What every message carries. */
  readonly id: string;
  /** The number of the session. */
  readonly session: number;
}

/**
 * Reader block: takes messages off a connection, stamps them and hands them on.
 *
 * An output that is full holds the peer back; where a peer cannot be held back the
 * output has to take everything.
 */
export function reader(options: ReaderOptions): void {
  options.connection.incoming.pipe(new Stamper(options));
}

/** Makes messages of a pool of those of a connection. A class, since there is one for each peer. */
class Stamper implements Sink<Message> {
  readonly #options: ReaderOptions;
  readonly #flowControl: boolean;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#flowControl = options.connection.flowControl;
  }

  push(data: Message): boolean {
    const { connection, output, pulse, id, session } = this.#options;
    const receivedAt = connection.lastHeardAt;
    pulse.beat(receivedAt);
    const message = { id, data, receivedAt, session };
    return output.push(message) || !this.#flowControl;
  }

  onSpace(callback: () => void): void {
    this.#options.output.onSpace(callback);
  }
}

/** What {@link heartbeatForwarder} needs. */
export interface HeartbeatForwarderOptions {
  /** Where heartbeats come from. */
  readonly heartbeats: Queue<Heartbeat>;
  /** Told of each. */
  readonly pulse: Pulse;
}

/** Heartbeat forwarder block: every pong that answers a ping is a sign of life. */
export function heartbeatForwarder(options: HeartbeatForwarderOptions): void {
  options.heartbeats.pipe(new PulseBeater(options.pulse));
}

class PulseBeater implements Sink<Heartbeat> {
  readonly #pulse: Pulse;

  constructor(pulse: Pulse) {
    this.#pulse = pulse;
  }

  push({ at }: Heartbeat): boolean {
    this.#pulse.beat(at);
    return true;
  }

  onSpace(callback: () => void): void {
    callback();
  }
}

/**
 * Queue block: stands between reader and forwarder.
 *
 * With a `maxQueueSize` of 0 it drops nothing: it is full as soon as one message waits, so that
 * the peer is held back; what a peer sends that cannot be held back piles up in it. With
 * more, the oldest message goes and is counted, and the peer is never held back.
 */
export class MessageQueue implements Sink<InboxMessage> {
  readonly #max: number;
  readonly #queue: Queue<InboxMessage> = new Queue({ capacity: 1 });
  /** Messages that gave way to newer ones. */
  dropped = 0;

  /** Makes an empty queue. */
  constructor(maxQueueSize: number) {
    this.#max = maxQueueSize;
  }

  /** Messages that wait. */
  get size(): number {
    return this.#queue.size;
  }

  /** Takes a message. */
  push(message: InboxMessage): boolean {
    if (this.#max === 0) return this.#queue.push(message);
    if (this.#queue.size >= this.#max) {
      this.#queue.shift();
      this.dropped++;
    }
    this.#queue.push(message);
    return true;
  }

  /** Calls `callback` once there is room. */
  onSpace(callback: () => void): void {
    this.#queue.onSpace(callback);
  }

  /** Hands everything on: see {@link Queue.pipe}. */
  pipe(output: Sink<InboxMessage>): void {
    this.#queue.pipe(output);
  }

  /** Hands on what is left, whether there is room or not. */
  flush(): void {
    this.#queue.flush();
  }

  /** Takes no more messages. */
  close(): void {
    this.#queue.close();
  }

  /** Calls `callback` once it is closed and empty. */
  onDrained(callback: () => void): void {
    this.#queue.onDrained(callback);
  }
}

/** What {@link forwarder} needs. */
export interface ForwarderOptions {
  /** Where messages come from. */
  readonly queue: MessageQueue;
  /** Where they go to: the pool's inbox. */
  readonly output: Sink<InboxMessage>;
  /** Counts what went into the inbox. */
  readonly counter: Counter;
}

/** Forwarder block: hands messages from the queue to the inbox as it has room. */
export function forwarder(options: ForwarderOptions): void {
  options.queue.pipe(new Counted(options));
}

/** Counts what goes into the inbox. */
class Counted implements Sink<InboxMessage> {
  readonly #output: Sink<InboxMessage>;
  readonly #counter: Counter;

  constructor({ output, counter }: ForwarderOptions) {
    this.#output = output;
    this.#counter = counter;
  }

  push(message: InboxMessage): boolean {
    this.#counter.received++;
    return this.#output.push(message);
  }

  onSpace(callback: () => void): void {
    this.#output.onSpace(callback);
  }
}

/** What {@link silence} needs. */
export interface SilenceOptions {
  /** When the peer was last heard. */
  readonly pulse: Pulse;
  /** Until when the peer was held back: its silence counts from there. */
  readonly heldUntil: () => number;
  /** The longest silence allowed, in milliseconds; 0 for ever. */
  readonly timeout: number;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** The peer has been silent for too long. Called once. */
  readonly onSilence: () => void;
}

/** Watchdog and keepalive block: watches for a peer that has been silent for too long. */
export function silence(options: SilenceOptions): void {
  // The signal comes last: it is made when it is looked at.
  if (options.timeout === 0 || options.signal.aborted) return;
  const { pulse, heldUntil, timeout, clock, signal, onSilence } = options;
  const schedule = Schedule.of(clock);
  let task: Task;
  const look = () => {
    const heard = Math.max(pulse.lastAt, heldUntil());
    const now = clock.now();
    const due = (heard === Infinity ? now : heard) + timeout;
    if (due > now) task = schedule.deadlineAt(due, look);
    else {
      remove();
      onSilence();
    }
  };
  const remove = onAbort(signal, () => schedule.cancel(task));
  task = schedule.deadlineAt(pulse.lastAt + timeout, look);
}

/** What {@link stopMonitor} needs. */
export interface StopMonitorOptions {
  /** The connection to close. */
  readonly connection: Connection;
  /** What is to be handed on at once. */
  readonly queue: MessageQueue;
  /**
   * Aborts when the work is to end; its reason is a {@link StopRequest}. It may have aborted when the block is
   * called: an inbound worker calls it only then.
   */
  readonly signal: AbortSignal;
}

/** With what close frame the work is to end: the reason of a stop signal. */
export interface StopRequest {
  /** The close code. */
  readonly code: number;
  /** The reason, maybe empty. */
  readonly reason: string;
}

/**
 * Stop monitor block: when the work is to end, closes the connection and hands on at once what
 * had arrived, whether the inbox has room or not.
 *
 * @returns A function that ends the watch.
 */
export function stopMonitor(options: StopMonitorOptions): () => void {
  const { connection, queue, signal } = options;
  return onAbort(signal, () => {
    const { code, reason }: StopRequest = signal.reason;
    void connection.close(code, reason);
    connection.incoming.flush();
    queue.flush();
  });
}

/** Waits until all that a connection that has ended had brought is in the inbox. */
export async function drained(
  connection: Connection,
  queue: MessageQueue,
): Promise<void> {
  await new Promise<void>((resolve) => connection.incoming.onDrained(resolve));
  queue.close();
  await new Promise<void>((resolve) => queue.onDrained(resolve));
}

/** Blocks of a worker, each of which can be swapped. */
export interface WorkerBlocks {
  /** Takes messages off the connection: {@link reader}. */
  readonly reader?: typeof reader;
  /** Listens to heartbeats: {@link heartbeatForwarder}. */
  readonly heartbeatForwarder?: typeof heartbeatForwarder;
  /** Fills the inbox: {@link forwarder}. */
  readonly forwarder?: typeof forwarder;
  /** Watches for silence: {@link silence}. */
  readonly silence?: typeof silence;
  /** Closes when told to: {@link stopMonitor}. */
  readonly stopMonitor?: typeof stopMonitor;
}

/** The blocks that are used where no others are given. */
export const SHIPPED_BLOCKS: Readonly<Required<WorkerBlocks>> = {
  reader,
  heartbeatForwarder,
  forwarder,
  silence,
  stopMonitor,
};
