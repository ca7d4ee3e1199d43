import { checkFields } from "../base/options.ts";
import { normalizeUrl } from "../base/url.ts";
import {
  makeCodecs,
  resolveCompression,
} from "../socket/compression_options.ts";
import { RawSocket } from "../socket/raw_socket.ts";
import type { Socket } from "../socket/socket.ts";
import { openUpgrade } from "./dial_upgrade.ts";
import { DIAL_HOMES, DIAL_NAMES, type DialOptions } from "./dialer.ts";

/**
 * Dials over TCP, TLS or a Unix socket, through an HTTP proxy if there is one, and speaks RFC 6455 itself.
 *
 * Redirects are not followed: they are refusals, with status, headers and body.
 *
 * @throws {HandshakeError} If the handshake failed or was refused.
 * @throws {ConnectionError} `dial-failed` if no connection could be made.
 * @throws {ConfigError} If the URL or an option cannot be used.
 * @throws The signal's reason if it aborts.
 */
export async function dialRaw(
  url: string,
  options: DialOptions = {},
): Promise<Socket> {
  checkFields("", DIAL_NAMES, options, DIAL_HOMES);
  const compression = resolveCompression(options.compression);
  const upgraded = await openUpgrade(
    url,
    { ...options, upgrade: "websocket" },
    compression,
  );
  const { deflate, protocol, extensions, stream, early, remoteAddr } = upgraded;
  const { maxMessageSize, maxFrameSize, maxFragments } = options;
  return new RawSocket(stream, {
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
}
