import {
  type AcceptOptions,
  acceptRaw,
  checkAcceptOptions,
  requestUrl,
  toHeaders,
  type UpgradeArrival,
} from "./accept.ts";
import { type PullStream, readHead, writeAll } from "../net/pull_stream.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import {
  checkBoolean,
  checkOptions,
  checkScope,
  numberOption,
  refuseOption,
} from "../base/options.ts";
import { LISTEN_RULES } from "../base/rules.ts";
import {
  type Arrival,
  type Door,
  openDoor,
  type TlsServerOptions,
  tooMany,
} from "../net/stream_listener.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { toError } from "../base/errors.ts";
import { refuse } from "./refuse.ts";
import { handled, onAbort } from "../base/promise.ts";
import {
  checkOrigin,
  checkUpgradeHead,
  createUpgradeResponse,
} from "../handshake/server.ts";
import { parseRequestHead } from "../handshake/head.ts";
import { isUpgrade } from "../handshake/token.ts";
import { Queue } from "../base/queue.ts";
import { Schedule, sleep, type Task } from "../base/schedule.ts";
import type { PeerAddress } from "../net/address.ts";
import type { Socket } from "../socket/socket.ts";

/** Options of {@link listen}. What {@link Incoming.accept} takes may be given here, for all. */
export interface ListenOptions extends AcceptOptions {
  /** The port; 0 for any that is free. @default 0 */
  readonly port?: number | undefined;
  /** The address to listen on. @default "0.0.0.0" */
  readonly hostname?: string | undefined;
  /** Path of a Unix socket to listen on instead. @default none */
  readonly path?: string | undefined;
  /** Speak TLS. @default plain TCP */
  readonly tls?: TlsServerOptions | undefined;
  /** Let other processes listen on the same port (SO_REUSEPORT). @default false */
  readonly reusePort?: boolean | undefined;
  /** Stops accepting when it aborts; what was accepted lives on. */
  readonly signal?: AbortSignal | undefined;
  /** The protocol token to upgrade to. @default "websocket" */
  readonly upgrade?: string | undefined;
  /** Most bytes of a request's head. @default 16384 */
  readonly maxHeadSize?: number | undefined;
  /** Most connections that are not accepted yet; a further one is cut. @default 1024 */
  readonly maxPending?: number | undefined;
  /** How long a connection may take until it is accepted, in milliseconds; 0 for ever. @default 10000 */
  readonly handshakeTimeout?: number | undefined;
  /** Items that {@link Listener.errors} holds before the oldest go. @default 1024 */
  readonly errorsBufferSize?: number | undefined;
}

/** Somebody who was not let in, without having been asked about; or a failure to accept at all. */
export interface ListenErrorRecord {
  /**
   * Why: a {@link HandshakeError} with the `status` that was answered, where there was an answer. `timeout`
   * for who took longer than `handshakeTimeout`, `aborted` for who came when `maxPending` others waited,
   * `connection-lost` for who left, or failed to speak TLS. What the system said, when it handed out no connection.
   */
  readonly error: Error;
  /** Who it was, where that is known. */
  readonly remoteAddr: PeerAddress | undefined;
  /** When, in epoch milliseconds. */
  readonly at: number;
}

/** What goes with a refusal. */
export interface RejectOptions {
  /** Headers of the answer. @default none */
  readonly headers?: HeadersInit | undefined;
  /** Its body, plain text. @default "" */
  readonly body?: string | undefined;
}

/** Milliseconds to wait after the system refused to hand out a connection. */
const ACCEPT_PAUSE = 100;

/** Failures in a row to accept before the listener gives up. */
const MOST_FAILURES = 50;

/** A peer that asks to be let in. */
export class Incoming {
  /** The request: its URL (`http:` or `https:`) and its headers. */
  readonly request: Request;
  /** Where the peer is. */
  readonly remoteAddr: PeerAddress | undefined;
  readonly #arrival: UpgradeArrival;
  readonly #options: ListenOptions;
  readonly #decide: () => boolean;
  readonly #isOpen: () => boolean;

