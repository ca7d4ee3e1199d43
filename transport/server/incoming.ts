import { isBytes } from "../base/message.ts";
import {
  checkFields,
  type OptionNames,
  refuseArgument,
  refuseOption,
} from "../base/options.ts";
import { handled } from "../base/promise.ts";
import { HandshakeError } from "../handshake/errors.ts";
import type { HeadersInput } from "../handshake/headers.ts";
import { createResponse, describeProblem } from "../handshake/refusal.ts";
import { isWebSocket } from "../handshake/rules.ts";
import {
  createUpgradeResponse,
  type UpgradeWish,
} from "../handshake/server.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import { Duplex } from "../net/stream/duplex.ts";
import { writeAll } from "../net/stream/pull_stream.ts";
import type { Socket } from "../socket/socket.ts";
import { acceptRaw, type ReceivedRequest, requestUrl } from "./accept.ts";
import {
  type AcceptOptions,
  answerHeaders,
  checkAcceptFields,
  upgradeHeaders,
} from "./accept_options.ts";
import { answerAndClose, refuse, toAnswer } from "./refuse.ts";

/** Options of {@link Incoming.reject}. */
export interface RejectOptions {
  /**
   * Headers of the response, for example `Retry-After`.
   *
   * @default {none}
   */
  readonly headers?: HeadersInput | undefined;
  /**
   * The body: a text, which is `text/plain` unless `headers` has a `Content-Type`, or bytes.
   *
   * @default {a description of the problem in JSON (RFC 9457)}
   */
  readonly body?: string | Uint8Array | undefined;
}

/** Options of {@link Incoming.acceptStream}. */
export interface AcceptStreamOptions {
  /**
   * More headers of the response.
   *
   * @default {none}
   */
  readonly headers?: HeadersInput | undefined;
}

const STREAM_NAMES: OptionNames<AcceptStreamOptions> = { headers: true };
const REJECT_NAMES: OptionNames<RejectOptions> = { body: true, headers: true };

/** What an {@link Incoming} needs of its listener. */
export interface IncomingContext {
  /** What the listener accepts with, unless the call says otherwise. */
  readonly options: AcceptOptions;
  /** The protocol that the peer asked for, and its key. */
  readonly wish: UpgradeWish;
  /** Ends the wait for an answer, and returns whether the request still waited for one. */
  readonly settle: () => boolean;
  /** Whether the request waits for an answer. */
  readonly isOpen: () => boolean;
}

/** A request to upgrade that waits for an answer: call `accept`, `acceptStream` or `reject`. */
export class Incoming {
  /** The request: its URL (`http:` or `https:`) and its headers. */
  readonly request: Request;
  /** The address of the peer. */
  readonly remoteAddr: PeerAddress | undefined;
  /** The protocol token that the peer asks for, as the listener's option `upgrade` writes it. */
  readonly upgrade: string;
  readonly #received: ReceivedRequest;
  readonly #context: IncomingContext;

  /** Made by a {@link Listener}. */
  constructor(received: ReceivedRequest, context: IncomingContext) {
    this.request = toRequest(received);
    this.remoteAddr = received.remoteAddr;
    this.upgrade = context.wish.upgrade;
    this.#received = received;
    this.#context = context;
  }

  /** Whether the request waits for an answer: it was not accepted, rejected or abandoned. */
  get open(): boolean {
    return this.#context.isOpen();
  }

  /**
   * Accepts the peer. The socket may be used at once.
   *
   * A request that is malformed, or whose origin the listener's `origins` refuse, does not get here.
   *
   * @param options Replace those of the listener, field by field.
   * @throws {HandshakeError} `origin-refused` if its origin is not one of those given here, `bad-protocol` if a
   * function chose badly: the peer has been refused then. `bad-upgrade` if it asks for another protocol than
   * WebSocket: the request stays open. `connection-lost` if it has been accepted, rejected or abandoned already.
   * @throws {ConfigError} If an option cannot be used. The peer gets status 500. The request stays open after an
   * unknown option.
   */
  accept(options: AcceptOptions = {}): Socket {
    if (!isWebSocket(this.upgrade)) {
      throw new HandshakeError(
        "bad-upgrade",
        `Cannot accept a WebSocket: the peer asked to upgrade to ${this.upgrade}. Use acceptStream().`,
      );
    }
    checkAcceptFields(options);
    this.#settle();
    try {
      const merged = { ...this.#context.options, ...withoutUndefined(options) };
      return acceptRaw(this.#received, merged);
    } catch (error) {
      const { stream, clock } = this.#received;
      handled(refuse(stream, toAnswer(error), clock));
      throw error;
    }
  }

  /**
   * Accepts the peer, and gives the stream for the caller to speak the protocol, which is {@link Incoming.upgrade}. Its
   * first reads give the bytes that came right after the request. The caller owns the stream, and has to close it.
   *
   * @throws {HandshakeError} `connection-lost` as with {@link Incoming.accept}, and if the peer has left.
   * @throws {ConfigError} If an option cannot be used. The request stays open.
   */
  acceptStream(options: AcceptStreamOptions = {}): Promise<Duplex> {
    return handled(this.#acceptStream(options));
  }

  async #acceptStream(options: AcceptStreamOptions): Promise<Duplex> {
    checkFields("", STREAM_NAMES, options);
    const { upgrade, key } = this.#context.wish;
    const response = createUpgradeResponse({
      upgrade,
      key,
      headers: upgradeHeaders(options.headers),
    });
    this.#settle();
    const { stream, early } = this.#received;
    try {
      await writeAll(stream, response);
    } catch (cause) {
      stream.close();
      throw new HandshakeError(
        "connection-lost",
        "Cannot accept the peer: it left before the response was written.",
        { cause },
      );
    }
    return new Duplex(stream, early);
  }

  /**
   * Refuses the peer.
   *
   * @param status The HTTP status, from 200 to 599.
   * @throws {HandshakeError} `connection-lost` if the request was accepted, rejected or abandoned already.
   * @throws {ConfigError} If the status or a header cannot be used. The request stays open.
   */
  reject(status: number, answer: RejectOptions = {}): Promise<void> {
    return handled(this.#reject(status, answer));
  }

  async #reject(status: number, answer: RejectOptions): Promise<void> {
    const { stream, clock } = this.#received;
    const response = writeRejection(status, answer, clock.date());
    this.#settle();
    await answerAndClose(stream, response, clock);
  }

  #settle(): void {
    if (this.#context.settle()) return;
    throw new HandshakeError(
      "connection-lost",
      "Cannot answer the request: it has been accepted, rejected or abandoned already.",
    );
  }
}

function writeRejection(
  status: number,
  answer: RejectOptions,
  date: number,
): Uint8Array {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw refuseArgument(
      "reject",
      "status",
      "a whole number from 200 to 599",
      status,
    );
  }
  checkFields("", REJECT_NAMES, answer);
  const headers = answerHeaders(answer.headers);
  const { body } = answer;
  if (
    body !== undefined && typeof body !== "string" &&
    !isBytes(body)
  ) {
    throw refuseOption("body", "a string or a Uint8Array", body);
  }
  const parts = body === undefined
    ? describeProblem(status, headers)
    : { headers, body };
  return createResponse(status, { ...parts, date });
}

function toRequest(received: ReceivedRequest): Request {
  const { method, headers } = received.head;
  return new Request(requestUrl(received, "http"), {
    method,
    headers: headers.toHeaders(),
  });
}

/** An option that is `undefined` counts as left out. */
function withoutUndefined(options: AcceptOptions): AcceptOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
}
