/**
 * Every kind of byte stream, in both roles, each with a peer made of the runtime's own sockets. Runs on Deno, Node.js
 * and Bun.
 *
 * @module
 */

import { rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import * as net from "node:net";
import { pid } from "node:process";
import { Duplex } from "node:stream";
import * as tls from "node:tls";
import { CA, SERVER_CERT, SERVER_KEY } from "../../_support/certificates.ts";
import { systemClock } from "../../base/clock.ts";
import { onDeno } from "../../base/runtime.ts";
import type { ByteStream } from "../stream/byte_stream.ts";
import { type StreamSource, USES_DENO_CONN } from "../stream_choice.ts";
import { NodeStream } from "../node/node_stream.ts";
import { openStream } from "../open_stream.ts";
import { listenForStreams } from "../stream_listener.ts";
import type { TlsServerOptions } from "../stream/stream_options.ts";

const HOST = "127.0.0.1";
const TLS: TlsServerOptions = { cert: SERVER_CERT, key: SERVER_KEY };
const HALF_OPEN = { allowHalfOpen: true, noDelay: true };

/** A stream under test, and its other end. */
export interface StreamPair {
  readonly stream: ByteStream;
  /** The other end. */
  readonly peer: ByteStream;
  /** The Node.js duplex that the stream took over, where there is one that can be looked at. */
  readonly duplex: Duplex | undefined;
}

/** A way to get a stream. */
export interface StreamKindUnderTest {
  readonly name: string;
  /** Whether what had arrived before a failed write or a reset can still be read. */
  readonly keepsUnread: boolean;
  /** Whether it is a Unix socket, whose path the permissions of the unit tests do not know. */
  readonly isUnix?: boolean;
  /** Whether a proxy in between holds data too. */
  readonly isProxied?: boolean;
  /** Opens one. */
  open(): Promise<StreamPair>;
}

/** Listens for the stream under test, and connects the peer to it. */
async function accepted(
  options: { readonly tls?: TlsServerOptions; readonly path?: string },
): Promise<StreamPair> {
  const { path } = options;
  const listener = listenForStreams({
    hostname: HOST,
    port: 0,
    path,
    tls: options.tls,
    reusePort: false,
    handshakeTimeout: 5_000,
    maxPending: 10,
    onError: (error) => {
      throw error;
    },
  });
  try {
    await listener.ready;
    const { addr } = listener;
    const below = net.connect({
      ...(addr.transport === "tcp"
        ? { host: HOST, port: addr.port }
        : { path: addr.path }),
      ...HALF_OPEN,
    });
    const [taken, peer] = await Promise.all([
      listener.accept(),
      options.tls === undefined
        ? ready(below, "connect")
        : secured(await ready(below, "connect")),
    ]);
    if (taken === undefined) throw new Error("nothing was accepted");
    return pair(taken.stream, peer);
  } finally {
    listener.close();
    if (path !== undefined) rmSync(path, { force: true });
  }
}

/** Has the peer listen, and opens the stream under test. */
async function dialled(
  options: {
    readonly tls?: TlsServerOptions;
    readonly path?: string;
    readonly isProxied?: boolean;
  },
): Promise<StreamPair> {
  const { path, isProxied } = options;
  const incoming = Promise.withResolvers<net.Socket>();
  const server = options.tls === undefined
    ? net.createServer(HALF_OPEN, incoming.resolve)
    : tls.createServer({ ...options.tls, ...HALF_OPEN }, incoming.resolve);
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, HOST, resolve);
    else server.listen(path, resolve);
  });
  try {
    const port = portOf(server);
    const proxy = isProxied ? await openProxy(port) : undefined;
    const scheme = options.tls === undefined ? "ws" : "wss";
    const [{ stream }, peer] = await Promise.all([
      openStream(
        new URL(`${scheme}://${path === undefined ? HOST : "x"}:${port}`),
        {
          caCerts: [CA],
          unix: path,
          proxy: proxy !== undefined && `http://${HOST}:${portOf(proxy)}`,
        },
        new AbortController().signal,
        systemClock,
      ),
      incoming.promise,
    ]);
    return pair(stream, peer);
  } finally {
    server.close();
    if (path !== undefined) rmSync(path, { force: true });
  }
}

/** A duplex that nobody has taken over, and its other end. */
export interface DuplexPair {
  readonly duplex: Duplex;
  readonly peer: net.Socket;
}

/** The socket of an `upgrade` event of `node:http` or `node:https`. */
async function upgraded(isSecure: boolean): Promise<DuplexPair> {
  const server = isSecure
    ? createHttpsServer({ cert: SERVER_CERT, key: SERVER_KEY })
    : createHttpServer();
  const socket = new Promise<Duplex>((resolve) =>
    server.once("upgrade", (_request, socket) => resolve(socket))
  );
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const port = portOf(server);
  const below = await ready(
    net.connect({ host: HOST, port, ...HALF_OPEN }),
    "connect",
  );
  const peer = isSecure ? await secured(below) : below;
  peer.write(
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
  );
  const duplex = await socket;
  server.close();
  return { duplex, peer };
}

