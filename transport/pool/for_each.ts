import { perform } from "../base/callbacks.ts";
import { systemClock } from "../base/clock.ts";
import type { Message } from "../base/message.ts";
import {
  checkFields,
  checkFunction,
  checkSignal,
  numberOption,
  type OptionNames,
  refuseArgument,
} from "../base/options.ts";
import { handled, onAbort } from "../base/promise.ts";
import { Queue } from "../base/queue.ts";
import { FOR_EACH_RULES } from "../base/rules.ts";
import type { SendOptions } from "../connection/sending/outgoing.ts";
import { EventOrder } from "./event_order.ts";
import type { PoolEvent } from "./events.ts";
import { ErrorQueue, type PoolErrorRecord } from "./error_queue.ts";
import type { InboxMessage } from "./worker.ts";

/** What {@link forEachMessage} needs of a pool. */
export interface MessagePool<E extends PoolEvent = PoolEvent> {
  /** The inbox whose messages are handled. */
  readonly inbox: Queue<InboxMessage>;
  /** Receives the errors of handlers. */
  readonly errors: Queue<PoolErrorRecord>;
  /** The events for the option `onEvent`. */
  readonly events: Queue<E>;
  /** Sends a message to a peer. */
  send(id: string, data: Message, options?: SendOptions): Promise<void>;
}

/** The argument of a handler: a message of the inbox, and a function that answers its peer. */
export interface HandledMessage extends InboxMessage {
  /** Sends a message to the peer: `send` of the pool with its id. */
  reply(data: Message, options?: SendOptions): Promise<void>;
}

/** Handles a message. It may be async: the next message of the same peer waits for it. */
export type MessageHandler = (message: HandledMessage) => unknown;

/** Options of {@link forEachMessage}. */
export interface ForEachOptions<E extends PoolEvent = PoolEvent> {
  /**
   * The maximum number of peers whose messages are handled at the same time.
   *
   * @default {16}
   */
  readonly concurrency?: number | undefined;
  /**
   * Called for each event of the pool, in order with the messages of its peer: when the messages that arrived before
   * the event have been handled, and before those of the next connection of the peer. It may be async. The option
   * `onEvent` of a pool is called earlier, as soon as these messages are in the inbox.
   *
   * `forEachMessage` must be the only reader of `events` then. If the signal aborts, the events that were read are
   * handled although messages are left in the inbox.
   *
   * @default {none}
   */
  readonly onEvent?: ((event: E) => unknown) | undefined;
  /**
   * Stops when it aborts: no further message is taken from the inbox.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
}

const NAMES: OptionNames<ForEachOptions> = {
  concurrency: true,
  onEvent: true,
  signal: true,
};

/** The maximum number of events that are read ahead. While as many wait, further ones stay in the pool's `events`. */
const MAX_EVENTS = 1_024;

/**
 * Calls `handler` for each message of the inbox of a pool: in order for each peer, and for several peers at the same
 * time.
 *
 * - At most `concurrency` handlers run, and as many messages wait for the handler of their peer. Meanwhile no message
 *   is taken from the inbox, so peers get backpressure as if nothing read the inbox.
 * - If a handler throws or rejects, its error is in `errors` of the pool, and the next message is handled. A handler
 *   that never settles counts as running forever.
 * - It must be the only reader of the inbox.
 *
 * @example
 * ```ts
 * import { forEachMessage, InboundPool } from "@honeybee/honeybee";
 *
 * const pool = new InboundPool("echo");
 * const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
 * await pool.close();
 * await echoing;
 * ```
 *
 * @returns A promise that resolves when the pool is closed or the signal has aborted, and all messages that were taken
 * have been handled. It never rejects.
 * @throws {ConfigError} At once, when the handler or an option cannot be used.
 */
export function forEachMessage<E extends PoolEvent>(
  pool: MessagePool<E>,
  handler: MessageHandler,
  options: ForEachOptions<E> = {},
): Promise<void> {
  if (!isPool(pool)) {
    throw refuseArgument("handle messages", "pool", "a pool", pool);
  }
  checkFields<ForEachOptions<E>>("", NAMES, options);
  checkFunction("onEvent", options.onEvent);
  checkSignal("signal", options.signal);
  if (typeof handler !== "function") {
    throw refuseArgument("handle messages", "handler", "a function", handler);
  }
  const concurrency = numberOption(
    "concurrency",
    FOR_EACH_RULES.concurrency,
    options.concurrency,
  );
  const { signal, onEvent } = options;
  return handled(new Lanes(pool, handler, concurrency, onEvent).run(signal));
}

function isPool(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    "send" in value && typeof value.send === "function" &&
    "inbox" in value && value.inbox instanceof Queue &&
    "errors" in value && value.errors instanceof Queue &&
    "events" in value && value.events instanceof Queue;
}

/** An event in a lane. */
class LaneEvent<E> {
  readonly event: E;

