import { ConfigError } from "../base/errors.ts";
import {
  ALPN,
  type OpenedStream,
  openNode,
  openNodeThrough,
} from "./open_node.ts";
import { onAbort } from "../base/promise.ts";
import type { Clock } from "../base/clock.ts";
import { connectThrough } from "./connect_proxy.ts";
import { chooseProxy, type Host, type Proxy, proxyFailure } from "./proxy.ts";
import { onDeno } from "../base/runtime.ts";
import type { OpenOptions } from "./open_options.ts";
import type { PeerAddress } from "./address.ts";

/**
 * Opens the stream that a URL and the options of a dial ask for.
 *
 * @throws What the runtime throws when it cannot; nothing is left open then.
 */
export function openStream(
  url: URL,
  options: OpenOptions,
  signal: AbortSignal,
  clock: Clock,
): Promise<OpenedStream> {
  const secure = url.protocol === "wss:";
  const host: Host = {
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || (secure ? "443" : "80")),
  };
  const { unix } = options;
  if (unix !== undefined) {
    if (secure) throw unsupported("unix", "a ws: URL");
    return onDeno ? openUnix(unix, signal) : openNode(unix, undefined, signal);
  }
  const proxy = chooseProxy(url, options.proxy);
  const tls = secure ? options : undefined;
  const certified = options.cert !== undefined || options.key !== undefined;
  if (certified && !secure) throw unsupported("cert", "a wss: URL");
  if (certified && proxy !== undefined) throw unsupported("cert", "no proxy");
  if (proxy !== undefined) {
    const through = onDeno ? openThrough : openNodeThrough;
    return through(proxy, host, tls, signal, clock);
  }
  // `Deno.startTls` knows no client certificates and passes over them in silence.
  if (!onDeno || certified) return openNode(host, tls, signal);
  return secure ? openTls(host, options, signal) : openTcp(host, signal);
}

/** A Unix socket has no Nagle to switch off. */
async function openUnix(
  path: string,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const stream = await Deno.connect({ transport: "unix", path });
  if (signal.aborted) stream.close();
  signal.throwIfAborted();
  return { stream, remoteAddr: { transport: "unix", path } };
}

async function openTcp(
  host: Host,
  signal: AbortSignal,
): Promise<OpenedStream & { readonly stream: Deno.TcpConn }> {
  const stream = await connect(host, signal);
  try {
    // Without it two small messages in a row cost the delay of an acknowledgement.
    stream.setNoDelay(true);
    return { stream, remoteAddr: addressOf(stream.remoteAddr) };
  } catch (error) {
    close(stream);
    throw error;
  }
}

/**
 * Where the signal aborts when the connection is there but not handed over yet, the runtime throws
 * and leaves it open, out of reach. So it is asked not to look, and we close it.
 */
async function connect(
  host: Host,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  signal.throwIfAborted();
  const cancel = new AbortController();
  cancel.signal.throwIfAborted = () => {};
  const removeListener = onAbort(signal, () => cancel.abort());
  try {
    const { hostname, port } = host;
    const stream = await Deno.connect({
      hostname,
      port,
      signal: cancel.signal,
    });
    if (signal.aborted) stream.close();
    signal.throwIfAborted();
    return stream;
  } finally {
    removeListener();
  }
}

async function openTls(
  host: Host,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<OpenedStream> {
  let plain: Deno.TcpConn;
  try {
    plain = (await openTcp(host, signal)).stream;
  } catch (error) {
    if (host.port !== 443 || signal.aborted) throw error;
    // Where plain TCP to this port is refused (Deno Deploy), TLS is let through.
    const stream = await Deno.connectTls({
      ...host,
      caCerts: [...options.caCerts ?? []],
      alpnProtocols: ALPN,
    });
    return { stream, remoteAddr: addressOf(stream.remoteAddr) };
  }
  return await secured(plain, host, options, signal);
}

async function openThrough(
  proxy: Proxy,
  host: Host,
  tls: OpenOptions | undefined,
  signal: AbortSignal,
  clock: Clock,
): Promise<OpenedStream> {
  const opened = await openTcp(proxy, signal).catch((error) => {
    throw proxyFailure(proxy, error, signal);
  });
  const { stream } = opened;
  const removeListener = onAbort(signal, () => stream.close());
  try {
    await connectThrough(stream, proxy, host, clock);
  } catch (error) {
    close(stream);
    throw error;
  } finally {
    removeListener();
  }
  return tls === undefined ? opened : await secured(stream, host, tls, signal);
}

async function secured(
  conn: Deno.TcpConn,
  host: Host,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const remoteAddr = addressOf(conn.remoteAddr);
  let stream: Deno.TlsConn;
  try {
    stream = await Deno.startTls(conn, {
      hostname: host.hostname,
      caCerts: [...options.caCerts ?? []],
      alpnProtocols: ALPN,
    });
  } catch (error) {
    close(conn);
    throw error;
  }
  const removeListener = onAbort(signal, () => close(stream));
  try {
    await stream.handshake();
    return { stream, remoteAddr };
  } catch (error) {
    close(stream);
    throw error;
  } finally {
    removeListener();
  }
}

/** An address of the runtime's as one of ours. */
export function addressOf(addr: Deno.Addr): PeerAddress | undefined {
  switch (addr.transport) {
    case "tcp": {
      const { hostname, port } = addr;
      return { transport: "tcp", hostname, port };
    }
    case "unix":
      return { transport: "unix", path: addr.path };
    default:
      return undefined;
  }
}

/** Closes a stream that may be closed already. */
function close(stream: { close(): void }): void {
  try {
    stream.close();
  } catch {
    // It was closed by the abort.
  }
}

function unsupported(field: string, rule: string): ConfigError {
  return new ConfigError(
    "unsupported",
    field,
    `Cannot dial as ${field} must come with ${rule}`,
  );
}
