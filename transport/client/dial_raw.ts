import { readHead, writeAll } from "../net/pull_stream.ts";
import { systemClock } from "../base/clock.ts";
import {
  makeCodecs,
  resolveCompression,
} from "../socket/compression_options.ts";
import { checkOptions, checkScope, numberOption } from "../base/options.ts";
import { CONNECTION_RULES } from "../base/rules.ts";
import { ConfigError, ConnectionError, toError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import type { OpenedStream } from "../net/open_node.ts";
import { openStream } from "../net/open_stream.ts";
import { onAbort } from "../base/promise.ts";
import { createKey } from "../handshake/agreement.ts";
import {
  checkUpgradeResponse,
  createUpgradeRequest,
  type UpgradeAgreement,
  type UpgradeRequest,
} from "../handshake/client.ts";
import { parseResponseHead } from "../handshake/head.ts";
import { RawSocket } from "../socket/raw_socket.ts";
import { Schedule } from "../base/schedule.ts";
import type { DialOptions } from "./dialer.ts";
import type { Socket } from "../socket/socket.ts";
import { normalizeUrl } from "../base/url.ts";

/** What was agreed on, and what came right behind the server's answer. */
export interface UpgradedStream extends UpgradeAgreement, OpenedStream {
  /** Bytes that came right behind the head of the answer. */
  readonly early: Uint8Array;
}

/**
 * Dials over TCP, TLS or a Unix socket, through an HTTP proxy where there is one, and speaks
 * RFC 6455 itself.
 *
 * Redirects are not followed: they are refusals, with their status and headers.
 *
 * A TLS handshake that is given up ends the dial at once; the runtime itself keeps the TCP
 * connection until the server leaves. One with a client certificate (`cert`) is really cut.
 */
export async function dialRaw(
  url: string,
  options: DialOptions = {},
): Promise<Socket> {
  checkOptions("options", options);
  const compression = resolveCompression(options.compression);
  const upgraded = await dialUpgrade(url, {
    ...options,
    upgrade: "websocket",
    webSocketKey: createKey(),
    ...(compression && { offer: compression }),
  });
  const { deflate, protocol, extensions, stream, early, remoteAddr } = upgraded;
  const { maxMessageSize, maxFrameSize, maxFragments } = options;
  return new RawSocket(stream, {
    role: "client",
    url: normalizeUrl(url),
    protocol,
    extensions,
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

/** Options of {@link dialUpgrade}. */
export interface DialUpgradeOptions extends Omit<DialOptions, "compression"> {
  /** The protocol token to upgrade to. */
  readonly upgrade: string;
  /** The `Sec-WebSocket-Key`, for `websocket` alone. */
  readonly webSocketKey?: string | undefined;
  /** permessage-deflate to offer. */
  readonly offer?: UpgradeRequest["compression"];
  /** Has the last word on a 101 that fits so far: `false` refuses it. @default takes all */
  readonly check?: UpgradeRequest["check"];
}

/**
 * Dials, and upgrades the connection to any protocol by a 101 (RFC 9110, section 7.8): the
 * stream is the caller's then. What came right behind the answer is in `early`.
 *
 * @throws {HandshakeError} When the answer is not a 101 for that protocol.
 * @throws {ConnectionError} `dial-failed` when there was no connection to be had.
 * @throws {ConfigError} When the URL or an option cannot be used.
 * @throws The signal's reason when it aborts.
 */
export async function dialUpgrade(
  url: string | URL,
  options: DialUpgradeOptions,
): Promise<UpgradedStream> {
  // Unlike other options these cannot be left out.
  checkOptions("options", options ?? null);
  checkScope("", { signal: options.signal, clock: options.clock });
  const parsed = new URL(normalizeUrl(url));
  const timeout = numberOption(
    "handshakeTimeout",
    CONNECTION_RULES.handshakeTimeout,
    options.handshakeTimeout,
  );
  const request = makeRequest(parsed, url, options);
  const bytes = encodeRequest(request);
  options.signal?.throwIfAborted();
  const abort = new AbortController();
  const schedule = Schedule.of(options.clock ?? systemClock);
  const task = timeout === 0 ? undefined : schedule.deadline(timeout, () => {
    const message = `The handshake took longer than ${timeout} ms`;
    abort.abort(new HandshakeError("timeout", message));
  });
  const removeListener = onAbort(
    options.signal,
    () => abort.abort(options.signal?.reason),
  );
  try {
    return await upgradeStream(parsed, options, request, bytes, abort.signal);
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : classify(parsed, error);
  } finally {
    schedule.cancel(task);
    removeListener();
  }
}

async function upgradeStream(
  url: URL,
  options: DialUpgradeOptions,
  request: UpgradeRequest,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<UpgradedStream> {
  const opened = await openStream(url, options, signal);
  const { stream } = opened;
  const removeListener = onAbort(signal, () => stream.close());
  try {
    await writeAll(stream, bytes);
    const { text, early } = await readHead(stream, "response");
    const agreement = checkUpgradeResponse(parseResponseHead(text), request);
    signal.throwIfAborted();
    return { ...opened, ...agreement, early };
  } catch (error) {
    stream.close();
    throw error;
  } finally {
    removeListener();
  }
}

function makeRequest(
  parsed: URL,
  url: string | URL,
  options: DialUpgradeOptions,
): UpgradeRequest {
  const { protocols = [] } = options;
  // The path goes out as it was given: a URL object would have changed it.
  const target = normalizeUrl(url).slice(
    `${parsed.protocol}//${parsed.host}`.length,
  );
  return {
    host: parsed.host,
    target: target.startsWith("/") ? target : `/${target}`,
    upgrade: options.upgrade,
    key: options.webSocketKey,
    protocols: typeof protocols === "string" ? [protocols] : protocols,
    compression: options.offer,
    headers: toLines(options.headers),
    check: options.check,
  };
}

function toLines(headers: HeadersInit | undefined): [string, string][] {
  try {
    return [...new Headers(headers)];
  } catch (cause) {
    throw badHeaders(cause);
  }
}

function encodeRequest(request: UpgradeRequest): Uint8Array {
  try {
    return createUpgradeRequest(request);
  } catch (cause) {
    throw badHeaders(cause);
  }
}

function badHeaders(cause: unknown): ConfigError {
  return new ConfigError(
    "invalid-option",
    "headers",
    `Cannot dial as headers and protocols must be such as may stand in a request: ${
      toError(cause).message
    }`,
    { cause },
  );
}

/** What a user sees of a failed dial. */
function classify(url: URL, thrown: unknown): Error {
  const error = toError(thrown);
  if (
    error instanceof HandshakeError || error instanceof ConfigError ||
    error instanceof ConnectionError
  ) return error;
  return new ConnectionError(
    "dial-failed",
    `Cannot connect to ${url.host}: ${error.message}${hintOf(error)}`,
    { cause: error },
  );
}

/** TLS libraries call an answer in plain text a message of the wrong type or version. */
function hintOf({ message }: Error): string {
  return /InvalidContentType|wrong version number/i.test(message)
    ? " (the server seems not to speak TLS there)"
    : "";
}