  constructor(event: E) {
    this.event = event;
  }
}

/** Messages of each peer in a lane of its own. */
class Lanes<E extends PoolEvent> {
  readonly #pool: MessagePool<E>;
  readonly #handler: MessageHandler;
  readonly #concurrency: number;
  readonly #onEvent: ((event: E) => unknown) | undefined;
  readonly #events: EventOrder<E>;
  /** The messages of peers that are being handled, or wait for that; the first of each is the next. */
  readonly #lanes = new Map<string, (InboxMessage | LaneEvent<E>)[]>();
  /** Peers whose next message may be handled. */
  readonly #ready: string[] = [];
  #running = 0;
  /** `run` waits for a message. One may have been given to it already, in a microtask that is still to come. */
  #awaitsMessage = false;
  /** Messages that were taken from the inbox and are not in a lane yet: 0 or 1. */
  #inHand = 0;
  /** Messages that were taken and not handled yet. */
  #taken = 0;
  /** The two loops that may wait for progress. */
  #onProgress: (() => void)[] = [];

  constructor(
    pool: MessagePool<E>,
    handler: MessageHandler,
    concurrency: number,
    onEvent: ((event: E) => unknown) | undefined,
  ) {
    this.#pool = pool;
    this.#handler = handler;
    this.#concurrency = concurrency;
    this.#onEvent = onEvent;
    this.#events = new EventOrder((event) =>
      this.#add(event.id, new LaneEvent(event))
    );
  }

  async run(signal: AbortSignal | undefined): Promise<void> {
    const { inbox } = this.#pool;
    // One listener for all: `take` would add one for each message.
    const stop = new AbortController();
    const remove = onAbort(signal, () => stop.abort());
    const events = this.#readEvents(stop.signal);
    try {
      while (!stop.signal.aborted) {
        if (this.#taken >= 2 * this.#concurrency) {
          await this.#untilProgress();
          continue;
        }
        let message = inbox.shift();
        if (message === undefined) {
          this.#awaitsMessage = true;
          message = await inbox.take({ signal: stop.signal });
          this.#awaitsMessage = false;
        }
        if (message === undefined) break;
        if (this.#onEvent !== undefined) {
          // Events that were emitted so far are read now. Taking the message made space in the inbox, so that further
          // messages and events may have followed.
          this.#inHand = 1;
          await Promise.resolve();
          this.#inHand = 0;
        }
        this.#events.before(message);
        this.#add(message.id, message);
        this.#events.after();
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      remove();
    }
    await events;
    this.#events.end();
    while (this.#taken > 0) await this.#untilProgress();
  }

  async #readEvents(signal: AbortSignal): Promise<void> {
    const { events, inbox } = this.#pool;
    if (this.#onEvent === undefined) return;
    try {
      while (!signal.aborted) {
        if (this.#events.size >= MAX_EVENTS) {
          await this.#untilProgress();
          continue;
        }
        // Without waiting, so that the events that wait at the start are known before later messages are taken.
        const event = events.shift() ?? await events.take({ signal });
        if (event === undefined) return;
        // If a message was given to `run` before the event, `run` handles it first.
        if (this.#awaitsMessage) await Promise.resolve();
        this.#events.add(event, inbox.size + this.#inHand);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #add(id: string, item: InboxMessage | LaneEvent<E>): void {
    this.#taken++;
    const lane = this.#lanes.get(id);
    if (lane !== undefined) return void lane.push(item);
    this.#lanes.set(id, [item]);
    this.#ready.push(id);
    this.#startNext();
  }

  #startNext(): void {
    while (this.#running < this.#concurrency) {
      const id = this.#ready.shift();
      if (id === undefined) return;
      this.#running++;
      void this.#handle(id);
    }
  }

  async #handle(id: string): Promise<void> {
    const lane = this.#lanes.get(id);
    const item = lane?.shift();
    const report = (error: Error) => this.#report(id, error);
    if (item instanceof LaneEvent) {
      const onEvent = this.#onEvent;
      if (onEvent !== undefined) await perform(onEvent, report, item.event);
    } else if (item !== undefined) {
      await perform(this.#handler, report, {
        ...item,
        reply: (data, options) => this.#pool.send(id, data, options),
      });
    }
    this.#running--;
    this.#taken--;
    if (lane !== undefined && lane.length > 0) this.#ready.push(id);
    else this.#lanes.delete(id);
    this.#startNext();
    this.#progress();
  }

  #report(id: string, error: Error): void {
    const { errors } = this.#pool;
    if (errors instanceof ErrorQueue) errors.report(id, error);
    else errors.push({ id, error, at: systemClock.date() });
  }

  #untilProgress(): Promise<void> {
    return new Promise((resolve) => void this.#onProgress.push(resolve));
  }

  #progress(): void {
    const callbacks = this.#onProgress;
    if (callbacks.length === 0) return;
    this.#onProgress = [];
    for (const callback of callbacks) callback();
  }
}
