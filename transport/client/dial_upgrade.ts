import { type Clock, systemClock } from "../base/clock.ts";
import { ConfigError, ConnectionError, toError } from "../base/errors.ts";
import {
  checkFields,
  checkOptions,
  checkScope,
  numberOption,
  type OptionNames,
} from "../base/options.ts";
import { onAbort } from "../base/promise.ts";
import { CONNECTION_RULES } from "../base/rules.ts";
import { Schedule } from "../base/schedule.ts";
import { normalizeUrl } from "../base/url.ts";
import {
  checkUpgradeResponse,
  type UpgradeAgreement,
  type UpgradeRequest,
} from "../handshake/client.ts";
import { HandshakeError } from "../handshake/errors.ts";
import type { OpenedStream } from "../net/open_node.ts";
import type { UpgradeTokens } from "../handshake/rules.ts";
import { openStream } from "../net/open_stream.ts";
import { readResponse, writeAll } from "../net/pull_stream.ts";
import { DIAL_HOMES, DIAL_NAMES, type DialOptions } from "./dialer.ts";
import { encodeRequest, protocolList, requestHeaders } from "./request.ts";

/** What was agreed on, and what came right behind the server's answer. */
export interface UpgradedStream extends UpgradeAgreement, OpenedStream {
  /** Bytes that came right behind the head of the answer. */
  readonly early: Uint8Array;
}

/** Options of {@link dialUpgrade}. */
export interface DialUpgradeOptions extends Omit<DialOptions, "compression"> {
  /** The protocol token to upgrade to, or several, the preferred one first. */
  readonly upgrade: UpgradeTokens;
  /** The `Sec-WebSocket-Key`, if `websocket` is among the tokens. */
  readonly webSocketKey?: string | undefined;
  /** permessage-deflate to offer. */
  readonly offer?: UpgradeRequest["compression"];
  /** Decides on a 101 that fits so far: only `true` accepts it. @default accepts all */
  readonly check?: UpgradeRequest["check"];
}

const NAMES: OptionNames<DialUpgradeOptions> = {
  ...DIAL_NAMES,
  check: true,
  offer: true,
  upgrade: true,
  webSocketKey: true,
};

/**
 * Dials, and upgrades the connection to any protocol by a 101 (RFC 9110, section 7.8). The stream belongs to the caller
 * then. What came right behind the answer is in `early`.
 *
 * @throws {HandshakeError} If the answer is not a 101 for that protocol.
 * @throws {ConnectionError} `dial-failed` if no connection could be made.
 * @throws {ConfigError} If the URL or an option cannot be used.
 * @throws The signal's reason if it aborts.
 */
export async function dialUpgrade(
  url: string | URL,
  options: DialUpgradeOptions,
): Promise<UpgradedStream> {
  // Unlike other options these cannot be left out.
  checkOptions("options", options ?? null);
  checkFields("", NAMES, options, DIAL_HOMES);
  checkScope("", { signal: options.signal, clock: options.clock });
  const parsed = new URL(normalizeUrl(url));
  const timeout = numberOption(
    "handshakeTimeout",
    CONNECTION_RULES.handshakeTimeout,
    options.handshakeTimeout,
  );
  const request = makeRequest(parsed, options);
  const bytes = encodeRequest(request);
  options.signal?.throwIfAborted();
  const { clock = systemClock } = options;
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
    const opened = await openStream(parsed, options, signal, clock);
    return await upgradeStream(opened, request, bytes, signal, clock);
  } catch (error) {
    throw failure(parsed, error, abort.signal, options.signal);
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
): Promise<UpgradedStream> {
  const { stream } = opened;
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
    return { ...opened, ...agreement, early };
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
): UpgradeRequest {
  return {
    host: url.host,
    target: url.pathname + url.search,
    upgrade: options.upgrade,
    key: options.webSocketKey,
    protocols: protocolList(options.protocols),
    compression: options.offer,
    headers: requestHeaders(options.headers),
    check: options.check,
  };
}

function timedOut(timeout: number): HandshakeError {
  return new HandshakeError(
    "timeout",
    `The handshake took longer than ${timeout} ms (handshakeTimeout).`,
  );
}

/** Returns what a caller sees of a failed dial. */
function failure(
  url: URL,
  thrown: unknown,
  signal: AbortSignal,
  callerSignal: AbortSignal | undefined,
): unknown {
  if (callerSignal?.aborted) return signal.reason;
  const error = toError(thrown);
  // A refusal whose body did not end in time is still a refusal.
  const isRefusal = error instanceof HandshakeError &&
    error.status !== undefined;
  if (signal.aborted && !isRefusal) return signal.reason;
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
