import { ConnectionError, toError } from "../transport/base/errors.ts";
import type { Message } from "../transport/base/message.ts";
import { onAbort } from "../transport/base/promise.ts";
import { settlesWithin } from "../transport/base/schedule.ts";
import { Connection } from "../transport/connection/connection.ts";
import type { ConnectionOptions } from "../transport/connection/options.ts";
import {
  CLOSE_ABNORMAL,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
} from "../transport/protocol/wire/close.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import { parseCloseCode, parseCloseReason, parseUrl } from "./arguments.ts";
import { Delivery } from "./delivery.ts";
import {
  CloseEvent,
  ErrorEvent,
  type Listener,
  type ListenerOptions,
  type WebSocketEventMap,
} from "./events.ts";
import {
  type ResolvedOptions,
  resolveOptions,
  type WebSocketOptions,
} from "./options.ts";
import { type BinaryType, fromMessage, toPayload } from "./payload.ts";
import { SendQueue } from "./send_queue.ts";
import { runTask } from "./task.ts";
import { type EventHandler, shapeInterface } from "./web_idl.ts";

const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
const { CONNECTING, OPEN, CLOSING, CLOSED } = STATES;

/** `CONNECTING`, `OPEN`, `CLOSING` or `CLOSED`. */
export type ReadyState = 0 | 1 | 2 | 3;

/**
 * A WebSocket client as the WebSockets Standard defines it, over a raw connection.
 *
 * In addition to that standard, it sends pings and ends connections to dead peers, limits the size of messages, and
 * supports headers, proxies and TLS options: see {@link WebSocketOptions}. It dials once and never reconnects.
 *
 * Every event is a task of its own; only `error` shares one with its `close`. While `incomingBufferSize`
 * messages wait for their task, reading from the server pauses. If a listener throws, the runtime
 * reports it as for every other `EventTarget`.
 *
 * @example
 * ```ts ignore
 * import { WebSocket } from "@honeybee/honeybee/websocket";
 *
 * const socket = new WebSocket("wss://relay.example", "chat", {
 *   headers: { authorization: "Bearer secret" },
 * });
 * socket.addEventListener("open", () => socket.send("hello"));
 * socket.addEventListener("message", ({ data }) => console.log(data));
 * socket.addEventListener("error", ({ message }) => console.error(message));
 * ```
 */
export class WebSocket extends EventTarget {
  /** The connection is being made. */
  declare static readonly CONNECTING: 0;
  /** Messages can be sent. */
  declare static readonly OPEN: 1;
  /** The closing handshake is under way. */
  declare static readonly CLOSING: 2;
  /** The connection has ended, or could not be made. */
  declare static readonly CLOSED: 3;
  /** The connection is being made. */
  declare readonly CONNECTING: 0;
  /** Messages can be sent. */
  declare readonly OPEN: 1;
  /** The closing handshake is under way. */
  declare readonly CLOSING: 2;
  /** The connection has ended, or could not be made. */
  declare readonly CLOSED: 3;

  /** Called when the connection is open. */
  declare onopen: EventHandler<Event>;
  /** Called with each message. */
  declare onmessage: EventHandler<MessageEvent>;
  /** Called with an `ErrorEvent` when the connection has failed, before `onclose`. */
  declare onerror: EventHandler<Event | ErrorEvent>;
  /** Called when the connection has ended. */
  declare onclose: EventHandler<CloseEvent>;

  static {
    shapeInterface(WebSocket, {
      name: "WebSocket",
      constants: STATES,
      events: ["open", "message", "error", "close"],
    });
  }

  readonly #url: string;
  readonly #origin: string;
  readonly #options: ResolvedOptions;
  readonly #connection: Connection;
  readonly #outgoing: SendQueue;
  readonly #delivery: Delivery;
  #readyState: ReadyState = CONNECTING;
  #binaryType: BinaryType = "blob";
  /** Why `send` terminated the connection, if it did. */
  #failure: Error | undefined;

