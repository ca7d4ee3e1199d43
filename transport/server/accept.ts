import { type Clock, clockOf } from "../base/clock.ts";
import type { RequestHead } from "../handshake/head.ts";
import {
  checkUpgradeRequest,
  createUpgradeResponse,
} from "../handshake/server.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import type { PullAdapter } from "../net/stream/pull_stream.ts";
import {
  makeCodecs,
  resolveCompression,
} from "../socket/compression_options.ts";
import { RawSocket } from "../socket/raw_socket.ts";
import {
  type AcceptOptions,
  checkAcceptOptions,
  upgradeHeaders,
} from "./accept_options.ts";

/** A request that was received, and its stream. */
export interface ReceivedRequest {
  readonly stream: PullAdapter;
  readonly head: RequestHead;
  /** The bytes that came right after the head. */
  readonly early: Uint8Array;
  /** Whether the stream is inside TLS. */
  readonly secure: boolean;
  readonly remoteAddr: PeerAddress | undefined;
  readonly clock: Clock;
}

/** Returns the URL of a request, with the scheme that the caller wants for plain and secure streams. */
export function requestUrl(
  { head, secure }: Pick<ReceivedRequest, "head" | "secure">,
  scheme: "http" | "ws",
): string {
  const { target } = head;
  // A whole URL overrules Host (RFC 9112, section 3.2.2).
  const place = target.startsWith("/")
    ? `//${head.headers.get("host") ?? "localhost"}${target}`
    : target.replace(/^[^:]*:/, "");
  return `${scheme}${secure ? "s" : ""}:${place}`;
}

/**
 * Answers an opening handshake with a 101 and makes a socket of the stream.
 *
 * @param beforeAnswer Called when the request has been found right. What it throws is thrown.
 * @throws {HandshakeError} If the request is refused. Nothing has been written then.
 * @throws {ConfigError} If an option cannot be used.
 */
export function acceptRaw(
  received: ReceivedRequest,
  options: AcceptOptions,
  beforeAnswer?: () => void,
): RawSocket {
  checkAcceptOptions(options);
  const compression = resolveCompression(options.compression);
  const headers = upgradeHeaders(options.headers);
  const { key, protocol, extensions, deflate } = checkUpgradeRequest(
    received.head,
    {
      protocols: options.protocols,
      origins: options.origins,
      compression,
    },
  );
  const handshakeResponse = createUpgradeResponse({
    key,
    protocol,
    extensions,
    headers,
  });
  beforeAnswer?.();
  const { stream, early, error } = received.stream.release(received.early);
  const socket = new RawSocket(stream, {
    ...options,
    role: "server",
    url: requestUrl(received, "ws"),
    protocol,
    extensions,
    handshakeResponse,
    early,
    remoteAddr: received.remoteAddr,
    clock: options.clock === undefined
      ? received.clock
      : clockOf(options.clock),
    ...makeCodecs("server", deflate, compression),
  });
  // A peer that has left meanwhile is no fault of the request.
  if (error !== undefined) socket.terminate(error);
  return socket;
}
