import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import {
  type DialOptions,
  HandshakeError,
  listen,
  type Socket,
  upgradeNode,
} from "../../../mod.ts";
import {
  CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../../../transport/_support/certificates.ts";

/** The ways to accept raw sockets. */
export const DOORS = [
  "tcp",
  "tls",
  "reusePort",
  "unix",
  "upgradeNode",
  "upgradeNode over TLS",
] as const;
export type Door = typeof DOORS[number];

const HOST = "127.0.0.1";
const TLS = { cert: SERVER_CERT, key: SERVER_KEY };

/** Whether a door speaks TLS. */
export function isSecure(door: Door): boolean {
  return door === "tls" || door === "upgradeNode over TLS";
}

/** Returns what a peer dials. */
export function targetOf(
  door: Door,
  port: number,
  path: string,
): readonly [string, DialOptions] {
  return [
    `${isSecure(door) ? "wss" : "ws"}://localhost:${port}`,
    {
      caCerts: [CA],
      handshakeTimeout: 20_000,
      ...(door === "unix" && { unix: path }),
    },
  ];
}

/** What happens at a door. */
export interface DoorHandler {
  accepted(socket: Socket): void;
  /** Errors that concern no single peer. */
  error(error: Error): void;
}

/** A door that is open. */
export interface OpenDoor {
  readonly port: number;
  close(): Promise<void>;
}

/** Opens a door. */
export async function openDoor(
  door: Door,
  path: string,
  handler: DoorHandler,
): Promise<OpenDoor> {
  return door === "upgradeNode" || door === "upgradeNode over TLS"
    ? await openHttp(isSecure(door), handler)
    : await openListener(door, path, handler);
}

async function openHttp(
  secure: boolean,
  handler: DoorHandler,
): Promise<OpenDoor> {
  const server = secure ? createHttpsServer(TLS) : createHttpServer();
  server.on("upgrade", (request, socket, head) => {
    handler.accepted(upgradeNode(request, socket, head));
  });
  server.on("error", (error) => handler.error(error));
  server.listen(0, HOST);
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" ? address?.port ?? 0 : 0,
    async close() {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

async function openListener(
  door: "tcp" | "tls" | "reusePort" | "unix",
  path: string,
  handler: DoorHandler,
): Promise<OpenDoor> {
  const listener = listen({
    handshakeTimeout: 0,
    ...(door !== "unix" && { hostname: HOST }),
    ...(door === "tls" && { tls: TLS }),
    ...(door === "reusePort" && { reusePort: true }),
    ...(door === "unix" && { path }),
  });
  await listener.ready;
  void (async () => {
    for await (const { error } of listener.errors) {
      if (!(error instanceof HandshakeError)) handler.error(error);
    }
  })();
  void (async () => {
    for await (const incoming of listener) {
      if (incoming.open) handler.accepted(incoming.accept());
    }
  })();
  return { port: listener.port, close: () => listener.close() };
}
