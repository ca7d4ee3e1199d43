import { perform } from "../base/callbacks.ts";
import type { Message } from "../base/message.ts";
import {
  checkFields,
  checkSignal,
  numberOption,
  refuseArgument,
} from "../base/options.ts";
import { handled, onAbort } from "../base/promise.ts";
import { Queue } from "../base/queue.ts";
import { FOR_EACH_RULES } from "../base/rules.ts";
import type { SendOptions } from "../connection/outgoing.ts";
import type { PoolErrorRecord } from "./error_queue.ts";
import type { InboxMessage } from "./worker.ts";

/** What {@link forEachMessage} needs of a pool. */
export interface MessagePool {
  /** The inbox whose messages are handled. */
  readonly inbox: Queue<InboxMessage>;
  /** Receives the errors of handlers. */
  readonly errors: Queue<PoolErrorRecord>;
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
export interface ForEachOptions {
  /**
   * The maximum number of peers whose messages are handled at the same time.
   *
   * @default {16}
   */
  readonly concurrency?: number | undefined;
  /** Stops when it aborts: no further message is taken from the inbox. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls `handler` for each message of the inbox of a pool: in order for each peer, and for several peers at the same
 * time.
 *
 * - At most `concurrency` handlers run, and as many messages wait for the handler of their peer. Meanwhile no message
 *   is taken from the inbox, so peers get backpressure as if nothing read the inbox.
 * - If a handler throws or rejects, its error is in `errors` of the pool, and the next message is handled. A handler
 *   that never settles keeps its place for ever.
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
export function forEachMessage(
  pool: MessagePool,
  handler: MessageHandler,
  options: ForEachOptions = {},
): Promise<void> {
  if (!isPool(pool)) {
    throw refuseArgument("handle messages", "pool", "a pool", pool);
  }
  checkFields("", { concurrency: true, signal: true }, options);
  checkSignal("signal", options.signal);
  if (typeof handler !== "function") {
    throw refuseArgument("handle messages", "handler", "a function", handler);
  }
  const concurrency = numberOption(
    "concurrency",
    FOR_EACH_RULES.concurrency,
    options.concurrency,
  );
  return handled(new Lanes(pool, handler, concurrency).run(options.signal));
}

function isPool(value: unknown): value is MessagePool {
  return typeof value === "object" && value !== null &&
    "send" in value && typeof value.send === "function" &&
    "inbox" in value && value.inbox instanceof Queue &&
    "errors" in value && value.errors instanceof Queue;
}

/** Messages of each peer in a lane of its own. */
class Lanes {
  readonly #pool: MessagePool;
  readonly #handler: MessageHandler;
  readonly #concurrency: number;
  /** The messages of peers that are being handled, or wait for that; the first of each is the next. */
  readonly #lanes = new Map<string, InboxMessage[]>();
  /** Peers whose next message may be handled. */
  readonly #ready: string[] = [];
  #running = 0;
  /** Messages that were taken and not handled yet. */
  #taken = 0;
  #onProgress: (() => void) | undefined;

  constructor(
    pool: MessagePool,
    handler: MessageHandler,
    concurrency: number,
  ) {
    this.#pool = pool;
    this.#handler = handler;
    this.#concurrency = concurrency;
  }

  async run(signal: AbortSignal | undefined): Promise<void> {
    const { inbox } = this.#pool;
    // One listener for all: `take` would add one for each message.
    const stop = new AbortController();
    const remove = onAbort(signal, () => {
      stop.abort();
      this.#progress();
    });
    try {
      while (!stop.signal.aborted) {
        if (this.#taken >= 2 * this.#concurrency) {
          await this.#untilProgress();
          continue;
        }
        const message = inbox.shift() ??
          await inbox.take({ signal: stop.signal });
        if (message === undefined) break;
        this.#add(message);
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      remove();
    }
    while (this.#taken > 0) await this.#untilProgress();
  }

  #add(message: InboxMessage): void {
    this.#taken++;
    const lane = this.#lanes.get(message.id);
    if (lane !== undefined) return void lane.push(message);
    this.#lanes.set(message.id, [message]);
    this.#ready.push(message.id);
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
    const message = lane?.shift();
    if (message !== undefined) {
      await perform(
        this.#handler,
        (error) => this.#report(id, error),
        {
          ...message,
          reply: (data, options) => this.#pool.send(id, data, options),
        },
      );
    }
    this.#running--;
    this.#taken--;
    if (lane !== undefined && lane.length > 0) this.#ready.push(id);
    else this.#lanes.delete(id);
    this.#startNext();
    this.#progress();
  }

  #report(id: string, error: Error): void {
    this.#pool.errors.push({ id, error, at: Date.now() });
  }

  #untilProgress(): Promise<void> {
    return new Promise((resolve) => this.#onProgress = resolve);
  }

  #progress(): void {
    const callback = this.#onProgress;
    this.#onProgress = undefined;
    callback?.();
  }
}
