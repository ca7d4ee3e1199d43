import { ConnectionError } from "../base/errors.ts";
import { refuseArgument, signalOf } from "../base/options.ts";
import { onAbort, rejected } from "../base/promise.ts";
import type { Connection } from "../connection/connection.ts";
import {
  CLOSE_GOING_AWAY,
  CLOSE_INTERNAL_ERROR,
  type CloseFrame,
} from "../protocol/wire/close.ts";
import type { SocketEnd } from "../socket/socket.ts";

/** Options of {@link pipe}. */
export interface PipeOptions {
  /**
   * Closes both connections with 1001 when it aborts.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
}

/** The close frame for a connection whose other side was lost without one (RFC 6455, section 7.4.1). */
const LOST: CloseFrame = {
  code: CLOSE_INTERNAL_ERROR,
  reason: "The other side was lost",
};

/**
 * Connects two connections in both directions, as a gateway does: messages that arrive on one are sent on the other.
 *
 * - Messages keep their order and their type. While one side does not read, the other side gets backpressure. In each
 *   direction, at most `incomingBufferBytes` of one connection, `highWaterMark` of the other and one message are
 *   buffered, besides what the system buffers.
 * - When one side closes, its messages are sent first, and then the same close frame: code and reason, 1005 as a close
 *   frame without a code. A side that ends without a close frame (1006), or because of an error, closes the other with
 *   code 1011. Native sockets of clients send 1000 in place of codes below 3000.
 * - Both must be connected, or have been connected. Nothing else may read their `incoming`.
 *
 * @example A gateway from one port to another server
 * ```ts
 * import { Connection, type Incoming, listen, pipe } from "@honeybee/honeybee";
 *
 * const gateway = listen({ hostname: "127.0.0.1" });
 * void (async () => {
 *   for await (const incoming of gateway) {
 *     forward(incoming).catch(() => {}); // The peer has left meanwhile.
 *   }
 * })();
 *
 * async function forward(incoming: Incoming): Promise<void> {
 *   const upstream = new Connection("ws://127.0.0.1:8080", { retry: false });
 *   try {
 *     await upstream.connect();
 *   } catch {
 *     return await incoming.reject(502);
 *   }
 *   try {
 *     await pipe(new Connection(incoming.accept()), upstream);
 *   } finally {
 *     upstream.terminate();
 *   }
 * }
 * await gateway.close();
 * ```
 *
 * @returns How both have ended. Never rejects after that.
 * @throws {ConnectionError} `not-connected` when one of them was never connected.
 * @throws {ConfigError} When an argument or an option cannot be used.
 */
export function pipe(
  a: Connection,
  b: Connection,
  options: PipeOptions = {},
): Promise<[a: SocketEnd, b: SocketEnd]> {
  try {
    const signal = signalOf(options);
    checkConnected("a", a);
    checkConnected("b", b);
    if (a === b) {
      throw refuseArgument("pipe", "b", "another connection than a", b);
    }
    const remove = onAbort(signal, () => {
      void a.close(CLOSE_GOING_AWAY, "");
      void b.close(CLOSE_GOING_AWAY, "");
    });
    return Promise.all([forward(a, b), forward(b, a)]).finally(remove);
  } catch (error) {
    return rejected(error);
  }
}

/** Sends everything that arrives on `from` to `to`, and then closes `to` in the way in which `from` has ended. */
async function forward(from: Connection, to: Connection): Promise<SocketEnd> {
  await forwardMessages(from, to);
  const end = await from.closed;
  const { code, reason } = closeFrameOf(end) ?? LOST;
  void to.close(code, reason);
  return end;
}

/**
 * The close frame that says how a connection ended. If we closed it because of an error, such as a message above
 * `maxMessageSize`, the frame that we sent, and the answer to it, are about this connection alone.
 */
function closeFrameOf(
  { error, initiator, received, sent }: SocketEnd,
): CloseFrame | undefined {
  if (error === undefined) return received ?? sent;
  return initiator === "peer" ? received : undefined;
}

async function forwardMessages(
  from: Connection,
  to: Connection,
): Promise<void> {
  try {
    for await (const message of from.incoming) await to.send(message);
  } catch {
    // The other side has ended, and closes this one.
  }
}

function checkConnected(name: string, connection: Connection): void {
  if (typeof connection?.deliverTo !== "function") {
    throw refuseArgument("pipe", name, "a Connection", connection);
  }
  const { state } = connection;
  // If one has ended already, the messages that it received are sent, and then its close frame.
  if (state === "connected" || state === "closed") return;
  throw new ConnectionError(
    "not-connected",
    `Cannot pipe: ${name} must be connected, and is ${state}. Call connect() first.`,
  );
}
