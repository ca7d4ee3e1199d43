/** Ways in which two raw sockets can meet, with a proxy between them that can break things. */

import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { dialRaw, listen, type Socket, upgradeNode } from "../../mod.ts";
import { FaultProxy } from "../../testing/mod.ts";
import type { Direction } from "../../testing/mod.ts";
import {
  CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../../transport/_support/certificates.ts";

const HOST = "127.0.0.1";

/** Which side of the connection is ours, and what it runs over. */
export const SETUPS = [
  "client over TCP",
  "server over TCP",
  "client over TLS",
  "server over TLS",
  "server of node:http",
] as const;

/** One of {@link SETUPS}. */
export type Setup = typeof SETUPS[number];

/** Two sockets that are connected through a proxy. */
export interface Met extends AsyncDisposable {
  readonly ours: Socket;
  readonly peer: Socket;
  readonly proxy: FaultProxy;
  /** The way of the proxy from us to the peer. */
  readonly toPeer: Direction;
  /** The way of the proxy from the peer to us. */
  readonly toUs: Direction;
}

/** Something that accepts one socket. */
export interface Accepting {
  readonly port: number;
  readonly accepted: Promise<Socket>;
  close(): Promise<void>;
}

/** Opens two connected sockets. */
export async function meet(setup: Setup): Promise<Met> {
  const secure = setup.endsWith("TLS");
  const server = setup.endsWith("node:http")
    ? await acceptNode()
    : await acceptRaw(secure);
  const proxy = await FaultProxy.listen({ hostname: HOST, port: server.port });
  const dialled = dialRaw(
    `${secure ? "wss" : "ws"}://${HOST}:${proxy.addr.port}`,
    { ...(secure && { caCerts: [CA] }), maxMessageSize: 0 },
  );
  const [client, accepted] = await Promise.all([dialled, server.accepted]);
  const isClient = setup.startsWith("client");
  return {
    ours: isClient ? client : accepted,
    peer: isClient ? accepted : client,
    proxy,
    toPeer: isClient ? "up" : "down",
    toUs: isClient ? "down" : "up",
    async [Symbol.asyncDispose]() {
      client.terminate();
      accepted.terminate();
      await proxy.close();
      await server.close();
    },
  };
}

async function acceptRaw(secure: boolean): Promise<Accepting> {
  const listener = listen({
    hostname: HOST,
    ...(secure && { tls: { cert: SERVER_CERT, key: SERVER_KEY } }),
  });
  await listener.ready;
  const incoming = listener[Symbol.asyncIterator]();
  return {
    port: listener.port,
    accepted: incoming.next().then(({ value }) => {
      if (value === undefined) throw new Error("Nobody came");
      return value.accept({ maxMessageSize: 0 });
    }),
    close: () => listener.close(),
  };
}

/** Accepts one socket with `node:http` and `upgradeNode`. */
export async function acceptNode(): Promise<Accepting> {
  const server = createServer();
  const accepted = new Promise<Socket>((resolve) =>
    server.on(
      "upgrade",
      (request: IncomingMessage, stream: Duplex, head: Buffer) =>
        resolve(upgradeNode(request, stream, head, { maxMessageSize: 0 })),
    )
  );
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  return {
    port: typeof address === "object" ? address?.port ?? 0 : 0,
    accepted,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
