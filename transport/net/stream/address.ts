/** The address of a peer: a TCP address, or the path of a Unix socket. */
export type PeerAddress =
  | {
    readonly transport: "tcp";
    readonly hostname: string;
    readonly port: number;
  }
  | { readonly transport: "unix"; readonly path: string };
