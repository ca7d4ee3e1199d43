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
export const LISTENER_KINDS = [
  "tcp",
  "tls",
  "reusePort",
  "unix",
  "upgradeNode",
  "upgradeNode over TLS",
] as const;
export type ListenerKind = typeof LISTENER_KINDS[number];

const HOST = "127.0.0.1";
const TLS = { cert: SERVER_CERT, key: SERVER_KEY };

/** Whether a kind of listener uses TLS. */
export function isSecure(kind: ListenerKind): boolean {
  return kind === "tls" || kind === "upgradeNode over TLS";
}

/** Returns the URL and the options with which a client dials. */
export function targetOf(
  kind: ListenerKind,
  port: number,
  path: string,
): readonly [string, DialOptions] {
  return [
    kind === "unix"
      ? "ws://localhost"
      : `${isSecure(kind) ? "wss" : "ws"}://localhost:${port}`,
    {
      ...(isSecure(kind) && { caCerts: [CA] }),
      handshakeTimeout: 20_000,
      ...(kind === "unix" && { unix: path }),
    },
  ];
}

/** What a listener reports. */
export interface ListeningHandler {
  accepted(socket: Socket): void;
  /** Errors that concern no single peer. */
  error(error: Error): void;
}

/** A listener of any kind. */
export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a listener. */
export async function startListening(
  kind: ListenerKind,
  path: string,
  handler: ListeningHandler,
): Promise<Listening> {
  return kind === "upgradeNode" || kind === "upgradeNode over TLS"
    ? await openHttp(isSecure(kind), handler)
    : await openListener(kind, path, handler);
}

async function openHttp(
  secure: boolean,
  handler: ListeningHandler,
): Promise<Listening> {
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
  kind: "tcp" | "tls" | "reusePort" | "unix",
  path: string,
  handler: ListeningHandler,
): Promise<Listening> {
  const listener = listen({
    handshakeTimeout: 0,
    ...(kind !== "unix" && { hostname: HOST }),
    ...(kind === "tls" && { tls: TLS }),
    ...(kind === "reusePort" && { reusePort: true }),
    ...(kind === "unix" && { path }),
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
