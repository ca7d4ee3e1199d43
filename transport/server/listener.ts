import { type Clock, clockOf } from "../base/clock.ts";
import { ConfigError, ConnectionError, toError } from "../base/errors.ts";
import { createLog, type Log } from "../base/logging.ts";
import { handled, onAbort } from "../base/promise.ts";
import { Queue } from "../base/queue.ts";
import { urlForLog } from "../base/url.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import { listenForStreams } from "../net/stream_listener.ts";
import { openFailure } from "../net/stream/open_failure.ts";
import type { StreamListener } from "../net/stream/stream_options.ts";
import type { Incoming } from "./incoming.ts";
import {
  type ListenLimits,
  type ListenOptions,
  resolveListenOptions,
} from "./listen_options.ts";
import { PendingRequests } from "./pending_requests.ts";
import { type Certificate, checkCertificate } from "./tls_options.ts";

/** A connection that the listener refused or lost, or a failure of the listener. */
export interface ListenErrorRecord {
  /**
   * The reason: a {@link HandshakeError} with the `status` of the response, if there was one. `timeout` for a
   * connection that took longer than `handshakeTimeout`, `aborted` for one that came while `maxPending` others
   * waited, `connection-lost` for one that ended early or failed in the TLS handshake. Otherwise what the system
   * reported when it did not hand out a connection.
   */
  readonly error: Error;
  /** The address of the peer, if it is known. */
  readonly remoteAddr: PeerAddress | undefined;
  /** When it happened, in epoch milliseconds. */
  readonly at: number;
}

/** A listener: an async iterable of the requests to upgrade. Made by {@link listen}. */
export class Listener implements AsyncIterable<Incoming>, AsyncDisposable {
  readonly #streams: StreamListener;
  readonly #options: ListenOptions;
  readonly #limits: ListenLimits;
  readonly #clock: Clock;
  readonly #log: Log | undefined;
  readonly #incoming: Queue<Incoming>;
  readonly #pending: PendingRequests;
  #stopped = false;
  readonly #accepting: Promise<void>;
  readonly #errors: Queue<ListenErrorRecord>;
  /**
   * Resolves when the listener accepts connections, and {@link Listener.port} is known.
   *
   * @throws {ConnectionError} `listen-failed` if the system refuses, or if it is closed before.
   */
  readonly ready: Promise<void>;
  #droppedErrors = 0;
  #failure: ConnectionError | undefined;
  #removeListener = () => {};

