/** What the tests of listeners share: requests written by hand, and listeners on loopback. */

import { assert, assertEquals } from "@std/assert";
import { RecordingReader } from "../../../testing/recording_reader.ts";
import { join, utf8 } from "../../_support/bytes.ts";
import { SERVER_CERT, SERVER_KEY } from "../../_support/certificates.ts";
import { dialRaw } from "../../client/dial_raw.ts";
import type { DialOptions } from "../../client/dialer.ts";
import { HandshakeError } from "../../handshake/errors.ts";
import type { Socket } from "../../socket/socket.ts";
import type { Incoming } from "../incoming.ts";
import { listen } from "../listen.ts";
import type { Listener } from "../listener.ts";
import type { ListenOptions } from "../listen_options.ts";

export const HOST = "127.0.0.1";

export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

export const TLS = { cert: SERVER_CERT, key: SERVER_KEY };

const LINES = {
  start: "GET /path?query HTTP/1.1",
  host: "Host: example.test",
  upgrade: "Upgrade: websocket",
  connection: "Connection: Upgrade",
  version: "Sec-WebSocket-Version: 13",
  key: `Sec-WebSocket-Key: ${KEY}`,
};

export function request(
  changes: Partial<typeof LINES> = {},
  ...more: string[]
) {
  const lines = Object.values({ ...LINES, ...changes }).filter(Boolean);
  return [...lines, ...more, "", ""].join("\r\n");
}

export function listenHere(options: ListenOptions = {}) {
  const listener = listen({ hostname: HOST, ...options });
  const { addr } = listener;
  assert(addr.transport === "tcp");
  return {
    listener,
    port: addr.port,
    url: `${options.tls === undefined ? "ws" : "wss"}://${HOST}:${addr.port}`,
    incoming: listener[Symbol.asyncIterator](),
    [Symbol.asyncDispose]: () => listener.close(),
  };
}

export async function next(
  incoming: AsyncIterator<Incoming, undefined>,
): Promise<Incoming> {
  const { value } = await incoming.next();
  assert(value !== undefined);
  return value;
}

/** Checks that a message arrives over a connection whose ends are not started yet, and that it closes cleanly. */
export async function assertConnected(
  client: Socket,
  server: Socket,
): Promise<void> {
  const reader = new RecordingReader();
  server.start(reader);
  client.start(new RecordingReader());
  client.write("hello");
  assertEquals(await reader.take(), "hello");
  client.close(1000);
  const ends = await Promise.all([client.closed, server.closed]);
  assert(ends.every((end) => end.clean));
}

/** Checks that a peer can be accepted. */
export async function assertAccepts(
  server: ReturnType<typeof listenHere>,
  options: DialOptions = {},
): Promise<void> {
  const dialled = dialRaw(server.url, options);
  (await next(server.incoming)).accept().terminate();
  (await dialled).terminate();
}

/** Sends bytes and gives all that comes back until the stream ends. */
export async function ask(
  port: number,
  bytes: string | Uint8Array,
): Promise<string> {
  using conn = await Deno.connect({ hostname: HOST, port });
  await conn.write(typeof bytes === "string" ? utf8(bytes) : bytes);
  return await readAll(conn);
}

/** The codes of all refusals that were not read yet. */
export function refusals({ errors }: Listener): unknown[] {
  return errors.extract(() => true).map(({ error }) =>
    error instanceof HandshakeError ? error.code : error
  );
}

export async function readAll(conn: Deno.Conn): Promise<string> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(4_096);
  for (;;) {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null) break;
    parts.push(buffer.slice(0, count));
  }
  return new TextDecoder().decode(join(...parts));
}
