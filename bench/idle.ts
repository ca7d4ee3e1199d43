// deno-lint-ignore-file no-console -- its figures go to standard output
/**
 * Many idle peers of one pool, pings on: time to connect them, memory of each, and
 * processor time: `deno run -A bench/idle.ts [--connections N] [--seconds N] [--peer NAME]`.
 *
 * The peers live in this process and answer pings; the pool has its own.
 *
 * @module
 */
import { findPeers, start } from "./peers.ts";
import { cpuOf, memoryOf } from "./process.ts";

const value = (name: string, fallback: number): number =>
  Deno.args.includes(name)
    ? Number(Deno.args[Deno.args.indexOf(name) + 1])
    : fallback;
const COUNT = value("--connections", 10_000);
const SECONDS = value("--seconds", 25);
const AT_ONCE = 64;
const SETTLE_MS = 2_000;
// Masked by zeros (RFC 6455, section 5.5.3): the payload of the ping, unchanged.
const PONG = [0x8a, 0x80, 0, 0, 0, 0];
let pings = 0;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function answer(conn: Deno.Conn, buffer: Uint8Array): Promise<void> {
  for (;;) {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null) return;
    if (buffer[0] !== 0x89) continue;
    pings++;
    const pong = Uint8Array.from([...PONG, ...buffer.subarray(2, count)]);
    pong[1] = 0x80 | (count - 2);
    await conn.write(pong);
  }
}

async function open(port: number): Promise<Deno.Conn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(
    new TextEncoder().encode(
      `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${
        btoa("0123456789abcdef")
      }\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    ),
  );
  const buffer = new Uint8Array(512);
  const count = await conn.read(buffer);
  const head = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  if (!head.startsWith("HTTP/1.1 101")) throw new Error(head);
  void answer(conn, buffer);
  return conn;
}

const NAME = Deno.args.includes("--peer")
  ? Deno.args[Deno.args.indexOf("--peer") + 1]
  : "pool";
const peer = (await findPeers()).find(({ name }) => name === NAME);
if (peer === undefined) throw new Error(`There is no ${NAME} to start`);
const server = await start(peer, []);
try {
  await open(server.port);
  await pause(SETTLE_MS);
  const before = memoryOf(server.pid);
  const began = performance.now();
  let opened = 0;
  const openUpTo = (count: number) =>
    Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (opened < count) {
        opened++;
        await open(server.port);
      }
    }));
  await openUpTo(COUNT / 2);
  const half = memoryOf(server.pid);
  await openUpTo(COUNT);
  const connecting = (performance.now() - began) / 1_000;
  // What one more costs: less than the average, which has the engine's young generation in it.
  const oneMore = (memoryOf(server.pid) - half) / (COUNT / 2);
  await pause(SETTLE_MS);
  const memory = (memoryOf(server.pid) - before) / COUNT;
  const cpu = cpuOf(server.pid);
  await pause(SECONDS * 1_000);
  const share = (cpuOf(server.pid) - cpu) / SECONDS;
  const after = (memoryOf(server.pid) - before) / COUNT;
  console.log(JSON.stringify({
    connections: COUNT,
    connectSeconds: connecting,
    kibEach: memory,
    kibOneMore: oneMore,
    kibEachAfterPings: after,
    pings,
    serverCpu: share,
  }));
} finally {
  await server.stop();
}
Deno.exit(0);
