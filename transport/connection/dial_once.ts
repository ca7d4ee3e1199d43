import { type CallbackErrorHandler, notify } from "../base/callbacks.ts";
import type { Clock } from "../base/clock.ts";
import { ConfigError, ConnectionError, reasonOf } from "../base/errors.ts";
import { onAbort } from "../base/promise.ts";
import { Schedule } from "../base/schedule.ts";
import { dialAuto } from "../client/dial_auto.ts";
import { type DialOptions, pickDialOptions } from "../client/dialer.ts";
import { HandshakeError } from "../handshake/errors.ts";
import type { HeadersInput } from "../handshake/headers.ts";
import type { Socket } from "../socket/socket.ts";
import type { ConnectionOptions } from "./options.ts";
import { checkHeaders } from "./resolve_options.ts";

/** The limits of {@link dialOnce}. */
export interface DialBounds {
  /** The clock that measures the time. */
  readonly clock: Clock;
  /** Milliseconds for `headers` and the dialer together; 0 is no limit. */
  readonly handshakeTimeout: number;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  /** Receives what the gate throws when it is left. */
  readonly onError: CallbackErrorHandler;
}

/**
 * Makes one attempt to open a socket: waits for the gate, asks for the headers, dials.
 *
 * It settles at the latest when `handshakeTimeout` has passed since the gate, and as soon as the signal aborts,
 * whatever `headers` and the dialer do. The gate is left then, and a socket that arrives later is terminated.
 *
 * @throws {HandshakeError} `timeout`.
 * @throws {ConnectionError} `dial-failed` if `headers` or the dialer returns something unusable.
 * @throws What the gate, `headers` or the dialer throws, and the signal's reason.
 */
export async function dialOnce(
  url: string,
  options: ConnectionOptions,
  bounds: DialBounds,
): Promise<Socket> {
  const { clock, handshakeTimeout, signal, onError } = bounds;
  const { dialGate } = options;
  const leave = dialGate && await dialGate.enter(signal);
  let connected = false;
  const attempt = new AbortController();
  const removeListener = onAbort(signal, () => attempt.abort(signal.reason));
  const schedule = Schedule.of(clock);
  const task = handshakeTimeout === 0
    ? undefined
    : schedule.deadline(handshakeTimeout, () => {
      const message =
        `Cannot connect: the handshake took longer than handshakeTimeout (${handshakeTimeout} ms).`;
      attempt.abort(new HandshakeError("timeout", message));
    });
  try {
    const socket = await unlessAborted(
      openSocket(url, options, attempt.signal),
      attempt.signal,
    );
    connected = true;
    return socket;
  } finally {
    schedule.cancel(task);
    removeListener();
    notify(leave, onError, connected);
  }
}

async function openSocket(
  url: string,
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const { dialer = dialAuto, dialGate: _, headers: source, ...rest } = options;
  const fresh = typeof source === "function";
  signal.throwIfAborted();
  const headers = fresh ? checked(await source()) : source;
  // The signal may have aborted while the headers were awaited.
  signal.throwIfAborted();
  const dialOptions: DialOptions = {
    ...pickDialOptions(rest),
    headers,
    signal,
  };
  let socket: Socket;
  try {
    socket = await dialer(url, dialOptions);
  } catch (error) {
    throw fresh && isAboutHeaders(error) ? wrongHeaders(error) : error;
  }
  if (isSocket(socket)) return socket;
  throw new ConnectionError(
    "dial-failed",
    `Cannot connect: the dialer must return a Socket, and returned ${
      String(socket)
    }.`,
  );
}

/** Waits for the socket no longer than until the signal aborts. */
function unlessAborted(
  opening: Promise<Socket>,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const removeListener = onAbort(signal, () => reject(signal.reason));
    opening.then((socket) => {
      if (signal.aborted) cutUnused(socket);
      else resolve(socket);
    }, reject).finally(removeListener);
  });
}

function checked(headers: HeadersInput | undefined): HeadersInput | undefined {
  try {
    if (typeof headers === "function") {
      throw new TypeError("it returned a function.");
    }
    checkHeaders("headers", headers);
    return headers;
  } catch (error) {
    throw wrongHeaders(error);
  }
}

function isAboutHeaders(error: unknown): boolean {
  return error instanceof ConfigError && error.field === "headers";
}

/**
 * A function that returned wrong headers once may return right ones the next time, so that this is a failed
 * dial and not a mistake in the configuration, which would end the attempts.
 */
function wrongHeaders(error: unknown): ConnectionError {
  return new ConnectionError(
    "dial-failed",
    `Cannot connect: headers() must return headers that HTTP allows: ${
      reasonOf(error)
    }`,
  );
}

function isSocket(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    typeof Reflect.get(value, "start") === "function" &&
    typeof Reflect.get(value, "terminate") === "function";
}

/** Terminates a socket for which no call waits any more. */
export function cutUnused(socket: Socket): void {
  // If a custom socket throws here, there is no caller left to report it to.
  notify(() => socket.terminate(), () => {});
}
