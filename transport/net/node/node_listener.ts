import type { Server, Socket } from "node:net";
import { ConfigError } from "../../base/errors.ts";
import { handled } from "../../base/promise.ts";
import { Queue } from "../../base/queue.ts";
import { builtin, onDeno } from "../../base/runtime.ts";
import { HandshakeError } from "../../handshake/errors.ts";
import type { PeerAddress } from "../stream/address.ts";
import { keepAccepting } from "./keep_accepting.ts";
import { bindAddress, shareReads } from "./node_on_deno.ts";
import { NodeStream, peerOf } from "./node_stream.ts";
import { sharedReadOf, withSharedRead } from "./shared_read.ts";
import { handshakeFailure } from "../stream/open_failure.ts";
import {
  type AcceptedStream,
  ALPN,
  type StreamListener,
  type StreamListenerOptions,
  type TlsServerOptions,
  tooManyPending,
} from "../stream/stream_options.ts";

/** A TLS handshake that is under way. */
interface Handshake {
  readonly socket: Socket;
  /** The error that it failed with. */
  cause: Error | undefined;
}

/** The value that means no timeout in `node:tls`. */
const NO_TIMEOUT = 2 ** 31 - 1;

/** Accepts streams with `node:net` or `node:tls`. */
export class NodeListener implements StreamListener {
  readonly ready: Promise<void>;
  readonly #server: Server;
  readonly #options: StreamListenerOptions;
  readonly #addr: PeerAddress;
  readonly #accepted = new Queue<AcceptedStream>({ capacity: Infinity });
  /** TLS handshakes by the address of the peer. */
  readonly #handshakes = new Map<string, Handshake>();
  #closed = false;
  /** The reason why it cannot listen. */
  #failure: Error | undefined;
  #stopWatching = () => {};

  /**
   * Starts to listen.
   *
   * @throws On Deno what the runtime throws if it cannot listen. On other runtimes, {@link ready} and {@link accept}
   * report that.
   */
  constructor(options: StreamListenerOptions) {
    this.#options = options;
    const { hostname, port, path, tls } = options;
    const { addr, handle } = onDeno
      ? bindAddress(options)
      : { addr: toAddress(options), handle: undefined };
    this.#addr = addr;
    this.#server = tls === undefined
      ? this.#createTcpServer()
      : this.#createTlsServer(tls);
    this.ready = handled(this.#listening());
    if (handle !== undefined) this.#server.listen(handle);
    else if (path !== undefined) this.#server.listen({ path });
    else {
      const { reusePort } = options;
      const granted = addr.transport === "tcp" ? addr.port : port;
      this.#server.listen({ host: hostname, port: granted, reusePort });
    }
    this.#stopWatching = keepAccepting(
      this.#server,
      hostname,
      addr,
      (error) => options.onError(error, undefined),
    );
  }

  /** The address. Outside of Deno, a port that the system chooses is known only once the server listens. */
  get addr(): PeerAddress {
    const found = this.#server.address();
    return found === null || typeof found === "string" ||
        this.#addr.transport !== "tcp"
      ? this.#addr
      : { ...this.#addr, port: found.port };
  }

  async accept(): Promise<AcceptedStream | undefined> {
    const accepted = await this.#accepted.take();
    if (accepted === undefined && this.#failure !== undefined) {
      throw this.#failure;
    }
    return accepted;
  }

  setTls({ cert, key, caCerts }: TlsServerOptions): void {
    if (!(this.#server instanceof builtin("node:tls").Server)) {
      throw new Error(
        "Cannot set a certificate: the listener does not speak TLS.",
      );
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
    this.#stopWatching();
    this.#server.close();
    this.#accepted.close();
    for (const { stream } of this.#accepted.extract(() => true)) {
      stream.destroy();
    }
    for (const { socket } of this.#handshakes.values()) socket.destroy();
  }

  /** Resolves when the server listens. */
  #listening(): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = this.#server;
      server.on("error", (error) => {
        // An error of a server that goes on listening concerns one connection, or is temporary.
        if (server.listening) return this.#options.onError(error, undefined);
        this.#failure ??= error;
        reject(error);
        this.close();
      });
      server.once("listening", resolve);
      server.once("close", () => {
        reject(new Error("The listener was closed before it could listen."));
        if (!this.#closed) {
          this.#failure ??= new Error(
            "The listener was closed by the runtime.",
          );
          this.close();
        }
      });
    });
  }