  /**
   * Begins to connect.
   *
   * @param url An absolute `ws:` or `wss:` URL without a fragment; `http:` and `https:` stand for these. A user name
   * and a password are sent as basic authentication.
   * @param protocols Subprotocols to offer, the preferred one first; or the options.
   * @param options Options, if `protocols` are given. Ignored if it is not an object.
   * @throws {DOMException} `SyntaxError` if the URL or a subprotocol is invalid, or a subprotocol occurs twice.
   * @throws {ConfigError} If an option cannot be used.
   */
  constructor(
    url: string | URL,
    protocols: string | readonly string[] | WebSocketOptions = [],
    options?: WebSocketOptions,
  ) {
    super();
    if (arguments.length === 0) {
      throw new TypeError("Cannot connect: the argument url is missing.");
    }
    const target = parseUrl(url);
    this.#url = target.href;
    this.#origin = target.origin;
    this.#options = resolveOptions(target, protocols, options);
    target.username = target.password = "";
    this.#connection = connectionTo(target, this.#options.connection);
    this.#outgoing = new SendQueue(
      this.#connection,
      (error) => this.#fail(error),
    );
    this.#delivery = new Delivery(this.#connection, this.#options.limits, {
      receive: (message) => this.#receive(message),
      overflowed: (error) => {
        this.#failure ??= error;
        void this.#connection.close(error.closeCode, "Too many messages wait");
      },
    });
    void this.#run();
  }

  /** The URL, with its user name and password. */
  get url(): string {
    return this.#url;
  }

  /** `CONNECTING`, `OPEN`, `CLOSING` or `CLOSED`. */
  get readyState(): ReadyState {
    // The server has closed, or the connection is lost, and all messages that came before have been delivered.
    const isClosing = this.#readyState === OPEN &&
      this.#connection.state === "closed" && !this.#delivery.answering();
    return isClosing ? CLOSING : this.#readyState;
  }

  /** Payload bytes that `send` was given and that have not been sent. Never falls within one task of the event loop. */
  get bufferedAmount(): number {
    return this.#outgoing.size;
  }

  /** The extensions that were agreed on, "" if there are none. */
  get extensions(): string {
    return this.#readyState === CONNECTING ? "" : this.#connection.extensions;
  }

  /** The subprotocol that was agreed on, "" if there is none. */
  get protocol(): string {
    return this.#readyState === CONNECTING ? "" : this.#connection.protocol;
  }

  /** The type in which binary messages are delivered: `"blob"` or `"arraybuffer"`. Other values are ignored. */
  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(value: BinaryType) {
    if (value === "blob" || value === "arraybuffer") this.#binaryType = value;
  }

  /**
   * Sends a message: bytes and a `Blob` as a binary one, everything else as a text. The bytes may be changed at once.
   * After `close` it is not sent, and counts in `bufferedAmount`.
   *
   * If `bufferedAmount` has reached `maxBufferedAmount`, the connection fails.
   *
   * @throws {DOMException} `InvalidStateError` while the connection is being made.
   */
  send(data: string | ArrayBufferLike | ArrayBufferView | Blob): void {
    if (arguments.length === 0) {
      throw new TypeError("Cannot send: the argument data is missing.");
    }
    if (this.#readyState === CONNECTING) {
      throw new DOMException(
        "Cannot send: the connection is not open yet. Wait for the event open.",
        "InvalidStateError",
      );
    }
    const payload = toPayload(data);
    if (this.#readyState !== OPEN) return this.#outgoing.lose(payload);
    const { maxBufferedAmount } = this.#options;
    if (maxBufferedAmount > 0 && this.bufferedAmount >= maxBufferedAmount) {
      this.#outgoing.lose(payload);
      return this.#fail(
        new ConnectionError(
          "unsent-overflow",
          `Cannot send: ${this.bufferedAmount} bytes wait to be sent, and maxBufferedAmount is ${maxBufferedAmount}.`,
        ),
      );
    }
    this.#outgoing.push(payload);
  }

  /**
   * Sends what is buffered and a close frame, and waits for the server's. The connection is terminated after
   * `closeTimeout`, or up to four times that if the server keeps taking what is buffered. Does nothing if the connection
   * is closing or closed. Messages that have not been delivered are dropped.
   *
   * @param code 1000 or 3000 to 4999. Default: none, or 1000 if there is a reason.
   * @param reason At most 123 bytes of UTF-8. Default: "".
   * @throws {DOMException} `InvalidAccessError` for another code, `SyntaxError` for a longer reason.
   */
  close(code?: number, reason?: string): void {
    const givenCode = parseCloseCode(code);
    const closeReason = parseCloseReason(reason);
    const closeCode = givenCode ??
      (closeReason === "" ? CLOSE_NO_STATUS : CLOSE_NORMAL);
    if (this.#readyState >= CLOSING) return;
    if (this.#readyState === CONNECTING) {
      return this.#fail(
        new ConnectionError(
          "connection-closed",
          "Cannot connect: the connection was closed before it was open.",
        ),
      );
    }
    this.#readyState = CLOSING;
    const { written } = this.#outgoing;
    if (written === undefined) {
      void this.#connection.close(closeCode, closeReason);
    } else void this.#closeBehind(written, closeCode, closeReason);
  }

  /** Closes as soon as the messages behind a `Blob` are written, or terminates the connection after `closeTimeout`. */
  async #closeBehind(
    written: Promise<void>,
    code: number,
    reason: string,
  ): Promise<void> {
    const connection = this.#connection;
    const { clock, closeTimeout } = this.#options;
    const done = Promise.race([written, connection.closed]);
    if (closeTimeout === 0) await done;
    else if (!await settlesWithin(clock, closeTimeout, done)) {
      return connection.terminate();
    }
    void connection.close(code, reason);
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    const removeListener = onAbort(signal, () => this.close(CLOSE_NORMAL));
    const connection = this.#connection;
    let end: SocketEnd | undefined;
    let error: unknown;
    try {
      await connection.connect();
      void runTask(() => this.#open());
      await runTask(() => this.#delivery.start());
      end = await connection.closed;
      error = connection.errors.shift();
    } catch (thrown) {
      error = thrown;
      // A connection that could not be made may dial again until it is closed.
      void connection.close();
    }
    removeListener();
    await runTask(() => this.#end(end, error));
  }

  #open(): void {
    if (this.#readyState !== CONNECTING) return;
    this.#readyState = OPEN;
    this.dispatchEvent(new Event("open"));
  }

  #receive(message: Message): void {
    if (this.#readyState !== OPEN) return;
    const data = fromMessage(message, this.#binaryType);
    const origin = this.#origin;
    this.dispatchEvent(new MessageEvent("message", { data, origin }));
  }

  /** Terminates the connection. */
  #fail(error: ConnectionError): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSING;
    this.#failure ??= error;
    this.#connection.terminate();
  }

  #end(end: SocketEnd | undefined, error: unknown): void {
    this.#readyState = CLOSED;
    const { clean = false, received } = end ?? {};
    this.#outgoing.end(clean);
    // A closing handshake that the peer began is no failure, whatever its code.
    const failure = this.#failure ??
      (clean && end?.initiator === "peer" ? undefined : error);
    try {
      if (failure !== undefined) {
        const { message } = toError(failure);
        this.dispatchEvent(
          new ErrorEvent("error", { message, error: failure }),
        );
      }
    } finally {
      this.dispatchEvent(
        new CloseEvent("close", {
          code: received?.code ?? CLOSE_ABNORMAL,
          reason: received?.reason ?? "",
          wasClean: clean,
        }),
      );
    }
  }
}

/** Port 0 is valid in a URL. No server can listen on it, so the connection fails, as it does in browsers. */
function connectionTo(target: URL, options: ConnectionOptions): Connection {
  if (target.port !== "0") return new Connection(target, options);
  const error = new ConnectionError(
    "dial-failed",
    "Cannot connect: no server can listen on port 0.",
  );
  const withoutPort = new URL(target);
  withoutPort.port = "";
  return new Connection(withoutPort, {
    ...options,
    dialer: () => Promise.reject(error),
  });
}

/** The listeners of a {@link WebSocket}, typed by the events that it has. */
export interface WebSocket {
  /** Adds a listener. */
  addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: Listener<WebSocketEventMap[K]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  /** Adds a listener. */
  addEventListener(
    type: string,
    listener: Listener<Event> | null,
    options?: boolean | ListenerOptions,
  ): void;
  /** Removes a listener. */
  removeEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: Listener<WebSocketEventMap[K]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  /** Removes a listener. */
  removeEventListener(
    type: string,
    listener: Listener<Event> | null,
    options?: boolean | ListenerOptions,
  ): void;
}
