import { onAbort } from "../../base/promise.ts";
import { addressOf, DenoStream } from "./deno_stream.ts";
import type { Host } from "../proxy/proxy.ts";
import {
  ALPN,
  type OpenedStream,
  type TlsClientOptions,
} from "../stream/stream_options.ts";

/** Opens a TCP stream with `Deno.connect`. On failure, and when the signal aborts, nothing is left open. */
export async function openDenoTcp(
  host: Host,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const conn = await connect(
    (signal) => Deno.connect({ ...host, signal }),
    signal,
  );
  try {
    // Without it, the second of two small messages waits for an acknowledgement.
    conn.setNoDelay(true);
    return {
      stream: new DenoStream(conn),
      remoteAddr: addressOf(conn.remoteAddr),
    };
  } catch (error) {
    close(conn);
    throw error;
  }
}

/** Opens a stream to a Unix socket with `Deno.connect`. Otherwise like {@link openDenoTcp}. */
export async function openDenoUnix(
  path: string,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const conn = await connect(
    () => Deno.connect({ transport: "unix", path }),
    signal,
  );
  return {
    stream: new DenoStream(conn),
    remoteAddr: { transport: "unix", path },
  };
}

/**
 * Opens a TLS stream with `Deno.connectTls`, for platforms that allow nothing else.
 *
 * If the signal aborts during the TLS handshake, the runtime keeps the descriptor until the server leaves.
 */
export async function openDenoTls(
  host: Host,
  { caCerts, cert, key }: TlsClientOptions,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const options = {
    ...host,
    caCerts: [...caCerts ?? []],
    alpnProtocols: ALPN,
    ...(cert !== undefined && key !== undefined && { cert, key }),
  };
  const conn = await connect(() => Deno.connectTls(options), signal);
  const removeListener = onAbort(signal, () => close(conn));
  try {
    await conn.handshake();
    signal.throwIfAborted();
    return {
      stream: new DenoStream(conn),
      remoteAddr: addressOf(conn.remoteAddr),
    };
  } catch (error) {
    close(conn);
    throw signal.aborted ? signal.reason : error;
  } finally {
    removeListener();
  }
}

/**
 * Waits for a connection, or for the signal.
 *
 * If the signal of `Deno.connect` aborts when the connection is open but not returned yet, the runtime throws, and the
 * connection stays open without an owner. Therefore the runtime gets another signal, and the connection is closed here.
 */
async function connect<C extends Deno.Conn>(
  open: (signal: AbortSignal) => Promise<C>,
  signal: AbortSignal,
): Promise<C> {
  signal.throwIfAborted();
  const cancel = new AbortController();
  cancel.signal.throwIfAborted = () => {};
  const opening = open(cancel.signal);
  const aborted = Promise.withResolvers<never>();
  const removeListener = onAbort(signal, () => {
    cancel.abort();
    aborted.reject(signal.reason);
    opening.then(close, () => {});
  });
  try {
    return await Promise.race([opening, aborted.promise]);
  } finally {
    removeListener();
  }
}

/** Closes a connection that may be closed already. */
function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was closed by the abort.
  }
}
