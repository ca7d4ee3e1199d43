import { clockOf } from "../base/clock.ts";
import {
  checkFields,
  checkScope,
  numberOption,
  refuseOption,
} from "../base/options.ts";
import { CONNECTION_RULES, SOCKET_RULES } from "../base/rules.ts";
import { ConfigError, toError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  connectFailure,
  eventError,
  handshakeTimedOut,
} from "../socket/native_failure.ts";
import { NativeSocket } from "../socket/native_socket.ts";
import { handled, onAbort } from "../base/promise.ts";
import { onDeno } from "../base/runtime.ts";
import { Schedule } from "../base/schedule.ts";
import type { HeadersInput } from "../handshake/headers.ts";
import { DIAL_HOMES, DIAL_NAMES, type DialOptions } from "./dialer.ts";
import { protocolList, requestHeaders } from "./request.ts";
import type { Socket } from "../socket/socket.ts";
import { normalizeUrl } from "../base/url.ts";

/** Options that the runtime's client does not support, and whether a value has no effect. */
const UNSUPPORTED = {
  compression: (value: unknown) => value === false,
  fragmentSize: (value: unknown) => value === 0,
  caCerts: (value: unknown) => Array.isArray(value) && value.length === 0,
  cert: () => false,
  key: () => false,
  proxy: () => false,
  unix: () => false,
  maxFrameSize: (value: unknown) => value === 0,
  maxFragments: (value: unknown) => value === 0,
} as const satisfies Partial<
  Record<keyof DialOptions, (value: unknown) => boolean>
>;

/**
 * Dials with the runtime's own `WebSocket`.
 *
 * - The request is the same as that of {@link dialRaw}: the path is that of {@link normalizeUrl}.
 * - If the server refuses the handshake, the error has its status: a {@link HandshakeError} `refused`, or `redirected`
 *   for a redirect, which is not followed. The runtime does not show the headers and the body of the response. On
 *   Node.js it does not show the status either: the error is `dial-failed` then, and another attempt is made.
 * - The runtime has no time limit for connecting; `handshakeTimeout` sets one.
 * - A subprotocol or an extension that was not offered fails the handshake (RFC 6455, section 4.1). The runtime does
 *   not check that, and it does not check `Sec-WebSocket-Accept` either.
 * - `headers` may not contain `Host` or headers of the handshake. A `User-Agent` is added to that of the runtime.
 * - The runtime uses the HTTP proxy of the environment. Another proxy or none, certificates, a Unix socket, the option
 *   `compression`, fragments, and limits on frames need `dialRaw`. Node.js and Bun offer permessage-deflate themselves.
 * - The runtime can send only the close codes 1000 and 3000 to 4999. For every other code (1001 and 1009, for example)
 *   it sends 1000 with the same reason; `sent` in the {@link SocketEnd} is the close frame that was sent. If the peer
 *   exceeds a limit, the error has the code 1009 all the same.
 * - `pingInterval` has no effect, since the runtime cannot ping. `maxMessageSize` is checked when a message has
 *   arrived.
 *
 * @example
 * ```ts
 * import { dialNative, upgrade } from "@honeybee/honeybee";
 *
 * const server = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0 },
 *   (request) => upgrade(request).response,
 * );
 * const socket = await dialNative(`ws://127.0.0.1:${server.addr.port}`, {});
 * socket.write("hello");
 * socket.close(1000);
 * await socket.closed;
 * await server.shutdown();
 * ```
 *
 * @throws {HandshakeError} `refused`, `redirected`, `timeout`, `bad-protocol`, `bad-extension`.
 * @throws {ConnectionError} `dial-failed` if no connection could be made.
 * @throws {ConfigError} `invalid-url`; `invalid-option`; `unsupported` for an option that needs `dialRaw`.
 * @throws The signal's reason if it aborts.
 */
export function dialNative(
  url: string,
  options: DialOptions = {},
): Promise<Socket> {
  return handled(dial(url, options));
}

async function dial(url: string, options: DialOptions): Promise<Socket> {
  const target = normalizeUrl(url);
  const timeout = check(options);
  options.signal?.throwIfAborted();
  const offered = protocolList(options.protocols);
  const ws = construct(target, offered, options.headers);
  const socket = await opening(ws, target, timeout, options);
  const refusal = checkAnswer(socket, offered);
  if (refusal === undefined) return socket;
  socket.terminate(refusal);
  throw refusal;
}

