import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { assert, assertEquals } from "@std/assert";
// @ts-types="@types/ws"
import { WebSocket as WsSocket, WebSocketServer } from "ws";
// @ts-types="@types/websocket"
import websocket from "websocket";
import * as undici from "undici";
import faye from "faye-websocket";
import { RecordingReader } from "../testing/mod.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import { listen } from "../transport/server/listen.ts";
import type { Message } from "../transport/base/message.ts";
import type { Socket, SocketOptions } from "../transport/socket/socket.ts";

const HOST = "127.0.0.1";
const MIB = 1_048_576;

/** What is sent to and fro: every length encoding, empty ones, astral characters, 16 MiB. */
const MESSAGES: readonly Message[] = [
  "",
  new Uint8Array(0),
  "x",
  "\u{1f41d} buzz \u{10ffff} \u00fc \ufeff",
  ...[125, 126, 65_535, 65_536, 16 * MIB].map(pattern),
  "\u{1f36f}".repeat(100_000),
  pattern(1_000_000),
];

function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = i * 31 >> 3;
  return bytes;
}

/** Ours takes large messages, and makes a thousand fragments of the largest. */
const OPTIONS: SocketOptions = {
  maxMessageSize: 20 * MIB,
  maxFragments: 20_000,
  fragmentSize: 16_384,
};

/** A client of another make. */
interface ForeignClient {
  /** Sends a message and gives what comes back. */
  exchange(data: Message): Promise<Message>;
  /** Closes with 1000, and gives the code that was answered. */
  close(): Promise<number>;
}

/** An echo server of another make. */
interface ForeignServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Make {
  readonly name: string;
  readonly client?: (url: string) => Promise<ForeignClient>;
  readonly server?: () => Promise<ForeignServer>;
  readonly deflates: { readonly client: boolean; readonly server: boolean };
}

/** What the sockets of browsers have, and those that take after them. */
interface EventSocket {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code: number): void;
}

async function eventClient(socket: EventSocket): Promise<ForeignClient> {
  socket.binaryType = "arraybuffer";
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<number>();
  let answered = Promise.withResolvers<Message>();
  socket.onopen = () => opened.resolve();
  socket.onerror = () => opened.reject(new Error("It did not open"));
  socket.onmessage = ({ data }: { data: unknown }) =>
    answered.resolve(toMessage(data));
  socket.onclose = ({ code }: { code: number }) => closed.resolve(code);
  await opened.promise;
  return {
    exchange(data) {
      answered = Promise.withResolvers();
      socket.send(typeof data === "string" ? data : Buffer.from(data));
      return answered.promise;
    },
    close() {
      socket.close(1000);
      return closed.promise;
    },
  };
}

function toMessage(data: unknown): Message {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (data instanceof Uint8Array) return new Uint8Array(data);
  assert(typeof data === "string");
  return data;
}

function start(server: Server): Promise<ForeignServer> {
  return new Promise((resolve) => {
    server.listen(0, HOST, () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" ? address?.port ?? 0 : 0,
        close: () =>
          new Promise((done) => {
            server.closeAllConnections();
            server.close(() => done());
          }),
      });
    });
  });
}

const CLIENT_OPTIONS = {
  maxReceivedFrameSize: 20 * MIB,
  maxReceivedMessageSize: 20 * MIB,
  fragmentationThreshold: 16_384,
};

