/**
 * Stops the examples that serve, with peers that do not answer: `deno task suite examples`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Connection, dialRaw } from "@honeybee/honeybee";
import { Running } from "./_support/running.ts";

const HEAD = [
  "Host: 127.0.0.1",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
  "Sec-WebSocket-Version: 13",
];
/** A text of 125 bytes in a masked frame, masked by zeros. */
const FRAME = new Uint8Array([
  0x81,
  0xfd,
  0,
  0,
  0,
  0,
  ...Array.from({ length: 125 }, () => 0x61),
]);
const FLOOD = new Uint8Array(FRAME.length * 64);
for (let i = 0; i < 64; i++) FLOOD.set(FRAME, i * FRAME.length);

/** What is served where, and how it is reached. */
interface Served {
  readonly example: string;
  readonly path: string;
  readonly protocols: readonly string[];
  readonly signal: "SIGINT" | "SIGTERM";
}

const SERVED: readonly Served[] = [
  { example: "echo_server", path: "/", protocols: [], signal: "SIGINT" },
  { example: "chat", path: "/chat", protocols: ["chat"], signal: "SIGTERM" },
  { example: "node_http", path: "/", protocols: [], signal: "SIGINT" },
  { example: "nostr_relay", path: "/", protocols: [], signal: "SIGTERM" },
  { example: "browser", path: "/", protocols: [], signal: "SIGINT" },
  { example: "extend_rate_limit", path: "/", protocols: [], signal: "SIGTERM" },
  { example: "demo", path: "/", protocols: [], signal: "SIGINT" },
  { example: "deploy", path: "/", protocols: [], signal: "SIGTERM" },
];

for (const served of SERVED) {
  Deno.test(`${served.example} says 1001 and ends within 5 s of ${served.signal}, whatever its peers do`, () =>
    stop(served));
}

async function stop(served: Served): Promise<void> {
  const { example, path, protocols, signal } = served;
  const fixed = freePort();
  await using server = example === "deploy"
    ? new Running(["--allow-net", "--allow-env"], example, [], {
      DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${fixed}`,
    })
    : new Running(
      ["--allow-net"],
      example,
      example === "demo" ? ["--serve", "0"] : [],
    );
  const port = example === "deploy"
    ? await reachable(fixed)
    : Number((await server.says(/127\.0\.0\.1:\d+/)).split(":")[1]);
  const origin = `http://127.0.0.1:${port}`;

  // One that behaves.
  await using healthy = new Connection(`ws://127.0.0.1:${port}${path}`, {
    dialer: dialRaw,
    protocols,
    headers: { origin },
  });
  await healthy.connect();
  // It reads, or else the close frame would wait behind what others say.
  const reading = (async () => {
    for await (const _ of healthy.incoming);
  })();
  // One that never answers, and one that never stops sending; one that says nothing at all; and
  // one that keeps a connection of HTTP open.
  using _mute = await open(port, path, protocols, origin);
  using flooding = await open(port, path, protocols, origin);
  using _silent = await Deno.connect({ hostname: "127.0.0.1", port });
  using kept = await Deno.connect({ hostname: "127.0.0.1", port });
  await kept.write(
    new TextEncoder().encode(`GET /stats HTTP/1.1\r\nHost: ${origin}\r\n\r\n`),
  );
  const flood = sendOn(flooding);

  await server.interrupt(signal);
  assertEquals((await healthy.closed).received?.code, 1001);
  await Promise.all([flood, reading]);
}

/** A peer that reads nothing after its handshake. */
async function open(
  port: number,
  path: string,
  protocols: readonly string[],
  origin: string,
): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = [`GET ${path} HTTP/1.1`, ...HEAD, `Origin: ${origin}`];
  if (protocols.length > 0) {
    head.push(`Sec-WebSocket-Protocol: ${protocols.join(", ")}`);
  }
  await conn.write(new TextEncoder().encode(head.join("\r\n") + "\r\n\r\n"));
  const buffer = new Uint8Array(1_024);
  const count = await conn.read(buffer) ?? 0;
  const answer = new TextDecoder().decode(buffer.subarray(0, count));
  if (!answer.startsWith("HTTP/1.1 101")) throw new Error(answer);
  return conn;
}

/** Sends until the other side takes no more. */
async function sendOn(conn: Deno.Conn): Promise<void> {
  try {
    for (;;) {
      for (let at = 0; at < FLOOD.length;) {
        at += await conn.write(FLOOD.subarray(at));
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } catch {
    // It has been cut.
  }
}

/** Waits until the port is open. */
async function reachable(port: number): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return port;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("Nobody listens");
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