  /** Made by a {@link Listener}. */
  constructor(
    arrival: UpgradeArrival,
    options: ListenOptions,
    decide: () => boolean,
    isOpen: () => boolean,
  ) {
    this.request = toRequest(arrival);
    this.remoteAddr = arrival.remoteAddr;
    this.#arrival = arrival;
    this.#options = options;
    this.#decide = decide;
    this.#isOpen = isOpen;
  }

  /** Whether it waits for an answer: it was not accepted, rejected or given up. */
  get open(): boolean {
    return this.#isOpen();
  }

  /**
   * Lets the peer in. The socket may be used at once.
   *
   * What is wrong with a request, its origin by the `origins` of the listener too, was found before this.
   *
   * @throws {HandshakeError} When its origin is not of those that are given here: it has been refused then.
   * `connection-lost` when it was refused, accepted or given up already.
   * @throws {ConfigError} When an option cannot be used. The peer is told 500.
   */
  accept(options: AcceptOptions = {}): Socket {
    this.#settle();
    try {
      return acceptRaw(this.#arrival, { ...this.#options, ...options });
    } catch (error) {
      const { stream, clock } = this.#arrival;
      handled(refuse(stream, toAnswer(error), clock));
      throw error;
    }
  }

  /**
   * Lets the peer in with another protocol than WebSocket: gives the plain stream, and what came
   * right behind the request.
   *
   * @throws {HandshakeError} `bad-header` for a header that must not be there; `connection-lost` as with `accept`,
   * and when the peer has gone.
   * @throws {ConfigError} When a header is none.
   */
  async acceptStream(
    headers?: HeadersInit,
  ): Promise<{ readonly stream: PullStream; readonly early: Uint8Array }> {
    const response = createUpgradeResponse({
      upgrade: this.#options.upgrade,
      headers: toHeaders(headers),
    });
    this.#settle();
    const { stream, early } = this.#arrival;
    try {
      await writeAll(stream, response);
    } catch (cause) {
      stream.close();
      throw new HandshakeError(
        "connection-lost",
        "The peer left before it was accepted",
        { cause },
      );
    }
    return { stream, early };
  }

  /**
   * Refuses the peer.
   *
   * @param status From 200 to 599.
   * @throws {HandshakeError} `bad-header` when the answer cannot be written.
   */
  async reject(status: number, answer: RejectOptions = {}): Promise<void> {
    const headers = toHeaders(answer.headers);
    this.#settle();
    const { stream, clock } = this.#arrival;
    const { body = "" } = answer;
    const error = new HandshakeError("refused", body, { status, headers });
    await refuse(stream, error, clock);
  }

  #settle(): void {
    if (this.#decide()) return;
    throw new HandshakeError(
      "connection-lost",
      "Cannot answer as the request must be open: it was answered or given up",
    );
  }
}

function toRequest(arrival: UpgradeArrival): Request {
  try {
    return new Request(requestUrl(arrival, "http"), {
      headers: arrival.head.headers.toHeaders(),
    });
  } catch (cause) {
    throw new HandshakeError("bad-host", "The Host header names no host", {
      status: 400,
      cause,
    });
  }
}

/** A connection that is not accepted yet. */
interface Pending extends Arrival {
  deadline: Task | undefined;
}

/** Listens, and hands over who asks to be let in. Made by {@link listen}. */
export class Listener implements AsyncIterable<Incoming>, AsyncDisposable {
  readonly #door: Door;
  readonly #options: ListenOptions;
  readonly #limits: Record<keyof typeof LISTEN_RULES, number>;
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #incoming: Queue<Incoming>;
  readonly #pending = new Set<Pending>();
  readonly #stop = new AbortController();
  readonly #accepting: Promise<void>;
  readonly #errors: Queue<ListenErrorRecord>;
  #droppedErrors = 0;
  #removeListener = () => {};