/** A duplex of a user's own over a socket. */
async function foreign(): Promise<DuplexPair> {
  const server = net.createServer(HALF_OPEN);
  const socket = new Promise<net.Socket>((resolve) =>
    server.once("connection", resolve)
  );
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const port = portOf(server);
  const below = await ready(
    net.connect({ host: HOST, port, ...HALF_OPEN }),
    "connect",
  );
  const duplex = new ForeignDuplex(await socket);
  server.close();
  return { duplex, peer: below };
}

/** The duplexes that callers bring. */
export const DUPLEX_KINDS: readonly {
  readonly name: string;
  open(): Promise<DuplexPair>;
}[] = [
  { name: "upgrade event, TCP", open: () => upgraded(false) },
  { name: "upgrade event, TLS", open: () => upgraded(true) },
  { name: "duplex of a user", open: foreign },
];

/** Takes over a duplex at once. */
async function taken(
  { open }: typeof DUPLEX_KINDS[number],
): Promise<StreamPair> {
  const { duplex, peer } = await open();
  return pair(new NodeStream(duplex), peer, duplex);
}

/** An HTTP proxy for one connection to `port`. */
async function openProxy(port: number): Promise<net.Server> {
  const proxy = net.createServer(HALF_OPEN, (client) => {
    proxy.close();
    client.once("data", () => {
      const server = net.connect({ host: HOST, port, ...HALF_OPEN }, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        client.pipe(server).pipe(client);
      });
      client.on("error", () => server.destroy());
      client.on("close", () => server.destroy());
      server.on("error", () => client.resetAndDestroy());
      server.on("close", () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, HOST, resolve));
  return proxy;
}

function portOf(server: net.Server): number {
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

/** A duplex that wraps another one, as users write them. */
class ForeignDuplex extends Duplex {
  readonly #socket: net.Socket;

  constructor(socket: net.Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on("data", (bytes) => {
      if (!this.push(bytes)) socket.pause();
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(
    error: Error | null,
    done: (error: Error | null) => void,
  ): void {
    this.#socket.destroy();
    done(error);
  }
}

function pair(
  stream: ByteStream,
  peer: net.Socket,
  duplex?: Duplex,
): StreamPair {
  return {
    stream,
    peer: new NodeStream(peer),
    duplex,
  };
}

/** Waits for an event of a socket. */
function ready(socket: net.Socket, event: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once(event, () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

function secured(below: net.Socket): Promise<net.Socket> {
  return ready(
    tls.connect({ socket: below, ca: [CA], servername: "localhost" }),
    "secureConnect",
  );
}

let paths = 0;

/** Returns a path for a Unix socket. */
export function unixPath(): string {
  return `/tmp/honeybee-test-${pid}-${paths++}.sock`;
}

/** Has `Deno.Conn` carry the streams of a source while `open` runs. */
async function withDenoConn(
  source: StreamSource,
  open: () => Promise<StreamPair>,
): Promise<StreamPair> {
  const before = USES_DENO_CONN[source];
  USES_DENO_CONN[source] = true;
  try {
    return await open();
  } finally {
    USES_DENO_CONN[source] = before;
  }
}

/** Bun drops what it has not handed over. */
const keepsUnread = !("Bun" in globalThis);
/** All kinds that this runtime has. */
export const STREAM_KINDS: readonly StreamKindUnderTest[] = [
  { keepsUnread, name: "TCP, accepted", open: () => accepted({}) },
  { keepsUnread, name: "TCP, dialled", open: () => dialled({}) },
  { keepsUnread, name: "TLS, accepted", open: () => accepted({ tls: TLS }) },
  { keepsUnread, name: "TLS, dialled", open: () => dialled({ tls: TLS }) },
  {
    keepsUnread,
    name: "Unix, accepted",
    isUnix: true,
    open: () => accepted({ path: unixPath() }),
  },
  {
    keepsUnread,
    name: "Unix, dialled",
    isUnix: true,
    open: () => dialled({ path: unixPath() }),
  },
  {
    // The proxy may drop what it holds.
    keepsUnread: false,
    isProxied: true,
    name: "TCP through a proxy",
    open: () => dialled({ isProxied: true }),
  },
  {
    keepsUnread: false,
    isProxied: true,
    name: "TLS through a proxy",
    open: () => dialled({ tls: TLS, isProxied: true }),
  },
  ...DUPLEX_KINDS.map((kind) => ({
    name: kind.name,
    keepsUnread: keepsUnread && kind.name !== "duplex of a user",
    open: () => taken(kind),
  })),
  ...onDeno ? denoKinds() : [],
];

function denoKinds(): StreamKindUnderTest[] {
  return [
    {
      keepsUnread,
      name: "Deno.Conn, TCP, accepted",
      open: () => withDenoConn("accept-tcp", () => accepted({})),
    },
    {
      keepsUnread,
      name: "Deno.Conn, TCP, dialled",
      open: () => withDenoConn("connect-tcp", () => dialled({})),
    },
    {
      keepsUnread,
      name: "Deno.Conn, Unix, accepted",
      isUnix: true,
      open: () =>
        withDenoConn("accept-unix", () => accepted({ path: unixPath() })),
    },
    {
      keepsUnread,
      name: "Deno.Conn, Unix, dialled",
      isUnix: true,
      open: () =>
        withDenoConn("connect-unix", () => dialled({ path: unixPath() })),
    },
  ];
}