/**
 * Checks that the runtime's client supports the options.
 *
 * @param prefix What stands before the fields' names in a message, for example `connection.`.
 * @throws {ConfigError} `unsupported`.
 */
export function checkNativeOptions(
  options: Omit<DialOptions, "headers">,
  prefix = "",
): void {
  for (const [field, asksForNothing] of Object.entries(UNSUPPORTED)) {
    const value: unknown = Reflect.get(options, field);
    if (value === undefined || asksForNothing(value)) continue;
    throw new ConfigError(
      "unsupported",
      `${prefix}${field}`,
      `Cannot use option ${prefix}${field}: the runtime's WebSocket does not support it. Use dialRaw.`,
    );
  }
}

function check(options: DialOptions): number {
  checkFields("", DIAL_NAMES, options, DIAL_HOMES);
  checkScope("", { signal: options.signal, clock: options.clock });
  checkNativeOptions(options);
  numberOption(
    "maxMessageSize",
    SOCKET_RULES.maxMessageSize,
    options.maxMessageSize,
  );
  return numberOption(
    "handshakeTimeout",
    CONNECTION_RULES.handshakeTimeout,
    options.handshakeTimeout,
  );
}

function construct(
  url: string,
  protocols: string[],
  headers: HeadersInput | undefined,
): WebSocket {
  if (headers === undefined) return newWebSocket(url, protocols, protocols);
  const checked = requestHeaders(headers);
  if (checked.has("host")) {
    throw new ConfigError(
      "unsupported",
      "headers",
      "Cannot dial: the runtime's WebSocket sets the Host header itself. Use dialRaw.",
    );
  }
  // A runtime without this option of its own takes the object for a list of subprotocols.
  let heeded = false;
  const init = {
    protocols,
    get headers(): Headers {
      heeded = true;
      return checked;
    },
  };
  const unsupported = (cause?: unknown) =>
    new ConfigError(
      "unsupported",
      "headers",
      "Cannot dial: the WebSocket of this runtime cannot send headers. Use dialRaw.",
      { cause },
    );
  let ws: WebSocket;
  try {
    ws = newWebSocket(url, protocols, init);
  } catch (thrown) {
    throw heeded ? thrown : unsupported(thrown);
  }
  if (heeded) return ws;
  ws.close();
  throw unsupported();
}

function newWebSocket(
  url: string,
  protocols: string[],
  init: string[] | { protocols: string[]; readonly headers: Headers },
): WebSocket {
  try {
    return new WebSocket(url, init);
  } catch (thrown) {
    const cause = toError(thrown);
    if (cause.name !== "SyntaxError") throw connectFailure(cause);
    throw refuseOption(
      "protocols",
      "different tokens",
      protocols.join(", "),
    );
  }
}

/** Waits until a WebSocket is open. No listener or timer stays behind. */
function opening(
  ws: WebSocket,
  url: string,
  timeout: number,
  options: DialOptions,
): Promise<NativeSocket> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const schedule = Schedule.of(clockOf(options.clock));
    const listening = new AbortController();
    const settle = () => {
      listening.abort();
      schedule.cancel(deadline);
      removeOnAbort();
    };
    const fail = (reason: unknown) => {
      settle();
      reject(reason);
      ws.close();
    };
    const on = { signal: listening.signal };
    ws.addEventListener("open", () => {
      settle();
      // At once, so that no message arrives between this listener and that of the socket.
      resolve(new NativeSocket(ws, { ...options, url, role: "client" }));
    }, on);
    ws.addEventListener(
      "error",
      (event) => fail(connectFailure(eventError(event))),
      on,
    );
    const deadline = timeout > 0
      ? schedule.deadline(
        timeout,
        () => fail(handshakeTimedOut(timeout, "client")),
      )
      : undefined;
    const removeOnAbort = onAbort(signal, () => fail(signal?.reason));
  });
}

/** Checks what the runtime does not check of the server's response (RFC 6455, section 4.1). */
function checkAnswer(
  { protocol, extensions }: Socket,
  offered: readonly string[],
): HandshakeError | undefined {
  if (protocol !== "" && !offered.includes(protocol)) {
    return new HandshakeError(
      "bad-protocol",
      `Cannot connect: the server's response cannot be accepted: the subprotocol ${
        JSON.stringify(protocol)
      } was not offered.`,
    );
  }
  // Other runtimes offer permessage-deflate, and check the response.
  if (onDeno && extensions !== "") {
    return new HandshakeError(
      "bad-extension",
      "Cannot connect: the server's response cannot be accepted: it has an extension, and none was offered.",
    );
  }
}
