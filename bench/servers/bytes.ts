/**
 * A server that costs next to nothing: on `/sink` it drops what comes, on `/flood/SIZE` it sends
 * binary messages of that size for as long as they are taken.
 *
 * @module
 */
import { frame } from "../frame.ts";
import { makePayload } from "../load.ts";
import { announce } from "./settings.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const AT_ONCE = 65_536;

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const { hostname, port } = listener.addr;
announce({ transport: "tcp", hostname, port });
for await (const conn of listener) serve(conn).catch(() => conn.close());

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const buffer = new Uint8Array(131_072);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const count = await conn.read(buffer);
    if (count === null) return conn.close();
    head += new TextDecoder().decode(buffer.subarray(0, count));
  }
  const key = /sec-websocket-key: *(\S+)/i.exec(head)?.[1] ?? "";
  const hash = await crypto.subtle.digest(
    "SHA-1",
    new TextEncoder().encode(key + GUID),
  );
  const accept = btoa(String.fromCharCode(...new Uint8Array(hash)));
  await writeAll(
    conn,
    new TextEncoder().encode(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    ),
  );
  const size = Number(/^GET \/flood\/(\d+)/.exec(head)?.[1] ?? 0);
  if (size > 0) void flood(conn, size).catch(() => {});
  while (await conn.read(buffer) !== null);
  conn.close();
}

async function flood(conn: Deno.TcpConn, size: number): Promise<void> {
  const one = frame(2, makePayload("binary", size), false);
  const count = Math.max(1, Math.floor(AT_ONCE / one.length));
  const many = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) many.set(one, i * one.length);
  for (;;) await writeAll(conn, many);
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await conn.write(at === 0 ? bytes : bytes.subarray(at));
  }
}
