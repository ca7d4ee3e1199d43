import { isIP } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { ByteStream } from "./byte_stream.ts";
import { ConfigError } from "./errors.ts";
import { NodeStream } from "./node_stream.ts";
import { onAbort } from "./promise.ts";
import { chooseProxy, connectThrough, type Proxy } from "./proxy.ts";
import type { DialOptions, PeerAddress } from "./socket.ts";

/** A stream to a host, inside TLS where the URL asks for it. */
export interface OpenedStream {
  /** The stream, open. */
  readonly stream: ByteStream;
  /** Where it leads: the proxy's address, where there is one. */
  readonly remoteAddr: PeerAddress | undefined;
}

interface Host {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Opens the stream that a URL and the options of a dial ask for.
 *
 * @throws What the runtime throws when it cannot; nothing is left open then.
 */
export function openStream(
  url: URL,
  options: DialOptions,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const secure = url.protocol === "wss:";
  const host: Host = {
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || (secure ? "443" : "80")),
  };
  const { unix } = options;
  if (unix !== undefined) {
    if (secure) throw unsupported("unix", "a ws: URL");
    return openUnix(unix, signal);
  }
  const proxy = chooseProxy(url, options.proxy);
  if (options.cert !== undefined || options.key !== undefined) {
    if (!secure) throw unsupported("cert", "a wss: URL");
    if (proxy !== undefined) throw unsupported("cert", "no proxy");
    return openWithCertificate(host, options, signal);
  }
  if (proxy !== undefined) {
    return openThrough(proxy, host, secure, options, signal);
  }
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
    const stream = await Deno.connect({ ...host, signal: cancel.signal });
    if (signal.aborted) stream.close();
    signal.throwIfAborted();
    return stream;
  } finally {
    removeListener();
  }
}

async function openTls(
  host: Host,
  options: DialOptions,
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
  secure: boolean,
  options: DialOptions,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const { hostname, port } = proxy;
  const opened = await openTcp({ hostname, port }, signal);
  const { stream } = opened;
  const removeListener = onAbort(signal, () => stream.close());
  try {
    const name = host.hostname.includes(":")
      ? `[${host.hostname}]`
      : host.hostname;
    await connectThrough(stream, proxy, `${name}:${host.port}`);
  } catch (error) {
    close(stream);
    throw error;
  } finally {
    removeListener();
  }
  return secure ? await secured(stream, host, options, signal) : opened;
}

const ALPN = ["http/1.1"];

async function secured(
  conn: Deno.TcpConn,
  host: Host,
  options: DialOptions,
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

/** `Deno.startTls` knows no client certificates and passes over them in silence. */
function openWithCertificate(
  host: Host,
  options: DialOptions,
  signal: AbortSignal,
): Promise<OpenedStream> {
  return new Promise((resolve, reject) => {
    const { cert, key, caCerts } = options;
    const socket: TLSSocket = connectTls({
      host: host.hostname,
      port: host.port,
      // An address is no name to ask for (RFC 6066, section 3).
      ...(isIP(host.hostname) === 0 && { servername: host.hostname }),
      // The runtime's own are trusted too; to read their list would need a permission.
      ...(caCerts !== undefined && { ca: [...caCerts] }),
      ALPNProtocols: ALPN,
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    });
    socket.setNoDelay(true);
    const removeListener = onAbort(signal, () => {
      socket.destroy();
      reject(signal.reason);
    });
    const fail = (error: Error) => {
      removeListener();
      socket.destroy();
      reject(error);
    };
    socket.once("error", fail);
    socket.once("close", () => fail(new Error("The stream has been closed")));
    socket.once("secureConnect", () => {
      removeListener();
      socket.off("error", fail);
      const { remoteAddress: hostname = host.hostname, remotePort } = socket;
      resolve({
        stream: new NodeStream(socket),
        remoteAddr: {
          transport: "tcp",
          hostname,
          port: remotePort ?? host.port,
        },
      });
    });
  });
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
