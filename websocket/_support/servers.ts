/** Servers to test the client against: of this library, plain and with TLS, and of npm ws. */

import { createServer } from "node:http";
import type { Socket as TcpSocket } from "node:net";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import {
  CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../../transport/_support/certificates.ts";
import { RecordingReader } from "../../testing/recording_reader.ts";
import { listen } from "../../transport/server/listen.ts";
import type { ListenOptions } from "../../transport/server/listen_options.ts";
import { Queue } from "../../transport/base/queue.ts";
import type { WebSocketOptions } from "../options.ts";

const HOST = "127.0.0.1";

/** A request for an upgrade, as a server saw it. */
export interface SeenRequest {
  /** Path and query. */
  readonly target: string;
  /** The headers. */
  readonly headers: Headers;
}

/** How a connection ended, as a server saw it. */
export interface SeenClose {
  readonly code: number;
  readonly reason: string;
}

/**
 * A server that sends back what it gets, in the kind that it has, and agrees to the first subprotocol that is offered.
 * The text "close CODE REASON" has it close, "cut" has it leave without a close frame.
 */
export interface Server extends AsyncDisposable {
  /** The URL without a path. */
  readonly url: string;
  /** What a client needs to connect to it. */
  readonly options: WebSocketOptions;
  readonly requests: readonly SeenRequest[];
  readonly closes: Queue<SeenClose>;
}

/** Makes a server of each kind. */
export const SERVERS: Readonly<Record<string, () => Promise<Server>>> = {
  "listen": () => listenServer("ws", {}),
  "listen with TLS": () =>
    listenServer("wss", { tls: { cert: SERVER_CERT, key: SERVER_KEY } }),
  "npm ws": foreignServer,
};

/** Tests something against a server of each kind. */
export function testEveryServer(
  name: string,
  run: (server: Server) => Promise<void>,
): void {
  Deno.test(name, async (t) => {
    for (const [kind, open] of Object.entries(SERVERS)) {
      await t.step(kind, async () => {
        await using server = await open();
        await run(server);
      });
    }
  });
}

/** What a text asks a server to do. */
function commandOf(text: string): SeenClose | "cut" | undefined {
  const [, code, reason = ""] = /^close (\d+) ?(.*)$/.exec(text) ?? [];
  if (code !== undefined) return { code: Number(code), reason };
  return text === "cut" ? "cut" : undefined;
}

/** A server of this library. */
export async function listenServer(
  scheme: string,
  options: ListenOptions,
): Promise<Server> {
  const listener = listen({
    hostname: HOST,
    protocols: ([first]) => first,
    compression: true,
    ...options,
  });
  await listener.ready;
  const requests: SeenRequest[] = [];
  const closes = new Queue<SeenClose>({ capacity: 100 });
  const accepting = (async () => {
    for await (const incoming of listener) {
      const { url, headers } = incoming.request;
      const { pathname, search } = new URL(url);
      requests.push({ target: pathname + search, headers });
      const socket = incoming.accept();
      const reader = new RecordingReader();
      reader.message = (data) => {
        const command = typeof data === "string" ? commandOf(data) : undefined;
        if (command === undefined) socket.write(data, true);
        else if (command === "cut") socket.terminate();
        else socket.close(command.code, command.reason);
        return true;
      };
      socket.start(reader);
      void socket.closed.then(({ code, reason }) =>
        closes.push({ code, reason })
      );
    }
  })();
  return {
    url: `${scheme}://localhost:${listener.port}`,
    options: scheme === "wss" ? { caCerts: [CA] } : {},
    requests,
    closes,
    async [Symbol.asyncDispose]() {
      await listener.close();
      await accepting;
    },
  };
}

/** A server of npm ws. */
export async function foreignServer(): Promise<Server> {
  const requests: SeenRequest[] = [];
  const closes = new Queue<SeenClose>({ capacity: 100 });
  const http = createServer();
  const streams = new Set<TcpSocket>();
  http.on("connection", (stream) => {
    streams.add(stream);
    stream.on("close", () => streams.delete(stream));
  });
  const server = new WebSocketServer({ server: http, perMessageDeflate: true });
  server.on("connection", (socket, { url = "", headers }) => {
    requests.push({
      target: url,
      headers: new Headers(
        Object.entries(headers).map(([name, value]) => [name, `${value}`]),
      ),
    });
    socket.on("message", (data, binary) => {
      const command = binary ? undefined : commandOf(data.toString());
      if (command === undefined) socket.send(data, { binary });
      else if (command === "cut") socket.terminate();
      else socket.close(command.code, command.reason);
    });
    socket.on(
      "close",
      (code, reason) => closes.push({ code, reason: reason.toString() }),
    );
  });
  await new Promise<void>((resolve) => http.listen(0, HOST, resolve));
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error();
  return {
    url: `ws://localhost:${address.port}`,
    options: {},
    requests,
    closes,
    async [Symbol.asyncDispose]() {
      for (const stream of streams) stream.destroy();
      server.close();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
