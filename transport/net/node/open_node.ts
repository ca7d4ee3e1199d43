import type { NetConnectOpts, Socket, TcpNetConnectOpts } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { Clock } from "../../base/clock.ts";
import { onAbort } from "../../base/promise.ts";
import { builtin, onDeno } from "../../base/runtime.ts";
import { NodeStream, peerOf } from "./node_stream.ts";
import { connectThrough } from "../proxy/connect_proxy.ts";
import { type Host, type Proxy, proxyFailure } from "../proxy/proxy.ts";
import { PullAdapter } from "../stream/pull_stream.ts";
import {
  ALPN,
  type OpenedStream,
  type TlsClientOptions,
} from "../stream/stream_options.ts";
import { canShareReads, readingBy, SharedRead } from "./shared_read.ts";

/** Opens a stream to a Unix socket. On failure it throws what the runtime throws, and leaves nothing open. */
export async function openNodeUnix(
  path: string,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const { stream } = await openSocket({ path }, signal);
  return { stream, remoteAddr: { transport: "unix", path } };
}

/** Opens a TCP stream. On failure it throws what the runtime throws, and leaves nothing open. */
export async function openNodeTcp(
  host: Host,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const { stream, socket } = await openAddress(address(host), signal);
  return { stream, remoteAddr: peerOf(socket) };
}

/** Opens a socket for {@link secureNode}. On failure it throws what the runtime throws, and leaves nothing open. */
export function connectNode(
  host: Host,
  signal: AbortSignal,
): Promise<Socket> {
  return tryAddresses(address(host), async (where) => {
    const socket = builtin("node:net").connect(socketOptions(where));
    await opened(socket, "connect", signal);
    return socket;
  });
}

/**
 * Opens a TCP or TLS stream through a proxy. On failure it throws what the runtime throws, and leaves nothing open.
 *
 * @param tls The options of TLS; `undefined` for plain TCP.
 */
export async function openNodeThrough(
  proxy: Proxy,
  host: Host,
  tls: TlsClientOptions | undefined,
  signal: AbortSignal,
  clock: Clock,
): Promise<OpenedStream> {
  // TLS reads from the socket itself, which shared reads would disturb.
  const { stream, socket } = await openAddress(
    address(proxy),
    signal,
    tls === undefined,
  ).catch((error) => {
    throw proxyFailure(proxy, error, signal);
  });
  const adapter = new PullAdapter(stream);
  const removeListener = onAbort(signal, () => adapter.close());
  try {
    await connectThrough(adapter, proxy, host, clock);
    signal.throwIfAborted();
  } catch (error) {
    adapter.close();
    throw signal.aborted ? signal.reason : proxyFailure(proxy, error, signal);
  } finally {
    removeListener();
  }
  adapter.release();
  if (tls === undefined) return { stream, remoteAddr: peerOf(socket) };
  stream.release();
  return await secureNode(socket, host, tls, signal);
}

/** Returns the options of a socket for a host or a path. */
function socketOptions<T extends NetConnectOpts>(where: T) {
  return {
    // Without it, the second of two small messages waits for an acknowledgement (40 ms).
    noDelay: true,
    allowHalfOpen: true,
    ...(!mayTryAddresses() && { autoSelectFamily: false }),
    ...where,
  };
}

/**
 * Whether a socket may try several addresses of a host. If a Deno program may connect to certain hosts only, the
 * permission for the name of a host is not enough for its second address, and Deno throws the error where nothing can
 * catch it.
 */
function mayTryAddresses(): boolean {
  return !onDeno ||
    Deno.permissions.querySync({ name: "net" }).state === "granted";
}

/** How long each address of a host may take if none has answered in the time of the runtime, in milliseconds. */
const LONG_ATTEMPT = 3_000;

function address({ hostname: host, port }: Host): TcpNetConnectOpts {
  return { host, port };
}

/**
 * Opens a stream to a host, and once more if that fails and another attempt can succeed.
 *
 * - Runtimes try the addresses of a host one after the other. All but the last get 250 or 500 ms, which is too short for
 *   a distant host, or if the first packet is lost: each gets more time then.
 * - If only the first address may be tried, the first one of the other family is tried, too.
 */
async function tryAddresses<T>(
  where: TcpNetConnectOpts,
  open: (where: TcpNetConnectOpts) => Promise<T>,
): Promise<T> {
  try {
    return await open(where);
  } catch (error) {
    if (wasCutShort(error)) {
      const autoSelectFamilyAttemptTimeout = LONG_ATTEMPT;
      return await open({ ...where, autoSelectFamilyAttemptTimeout });
    }
    const family = mayTryAddresses() ? undefined : otherFamily(where, error);
    if (family === undefined) throw error;
    return await open({ ...where, family }).catch(() => {
      throw error;
    });
  }
}