const MAKES: readonly Make[] = [
  {
    name: "ws",
    deflates: { client: true, server: true },
    async client(url) {
      const socket = new WsSocket(url, {
        perMessageDeflate: { threshold: 0 },
        maxPayload: 20 * MIB,
      });
      const { exchange, ...rest } = await eventClient(socket);
      return {
        ...rest,
        exchange(data) {
          if (data.length !== 1_000_000 || typeof data === "string") {
            return exchange(data);
          }
          const answer = new Promise<Message>((resolve) =>
            socket.once("message", (got: Uint8Array) => resolve(toMessage(got)))
          );
          for (let i = 0; i < 1_000; i++) {
            const piece = data.subarray(i * 1_000, (i + 1) * 1_000);
            socket.send(piece, { fin: i === 999, binary: true });
          }
          return answer;
        },
      };
    },
    async server() {
      const http = createServer();
      const server = new WebSocketServer({
        server: http,
        perMessageDeflate: { threshold: 0 },
        maxPayload: 20 * MIB,
      });
      server.on("connection", (socket) => {
        socket.on("message", (data, binary) => socket.send(data, { binary }));
      });
      const started = await start(http);
      return {
        ...started,
        async close() {
          server.close();
          await started.close();
        },
      };
    },
  },
  {
    name: "websocket",
    deflates: { client: false, server: false },
    async client(url) {
      const client = new websocket.client(CLIENT_OPTIONS);
      const connection = await new Promise<websocket.connection>(
        (resolve, reject) => {
          client.on("connect", resolve);
          client.on("connectFailed", reject);
          client.connect(url);
        },
      );
      return {
        exchange(data) {
          const answer = new Promise<Message>((resolve) =>
            connection.once("message", (message) =>
              resolve(
                message.type === "utf8"
                  ? message.utf8Data
                  : toMessage(message.binaryData),
              ))
          );
          if (typeof data === "string") connection.sendUTF(data);
          else connection.sendBytes(Buffer.from(data));
          return answer;
        },
        close() {
          const closed = new Promise<number>((resolve) =>
            connection.once("close", resolve)
          );
          connection.close(1000);
          return closed;
        },
      };
    },
    server() {
      const http = createServer();
      const server = new websocket.server({
        ...CLIENT_OPTIONS,
        httpServer: http,
        autoAcceptConnections: true,
      });
      server.on("connect", (connection) => {
        connection.on("message", (message) => {
          if (message.type === "utf8") connection.sendUTF(message.utf8Data);
          else connection.sendBytes(message.binaryData);
        });
      });
      return start(http);
    },
  },
  {
    name: "faye-websocket",
    deflates: { client: false, server: false },
    client: (url) =>
      eventClient(new faye.Client(url, [], { maxLength: 20 * MIB })),
    server() {
      const http = createServer();
      http.on(
        "upgrade",
        (request: IncomingMessage, socket: Duplex, head: Buffer) => {
          const server = new faye(request, socket, head, [], {
            maxLength: 20 * MIB,
          });
          server.on(
            "message",
            ({ data }: { data: string }) => server.send(data),
          );
        },
      );
      return start(http);
    },
  },
  {
    name: "undici",
    deflates: { client: true, server: false },
    client: (url) => eventClient(new undici.WebSocket(url)),
  },
  {
    name: "Deno's own",
    deflates: { client: false, server: false },
    client: (url) => eventClient(new WebSocket(url)),
    server() {
      const server = Deno.serve(
        { hostname: HOST, port: 0, onListen: () => {} },
        (request) => {
          const { socket, response } = Deno.upgradeWebSocket(request);
          socket.binaryType = "arraybuffer";
          socket.onmessage = ({ data }) => socket.send(data);
          return response;
        },
      );
      return Promise.resolve({
        port: server.addr.port,
        close: () => server.shutdown(),
      });
    },
  },
];

/** An echo server of ours: reads and writes in turn. */
function echo(socket: Socket): void {
  const reader = new RecordingReader();
  reader.message = (data) => {
    socket.write(data, true);
    return true;
  };
  socket.start(reader);
}

for (const { name, client, server, deflates } of MAKES) {
  for (const compression of [false, true]) {
    const with_ = compression ? " with compression" : "";

    if (client !== undefined && (!compression || deflates.client)) {
      // undici leaves a timer of its own behind.
      const sanitizeOps = name !== "undici", sanitizeResources = sanitizeOps;
      Deno.test(`the client of ${name} talks to listen${with_}`, {
        sanitizeOps,
        sanitizeResources,
      }, async () => {
        await using listener = listen({
          hostname: HOST,
          compression,
          ...OPTIONS,
        });
        const { addr } = listener;
        assert(addr.transport === "tcp");
        const sockets: Socket[] = [];
        const accepting = (async () => {
          for await (const incoming of listener) {
            const socket = incoming.accept();
            sockets.push(socket);
            echo(socket);
          }
        })();
        const peer = await client(`ws://${HOST}:${addr.port}/`);
        for (const message of MESSAGES) await check(peer.exchange, message);
        assertEquals(await peer.close(), 1000);
        const [socket] = sockets;
        assertEquals(socket?.extensions !== "", compression);
        const end = await socket?.closed;
        assertEquals([end?.code, end?.clean], [1000, true]);
        await listener.close();
        await accepting;
      });
    }

    if (server !== undefined && (!compression || deflates.server)) {
      Deno.test(`dialRaw talks to the server of ${name}${with_}`, async () => {
        const peer = await server();
        const socket = await dialRaw(`ws://${HOST}:${peer.port}/`, {
          compression,
          ...OPTIONS,
        });
        assertEquals(socket.extensions !== "", compression);
        const reader = new RecordingReader();
        socket.start(reader);
        for (const message of MESSAGES) {
          await check(async (data) => {
            socket.write(data);
            return await reader.take() ?? "";
          }, message);
        }
        socket.close(1000, "done");
        const end = await socket.closed;
        assertEquals([end.code, end.clean], [1000, true]);
        await peer.close();
      });
    }
  }
}

async function check(
  exchange: (data: Message) => Promise<Message>,
  sent: Message,
): Promise<void> {
  const got = await exchange(sent);
  assertEquals(typeof got, typeof sent);
  assertEquals(got.length, sent.length);
  if (typeof got === "string" || typeof sent === "string") {
    assert(got === sent);
  } else {
    assertEquals(Buffer.compare(got, sent), 0);
  }
}
