/** Ways in which a socket of ours and a peer that writes its frames by hand can meet, over every kind of stream. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { dialRaw, listen, type Socket } from "../../mod.ts";
import {
  CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../../transport/_support/certificates.ts";
import { join } from "../../transport/_support/bytes.ts";
import { HandPeer } from "../../transport/_support/raw.ts";
import { UNIX_PATH } from "../../transport/_support/unix_path.ts";
import { type Accepting, acceptNode } from "./setups.ts";

const HOST = "127.0.0.1";
const TLS = { cert: SERVER_CERT, key: SERVER_KEY };
const UNLIMITED = { maxMessageSize: 0 };

/** Which side of the connection is ours, and what it runs over. */
export const HAND_SETUPS = [
  "server over TCP",
  "server over TLS",
  "server over a Unix socket",
  "server of node:http",
  "client over TCP",
  "client over TLS",
  "client over a Unix socket",
] as const;

/** One of {@link HAND_SETUPS}. */
export type HandSetup = typeof HAND_SETUPS[number];

/** A socket of ours, and its peer in the hands of the test. */
export interface Met extends AsyncDisposable {
  readonly ours: Socket;
  readonly peer: HandPeer;
}

/** Opens two connected sockets. */
export async function meetByHand(setup: HandSetup): Promise<Met> {
  const kind = kindOf(setup);
  const [ours, stream, close] = setup.startsWith("client")
    ? await serveByHand(kind)
    : await dialByHand(kind);
  const peer = new HandPeer(
    stream,
    setup.startsWith("client") ? "server" : "client",
  );
  return {
    ours,
    peer,
    async [Symbol.asyncDispose]() {
      ours.terminate();
      peer[Symbol.dispose]();
      await ours.closed;
      await close();
    },
  };
}

type Kind = "TCP" | "TLS" | "Unix" | "node:http";
type Ways = readonly [Socket, Deno.Conn, () => Promise<void> | void];

function kindOf(setup: HandSetup): Kind {
  if (setup.endsWith("Unix socket")) return "Unix";
  if (setup.endsWith("TLS")) return "TLS";
  return setup.endsWith("TCP") ? "TCP" : "node:http";
}

/** Our server, and a client by hand. */
async function dialByHand(kind: Kind): Promise<Ways> {
  const server = kind === "node:http" ? await acceptNode() : accept(kind);
  const conn = kind === "Unix"
    ? await Deno.connect({ transport: "unix", path: UNIX_PATH })
    : kind === "TLS"
    ? await Deno.connectTls({
      hostname: HOST,
      port: server.port,
      caCerts: [CA],
    })
    : await Deno.connect({ hostname: HOST, port: server.port });
  await write(conn, [
    "GET / HTTP/1.1",
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ]);
  const ours = await server.accepted;
  await readHead(conn);
  return [ours, conn, server.close];
}

/** Our client, and a server by hand. */
async function serveByHand(kind: Kind): Promise<Ways> {
  const listener = kind === "Unix"
    ? Deno.listen({ transport: "unix", path: UNIX_PATH })
    : kind === "TLS"
    ? Deno.listenTls({ hostname: HOST, port: 0, ...TLS })
    : Deno.listen({ hostname: HOST, port: 0 });
  const { addr } = listener;
  const dialled = addr.transport === "tcp"
    ? dialRaw(`${kind === "TLS" ? "wss" : "ws"}://${HOST}:${addr.port}`, {
      ...UNLIMITED,
      ...(kind === "TLS" && { caCerts: [CA] }),
    })
    : dialRaw("ws://localhost", { ...UNLIMITED, unix: UNIX_PATH });
  const conn = await listener.accept();
  const [, key = ""] = /^sec-websocket-key: (.*)\r$/im.exec(
    await readHead(conn),
  ) ?? [];
  await write(conn, [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptOf(key)}`,
  ]);
  const close = () => listener.close();
  return [await dialled, conn, close];
}

function accept(kind: Kind): Accepting {
  const listener = kind === "Unix"
    ? listen({ path: UNIX_PATH })
    : listen({ hostname: HOST, ...(kind === "TLS" && { tls: TLS }) });
  const incoming = listener[Symbol.asyncIterator]();
  return {
    port: kind === "Unix" ? 0 : listener.port,
    accepted: incoming.next().then(({ value }) => {
      if (value === undefined) throw new Error("Nobody came");
      return value.accept(UNLIMITED);
    }),
    close: () => listener.close(),
  };
}

async function write(conn: Deno.Conn, lines: readonly string[]): Promise<void> {
  const bytes = Buffer.from([...lines, "", ""].join("\r\n"));
  for (let at = 0; at < bytes.length;) {
    at += await conn.write(bytes.subarray(at));
  }
}

/** Reads a head byte by byte, so that nothing behind it is taken. */
async function readHead(conn: Deno.Conn): Promise<string> {
  let head = new Uint8Array(0);
  const byte = new Uint8Array(1);
  const end = "\r\n\r\n";
  while (!new TextDecoder().decode(head).endsWith(end)) {
    if (await conn.read(byte) === null) throw new Error("The stream ended");
    head = join(head, byte);
  }
  return new TextDecoder().decode(head);
}

function acceptOf(key: string): string {
  return createHash("sha1")
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}
