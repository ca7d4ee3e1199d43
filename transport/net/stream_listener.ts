import { createServer as createTcpServer, Server, Socket } from "node:net";
import { createServer as createTlsServer, Server as TlsServer } from "node:tls";
import type { PullStream } from "./pull_stream.ts";
import { ConfigError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { NodeStream, peerOf } from "./node_stream.ts";
import { addressOf } from "./open_stream.ts";
import { DONE, handled } from "../base/promise.ts";
import { Queue } from "../base/queue.ts";
import { onDeno } from "../base/runtime.ts";
import type { PeerAddress } from "./address.ts";

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
  readonly stream: PullStream;
  readonly remoteAddr: PeerAddress | undefined;
}

/** Where streams come in. */
export interface Door {
  /** Where it listens. */
  readonly addr: PeerAddress;
  /** Resolves when the system takes connections; at once where it does already. */
  readonly ready: Promise<void>;
  /** Whether it was closed, or broke for good. */
  readonly closed: boolean;
  /** Waits for the next stream; `undefined` once the door is closed. */
  accept(): Promise<Arrival | undefined>;
  /** Replaces certificate and key for TLS handshakes that begin later. Only where it was opened with `tls`. */
  setTls(tls: TlsServerOptions): void;
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
  /** Most TLS handshakes at a time; a further connection is cut. */
  readonly maxPending: number;
  /** Called for who fails in the TLS handshake, or finds too many others in it. */
  readonly onRefused: (
    error: Error,
    remoteAddr: PeerAddress | undefined,
  ) => void;
}

/** The error for a connection that is cut as `limit` others are not through yet. */
export function tooMany(limit: number): HandshakeError {
  return new HandshakeError(
    "aborted",
    `Cannot let in as the connections that wait must be at most ${limit}`,
  );
}

/**
 * Opens a door.
 *
 * @throws What the runtime throws when the address cannot be had.
 */
