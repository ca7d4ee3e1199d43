import {
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { ByteStream } from "./byte_stream.ts";
import { NodeStream } from "./node_stream.ts";
import { addressOf } from "./open_stream.ts";
import { Queue } from "./queue.ts";
import type { PeerAddress } from "./socket.ts";

/** What a TLS server brings, PEM-encoded. */
export interface TlsServerOptions {
  /** The certificate chain. */
  readonly cert: string;
  /** The private key. */
  readonly key: string;
  /** Ask clients for a certificate, and trust those signed by these alone. @default clients are not asked */
  readonly caCerts?: readonly string[] | undefined;
}

/** A stream that has come in. */
export interface Arrival {
  readonly stream: ByteStream;
  readonly remoteAddr: PeerAddress | undefined;
}

/** Where streams come in. */
export interface Door {
  /** Where it listens. */
  readonly addr: PeerAddress;
  /** Waits for the next stream; `undefined` once the door is closed. */
  accept(): Promise<Arrival | undefined>;
  /** Takes no more streams. */
  close(): void;
}

/** What {@link openDoor} needs. */
export interface DoorOptions {
  readonly port: number;
  readonly hostname: string;
  readonly path: string | undefined;
  readonly tls: TlsServerOptions | undefined;
  readonly reusePort: boolean;
  /** Milliseconds a TLS handshake may take; 0 for ever. */
  readonly handshakeTimeout: number;
}

/**
 * Opens a door.
 *
 * @throws What the runtime throws when the address cannot be had.
 */
export function openDoor(options: DoorOptions): Door {
  const { path, hostname, port } = options;
  if (path !== undefined) {
    return new RuntimeDoor(Deno.listen({ transport: "unix", path }));
  }
  if (options.tls === undefined && !options.reusePort) {
    return new TcpDoor(Deno.listen({ hostname, port }));
  }
  return new NodeDoor(options);
}

/** A door of the runtime's. */
class RuntimeDoor<Conn extends Deno.Conn> implements Door {
  readonly addr: PeerAddress;
  readonly #listener: Deno.Listener<Conn>;
  #closed = false;

  constructor(listener: Deno.Listener<Conn>) {
    this.#listener = listener;
    this.addr = addressOf(listener.addr) ?? { transport: "unix", path: "" };
  }

  async accept(): Promise<Arrival | undefined> {
    try {
      const stream = await this.#listener.accept();
      this.prepare(stream);
      return { stream, remoteAddr: addressOf(stream.remoteAddr) };
    } catch (error) {
      if (this.#closed) return undefined;
      throw error;
    }
  }

  /** What a stream needs before it is used. */
  prepare(_stream: Conn): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }
}

class TcpDoor extends RuntimeDoor<Deno.TcpConn> {
  /** Without it two small messages in a row cost the delay of an acknowledgement. */
  override prepare(stream: Deno.TcpConn): void {
    stream.setNoDelay(true);
  }
}

/**
 * A door of `node:net` or `node:tls`: for TLS without Nagle's delay, which the runtime's own TLS
 * listener cannot switch off, and for `reusePort`.
 */
class NodeDoor implements Door {
  readonly addr: PeerAddress;
  readonly #server: Server;
  readonly #arrivals: Queue<Arrival | Error> = new Queue({ capacity: 1_024 });

  constructor(options: DoorOptions) {
    const { hostname, tls, reusePort } = options;
    // Tells at once whether the address can be had, and which port is free.
    const port = options.reusePort && options.port !== 0
      ? options.port
      : probe(hostname, options.port);
    this.addr = { transport: "tcp", hostname, port };
    const onConnection = (socket: Socket) => this.#arrive(socket);
    this.#server = tls === undefined
      ? createTcpServer({ noDelay: true }, onConnection)
      : createTlsServer({
        cert: tls.cert,
        key: tls.key,
        ALPNProtocols: ["http/1.1"],
        handshakeTimeout: options.handshakeTimeout || 2 ** 31 - 1,
        ...(tls.caCerts && {
          ca: [...tls.caCerts],
          requestCert: true,
          rejectUnauthorized: true,
        }),
      }, onConnection);
    this.#server.on("error", (error) => this.#arrivals.push(error));
    this.#server.listen({ host: hostname, port, reusePort });
  }

  async accept(): Promise<Arrival | undefined> {
    const arrival = await this.#arrivals.take();
    if (arrival instanceof Error) throw arrival;
    return arrival;
  }

  close(): void {
    this.#server.close();
    this.#arrivals.close();
  }

  #arrive(socket: Socket): void {
    socket.setNoDelay(true);
    const { remoteAddress: hostname, remotePort: port } = socket;
    this.#arrivals.push({
      stream: new NodeStream(socket),
      remoteAddr: hostname === undefined || port === undefined
        ? undefined
        : { transport: "tcp", hostname, port },
    });
  }
}

function probe(hostname: string, port: number): number {
  const listener = Deno.listen({ hostname, port });
  listener.close();
  return listener.addr.port;
}
