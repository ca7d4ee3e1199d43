import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";
import type { PullStream } from "./pull_stream.ts";
import { NodeStream, peerOf } from "./node_stream.ts";
import { onAbort } from "../base/promise.ts";
import type { Clock } from "../base/clock.ts";
import { connectThrough } from "./connect_proxy.ts";
import { type Host, type Proxy, proxyFailure } from "./proxy.ts";
import { onDeno } from "../base/runtime.ts";
import type { OpenOptions } from "./open_options.ts";
import type { PeerAddress } from "./address.ts";

/** What the TLS of a WebSocket carries. */
export const ALPN = ["http/1.1"];

/** A stream to a host, inside TLS where that was asked for. */
export interface OpenedStream {
  /** The stream, open. */
  readonly stream: PullStream;
  /** Where it leads: the proxy's address, where there is one. */
  readonly remoteAddr: PeerAddress | undefined;
}

/** The options of TLS; `undefined` for none. */
type Tls = Pick<OpenOptions, "caCerts" | "cert" | "key"> | undefined;

/**
 * Opens a stream with `node:net` or `node:tls`.
 *
 * @param to A host, or the path of a Unix socket.
 * @throws What the runtime throws when it cannot; nothing is left open then.
 */
export async function openNode(
  to: Host | string,
  tls: Tls,
  signal: AbortSignal,
): Promise<OpenedStream> {
  if (typeof to === "string") {
    const path = { path: to, allowHalfOpen: true };
    const socket = await opened(connect(path), "connect", signal);
    return {
      stream: new NodeStream(socket),
      remoteAddr: { transport: "unix", path: to },
    };
  }
  const socket = tls === undefined
    ? await opened(connect(plain(to)), "connect", signal)
    : await opened(secured(to, tls), "secureConnect", signal);
  return {
    stream: new NodeStream(socket),
    remoteAddr: peerOf(socket),
  };
}

/** Opens a stream through a proxy, as {@link openNode} does. */
export async function openNodeThrough(
  proxy: Proxy,
  host: Host,
  tls: Tls,
  signal: AbortSignal,
  clock: Clock,
): Promise<OpenedStream> {
  const socket = await opened(connect(plain(proxy)), "connect", signal)
    .catch((error) => {
      throw proxyFailure(proxy, error, signal);
    });
  const remoteAddr = peerOf(socket);
  const stream = new NodeStream(socket);
  const removeListener = onAbort(signal, () => stream.close());
  try {
    await connectThrough(stream, proxy, host, clock);
  } catch (error) {
    stream.close();
    throw error;
  } finally {
    removeListener();
  }
  if (tls === undefined) return { stream, remoteAddr };
  stream.release();
  const inner = await opened(
    secured(host, tls, socket),
    "secureConnect",
    signal,
  );
  return { stream: new NodeStream(inner), remoteAddr };
}

function plain({ hostname: host, port }: Host): {
  readonly host: string;
  readonly port: number;
  readonly noDelay: true;
  readonly allowHalfOpen: true;
} {
  // Without `noDelay` two small messages in a row cost the delay of an acknowledgement.
  return { host, port, noDelay: true, allowHalfOpen: true };
}

function secured(
  { hostname: host, port }: Host,
  { caCerts, cert, key }: NonNullable<Tls>,
  socket?: Socket,
): Socket {
  const inner = connectTls({
    ...(socket === undefined ? { host, port } : { socket }),
    // An address is no name to ask for (RFC 6066, section 3).
    ...(isIP(host) === 0 && { servername: host }),
    ...(caCerts !== undefined && { ca: trusted(caCerts) }),
    ALPNProtocols: ALPN,
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  });
  inner.setNoDelay(true);
  return inner;
}

/** The runtime's own authorities are trusted too. Deno adds them itself, and to read them needs a permission. */
function trusted(caCerts: readonly string[]): string[] {
  return onDeno ? [...caCerts] : [...rootCertificates, ...caCerts];
}

/** Waits until a socket is open, and destroys it where it cannot be. */
function opened(
  socket: Socket,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const removeListener = onAbort(signal, () => {
      socket.destroy();
      reject(signal.reason);
    });
    const fail = (error: Error) => {
      removeListener();
      socket.destroy();
      reject(error);
    };
    const closed = () => fail(new Error("The stream has been closed"));
    socket.once("error", fail);
    socket.once("close", closed);
    socket.once(event, () => {
      removeListener();
      socket.off("error", fail);
      socket.off("close", closed);
      resolve(socket);
    });
  });
}
