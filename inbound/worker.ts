import { ConnectionError } from "../transport/base/errors.ts";
import type { Message } from "../transport/base/message.ts";
import { rejected } from "../transport/base/promise.ts";
import { Connection } from "../transport/connection/connection.ts";
import type { SendOptions } from "../transport/connection/sending/outgoing.ts";
import type { ConnectionStats } from "../transport/connection/stats.ts";
import { watchSilence } from "../transport/connection/liveness/watch_silence.ts";
import { runReader } from "../transport/pool/blocks.ts";
import type { DeliverySink } from "../transport/pool/delivery.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import { describeExit } from "./exit.ts";
import type { InboundExit, InboundPlugin, InboundWorker } from "./plugin.ts";

/** Milliseconds a peer has to answer the close frame of its eviction. */
const EVICTION = 50;

const EVICTED: InboundExit = { kind: "evicted-policy" };

/**
 * The default worker: delivers the messages of the peer, disconnects it if it is silent for too long, and reports how
 * the connection ended.
 */
export class DefaultInboundWorker implements InboundWorker {
  #connection: Connection | undefined;
  #sink: DeliverySink | undefined;
  #request: { readonly code: number; readonly reason: string } | undefined;
  #stopWatch: (() => void) | undefined;
  #evicted = false;
  #overflow: Error | undefined;

  /**
   * Works until the connection has ended. Not an asynchronous function, and without signals: idle peers are many, and
   * each of these takes 500 to 700 bytes.
   */
  start(plugin: InboundPlugin): Promise<void> {
    const { delivery, session, clock, log } = plugin;
    const { inactivityTimeout } = plugin.workerOptions;
    const connection = new Connection(plugin.socket, plugin.connectionOptions);
    this.#connection = connection;
    this.#sink = runReader({
      connection,
      delivery,
      session,
      onOverflow: (error) => {
        this.#overflow = error;
        log?.warn("Closing a peer that sends more than may wait", { error });
        void connection.close(1009, "Too many messages");
      },
    });
    if (inactivityTimeout > 0) {
      this.#stopWatch = watchSilence({
        connection,
        timeout: inactivityTimeout,
        clock,
        onSilence: () => {
          this.#evicted = true;
          log?.info("Evicting a silent peer", { inactivityTimeout });
          void connection.close(1001, "Inactive", { timeout: EVICTION });
        },
      });
    }
    log?.debug("Reading", { session });
    if (this.#request !== undefined) this.#close(this.#request);
    return connection.closed.then((end) =>
      this.#finish(plugin, connection, end)
    );
  }

  async #finish(
    plugin: InboundPlugin,
    connection: Connection,
    end: SocketEnd,
  ): Promise<void> {
    const { session, log } = plugin;
    this.#stopWatch?.();
    const error = this.#overflow ?? await connection.errors.take();
    const exit = this.#evicted ? EVICTED : describeExit(end, error);
    log?.debug("Ended", { session, ...exit });
    plugin.onExit(exit);
  }

  /** Closes the connection. Messages that had arrived are delivered. */
  stop(code: number, reason: string): void {
    if (this.#request !== undefined) return;
    this.#request = { code, reason };
    if (this.#connection !== undefined) this.#close(this.#request);
  }

  /** Sends a message. */
  send(data: Message, options?: SendOptions): Promise<void> {
    return this.#connection?.send(data, options) ?? rejected(notStarted());
  }

  /**
   * Sends a message unless the buffer is full.
   *
   * @throws {ConnectionError} `not-connected` before `start`, `connection-closed`.
   */
  trySend(data: Message): boolean {
    if (this.#connection === undefined) throw notStarted();
    return this.#connection.trySend(data);
  }

  /** Returns the figures of the connection. */
  stats(): ConnectionStats | undefined {
    return this.#connection?.stats();
  }

  #close({ code, reason }: { readonly code: number; readonly reason: string }) {
    this.#sink?.finish();
    void this.#connection?.close(code, reason);
  }
}

function notStarted(): ConnectionError {
  return new ConnectionError(
    "not-connected",
    "Cannot send: the worker was not started.",
  );
}
