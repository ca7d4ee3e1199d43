import { ConnectionError } from "../transport/base/errors.ts";
import type { Clock } from "../transport/base/clock.ts";
import type { Log } from "../transport/base/logging.ts";
import type { Message } from "../transport/base/message.ts";
import { rejected } from "../transport/base/promise.ts";
import { Connection } from "../transport/connection/connection.ts";
import type { SendOptions } from "../transport/connection/sending/outgoing.ts";
import type { ConnectionStats } from "../transport/connection/stats.ts";
import { SilenceWatch } from "../transport/connection/liveness/watch_silence.ts";
import { runReader } from "../transport/pool/blocks.ts";
import type { DeliverySink } from "../transport/pool/delivery.ts";
import {
  CLOSE_GOING_AWAY,
  CLOSE_TOO_BIG,
} from "../transport/protocol/wire/close.ts";
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
  #session = 0;
  #log: Log | undefined;
  #sink: DeliverySink | undefined;
  #request: { readonly code: number; readonly reason: string } | undefined;
  #watch: SilenceWatch | undefined;
  #evicted = false;
  #overflow: Error | undefined;
  #onExit: InboundPlugin["onExit"] | undefined;

  /** Works until the connection has ended. */
  start(plugin: InboundPlugin): Promise<void> {
    // Not an async function, and without signals: idle peers are many, and each of these takes 500 to 700 bytes. For
    // the same reason the plugin is not kept.
    const { delivery, session, log } = plugin;
    const connection = new Connection(plugin.socket, plugin.connectionOptions);
    this.#connection = connection;
    this.#session = session;
    this.#log = log;
    this.#onExit = plugin.onExit;
    this.#sink = runReader({
      connection,
      delivery,
      session,
      onOverflow: (error) => this.#overflowed(error),
    });
    const { inactivityTimeout } = plugin.workerOptions;
    if (inactivityTimeout > 0) {
      this.#watchSilence(connection, inactivityTimeout, plugin.clock);
    }
    log?.debug("Reading", { session });
    if (this.#request !== undefined) this.#close(this.#request);
    return connection.closed.then((end) => this.#finish(end));
  }

  #overflowed(error: Error): void {
    this.#overflow = error;
    this.#log?.warn("Closing a peer that sends more than may wait", { error });
    void this.#connection?.close(CLOSE_TOO_BIG, "Too many messages");
  }

  #watchSilence(connection: Connection, timeout: number, clock: Clock): void {
    this.#watch = new SilenceWatch({
      connection,
      timeout,
      clock,
      onSilence: () => {
        this.#evicted = true;
        this.#log?.info("Evicting a silent peer", {
          inactivityTimeout: timeout,
        });
        void connection.close(CLOSE_GOING_AWAY, "Inactive", {
          timeout: EVICTION,
        });
      },
    });
  }

  async #finish(end: SocketEnd): Promise<void> {
    this.#watch?.stop();
    const error = this.#overflow ?? await this.#connection?.errors.take();
    const exit = this.#evicted ? EVICTED : describeExit(end, error);
    this.#log?.debug("Ended", { session: this.#session, ...exit });
    this.#onExit?.(exit);
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