  /** Use {@link listen}. */
  constructor(options: ListenOptions) {
    this.#limits = resolve(options);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#schedule = Schedule.of(this.#clock);
    this.#incoming = new Queue({ capacity: this.#limits.maxPending });
    this.#errors = new Queue({ capacity: this.#limits.errorsBufferSize });
    this.#door = openDoor({
      port: this.#limits.port,
      hostname: options.hostname ?? "0.0.0.0",
      path: options.path,
      tls: options.tls,
      reusePort: options.reusePort ?? false,
      handshakeTimeout: this.#limits.handshakeTimeout,
      maxPending: this.#limits.maxPending,
      onRefused: (error, remoteAddr) => this.#report(error, remoteAddr),
    });
    this.#accepting = handled(this.#acceptAll());
    this.#removeListener = onAbort(options.signal, () => void this.close());
  }

  /** Where it listens. */
  get addr(): PeerAddress {
    return this.#door.addr;
  }

  /** The TCP port where it listens, also one that the system chose; 0 for a Unix socket. */
  get port(): number {
    const { addr } = this;
    return addr.transport === "tcp" ? addr.port : 0;
  }

  /**
   * Resolves when the system takes connections: at once, but for TLS and `reusePort`, where it
   * is a little later.
   *
   * @throws What the system threw, when it could not listen.
   */
  get ready(): Promise<void> {
    return this.#door.ready;
  }

  /**
   * Resolves when it has stopped accepting.
   *
   * @throws What the system threw, when it could not listen.
   */
  get closed(): Promise<void> {
    return this.#accepting;
  }

  /**
   * Who was not let in and why, save whom you yourself refused. Never holds the listener up: when nobody
   * reads, the oldest go. Ends when the listener is closed.
   */
  get errors(): Queue<ListenErrorRecord> {
    return this.#errors;
  }

  /** How many of {@link Listener.errors} gave way to newer ones. Only grows. */
  get droppedErrors(): number {
    return this.#droppedErrors;
  }

  /** Who asks to be let in, each once. Ends when the listener is closed. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Incoming, undefined> {
    return this.#incoming[Symbol.asyncIterator]();
  }

  /** Stops accepting, and cuts who is not accepted yet. What was accepted lives on. Safe to call twice. */
  async close(): Promise<void> {
    this.#removeListener();
    this.#stop.abort();
    this.#door.close();
    this.#incoming.close();
    this.#errors.close();
    for (const pending of [...this.#pending]) this.#cut(pending);
    await this.#accepting.catch(() => {});
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #acceptAll(): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const arrival = await this.#door.accept();
        if (arrival === undefined) return;
        failures = 0;
        this.#greet(arrival);
      } catch (error) {
        // Too many open files, say: it passes, and must not become a hot loop.
        if (failures++ === MOST_FAILURES || this.#door.closed) {
          this.#removeListener();
          this.#incoming.close();
          this.#errors.close();
          throw error;
        }
        this.#report(toError(error), undefined);
        await sleep(this.#clock, ACCEPT_PAUSE, signal).catch(() => {});
      }
    }
  }

  #greet(arrival: Arrival): void {
    const { stream, remoteAddr } = arrival;
    const { handshakeTimeout, maxPending } = this.#limits;
    if (this.#stop.signal.aborted) return stream.close();
    if (this.#pending.size >= maxPending) {
      this.#report(tooMany(maxPending), remoteAddr);
      return stream.close();
    }
    const pending: Pending = { stream, remoteAddr, deadline: undefined };
    this.#pending.add(pending);
    if (handshakeTimeout > 0) {
      pending.deadline = this.#schedule.deadline(handshakeTimeout, () => {
        const message = `The handshake took longer than ${handshakeTimeout} ms`;
        this.#report(new HandshakeError("timeout", message), remoteAddr);
        this.#cut(pending);
      });
    }
    this.#readRequest(arrival, pending).catch((error) => {
      if (!this.#decide(pending)) return;
      this.#report(toRefusal(error), remoteAddr);
      handled(refuse(stream, error, this.#clock));
    });
  }

  async #readRequest(arrival: Arrival, pending: Pending): Promise<void> {
    const { text, early } = await readHead(
      arrival.stream,
      "request",
      this.#limits.maxHeadSize,
    );
    const head = parseRequestHead(text);
    checkUpgradeHead(head, this.#options.upgrade);
    checkOrigin(head, this.#options.origins);
    const incoming = new Incoming(
      {
        ...arrival,
        head,
        early,
        secure: this.#options.tls !== undefined,
        clock: this.#clock,
      },
      // A peer of another origin is no concern of whoever accepts.
      { ...this.#options, origins: undefined },
      () => this.#decide(pending),
      () => this.#pending.has(pending),
    );
    this.#incoming.push(incoming);
  }

  #report(error: Error, remoteAddr: PeerAddress | undefined): void {
    if (this.#errors.full) {
      this.#errors.shift();
      this.#droppedErrors++;
    }
    this.#errors.push({ error, remoteAddr, at: this.#clock.date() });
  }

  /** The connection waits no longer. Says whether it did. */
  #decide(pending: Pending): boolean {
    this.#schedule.cancel(pending.deadline);
    return this.#pending.delete(pending);
  }

  #cut(pending: Pending): void {
    if (!this.#decide(pending)) return;
    pending.stream.close();
    this.#incoming.extract((incoming) => !incoming.open);
  }
}

