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
interface Wishes {
  readonly id: string;
  readonly compression: boolean;
  readonly fragmentSize: number;
}

/** A server of ours that hands over the connections it accepts, by the path of their URL. */
export interface Door extends AsyncDisposable {
  readonly port: number;
  /** Whether it can compress, send fragments and ping: whether it has raw sockets. */
  readonly raw: boolean;
  /** The connection whose path is `/id`; waits for it. */
  connection(id: string): Promise<Connection>;
}

/** The names of our servers. */
export const DOORS = ["listen", "upgradeNode", "upgrade"] as const;
/** One of our servers. */
export type DoorName = typeof DOORS[number];

/** The URL that opens a connection at a door. */
export function doorUrl(
  origin: string,
  id: string,
  wishes: { readonly compression?: boolean; readonly fragmentSize?: number },
): string {
  const query = new URLSearchParams();
  if (wishes.compression) query.set("compression", "1");
  if (wishes.fragmentSize) query.set("fragments", `${wishes.fragmentSize}`);
  return `${origin}/${id}?${query}`;
}

/** Opens one of our servers on a free port. */
export async function openDoor(
  name: DoorName,
  options: Pick<ListenOptions, "port" | "tls"> = {},
): Promise<Door> {
  const accepted = new Accepted();
  switch (name) {
    case "listen":
      return await openListener(accepted, options);
    case "upgradeNode":
      return await openNode(accepted, options.port ?? 0);
    case "upgrade":
      return openServe(accepted, options.port ?? 0);
  }
}

/** Connections that were accepted, by their id. */
class Accepted {
  readonly #byId = new Map<string, PromiseWithResolvers<Connection>>();

  add(id: string, socket: Socket): void {
    this.#slot(id).resolve(Connection.fromSocket(socket, { pingInterval: 0 }));
  }

  get(id: string): Promise<Connection> {
    return this.#slot(id).promise;
  }

  #slot(id: string): PromiseWithResolvers<Connection> {
    const slot = this.#byId.get(id) ?? Promise.withResolvers<Connection>();
    this.#byId.set(id, slot);
    return slot;
  }
}

function wishesOf(url: string): Wishes {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  return {
    id: pathname.slice(1),
    compression: searchParams.has("compression"),
    fragmentSize: Number(searchParams.get("fragments") ?? 0),
  };
}

function acceptOptions({ compression, fragmentSize }: Wishes) {
  return {
    protocols: PROTOCOLS,
    compression: compression && { threshold: 0 },
    fragmentSize,
  };
}

async function openListener(
  accepted: Accepted,
  options: Pick<ListenOptions, "port" | "tls">,
): Promise<Door> {
  const listener = listen({ hostname: HOST, ...options });
  await listener.ready;
  const accepting = (async () => {
    for await (const incoming of listener) {
      const wishes = wishesOf(incoming.request.url);
      accepted.add(wishes.id, incoming.accept(acceptOptions(wishes)));
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

async function openNode(accepted: Accepted, port: number): Promise<Door> {
  const server = createServer((_, response) => response.end("hello"));
  server.on("upgrade", (request, socket, head) => {
    const wishes = wishesOf(request.url ?? "");
    const options = acceptOptions(wishes);
    accepted.add(wishes.id, upgradeNode(request, socket, head, options));
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

function openServe(accepted: Accepted, port: number): Door {
  const server = Deno.serve(
    { hostname: HOST, port, onListen: () => {} },
    (request) => {
      const { id } = wishesOf(request.url);
      const upgraded = upgrade(request, { protocols: PROTOCOLS });
      accepted.add(id, upgraded.socket);
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