export function openDoor(options: DoorOptions): Door {
  const { path, hostname, port } = options;
  if (!onDeno) return new NodeDoor(options);
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
  readonly ready = DONE;
  readonly #listener: Deno.Listener<Conn>;
  #closed = false;

  constructor(listener: Deno.Listener<Conn>) {
    this.#listener = listener;
    this.addr = addressOf(listener.addr) ?? { transport: "unix", path: "" };
  }

  get closed(): boolean {
    return this.#closed;
  }

  async accept(): Promise<Arrival | undefined> {
    try {
      for (;;) {
        const stream = await this.#listener.accept();
        if (this.#isUsable(stream)) {
          return { stream, remoteAddr: addressOf(stream.remoteAddr) };
        }
        stream.close();
      }
    } catch (error) {
      if (this.#closed) return undefined;
      throw error;
    }
  }

  /** What a stream needs before it is used. */
  prepare(_stream: Conn): void {}

  setTls(): void {
    throw new Error("Cannot set a certificate: TLS is not spoken here.");
  }

  /** One whose peer has gone already is no failure of ours. */
  #isUsable(stream: Conn): boolean {
    if (this.#closed) return false;
    try {
      this.prepare(stream);
      return true;
    } catch {
      return false;
    }
  }

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
 * A door of `node:net` or `node:tls`: for TLS without Nagle's delay, which Deno's own TLS
 * listener cannot switch off, for `reusePort`, and for other runtimes.
 */
class NodeDoor implements Door {
  readonly #given: PeerAddress;
  readonly ready: Promise<void>;
  readonly #server: Server;
  readonly #arrivals: Queue<Arrival | Error> = new Queue({ capacity: 1_024 });
  readonly #maxPending: number;
  readonly #onRefused: DoorOptions["onRefused"];
  /** Connections whose TLS handshake is under way, by the address of the peer. */
  readonly #pending = new Map<string, Greeting>();
  #closed = false;

  constructor(options: DoorOptions) {
    const { hostname, path, tls, reusePort } = options;
    this.#maxPending = options.maxPending;
    this.#onRefused = options.onRefused;
    // Tells at once whether the address can be had, and which port is free.
    const port = onDeno && !(reusePort && options.port !== 0)
      ? probe(hostname, options.port)
      : options.port;
    this.#given = path === undefined
      ? { transport: "tcp", hostname, port }
      : { transport: "unix", path };
    this.#server = tls === undefined
      ? createTcpServer(HALF_OPEN, (socket) => this.#arrive(socket))
      : this.#createTlsServer(tls, options.handshakeTimeout);
    this.ready = handled(
      this.#listen(
        path === undefined ? { host: hostname, port, reusePort } : { path },
      ),
    );
  }

  /** Outside of Deno a port that the system chose is known once it listens. */
  get addr(): PeerAddress {
    const found = this.#server.address();
    return found === null || typeof found === "string" ||
        this.#given.transport !== "tcp"
      ? this.#given
      : { ...this.#given, port: found.port };
  }

  get closed(): boolean {
    return this.#closed;
  }

  async accept(): Promise<Arrival | undefined> {
    const arrival = await this.#arrivals.take();
    if (arrival instanceof Error) throw arrival;
    return arrival;
  }

  setTls({ cert, key, caCerts }: TlsServerOptions): void {
    if (!(this.#server instanceof TlsServer)) {
      throw new Error("Cannot set a certificate: TLS is not spoken here.");
    }
    this.#server.setSecureContext({
      cert,
      key,
      ...(caCerts && { ca: [...caCerts] }),
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    this.#arrivals.close();
    for (const left of this.#arrivals.extract(() => true)) {
      if (!(left instanceof Error)) left.stream.close();
    }
    for (const { socket } of this.#pending.values()) socket.destroy();
  }

  #createTlsServer(tls: TlsServerOptions, handshakeTimeout: number): Server {
    const server = createTlsServer({
      ...HALF_OPEN,
      cert: tls.cert,
      key: tls.key,
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: handshakeTimeout || 2 ** 31 - 1,
      ...(tls.caCerts && {
        ca: [...tls.caCerts],
        requestCert: true,
        rejectUnauthorized: true,
      }),
    }, (socket) => {
      this.#pending.delete(placeOf(socket));
      this.#arrive(socket);
    });
    // What node:tls had before was no server of sockets.
    if (!(server instanceof Server)) {
      throw new ConfigError(
        "unsupported",
        "tls",
        "Cannot listen as tls needs a later runtime: Deno 2.8 or newer",
      );
    }
    server.on("connection", (socket: Socket) => this.#greet(socket));
    // A handshake that took too long is told of, and the connection left open.
    server.on("tlsClientError", (cause: Error, socket: Socket) => {
      // One that has failed knows its peer no more; what it stood on still does.
      const raw: unknown = Reflect.get(socket, "_parent");
      const greeting = this.#pending.get(
        placeOf(raw instanceof Socket ? raw : socket),
      );
      if (greeting !== undefined) greeting.cause = cause;
      socket.destroy();
    });
    return server;
  }

  /** @throws What the system said, when it does not let us listen. */
  #listen(
    where:
      | { host: string; port: number; reusePort: boolean }
      | { path: string },
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = this.#server;
      server.on("error", (error) => {
        reject(error);
        this.#arrivals.push(error);
        if (!server.listening) this.#closed = true;
      });
      server.once("listening", resolve);
      server.once("close", () => {
        reject(new Error("The listener was closed before it could listen"));
      });
      server.listen(where);
    });
  }

  /** Before the TLS handshake. */
  #greet(socket: Socket): void {
    if (this.#closed) {
      socket.destroy();
      return;
    }
    const address = peerOf(socket);
    if (this.#pending.size >= this.#maxPending) {
      this.#onRefused(tooMany(this.#maxPending), address);
      socket.destroy();
      return;
    }
    const place = placeOf(socket);
    const greeting: Greeting = { socket, cause: undefined };
    this.#pending.set(place, greeting);
    socket.once("close", () => {
      if (this.#pending.get(place) !== greeting) return;
      this.#pending.delete(place);
      if (this.#closed) return;
      const { cause } = greeting;
      // The runtime gives it no code of its own.
      const late = cause?.message.includes("handshake timeout");
      this.#onRefused(
        new HandshakeError(
          late ? "timeout" : "connection-lost",
          `The TLS handshake failed: ${cause?.message ?? "the peer left"}`,
          { cause },
        ),
        address,
      );
    });
  }

  #arrive(socket: Socket): void {
    if (this.#closed) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    this.#arrivals.push({
      stream: new NodeStream(socket),
      remoteAddr: peerOf(socket),
    });
  }
}

/** A TLS handshake that is under way. */
interface Greeting {
  readonly socket: Socket;
  /** What ended it. */
  cause: Error | undefined;
}

function placeOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** A peer that has ended its half still takes what we have to say. */
const HALF_OPEN = { allowHalfOpen: true, noDelay: true };

function probe(hostname: string, port: number): number {
  const listener = Deno.listen({ hostname, port });
  listener.close();
  return listener.addr.port;
}
