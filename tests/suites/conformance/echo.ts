import { assert } from "@std/assert";
import { Connection, dialRaw, listen, type Socket } from "../../../mod.ts";
import { utf8 } from "../../../transport/_support/bytes.ts";
import { HandPeer } from "../../../transport/_support/raw.ts";

const LIMITS = { maxMessageSize: 32 << 20, maxFragments: 0 } as const;

/** The role of an echo. */
export type Role = "client" | "server";

/**
 * Connects an echo of the library, in one of its roles, to a peer that writes its handshake and its frames by hand, and
 * waits until both have ended.
 *
 * @param extensions The value of `Sec-WebSocket-Extensions` that the peer sends, "" for none.
 */
export async function withEcho(
  role: Role,
  extensions: string,
  body: (peer: HandPeer) => Promise<void>,
): Promise<void> {
  const options = {
    ...LIMITS,
    compression: extensions !== "" && { threshold: 0 },
  };
  const header = extensions && `Sec-WebSocket-Extensions: ${extensions}\r\n`;
  if (role === "server") {
    await using listener = listen({ hostname: "127.0.0.1", ...options });
    const serving = (async () => {
      for await (const incoming of listener) {
        await echo(incoming.accept());
        break;
      }
    })();
    await listener.ready;
    const conn = await Deno.connect({
      hostname: "127.0.0.1",
      port: listener.port,
    });
    using peer = new HandPeer(conn, "client");
    await peer.raw(utf8(
      `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${header}\r\n`,
    ));
    const head = await readHead(conn);
    assert(head.startsWith("HTTP/1.1 101"), head);
    assert(head.includes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), head);
    await body(peer);
    peer[Symbol.dispose]();
    await serving;
    return;
  }
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `ws://127.0.0.1:${listener.addr.port}`;
  const dialling = dialRaw(url, options);
  const conn = await listener.accept();
  using peer = new HandPeer(conn, "server");
  const accept = await acceptFor(await readHead(conn));
  await peer.raw(utf8(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${header}\r\n`,
  ));
  const serving = echo(await dialling);
  await body(peer);
  peer[Symbol.dispose]();
  await serving;
}

async function echo(socket: Socket): Promise<void> {
  const connection = new Connection(socket, { pingInterval: 0 });
  for await (const message of connection.incoming) {
    void connection.send(message);
  }
  await connection.closed;
}

/** Reads the head of a request or of a response, which nothing may follow yet. */
async function readHead(conn: Deno.Conn): Promise<string> {
  let head = "";
  const buffer = new Uint8Array(4_096);
  while (!head.endsWith("\r\n\r\n")) {
    const count = await conn.read(buffer) ?? 0;
    assert(count > 0, "the stream ended in the handshake");
    head += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return head;
}

/** The value of `Sec-WebSocket-Accept` for a request (RFC 6455, section 4.2.2). */
async function acceptFor(request: string): Promise<string> {
  const key = /sec-websocket-key: (.*)\r\n/i.exec(request)?.[1] ?? "";
  const digest = await crypto.subtle.digest(
    "SHA-1",
    utf8(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`),
  );
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}
