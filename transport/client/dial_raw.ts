import { checkFields, type OptionNames } from "../base/options.ts";
import { handled } from "../base/promise.ts";
import { normalizeUrl } from "../base/url.ts";
import {
  makeCodecs,
  resolveCompression,
} from "../socket/compression_options.ts";
import { RawSocket } from "../socket/raw_socket.ts";
import type { Socket } from "../socket/socket.ts";
import { destroying } from "./caller_stream.ts";
import { type OpenedUpgrade, openUpgrade } from "./dial_upgrade.ts";
import type { CompressionOptions } from "../handshake/negotiation.ts";
import { DIAL_HOMES, DIAL_NAMES, type DialRawOptions } from "./dialer.ts";

const RAW_NAMES: OptionNames<DialRawOptions> = { ...DIAL_NAMES, stream: true };

/**
 * Dials over TCP, TLS or a Unix socket, through an HTTP proxy if there is one, with the library's own implementation of
 * RFC 6455: pings, backpressure, limits, compression.
 *
 * Redirects are not followed: they are refusals, with status, headers and body.
 *
 * @example Over a stream of your own
 * ```ts
 * import { connect } from "node:net";
 * import { Connection, dialRaw, listen, NodeStream } from "@honeybee/honeybee/transport";
 *
 * const listener = listen({ hostname: "127.0.0.1" });
 * await listener.ready;
 * const connection = new Connection("ws://behind.the.tunnel", {
 *   dialer: (url, options) => {
 *     const stream = new NodeStream(connect(listener.port, "127.0.0.1"));
 *     return dialRaw(url, { ...options, stream });
 *   },
 * });
 * const connecting = connection.connect();
 * for await (const incoming of listener) {
 *   console.log(incoming.request.url); // http://behind.the.tunnel/
 *   incoming.accept().terminate();
 *   break;
 * }
 * await connecting;
 * await connection.closed;
 * await listener.close();
 * ```
 *
 * @throws {HandshakeError} If the handshake failed or was refused.
 * @throws {ConnectionError} `dial-failed` if no connection could be made.
 * @throws {ConfigError} If the URL or an option cannot be used.
 * @throws The signal's reason if it aborts.
 */
export function dialRaw(
  url: string,
  options: DialRawOptions = {},
): Promise<Socket> {
  return handled(dial(url, options));
}

async function dial(url: string, options: DialRawOptions): Promise<Socket> {
  const [upgraded, compression] = await destroying(options?.stream, () => {
    checkFields("", RAW_NAMES, options, DIAL_HOMES);
    return openRaw(url, options);
  });
  const { deflate, protocol, extensions, remoteAddr } = upgraded;
  const { stream, early, error } = upgraded.stream.release(upgraded.early);
  const { maxMessageSize, maxFrameSize, maxFragments } = options;
  const socket = new RawSocket(stream, {
    role: "client",
    url: normalizeUrl(url),
    protocol,
    extensions,
    response: upgraded.response,
    remoteAddr,
    early,
    maxMessageSize,
    maxFrameSize,
    maxFragments,
    binary: options.binary,
    fragmentSize: options.fragmentSize,
    clock: options.clock,
    ...makeCodecs("client", deflate, compression),
  });
  // The handshake was complete, so there is a connection, which ends.
  if (error !== undefined) socket.terminate(error);
  return socket;
}

async function openRaw(
  url: string,
  options: DialRawOptions,
): Promise<[OpenedUpgrade, CompressionOptions | undefined]> {
  const compression = resolveCompression(options.compression);
  const request = { ...options, upgrade: "websocket" };
  return [await openUpgrade(url, request, compression), compression];
}
