/**
 * Byte streams over the network: opening (`open_stream.ts`), accepting (`stream_listener.ts`), and which of the
 * runtime's sockets carries them (`stream_choice.ts`). The interface is in `stream/`, proxies are in `proxy/`, and the
 * adapters in `node/` and `deno/`.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { ConfigError } from "../base/errors.ts";
import { refuseOption } from "../base/options.ts";
import { onDeno } from "../base/runtime.ts";
import { openDenoTcp, openDenoTls, openDenoUnix } from "./deno/open_deno.ts";
import {
  connectNode,
  openNodeTcp,
  openNodeThrough,
  openNodeUnix,
  secureNode,
} from "./node/open_node.ts";
import { checkProxy, chooseProxy, type Host } from "./proxy/proxy.ts";
import { usesDenoConn } from "./stream_choice.ts";
import { checkAuthorities, checkKeyPair } from "./stream/certificates.ts";
import { isUnknownHost } from "./stream/open_failure.ts";
import type { OpenedStream, OpenOptions } from "./stream/stream_options.ts";
import { checkUnixPath } from "./stream/unix_path.ts";

/**
 * Checks the options that say how a stream is opened.
 *
 * @param prefix What stands before the fields' names in a message, for example `connection.`.
 * @throws {ConfigError} `invalid-option`, `unsupported` for values with which no stream can be opened.
 */
export function checkOpenOptions(options: OpenOptions, prefix = ""): void {
  const { caCerts, cert, key, proxy, unix } = options;
  checkProxy(`${prefix}proxy`, proxy);
  checkUnixPath(`${prefix}unix`, unix);
  if (unix !== undefined && proxy !== undefined && proxy !== false) {
    throw refuseOption(`${prefix}proxy`, "left out with unix", proxy);
  }
  checkAuthorities(`${prefix}caCerts`, caCerts);
  if (cert !== undefined || key !== undefined) checkKeyPair(prefix, options);
}

/**
 * Checks whether a URL can be opened with some options.
 *
 * @param prefix What stands before the fields' names in a message, for example `connection.`.
 * @throws {ConfigError} `unsupported`.
 */
export function checkOpenTarget(
  url: string,
  { caCerts = [], cert, key, unix }: OpenOptions,
  prefix = "",
): void {
  const isSecure = url.startsWith("wss:");
  const hasCertificate = cert !== undefined || key !== undefined;
  if (unix !== undefined && isSecure) {
    throw unsupported(`${prefix}unix`, "a ws: URL");
  }
  if (hasCertificate && !isSecure) {
    throw unsupported(`${prefix}cert`, "a wss: URL");
  }
  if (caCerts.length > 0 && !isSecure) {
    throw unsupported(`${prefix}caCerts`, "a wss: URL");
  }
}

/**
 * Opens the stream for a URL, by options that have been checked. On failure, and when the signal aborts, nothing is
 * left open.
 *
 * @throws What the runtime throws when it cannot open the stream.
 * @throws The signal's reason when it aborts.
 */
export async function openStream(
  url: URL,
  options: OpenOptions,
  signal: AbortSignal,
  clock: Clock,
): Promise<OpenedStream> {
  const isSecure = url.protocol === "wss:";
  const host: Host = {
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || (isSecure ? "443" : "80")),
  };
  const { unix } = options;
  if (unix !== undefined) {
    return usesDenoConn("connect-unix")
      ? await openDenoUnix(unix, signal)
      : await openNodeUnix(unix, signal);
  }
  const proxy = chooseProxy(url, options.proxy);
  if (proxy !== undefined) {
    return await openNodeThrough(
      proxy,
      host,
      isSecure ? options : undefined,
      signal,
      clock,
    );
  }
  if (isSecure) return await openTls(host, options, signal);
  return usesDenoConn("connect-tcp")
    ? await openDenoTcp(host, signal)
    : await openNodeTcp(host, signal);
}

async function openTls(
  host: Host,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<OpenedStream> {
  let socket: Socket;
  try {
    socket = await connectNode(host, signal);
  } catch (error) {
    // Deno Deploy refuses plain TCP to this port, and allows TLS.
    const mayBeRefused = onDeno && host.port === 443 && !isUnknownHost(error);
    if (!mayBeRefused || signal.aborted) throw error;
    return await openDenoTls(host, options, signal);
  }
  return await secureNode(socket, host, options, signal);
}

function unsupported(field: string, rule: string): ConfigError {
  return new ConfigError(
    "unsupported",
    field,
    `Cannot use option ${field}: it needs ${rule}.`,
  );
}
