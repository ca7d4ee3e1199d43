import { HandshakeError } from "../../handshake/errors.ts";
import type { PeerAddress } from "./address.ts";
import type { ByteStream } from "./byte_stream.ts";

/** The application protocols that a TLS handshake offers. */
export const ALPN = ["http/1.1"];

/** The certificates of a TLS client, PEM-encoded. */
export interface TlsClientOptions {
  /**
   * Certificates to trust in addition to the runtime's own. Only for `wss:` URLs.
   *
   * @default {none}
   */
  readonly caCerts?: readonly string[] | undefined;
  /**
   * The client's certificate chain. Only for `wss:` URLs.
   *
   * @default {none}
   */
  readonly cert?: string | undefined;
  /**
   * The private key of `cert`, without a passphrase. Required with `cert`.
   *
   * @default {none}
   */
  readonly key?: string | undefined;
}

/** How a byte stream is opened. */
export interface OpenOptions extends TlsClientOptions {
  /**
   * An HTTP proxy to go through, `[http://][user:password@]host[:port]`, with port 1080 by default; `false` for none.
   *
   * @default {the environment's, if it may be read}
   */
  readonly proxy?: string | URL | false | undefined;
  /**
   * The path of a Unix socket to dial instead of the URL's host. Only for `ws:` URLs, and not together with `proxy`.
   *
   * @default {none}
   */
  readonly unix?: string | undefined;
}

/** An open stream to a host. */
export interface OpenedStream {
  /** The stream, paused. */
  readonly stream: ByteStream;
  /** The address of the other end, which is the proxy if there is one. */
  readonly remoteAddr: PeerAddress | undefined;
}

/** The certificate of a TLS server, PEM-encoded. */
export interface TlsServerOptions {
  /** The certificate chain. */
  readonly cert: string;
  /** The private key, without a passphrase. */
  readonly key: string;
  /**
   * Require a client certificate that one of these authorities has signed.
   *
   * @default {no client certificate is required}
   */
  readonly caCerts?: readonly string[] | undefined;
}

/** A stream that a listener has accepted. */
export interface AcceptedStream {
  /** The stream, paused. */
  readonly stream: ByteStream;
  /** The address of the peer, if it is known. */
  readonly remoteAddr: PeerAddress | undefined;
}

/** Accepts streams on one address. */
export interface StreamListener {
  /** The address it listens on. */
  readonly addr: PeerAddress;
  /** Resolves when the system accepts connections. Rejects when it cannot. */
  readonly ready: Promise<void>;
  /**
   * Waits for the next stream.
   *
   * Errors that concern one peer or that are temporary are not thrown: see {@link StreamListenerOptions.onError}.
   *
   * @returns `undefined` once the listener was closed.
   * @throws {Error} When the listener cannot listen, or not any longer. It has closed its port then.
   */
  accept(): Promise<AcceptedStream | undefined>;
  /**
   * Replaces certificate and key for TLS handshakes that begin later.
   *
   * @throws {Error} If the listener does not speak TLS.
   */
  setTls(tls: TlsServerOptions): void;
  /** Stops accepting. Connections that were not returned by {@link accept} are closed. Safe to call twice. */
  close(): void;
}

/** Options of a {@link StreamListener}. */
export interface StreamListenerOptions {
  /** The TCP port; 0 for any free one. */
  readonly port: number;
  /** The address or name to listen on. */
  readonly hostname: string;
  /** Path of a Unix socket to listen on, instead of a TCP port. */
  readonly path: string | undefined;
  /** Speak TLS. */
  readonly tls: TlsServerOptions | undefined;
  /** Let other processes listen on the same port (SO_REUSEPORT). */
  readonly reusePort: boolean;
  /** Maximum duration of a TLS handshake, in milliseconds; 0 for no maximum. */
  readonly handshakeTimeout: number;
  /** Maximum number of TLS handshakes at a time; further connections are closed. */
  readonly maxPending: number;
  /**
   * Called for a TLS handshake that failed or was refused, and when the system cannot accept for the time being (no
   * descriptors left, for example): once for each such time, without an address.
   */
  readonly onError: (error: Error, remoteAddr: PeerAddress | undefined) => void;
}

/** Returns the error for a connection that is closed because `maximum` others are waiting. */
export function tooManyPending(maximum: number): HandshakeError {
  return new HandshakeError(
    "aborted",
    `Cannot accept the peer: ${maximum} handshakes are under way already (maxPending).`,
  );
}
