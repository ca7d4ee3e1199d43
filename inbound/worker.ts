import { Connection } from "../transport/connection/connection.ts";
import type { Message } from "../transport/base/message.ts";
import type { SendOptions } from "../transport/connection/outgoing.ts";
import { DONE, rejected } from "../transport/base/promise.ts";
import { ConnectionError } from "../transport/base/errors.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import {
  type Counter,
  drained,
  MessageQueue,
  Pulse,
  SHIPPED_BLOCKS,
  type StopRequest,
  type WorkerBlocks,
  type WorkerStats,
} from "../transport/pool/worker.ts";
import type { InboundExit, InboundPlugin, InboundWorker } from "./plugin.ts";

/** Milliseconds a peer has to answer the close frame of its eviction. */
const EVICTION = 50;

/** The shipped worker: reader, heartbeat forwarder, queue, forwarder and watchdog. */
export class DefaultInboundWorker implements InboundWorker {
  #connection: Connection | undefined;
  #queue: MessageQueue | undefined;
  #counter: Counter = { sent: 0, received: 0 };
  #request: StopRequest | undefined;
  #onStop: ((request: StopRequest) => void) | undefined;
  readonly #blocks: WorkerBlocks | undefined;

  /** Makes a worker for one peer, with blocks of your own in place of shipped ones. */
  constructor(blocks?: WorkerBlocks) {
    this.#blocks = blocks;
  }

  /** Works until the connection has ended and all that it brought is in the inbox. */
  async start(plugin: InboundPlugin): Promise<void> {
    const { workerOptions, clock, counter } = plugin;
    const connection = new Connection(plugin.socket, plugin.connectionOptions);
    const queue = new MessageQueue(workerOptions.maxQueueSize);
    const pulse = new Pulse(clock.now());
    // Idle peers are many, and most have no use for it.
    let ended: AbortController | undefined;
    let evicted = false;
    this.#connection = connection;
    this.#queue = queue;
    this.#counter = counter;

    const blocks = { ...SHIPPED_BLOCKS, ...this.#blocks };
    blocks.forwarder({ queue, output: plugin.inbox, counter });
    blocks.reader({
      connection,
      output: queue,
      pulse,
      id: plugin.id,
      session: plugin.session,
    });
    blocks.heartbeatForwarder({ heartbeats: connection.heartbeats, pulse });
    blocks.silence({
      pulse,
      heldUntil: () => connection.heldUntil,
      timeout: workerOptions.inactivityTimeout,
      clock,
      get signal() {
        return (ended ??= new AbortController()).signal;
      },
      onSilence: () => {
        evicted = true;
        void connection.close(1001, "Inactive", { timeout: EVICTION });
      },
    });
    const stop = (request: StopRequest) => {
      const signal = AbortSignal.abort(request);
      blocks.stopMonitor({ connection, queue, signal });
    };
    if (this.#request === undefined) this.#onStop = stop;
    else stop(this.#request);

    const end = await connection.closed;
    // Made at the latest now, for a block that has not looked at it yet.
    (ended ??= new AbortController()).abort();
    await drained(connection, queue);
    this.#onStop = undefined;
    if (evicted || end.inactive) plugin.onExit({ kind: "evicted-policy" });
    else plugin.onExit(exitOf(end, await connection.errors.take()));
  }

  /** Closes the connection; what had arrived goes into the inbox at once. */
  stop(code: number, reason: string): void {
    if (this.#request !== undefined) return;
    this.#request = { code, reason };
    this.#onStop?.(this.#request);
  }

  /** Sends a message. */
  send(data: Message, options?: SendOptions): Promise<void> {
    if (this.#connection === undefined) return rejected(notStarted());
    const sent = this.#connection.send(data, options);
    if (sent === DONE) this.#counter.sent++;
    else countSent(sent, this.#counter);
    return sent;
  }

  /** Sends a message if there is room. */
  trySend(data: Message): boolean {
    if (this.#connection === undefined) throw notStarted();
    const sent = this.#connection.trySend(data);
    if (sent) this.#counter.sent++;
    return sent;
  }

  /** The present figures. */
  stats(): WorkerStats {
    return {
      queueDepth: this.#queue?.size ?? 0,
      processed: this.#counter.received,
      dropped: this.#queue?.dropped ?? 0,
      sent: this.#counter.sent,
      connection: this.#connection?.stats(),
    };
  }
}

function countSent(sent: Promise<void>, counter: Counter): void {
  sent.then(() => counter.sent++, () => {});
}

function exitOf(
  end: SocketEnd,
  error: ConnectionError | undefined,
): InboundExit {
  if (error === undefined || error.code === "peer-closed-clean") {
    return { kind: "disconnected" };
  }
  return error.code === "peer-closed-unexpected"
    ? { kind: "dropped-close", closeCode: end.code, reason: end.reason }
    : { kind: "dropped-error", error };
}

function notStarted(): ConnectionError {
  return new ConnectionError(
    "not-connected",
    "Cannot send as the worker must be started",
  );
}
