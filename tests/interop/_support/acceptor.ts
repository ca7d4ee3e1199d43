import { createServer, type Server } from "node:http";
import {
  Connection,
  listen,
  type ListenOptions,
  type Socket,
  upgrade,
  upgradeNode,
} from "../../../mod.ts";

const HOST = "127.0.0.1";
/** The protocols that our servers select from, the preferred one first. */
export const PROTOCOLS = ["beta", "gamma"];

/** What the URL of a request asks of our server. */
export interface Wishes {
  readonly compression?: boolean | undefined;
  /** Messages go out in fragments of this many bytes. */
  readonly fragmentSize?: number | undefined;
  /** Milliseconds between pings. */
  readonly pingInterval?: number | undefined;
}

interface Request {
  readonly id: string;
  readonly compression: boolean;
  readonly fragmentSize: number;
  readonly pingInterval: number;
}

/**
 * Messages that may wait on a connection of ours. Deno's own WebSocket cannot pause reading, so a
 * connection over it ends if a burst of a test exceeds this.
 */
export const INCOMING = 1_000;

/** Our end of a connection. */
export interface Ours {
  readonly connection: Connection;
  /** Closes without a code too, which a connection does not. */
  readonly socket: Socket;
}

/** A server of ours that hands over the connections it accepts, by the path of their URL. */
export interface Acceptor extends AsyncDisposable {
  readonly port: number;
  /** Whether it can compress, send fragments and ping: whether it has raw sockets. */
  readonly raw: boolean;
  /** The connection whose path is `/id`, and its socket; waits for it. */
  connection(id: string): Promise<Ours>;
}

/** The names of our servers. */
export const ACCEPTORS = ["listen", "upgradeNode", "upgrade"] as const;
/** One of our servers. */
export type AcceptorName = typeof ACCEPTORS[number];

/** The URL that connects to an acceptor. */
export function acceptorUrl(
  origin: string,
  id: string,
  wishes: Wishes,
): string {
  const query = new URLSearchParams();
  if (wishes.compression) query.set("compression", "1");
  if (wishes.fragmentSize) query.set("fragments", `${wishes.fragmentSize}`);
  if (wishes.pingInterval) query.set("ping", `${wishes.pingInterval}`);
  return `${origin}/${id}?${query}`;
}

/** Options of {@linkcode openAcceptor}. */
export interface AcceptorOptions extends Pick<ListenOptions, "port" | "tls"> {
  /** Sees each connection and its socket. */
  readonly onConnection?: (
    id: string,
    connection: Connection,
    socket: Socket,
  ) => void;
}

/** Opens one of our servers on a free port. */
export async function openAcceptor(
  name: AcceptorName,
  { onConnection, port = 0, tls }: AcceptorOptions = {},
): Promise<Acceptor> {
  const accepted = new Accepted(onConnection);
  switch (name) {
    case "listen":
      return await openListener(accepted, { port, tls });
    case "upgradeNode":
      return await openNode(accepted, port);
    case "upgrade":
      return openServe(accepted, port);
  }
}

/** Connections that were accepted, by their id. */
class Accepted {
  readonly #byId = new Map<string, PromiseWithResolvers<Ours>>();
  readonly #onConnection: AcceptorOptions["onConnection"];

  constructor(onConnection: AcceptorOptions["onConnection"]) {
    this.#onConnection = onConnection;
  }

  add({ id, pingInterval }: Request, socket: Socket): void {
    const connection = new Connection(socket, {
      pingInterval,
      incomingBufferSize: INCOMING,
    });
    this.#slot(id).resolve({ connection, socket });
    this.#onConnection?.(id, connection, socket);
  }

  get(id: string): Promise<Ours> {
    return this.#slot(id).promise;
  }

  #slot(id: string): PromiseWithResolvers<Ours> {
    const slot = this.#byId.get(id) ?? Promise.withResolvers<Ours>();
    this.#byId.set(id, slot);
    return slot;
  }
}

function requestOf(url: string): Request {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  return {
    id: pathname.slice(1),
    compression: searchParams.has("compression"),
    fragmentSize: Number(searchParams.get("fragments") ?? 0),
    pingInterval: Number(searchParams.get("ping") ?? 0),
  };
}

function acceptOptions({ compression, fragmentSize }: Request) {
  return {
    protocols: PROTOCOLS,
    compression: compression && { threshold: 0 },
    fragmentSize,
  };
}

async function openListener(
  accepted: Accepted,
  options: Pick<ListenOptions, "port" | "tls">,
): Promise<Acceptor> {
  const listener = listen({ hostname: HOST, ...options });
  await listener.ready;
  const accepting = (async () => {
    for await (const incoming of listener) {
      const request = requestOf(incoming.request.url);
      accepted.add(request, incoming.accept(acceptOptions(request)));
    }
  })();
  return {
    port: listener.port,
    raw: true,
    connection: (id) => accepted.get(id),
    async [Symbol.asyncDispose]() {
      await listener.close();
      await accepting;
    },
  };
}

async function openNode(accepted: Accepted, port: number): Promise<Acceptor> {
  const server = createServer((_, response) => response.end("hello"));
  server.on("upgrade", (message, socket, head) => {
    const request = requestOf(message.url ?? "");
    const options = acceptOptions(request);
    accepted.add(request, upgradeNode(message, socket, head, options));
  });
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  return {
    port: portOf(server),
    raw: true,
    connection: (id) => accepted.get(id),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function openServe(accepted: Accepted, port: number): Acceptor {
  const server = Deno.serve(
    { hostname: HOST, port, onListen: () => {} },
    (given) => {
      const request = requestOf(given.url);
      // The runtime pings a peer that was silent for half of the timeout.
      const inactivityTimeout = 2 * request.pingInterval;
      const upgraded = upgrade(given, {
        protocols: PROTOCOLS,
        inactivityTimeout,
      });
      accepted.add({ ...request, pingInterval: 0 }, upgraded.socket);
      return upgraded.response;
    },
  );
  return {
    port: server.addr.port,
    raw: false,
    connection: (id) => accepted.get(id),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}