/** Returns the family of addresses that was not tried, if an address of a name has failed. */
function otherFamily(
  { host = "" }: TcpNetConnectOpts,
  error: unknown,
): 4 | 6 | undefined {
  const { isIP } = builtin("node:net");
  const failed = Reflect.get(Object(error), "address");
  if (typeof failed !== "string" || isIP(host) !== 0) return undefined;
  return isIP(failed) === 6 ? 4 : 6;
}

/** Whether the addresses of a host have failed, and one of them because it took too long. */
function wasCutShort(error: unknown): boolean {
  return error instanceof AggregateError &&
    error.errors.some((one) =>
      Reflect.get(Object(one), "code") === "ETIMEDOUT"
    );
}

/** Opens a stream to a host. On failure it throws what the runtime throws, and leaves nothing open. */
export function openAddress(
  where: TcpNetConnectOpts,
  signal: AbortSignal,
  share = true,
): Promise<OpenedSocket> {
  return tryAddresses(where, (where) => openSocket(where, signal, share));
}

interface OpenedSocket {
  readonly stream: NodeStream;
  readonly socket: Socket;
}

/** Whether sockets read by {@link SharedRead}. `false` once the runtime has said that it cannot. */
let sharesReads = canShareReads;

async function openSocket(
  where: NetConnectOpts,
  signal: AbortSignal,
  share = true,
): Promise<OpenedSocket> {
  const shared = share && sharesReads ? new SharedRead() : undefined;
  try {
    const socket = builtin("node:net").connect({
      ...socketOptions(where),
      ...(shared && readingBy(shared)),
    });
    // Now, so that the socket is paused before it begins to read.
    const stream = new NodeStream(socket, shared);
    await opened(socket, "connect", signal);
    return { stream, socket };
  } catch (error) {
    if (shared === undefined || !isUnsupportedRead(error)) throw error;
    sharesReads = false;
    return await openSocket(where, signal, false);
  }
}

/** Whether a runtime has sockets with the `onread` option, but cannot read by it, such as Deno 2.5.0. */
function isUnsupportedRead(error: unknown): boolean {
  return error instanceof Error && /\buseUserBuffer\b/.test(error.message);
}

/** Makes a TLS stream of an open socket. On failure it throws what the runtime throws, and destroys the socket. */
export async function secureNode(
  socket: Socket,
  { hostname: host, port }: Host,
  { caCerts, cert, key }: TlsClientOptions,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const remoteAddr = peerOf(socket);
  const own = {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  try {
    // Throws if a certificate cannot be read.
    const inner = builtin("node:tls").connect({
      socket,
      host,
      port,
      // An address must not be sent as a server name, nor the dot of an absolute name (RFC 6066, section 3).
      ...(builtin("node:net").isIP(host) === 0 &&
        { servername: host.replace(/\.$/, "") }),
      ALPNProtocols: ALPN,
      ...(caCerts === undefined ? own : trusting(caCerts, own)),
    });
    await opened(inner, "secureConnect", signal);
    return { stream: new NodeStream(inner), remoteAddr };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * Returns options with which certificates are trusted in addition to the runtime's own authorities.
 *
 * The option `ca` alone would replace these. To repeat them there costs Node.js 26 ms of processor time for each dial,
 * and on Deno, reading them needs a permission. A secure context contains them already: adding to it takes 1 ms.
 */
function trusting(
  caCerts: readonly string[],
  options: { readonly cert?: string; readonly key?: string },
): ConnectionOptions {
  const secureContext = builtin("node:tls").createSecureContext(options);
  const context: unknown = Reflect.get(secureContext, "context");
  const canAdd = typeof context === "object" && context !== null &&
    typeof Reflect.get(context, "addCACert") === "function";
  if (!canAdd) {
    const own = onDeno ? [] : ownAuthorities();
    return { ...options, ca: [...own, ...caCerts] };
  }
  for (const certificate of caCerts) {
    Reflect.apply(Reflect.get(context, "addCACert"), context, [certificate]);
  }
  return { secureContext };
}

/**
 * Returns what the runtime trusts by default, including `NODE_EXTRA_CA_CERTS` if it can report that (Node.js 22.15).
 */
function ownAuthorities(): readonly string[] {
  const tls = builtin("node:tls");
  const read: unknown = Reflect.get(tls, "getCACertificates");
  const found: unknown = typeof read === "function"
    ? read("default")
    : undefined;
  return Array.isArray(found) ? found : tls.rootCertificates;
}

/** Waits until a socket is open. Destroys it if it cannot be opened, or if the signal aborts. */
function opened(
  socket: Socket,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let removeListener = () => {};
    const settle = (error?: unknown) => {
      removeListener();
      socket.off(event, succeed);
      socket.off("close", close);
      if (error === undefined) {
        socket.off("error", settle);
        return resolve();
      }
      // The listener for errors stays, since a later error must not end the process.
      socket.destroy();
      reject(error);
    };
    const succeed = () => settle();
    const close = () => settle(new Error("The stream was closed."));
    socket.once(event, succeed);
    socket.once("close", close);
    socket.on("error", settle);
    removeListener = onAbort(signal, () => settle(signal.reason));
  });
}
