import { type Clock, clockOf } from "../base/clock.ts";
import {
  checkFields,
  checkFunction,
  checkOptions,
  checkScope,
  numberOption,
  type OptionHomes,
  type OptionNames,
} from "../base/options.ts";
import { handled, onAbort } from "../base/promise.ts";
import { CONNECTION_RULES } from "../base/rules.ts";
import { Schedule } from "../base/schedule.ts";
import { normalizeUrl } from "../base/url.ts";
import {
  checkUpgradeResponse,
  type UpgradeAgreement,
  type UpgradeRequest,
} from "../handshake/client.ts";
import { HandshakeError } from "../handshake/errors.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import { Duplex } from "../net/stream/duplex.ts";
import { createKey } from "../handshake/agreement.ts";
import type { CompressionOptions } from "../handshake/negotiation.ts";
import { checkUpgradeTokens, type UpgradeTokens } from "../handshake/rules.ts";
import {
  checkOpenOptions,
  checkOpenTarget,
  openStream,
} from "../net/open_stream.ts";
import {
  PullAdapter,
  readResponse,
  writeAll,
} from "../net/stream/pull_stream.ts";
import type {
  OpenedStream,
  OpenOptions,
} from "../net/stream/stream_options.ts";
import { checkStream, destroying } from "./caller_stream.ts";
import { dialFailure } from "./dial_failure.ts";
import { DIAL_HOMES, type DialRawOptions } from "./dialer.ts";
import { encodeRequest, protocolList, requestHeaders } from "./request.ts";

/** The stream of an upgraded connection, and what was agreed on. */
export interface UpgradedStream extends UpgradeAgreement {
  /** The stream. Bytes that arrived together with the server's response are read first. */
  readonly stream: Duplex;
  /** The address of the other end, which is the proxy if there is one. */
  readonly remoteAddr: PeerAddress | undefined;
}

/** A stream after the handshake, before anything else has been read. */
export interface OpenedUpgrade extends UpgradeAgreement {
  /** The stream. */
  readonly stream: PullAdapter;
  /** The address of the other end, which is the proxy if there is one. */
  readonly remoteAddr: PeerAddress | undefined;
  /** The bytes that came right after the head of the response. */
  readonly early: Uint8Array;
}

/** Options of {@link dialUpgrade}. */
export interface DialUpgradeOptions extends
  OpenOptions,
  Pick<
    DialRawOptions,
    | "clock"
    | "handshakeTimeout"
    | "headers"
    | "protocols"
    | "signal"
    | "stream"
  > {
  /** The protocol token to upgrade to, or several, the preferred one first. */
  readonly upgrade: UpgradeTokens;
  /**
   * Checks the server's response with status 101. Only if it returns `true`, the response is accepted.
   *
   * @default {accepts all}
   */
  readonly check?: UpgradeRequest["check"];
}

const NAMES: OptionNames<DialUpgradeOptions> = {
  caCerts: true,
  cert: true,
  check: true,
  clock: true,
  handshakeTimeout: true,
  headers: true,
  key: true,
  protocols: true,
  proxy: true,
  signal: true,
  stream: true,
  unix: true,
  upgrade: true,
};

const OF_SOCKETS = "dialRaw(): there are no messages here";
const HOMES: OptionHomes = {
  ...DIAL_HOMES,
  binary: OF_SOCKETS,
  compression: OF_SOCKETS,
  fragmentSize: OF_SOCKETS,
  maxFragments: OF_SOCKETS,
  maxFrameSize: OF_SOCKETS,
  maxMessageSize: OF_SOCKETS,
  pingInterval: OF_SOCKETS,
};

/**
 * Dials, and upgrades the connection to another protocol with status 101 (RFC 9110, section 7.8). The caller owns the
 * stream then, and has to close it.
 *
 * @example
 * ```ts
 * import { dialUpgrade, listen } from "@honeybee/honeybee/transport";
 *
 * const listener = listen({ hostname: "127.0.0.1", upgrade: "shout/1" });
 * await listener.ready;
 * const served = (async () => {
 *   for await (const incoming of listener) {
 *     const stream = await incoming.acceptStream();
 *     const upper = new TransformStream<Uint8Array, Uint8Array>({
 *       transform(bytes, controller) {
 *         const text = new TextDecoder().decode(bytes).toUpperCase();
 *         controller.enqueue(new TextEncoder().encode(text));
 *       },
 *     });
 *     const piped = stream.readable.pipeThrough(upper).pipeTo(stream.writable);
 *     piped.catch(() => {}); // The peer has left without a goodbye.
 *   }
 * })();
 *
 * const url = `ws://127.0.0.1:${listener.port}`;
 * const { stream, upgrade } = await dialUpgrade(url, {
 *   upgrade: ["shout/2", "shout/1"],
 * });
 * const writer = stream.writable.getWriter();
 * await writer.write(new TextEncoder().encode("hello"));
 * await writer.close();
 * console.log(upgrade, await new Response(stream.readable).text()); // shout/1 HELLO
 * await listener.close();
 * await served;
 * ```
 *
 * @throws {HandshakeError} If the response is not a 101 for one of the protocols.
 * @throws {ConnectionError} `dial-failed` if no connection could be made.
 * @throws {ConfigError} If the URL or an option cannot be used.
 * @throws The signal's reason if it aborts.
 */