  #createTcpServer(): Server {
    const server = builtin("node:net").createServer(
      { ...HALF_OPEN, pauseOnConnect: true },
      (socket) => this.#add(onDeno ? socket : withSharedRead(socket)),
    );
    if (onDeno) shareReads(server);
    return server;
  }

  #createTlsServer(tls: TlsServerOptions): Server {
    const net = builtin("node:net");
    const server = builtin("node:tls").createServer({
      // Not half-open: a peer that leaves in the handshake would keep its descriptor. The stream sets `allowHalfOpen`
      // later.
      noDelay: true,
      cert: tls.cert,
      key: tls.key,
      ALPNProtocols: ALPN,
      handshakeTimeout: this.#options.handshakeTimeout || NO_TIMEOUT,
      ...(tls.caCerts && {
        ca: [...tls.caCerts],
        requestCert: true,
        rejectUnauthorized: true,
      }),
    }, (socket) => {
      this.#handshakes.delete(placeOf(socket));
      this.#add(socket);
    });
    // In older runtimes, the TLS server was not a `Server` of `node:net`.
    if (!(server instanceof net.Server)) {
      throw new ConfigError(
        "unsupported",
        "tls",
        "Cannot listen: tls needs a later runtime, Deno 2.8 or newer.",
      );
    }
    server.on("connection", (socket: Socket) => this.#addHandshake(socket));
    // The runtime reports a handshake that took too long, and leaves its connection open.
    server.on("tlsClientError", (cause: Error, socket: Socket) => {
      // After a failure, only the socket below knows the address of the peer.
      const below: unknown = Reflect.get(socket, "_parent");
      const handshake = this.#handshakes.get(
        placeOf(below instanceof net.Socket ? below : socket),
      );
      if (handshake !== undefined) handshake.cause = cause;
      socket.destroy();
    });
    return server;
  }

  #addHandshake(socket: Socket): void {
    if (this.#closed) {
      socket.destroy();
      return;
    }
    const { maxPending, onError } = this.#options;
    const address = peerOf(socket);
    if (address === undefined) {
      // It was reset before it was accepted. Without an address, it cannot be distinguished from another one.
      socket.destroy();
      onError(this.#toFailure(undefined), undefined);
      return;
    }
    if (this.#handshakes.size >= maxPending) {
      onError(tooManyPending(maxPending), address);
      socket.destroy();
      return;
    }
    const place = placeOf(socket);
    const handshake: Handshake = { socket, cause: undefined };
    this.#handshakes.set(place, handshake);
    socket.once("close", () => {
      if (this.#handshakes.get(place) !== handshake) return;
      this.#handshakes.delete(place);
      if (!this.#closed) onError(this.#toFailure(handshake.cause), address);
    });
  }

  /** Returns the error of a TLS handshake that failed. */
  #toFailure(cause: Error | undefined): HandshakeError {
    // The runtime gives a timeout no code of its own.
    const isLate = cause?.message.includes("handshake timeout");
    return new HandshakeError(
      isLate ? "timeout" : "connection-lost",
      `Cannot accept the peer: the TLS handshake failed: ${
        cause === undefined ? this.#silentFailure() : handshakeFailure(cause)
      }`,
      { cause },
    );
  }

  /** Returns why a handshake ended without an error. Runtimes report none for a certificate that they do not trust. */
  #silentFailure(): string {
    return this.#options.tls?.caCerts === undefined
      ? "the peer left."
      : "the peer left, or its certificate is not signed by an authority of tls.caCerts.";
  }

  #add(socket: Socket): void {
    if (this.#closed) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const remoteAddr = peerOf(socket);
    const stream = new NodeStream(socket, sharedReadOf(socket));
    this.#accepted.push({ stream, remoteAddr });
  }
}

/** A peer that has ended its side can still read. */
const HALF_OPEN = { allowHalfOpen: true, noDelay: true };

function toAddress(
  { path, hostname, port }: StreamListenerOptions,
): PeerAddress {
  return path === undefined
    ? { transport: "tcp", hostname, port }
    : { transport: "unix", path };
}

function placeOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
