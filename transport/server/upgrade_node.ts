import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { acceptRaw, type ReceivedRequest } from "./accept.ts";
import { type AcceptOptions, checkAcceptFields } from "./accept_options.ts";
import { clockOf } from "../base/clock.ts";
import { ConfigError } from "../base/errors.ts";
import { keepServerAccepting } from "../net/node/keep_accepting.ts";
import { NodeStream, peerOf } from "../net/node/node_stream.ts";
import { PullAdapter } from "../net/stream/pull_stream.ts";
import { handled } from "../base/promise.ts";
import type { OptionNames } from "../base/options.ts";
import type { RequestHead } from "../handshake/head.ts";
import { HeaderLines } from "../handshake/headers.ts";
import { refuse, toAnswer } from "./refuse.ts";
import type { Socket } from "../socket/socket.ts";

/**
 * Upgrades a request of an `upgrade` event of `node:http` or `node:https` to a WebSocket, on the same port as other
 * HTTP, with pings, backpressure, limits and compression.
 *
 * If the request is refused, it is answered with the right status and a body that describes the problem (RFC 9457), and
 * the error is thrown. If an option cannot be used, the status is 500.
 *
 * On Deno, a server of `node:http` stops accepting when the process has no file descriptors left. From its first call
 * on, `upgradeNode` makes the server accept again within a second after the shortage has ended.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { once } from "node:events";
 * import { Connection, InboundPool, upgradeNode } from "@honeybee/honeybee";
 *
 * const pool = new InboundPool("relay");
 * const server = createServer((_, response) => response.end("hello"));
 * server.on("upgrade", (request, socket, head) => {
 *   try {
 *     pool.add(crypto.randomUUID(), upgradeNode(request, socket, head));
 *   } catch (error) {
 *     console.error(error); // it has been refused
 *   }
 * });
 * server.listen(0, "127.0.0.1");
 * await once(server, "listening");
 *
 * // A peer, to try it.
 * const address = server.address();
 * if (address !== null && typeof address === "object") {
 *   const peer = new Connection(`ws://127.0.0.1:${address.port}`);
 *   await peer.connect();
 *   await peer.close();
 * }
 * await pool.close();
 * server.close();
 * await once(server, "close");
 * ```
 *
 * @param head The third argument of the event: the first bytes after the request.
 * @throws {HandshakeError} If the request is refused.
 * @throws {ConfigError} If an option cannot be used.
 */
export function upgradeNode(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options: AcceptOptions = {},
): Socket {
  return upgradeNodeIf(request, socket, head, options, () => {});
}

/** The sockets that were upgraded or refused: a second reader would take bytes from the first. */
const upgraded = new WeakSet<Duplex>();

/**
 * Does what {@link upgradeNode} does, if the caller agrees once the request has been found right.
 *
 * @param decide Refuses the request by throwing. What it throws is thrown, and a `HandshakeError` determines the
 * response.
 * @param names The options that the call of the user has, if it has more.
 */
export function upgradeNodeIf(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options: AcceptOptions,
  decide: () => void,
  names?: OptionNames<AcceptOptions>,
): Socket {
  if (typeof socket?.write !== "function") {
    throw new ConfigError(
      "invalid-argument",
      "socket",
      "Cannot upgrade: socket must be the socket of the upgrade event.",
    );
  }
  if (upgraded.has(socket)) {
    throw new ConfigError(
      "invalid-argument",
      "socket",
      "Cannot upgrade: the socket was given to upgradeNode before. A socket can be upgraded once.",
    );
  }
  upgraded.add(socket);
  const { socket: connection } = request;
  connection.setNoDelay?.(true);
  // The timeout of the server is for requests.
  connection.setTimeout?.(0);
  keepServerAccepting(connection);
  const received: ReceivedRequest = {
    stream: new PullAdapter(new NodeStream(socket)),
    head: headOf(request),
    // A copy, since the buffer belongs to the HTTP parser.
    early: new Uint8Array(head),
    secure: Reflect.get(connection, "encrypted") === true,
    remoteAddr: peerOf(connection),
    clock: clockOf(options?.clock),
  };
  try {
    checkAcceptFields(options, names);
    return acceptRaw(received, options, decide);
  } catch (error) {
    const isHead = received.head.method === "HEAD";
    handled(refuse(received.stream, toAnswer(error), received.clock, isHead));
    throw error;
  }
}

function headOf(request: IncomingMessage): RequestHead {
  const lines: [string, string][] = [];
  const { rawHeaders } = request;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    lines.push([rawHeaders[i] ?? "", rawHeaders[i + 1] ?? ""]);
  }
  return {
    method: request.method ?? "",
    target: request.url ?? "",
    version: `HTTP/${request.httpVersion}`,
    headers: new HeaderLines(lines),
  };
}