export function dialUpgrade(
  url: string | URL,
  options: DialUpgradeOptions,
): Promise<UpgradedStream> {
  return handled(dial(url, options));
}

async function dial(
  url: string | URL,
  options: DialUpgradeOptions,
): Promise<UpgradedStream> {
  const { stream, early, ...agreed } = await destroying(options?.stream, () => {
    // Unlike other options these cannot be left out.
    checkOptions("options", options ?? null);
    checkFields("", NAMES, options, HOMES);
    checkUpgradeTokens(options.upgrade);
    checkFunction("check", options.check);
    return openUpgrade(url, options);
  });
  return { ...agreed, stream: new Duplex(stream, early) };
}

/**
 * Dials, and performs the handshake: see {@link dialUpgrade}.
 *
 * @param offer permessage-deflate to offer, for `websocket`.
 */
export async function openUpgrade(
  url: string | URL,
  options: DialUpgradeOptions,
  offer?: CompressionOptions,
): Promise<OpenedUpgrade> {
  checkScope("", { signal: options.signal, clock: options.clock });
  const target = normalizeUrl(url);
  const parsed = new URL(target);
  checkStream(options);
  checkOpenOptions(options);
  checkOpenTarget(target, options);
  const timeout = numberOption(
    "handshakeTimeout",
    CONNECTION_RULES.handshakeTimeout,
    options.handshakeTimeout,
  );
  const request = makeRequest(parsed, options, offer);
  const bytes = encodeRequest(request);
  options.signal?.throwIfAborted();
  const clock = clockOf(options.clock);
  const abort = new AbortController();
  const schedule = Schedule.of(clock);
  const task = timeout === 0
    ? undefined
    : schedule.deadline(timeout, () => abort.abort(timedOut(timeout)));
  const removeListener = onAbort(
    options.signal,
    () => abort.abort(options.signal?.reason),
  );
  try {
    const { signal } = abort;
    const { stream } = options;
    const opened = stream === undefined
      ? await openStream(parsed, options, signal, clock)
      : { stream, remoteAddr: undefined };
    return await upgradeStream(opened, request, bytes, signal, clock);
  } catch (error) {
    throw dialFailure(target, options, error, abort.signal);
  } finally {
    schedule.cancel(task);
    removeListener();
  }
}

async function upgradeStream(
  opened: OpenedStream,
  request: UpgradeRequest,
  bytes: Uint8Array,
  signal: AbortSignal,
  clock: Clock,
): Promise<OpenedUpgrade> {
  const { remoteAddr } = opened;
  const stream = new PullAdapter(opened.stream);
  const removeListener = onAbort(signal, () => stream.close());
  try {
    await writeAll(stream, bytes);
    const { response, early } = await readResponse(
      stream,
      (status) => status === 101,
      clock,
    );
    const agreement = checkUpgradeResponse(response, request);
    signal.throwIfAborted();
    return { ...agreement, stream, remoteAddr, early };
  } catch (error) {
    if (!signal.aborted) stream.close();
    throw error;
  } finally {
    removeListener();
  }
}

function makeRequest(
  url: URL,
  options: DialUpgradeOptions,
  offer: CompressionOptions | undefined,
): UpgradeRequest {
  return {
    host: url.host,
    target: url.pathname + url.search,
    upgrade: options.upgrade,
    key: createKey(),
    protocols: protocolList(options.protocols),
    compression: offer,
    headers: requestHeaders(options.headers),
    check: options.check,
  };
}

function timedOut(timeout: number): HandshakeError {
  return new HandshakeError(
    "timeout",
    `Cannot connect: the handshake took longer than handshakeTimeout (${timeout} ms).`,
  );
}
