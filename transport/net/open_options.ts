/** What a TLS client may bring, PEM-encoded. */
export interface TlsClientOptions {
  /** Certificates to trust beside the runtime's own. */
  readonly caCerts?: readonly string[] | undefined;
  /** The client's certificate chain. */
  readonly cert?: string | undefined;
  /** The private key of `cert`. */
  readonly key?: string | undefined;
}

/** How a byte stream is opened. */
export interface OpenOptions extends TlsClientOptions {
  /** An HTTP proxy to go through, `http://[user:password@]host:port`; `false` for none. @default the environment's, where it may be read */
  readonly proxy?: string | URL | false | undefined;
  /** Path of a Unix socket to dial instead of the URL's host. @default none */
  readonly unix?: string | undefined;
}
