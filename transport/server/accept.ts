import type { PullStream } from "../net/pull_stream.ts";
import type { Clock } from "../base/clock.ts";
import {
  makeCodecs,
  resolveCompression,
} from "../socket/compression_options.ts";
import { ConfigError, toError } from "../base/errors.ts";
import {
  checkMethods,
  checkOptions,
  checkWord,
  numberOption,
  refuseOption,
} from "../base/options.ts";
import { SOCKET_RULES } from "../base/rules.ts";
import {
  checkUpgradeRequest,
  createUpgradeResponse,
  type OriginChoice,
  type ProtocolChoice,
} from "../handshake/server.ts";
import type { RequestHead } from "../handshake/head.ts";
import { RawSocket } from "../socket/raw_socket.ts";
import type { PeerAddress } from "../net/address.ts";
import type { SocketOptions } from "../socket/socket.ts";

/** What a server chooses when it lets a peer in. */
export interface AcceptOptions extends SocketOptions {
  /** Subprotocols that it speaks, the preferred one first, or a function that chooses among those offered. @default none */
  readonly protocols?: ProtocolChoice | undefined;
  /**
   * Origins that are let in, or a function that says so. A list lets in those without an `Origin`
   * too, who are no browsers; a function is asked with `undefined`. @default everyone
   */
  readonly origins?: OriginChoice | undefined;
  /** More headers of the answer. @default none */
  readonly headers?: HeadersInit | undefined;
}

/** A request and the stream that it came on. */
export interface UpgradeArrival {
  readonly stream: PullStream;
  readonly head: RequestHead;
  /** What came right behind the head. */
  readonly early: Uint8Array;
  /** Whether the stream is inside TLS. */
  readonly secure: boolean;
  readonly remoteAddr: PeerAddress | undefined;
  readonly clock: Clock;
}

/** The URL of a request, with the scheme that the caller wants for plain and secure streams. */
export function requestUrl(
  { head, secure }: UpgradeArrival,
  scheme: "http" | "ws",
): string {
  const { target } = head;
  // A whole URL overrules Host (RFC 9112, section 3.2.2).
  const place = target.startsWith("/")
    ? `//${head.headers.get("host") ?? ""}${target}`
    : target.replace(/^[^:]*:/, "");
  return `${scheme}${secure ? "s" : ""}:${place}`;
}

/**
 * The headers of an answer.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function toHeaders(headers: HeadersInit | undefined): Headers {
  try {
    return new Headers(headers);
  } catch (cause) {
    throw new ConfigError(
      "invalid-option",
      "headers",
      `Cannot answer as headers must be such as may stand in a response: ${
        toError(cause).message
      }`,
      { cause },
    );
  }
}

/**
 * Refuses options that no peer can be let in with.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkAcceptOptions(options: AcceptOptions): void {
  checkOptions("options", options);
  checkMethods("clock", options.clock, ["now", "timer", "random"]);
  checkWord("binary", ["view", "copy", "borrow"], options.binary);
  for (const name of ["protocols", "origins"] as const) {
    const value: unknown = options[name];
    const fits = value === undefined || typeof value === "function" ||
      Array.isArray(value) && value.every((item) => typeof item === "string");
    if (!fits) {
      throw refuseOption(name, "a list of strings or a function", value);
    }
  }
  for (
    const name of [
      "maxMessageSize",
      "maxFrameSize",
      "maxFragments",
      "fragmentSize",
    ] as const
  ) {
    numberOption(name, SOCKET_RULES[name], options[name]);
  }
  resolveCompression(options.compression);
  toHeaders(options.headers);
}

/**
 * Answers an opening handshake with a 101 and makes a socket of the stream.
 *
 * @throws {HandshakeError} When the request does not suit. Nothing has been written then.
 * @throws {ConfigError} When an option cannot be used.
 */
export function acceptRaw(
  arrival: UpgradeArrival,
  options: AcceptOptions,
): RawSocket {
  checkAcceptOptions(options);
  const compression = resolveCompression(options.compression);
  const headers = toHeaders(options.headers);
  const { key, protocol, extensions, deflate } = checkUpgradeRequest(
    arrival.head,
    {
      protocols: options.protocols,
      origins: options.origins,
      compression,
    },
  );
  const preface = createUpgradeResponse({
    key,
    protocol,
    extensions,
    headers,
  });
  return new RawSocket(arrival.stream, {
    ...options,
    role: "server",
    url: requestUrl(arrival, "ws"),
    protocol,
    extensions,
    preface,
    early: arrival.early,
    remoteAddr: arrival.remoteAddr,
    clock: options.clock ?? arrival.clock,
    ...makeCodecs("server", deflate, compression),
  });
}
