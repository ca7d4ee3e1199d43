import { type Clock, clockOf } from "../base/clock.ts";
import { reasonOf, toError } from "../base/errors.ts";
import { handled } from "../base/promise.ts";
import { Schedule, type Task } from "../base/schedule.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { parseRequestHead, type RequestHead } from "../handshake/head.ts";
import { checkOrigin } from "../handshake/policy.ts";
import { checkUpgradeHead, findUpgrade } from "../handshake/server.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import { PullAdapter, readHead } from "../net/stream/pull_stream.ts";
import {
  type AcceptedStream,
  tooManyPending,
} from "../net/stream/stream_options.ts";
import { Incoming } from "./incoming.ts";
import type { ListenLimits, ListenOptions } from "./listen_options.ts";
import { answerRequest, type RequestHandler } from "./plain_request.ts";
import { answerAndClose, refuse } from "./refuse.ts";

/** Receives what comes of the connections. None of its methods may throw. */
export interface PendingRequestsHandler {
  /** Receives a request to upgrade that is well-formed and of an origin that is accepted. */
  offer(incoming: Incoming): void;
  /** Reports a connection that was refused or lost. */
  report(error: Error, remoteAddr: PeerAddress | undefined): void;
  /** Reports that requests which had been offered wait no longer. */
  withdrawn(): void;
}

/** A connection whose request has not been answered. */
interface Pending {
  readonly stream: PullAdapter;
  readonly remoteAddr: PeerAddress | undefined;
  deadline: Task | undefined;
}

/**
 * The connections of a listener whose request has not been answered: at most `maxPending`, each for at most
 * `handshakeTimeout`.
 */
export class PendingRequests {
  readonly #options: ListenOptions;
  readonly #limits: ListenLimits;
  readonly #handler: PendingRequestsHandler;
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #pending = new Set<Pending>();

  /** Holds no connection. */
  constructor(
    options: ListenOptions,
    limits: ListenLimits,
    handler: PendingRequestsHandler,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#handler = handler;
    this.#clock = clockOf(options.clock);
    this.#schedule = Schedule.of(this.#clock);
  }

  /** Waits for the request of a new connection, and answers it or offers it. */
  add({ stream: bytes, remoteAddr }: AcceptedStream): void {
    const { handshakeTimeout, maxPending } = this.#limits;
    if (this.#pending.size >= maxPending) {
      bytes.destroy();
      return this.#handler.report(tooManyPending(maxPending), remoteAddr);
    }
    const stream = new PullAdapter(bytes);
    const pending: Pending = { stream, remoteAddr, deadline: undefined };
    this.#pending.add(pending);
    if (handshakeTimeout > 0) {
      pending.deadline = this.#schedule.deadline(handshakeTimeout, () => {
        this.#cut(pending);
        this.#handler.report(timedOut(handshakeTimeout), remoteAddr);
      });
    }
    this.#read(pending).catch((error) => this.#refuse(pending, error));
  }

  /** Closes all connections. */
  close(): void {
    for (const pending of [...this.#pending]) this.#cut(pending);
  }

  async #read(pending: Pending): Promise<void> {
    const { text, early } = await readHead(
      pending.stream,
      this.#limits.maxHeadSize,
    );
    const head = parseRequestHead(text);
    try {
      const { upgrade, onRequest } = this.#options;
      const isPlain = findUpgrade(head, upgrade) === undefined;
      if (isPlain && onRequest !== undefined) {
        await this.#answer(pending, head, onRequest);
      } else this.#offer(pending, head, early);
    } catch (error) {
      this.#refuse(pending, error, head.method === "HEAD");
    }
  }

  #offer(pending: Pending, head: RequestHead, early: Uint8Array): void {
    const { upgrade, origins, tls } = this.#options;
    const wish = checkUpgradeHead(head, upgrade);
    checkOrigin(head.headers.get("origin"), origins);
    const { stream, remoteAddr } = pending;
    const incoming = new Incoming({
      stream,
      remoteAddr,
      head,
      early,
      secure: tls !== undefined,
      clock: this.#clock,
    }, {
      wish,
      options: this.#options,
      settle: () => this.#settle(pending),
      isOpen: () => this.#pending.has(pending),
    });
    this.#handler.offer(incoming);
  }

  /** Answers a request that does not ask to upgrade. */
  async #answer(
    pending: Pending,
    head: RequestHead,
    onRequest: RequestHandler,
  ): Promise<void> {
    const { remoteAddr, stream } = pending;
    const secure = this.#options.tls !== undefined;
    const answer = await answerRequest(
      onRequest,
      head,
      secure,
      remoteAddr,
      this.#clock,
    );
    // Refuses it, since it asks for no upgrade.
    if (answer === undefined) return this.#offer(pending, head, EMPTY);
    if (!this.#settle(pending)) return;
    if (answer.error !== undefined) {
      this.#handler.report(answer.error, remoteAddr);
    }
    await answerAndClose(stream, answer.bytes, this.#clock);
  }

  #refuse(pending: Pending, thrown: unknown, isHead = false): void {
    if (!this.#settle(pending)) return;
    const { stream, remoteAddr } = pending;
    this.#handler.report(toRefusal(thrown), remoteAddr);
    handled(refuse(stream, thrown, this.#clock, isHead));
  }

  /** Ends the wait of a connection, and returns whether it waited. */
  #settle(pending: Pending): boolean {
    this.#schedule.cancel(pending.deadline);
    return this.#pending.delete(pending);
  }

  #cut(pending: Pending): void {
    if (!this.#settle(pending)) return;
    pending.stream.close();
    this.#handler.withdrawn();
  }
}

const EMPTY = new Uint8Array(0);

function timedOut(timeout: number): HandshakeError {
  return new HandshakeError(
    "timeout",
    `Cannot accept the peer: the handshake took longer than handshakeTimeout (${timeout} ms).`,
  );
}

/** Returns the reason for a refusal. The stream may have broken. */
function toRefusal(thrown: unknown): Error {
  if (thrown instanceof HandshakeError) return thrown;
  const cause = toError(thrown);
  return new HandshakeError(
    "connection-lost",
    `Cannot complete the handshake: ${reasonOf(cause)}`,
    { cause },
  );
}