/** What a peer is told when it was not let in. Our own mistakes are none of its business. */
function toAnswer(thrown: unknown): HandshakeError {
  return thrown instanceof HandshakeError ? thrown : new HandshakeError(
    "refused",
    "Internal Server Error",
    { status: 500, cause: thrown },
  );
}

/** Why somebody is not let in whose stream may have broken. */
function toRefusal(thrown: unknown): Error {
  if (thrown instanceof HandshakeError) return thrown;
  const cause = toError(thrown);
  return new HandshakeError("connection-lost", cause.message, { cause });
}

/**
 * Listens for WebSocket connections with the library's own sockets: pings, backpressure,
 * limits, a real cut.
 *
 * What is no upgrade gets 426; what breaks HTTP is refused with the right status. Large, slow and
 * too many requests are bounded.
 *
 * @example
 * ```ts
 * import { Connection, InboundPool, listen } from "@honeybee/honeybee";
 *
 * const pool = new InboundPool("relay");
 * const listener = listen({ hostname: "127.0.0.1", port: 0 });
 * const accepting = (async () => {
 *   for await (const incoming of listener) {
 *     pool.add(crypto.randomUUID(), incoming.accept());
 *   }
 * })();
 *
 * // A peer, to try it.
 * const peer = new Connection(`ws://127.0.0.1:${listener.port}`);
 * await peer.connect();
 * await peer.close();
 * await listener.close();
 * await accepting;
 * await pool.close();
 * ```
 *
 * @throws {ConfigError} When an option cannot be used.
 * @throws What the runtime throws when the address cannot be had.
 */
export function listen(options: ListenOptions = {}): Listener {
  return new Listener(options);
}

function resolve(
  options: ListenOptions,
): Record<keyof typeof LISTEN_RULES, number> {
  checkOptions("options", options);
  checkScope("", options);
  checkBoolean("reusePort", options.reusePort);
  for (const name of ["hostname", "path", "upgrade"] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== "string") {
      throw refuseOption(name, "a string", value);
    }
  }
  if (options.hostname === "") {
    throw refuseOption("hostname", "a string that is not empty", "");
  }
  if (options.upgrade !== undefined && !isUpgrade(options.upgrade)) {
    throw refuseOption("upgrade", "an HTTP token", options.upgrade);
  }
  checkAcceptOptions(options);
  checkTls(options.tls);
  if (options.path !== undefined && options.tls !== undefined) {
    throw refuseOption("tls", "left out with a path", options.tls);
  }
  const number = (name: keyof typeof LISTEN_RULES) =>
    numberOption(name, LISTEN_RULES[name], options[name]);
  return {
    port: number("port"),
    maxHeadSize: number("maxHeadSize"),
    maxPending: number("maxPending"),
    handshakeTimeout: number("handshakeTimeout"),
    errorsBufferSize: number("errorsBufferSize"),
  };
}

function checkTls(tls: TlsServerOptions | undefined): void {
  checkOptions("tls", tls);
  if (tls === undefined) return;
  for (const field of ["cert", "key"] as const) {
    const value: unknown = tls[field];
    if (typeof value !== "string") {
      throw refuseOption(`tls.${field}`, "PEM text", value);
    }
  }
  if (tls.caCerts !== undefined && !Array.isArray(tls.caCerts)) {
    throw refuseOption("tls.caCerts", "an array of PEM texts", tls.caCerts);
  }
}