  /** Use {@link listen}. */
  constructor(options: ListenOptions) {
    this.#limits = resolveListenOptions(options);
    this.#options = options;
    this.#clock = clockOf(options.clock);
    this.#log = createLog(options, { component: "listener" });
    this.#incoming = new Queue({ capacity: this.#limits.maxPending });
    this.#errors = new Queue({ capacity: this.#limits.errorsBufferSize });
    this.#pending = new PendingRequests(options, this.#limits, {
      offer: (incoming) => this.#offer(incoming),
      report: (error, remoteAddr) => this.#report(error, remoteAddr),
      withdrawn: () => this.#incoming.extract((incoming) => !incoming.open),
    });
    this.#streams = this.#listen();
    this.ready = handled(this.#streams.ready.then(
      () => this.#log?.info("Listening", { ...this.addr }),
      (thrown) => {
        // Its own end is no failure.
        throw this.#stopped
          ? this.#failure ?? closedEarly()
          : this.#fail(thrown);
      },
    ));
    this.#accepting = this.#acceptAll();
    this.#removeListener = onAbort(options.signal, () => void this.close());
  }

  #listen(): StreamListener {
    const options = this.#options;
    try {
      return listenForStreams({
        port: this.#limits.port,
        hostname: options.hostname ?? "0.0.0.0",
        path: options.path,
        tls: options.tls,
        reusePort: options.reusePort ?? false,
        handshakeTimeout: this.#limits.handshakeTimeout,
        maxPending: this.#limits.maxPending,
        onError: (error, remoteAddr) => this.#report(error, remoteAddr),
      });
    } catch (thrown) {
      throw this.#fail(thrown);
    }
  }

  /** The address that it listens on. */
  get addr(): PeerAddress {
    return this.#streams.addr;
  }

  /**
   * The TCP port, also if the system chose it; 0 for a Unix socket. On Node.js and Bun it is 0 until
   * {@link Listener.ready} has resolved.
   */
  get port(): number {
    const { addr } = this;
    return addr.transport === "tcp" ? addr.port : 0;
  }

  /** Resolves when the listener has stopped accepting, also if it has failed. Never rejects. */
  get closed(): Promise<void> {
    return this.#accepting;
  }

  /**
   * Handshakes that failed, with the reason. Does not include requests that you rejected yourself. If you do not read
   * them, the oldest are dropped. Ends when the listener is closed.
   */
  get errors(): Queue<ListenErrorRecord> {
    return this.#errors;
  }

  /** The number of items of {@link Listener.errors} that were dropped. Never falls. */
  get droppedErrors(): number {
    return this.#droppedErrors;
  }

  /**
   * Iterates over the requests to upgrade, each once. Ends when the listener is closed.
   *
   * @throws {ConnectionError} `listen-failed` if the listener cannot listen, or can no longer listen. Its port is
   * closed then.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Incoming, undefined> {
    const requests = this.#incoming[Symbol.asyncIterator]();
    const next = async (): Promise<IteratorResult<Incoming, undefined>> => {
      const result = await requests.next();
      if (result.done && this.#failure !== undefined) throw this.#failure;
      return result;
    };
    const iterator: AsyncIterableIterator<Incoming, undefined> = {
      next,
      return: () =>
        requests.return?.() ??
          Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /**
   * Replaces the certificate and its key, for TLS handshakes that begin from now on. Existing connections are not
   * affected, and `caCerts` stays as it was.
   *
   * @throws {ConfigError} `invalid-option` if they cannot be used: the previous ones stay in use. `unsupported` if the
   * listener does not speak TLS.
   */
  setTls(certificate: Certificate): void {
    checkCertificate(certificate);
    const { tls } = this.#options;
    if (tls === undefined) {
      throw new ConfigError(
        "unsupported",
        "tls",
        "Cannot set a certificate: the listener does not speak TLS. Give listen() the option tls.",
      );
    }
    this.#streams.setTls({ ...tls, ...certificate });
  }

  /**
   * Stops accepting, and closes connections that are not accepted yet. Connections that were accepted stay open. Safe
   * to call twice.
   */
  async close(): Promise<void> {
    if (!this.#stopped) this.#log?.info("Listener closed");
    this.#stop();
    await this.#accepting;
  }

  /** Same as {@link Listener.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #acceptAll(): Promise<void> {
    try {
      for (;;) {
        const accepted = await this.#streams.accept();
        if (accepted === undefined) return;
        if (this.#stopped) accepted.stream.destroy();
        else this.#pending.add(accepted);
      }
    } catch (thrown) {
      this.#fail(thrown);
      this.#stop();
    }
  }

  /** Keeps and returns the error for all calls that wait for the listener. It is the same one for all. */
  #fail(thrown: unknown): ConnectionError {
    if (this.#failure !== undefined) return this.#failure;
    const cause = toError(thrown);
    const { hostname = "0.0.0.0", path, port = 0 } = this.#options;
    this.#failure = new ConnectionError(
      "listen-failed",
      `Cannot listen on ${path ?? `${hostname}:${port}`}: ${
        openFailure(cause)
      }${path === undefined ? "" : staleFileHint(cause)}`,
      { cause },
    );
    this.#log?.error("Listener failed", { error: this.#failure });
    return this.#failure;
  }

  #stop(): void {
    this.#stopped = true;
    this.#removeListener();
    this.#streams.close();
    this.#pending.close();
    this.#incoming.close();
    this.#errors.close();
  }

  #offer(incoming: Incoming): void {
    this.#log?.debug("Request received", {
      url: urlForLog(incoming.request.url),
      remote_addr: incoming.remoteAddr,
    });
    this.#incoming.push(incoming);
  }

  #report(error: Error, remoteAddr: PeerAddress | undefined): void {
    if (this.#errors.full) {
      this.#errors.shift();
      this.#droppedErrors++;
    }
    this.#errors.push({ error, remoteAddr, at: this.#clock.date() });
    this.#log?.warn("Handshake failed", { error, remote_addr: remoteAddr });
  }
}

/** A program that was killed leaves the file of its Unix socket behind, and the system calls it an address in use. */
function staleFileHint(cause: Error): string {
  return Reflect.get(cause, "code") === "EADDRINUSE"
    ? " If no program listens on it, remove the file first."
    : "";
}

function closedEarly(): ConnectionError {
  return new ConnectionError(
    "listen-failed",
    "Cannot listen: it was closed before it could begin.",
  );
}
