// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Slow consumers: a server whose inbox nobody reads while peers flood it, raw and native; peers that stop
 * reading while they are sent to; and pools that are closed meanwhile. Memory must stay bounded,
 * nothing may be lost, calls that wait must fail in time, and other peers must not be affected.
 *
 * `deno task suite slow`
 *
 * @module
 */

import { Connection, dialRaw } from "../../../mod.ts";
import { POOL_RULES } from "../../../transport/base/rules.ts";
import { Program } from "../_support/program.ts";

/** What the server says when it is asked. */
interface Report {
  readonly ms: number;
  readonly rss: number;
  readonly received: number;
  readonly swapped: number;
  readonly waiting: number;
  readonly inboxDepth: number;
  readonly peerCount: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly sends: Readonly<Record<string, number>>;
}

const PEERS = 8;
const FLOOD_MS = 3_000;
/** What a native peer sends: far more than may wait. */
const NATIVE_MESSAGES = 3_000;
/** Messages that the inbox holds, and those that may wait for it of a peer that cannot be paused. */
const INBOX = POOL_RULES.inboxBufferSize.default;
const WAITING = 100;
const PADDING = " ".repeat(1_016);
/**
 * The maximum by which memory may grow: messages of a kibibyte in the inbox and before it are about 5 MiB. The rest
 * is what the runtime's heap and the buffers of a process under load grow by.
 */
const MAX_GROWTH = 32 * 2 ** 20;
/** How long a peer that reads nothing may stay: `writeTimeout` and its longest extension, in milliseconds. */
const CUT_WITHIN = 75_000;
/** A round trip that is below this says nothing when it grows, in milliseconds. */
const FLOOR = 1;
const HEAD =
  "GET /deaf HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n";

let passed = 0;
let failed = 0;

await unread("raw");
await unread("native");
await deaf();
await closing();
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) Deno.exitCode = 1;

/** Nobody reads the inbox while peers flood it; then somebody does. */
async function unread(kind: "raw" | "native"): Promise<void> {
  const { ports, ask, kill } = await serve();
  const before = await ask("report");
  const url = `ws://127.0.0.1:${ports[kind === "raw" ? 0 : 1]}`;
  const peers = await connect(url, "flood");
  let sent = 0;
  let running = true;
  const floods = peers.map(async (peer) => {
    const most = kind === "raw" ? Infinity : NATIVE_MESSAGES;
    try {
      for (let number = 1; running && number <= most; number++) {
        await peer.send(`${String(number).padEnd(8)}${PADDING}`);
        sent++;
      }
    } catch {
      // A native peer is closed when it has sent more than may wait.
    }
  });
  await pause(FLOOD_MS / 2);
  const early = await ask("report");
  await pause(FLOOD_MS / 2);
  const late = await ask("report");
  running = false;
  await ask("read");
  await Promise.all(floods);
  const end = await settled(ask, kind === "raw" ? sent : late.waiting);
  const grown = (rss: number) => ((rss - before.rss) / 2 ** 20).toFixed(1);
  console.log(
    `${kind}, inbox not read: ${sent} messages of 1 KiB sent, ${late.waiting} waited, memory grew by ${
      grown(early.rss)
    } MiB, then ${
      grown(late.rss)
    } MiB; read in the end: ${end.received}, ${end.swapped} out of order`,
  );
  check(`${kind}: memory is bounded`, late.rss - before.rss < MAX_GROWTH);
  check(`${kind}: the order is kept, without gaps`, end.swapped === 0);
  if (kind === "raw") {
    check("raw: nothing is lost", end.received === sent);
    check("raw: what waits is bounded", late.waiting <= INBOX + PEERS);
  } else {
    check("native: what waited is delivered", end.received === late.waiting);
    check(
      "native: what waits is bounded",
      late.waiting <= INBOX + PEERS * WAITING,
    );
    check(
      "native: each peer is closed, and the event says why",
      end.ends["dropped-error, messages-dropped"] === PEERS,
    );
  }
  for (const peer of peers) peer.terminate();
  await kill();
}

/** Peers read nothing while they are sent to. */
async function deaf(): Promise<void> {
  let ratio = Infinity;
  let quiet = 0;
  let loaded = 0;
  // Another program on the machine may have disturbed the measurement.
  for (let attempt = 0; attempt < 3 && ratio > 2; attempt++) {
    const { ports, ask, kill } = await serve();
    await ask("read");
    const healthy = await connect(`ws://127.0.0.1:${ports[0]}`, "healthy", 3);
    quiet = await roundTrip(healthy, 700);
    const conns = await Promise.all(
      Array.from({ length: PEERS }, (_, i) => openDeaf(ports[0] ?? 0, i)),
    );
    await ask("flood");
    loaded = await roundTrip(healthy, 2_500);
    ratio = loaded < FLOOR ? 0 : loaded / quiet;
    const last = ratio <= 2 || attempt === 2;
    const report = await (last ? cut(ask) : ask("report"));
    console.log(
      `${PEERS} peers that do not read: sends ${
        JSON.stringify(report.sends)
      }, ends ${JSON.stringify(report.ends)}; round trip of others ${
        quiet.toFixed(2)
      } ms quiet, ${loaded.toFixed(2)} ms meanwhile`,
    );
    if (last) {
      check(
        "send: each peer's waiting sends time out",
        (report.sends["send-timeout"] ?? 0) >= PEERS,
      );
      check(
        "send: each connection ends with write-timeout",
        report.ends["dropped-error, write-timeout"] === PEERS,
      );
      check("send: others stay", report.peerCount === 3);
    }
    for (const conn of conns) conn.close();
    for (const peer of healthy) peer.terminate();
    await kill();
  }
  check("send: the others feel nothing", ratio <= 2);
}

/** The pool is closed with an inbox that is full, while peers flood it. */
async function closing(): Promise<void> {
  for (const kind of ["raw", "native"] as const) {
    const { ports, ask, kill } = await serve();
    const url = `ws://127.0.0.1:${ports[kind === "raw" ? 0 : 1]}`;
    const peers = await connect(url, "flood");
    const floods = peers.map(async (peer) => {
      try {
        for (let number = 1; number <= NATIVE_MESSAGES; number++) {
          await peer.send(`${String(number).padEnd(8)}${PADDING}`);
        }
      } catch {
        // The pool was closed, or too much waited.
      }
    });
    await pause(FLOOD_MS / 2);
    const { ms, waiting } = await ask("close");
    console.log(
      `${kind}, closed with ${waiting} messages unread: ${ms.toFixed(0)} ms`,
    );
    check(`${kind}: closing does not wait for a reader`, ms < 1_000);
    check(`${kind}: what came can still be read`, waiting > 0);
    await Promise.all(floods);
    for (const peer of peers) peer.terminate();
    await kill();
  }
}

/** Starts the server. */
async function serve(): Promise<{
  readonly ports: readonly number[];
  ask(what: "report" | "read" | "flood" | "close"): Promise<Report>;
  kill(): Promise<void>;
}> {
  const program = new Program<{ ports: number[] }>("slow/server.ts", [], [
    "--v8-flags=--expose-gc",
  ]);
  const { ports = [] } = await program.next();
  return {
    ports,
    ask: async (what) => {
      const response = await fetch(`http://127.0.0.1:${ports[2]}/${what}`);
      return await response.json();
    },
    kill: () => program.kill(),
  };
}

/** Waits until as much has been read as was sent, or nothing more comes. */
async function settled(
  ask: (what: "report") => Promise<Report>,
  sent: number,
): Promise<Report> {
  let report = await ask("report");
  for (let i = 0; i < 100 && report.received < sent; i++) {
    await pause(50);
    report = await ask("report");
  }
  return report;
}

/**
 * Waits until the peers that do not read are cut: their systems hold about 4 MiB each, which extends `writeTimeout`.
 */
async function cut(ask: (what: "report") => Promise<Report>): Promise<Report> {
  let report = await ask("report");
  for (let left = CUT_WITHIN; left > 0 && report.peerCount > 3; left -= 500) {
    await pause(500);
    report = await ask("report");
  }
  return report;
}

async function connect(
  url: string,
  name: string,
  count = PEERS,
): Promise<Connection[]> {
  return await Promise.all(Array.from({ length: count }, async (_, i) => {
    const peer = new Connection(`${url}/${name}${i}`, { dialer: dialRaw });
    await peer.connect();
    return peer;
  }));
}

/** A peer that reads nothing after its handshake. */
async function openDeaf(port: number, i: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = HEAD.replace("/deaf", `/deaf${i}`);
  await conn.write(new TextEncoder().encode(head));
  await conn.read(new Uint8Array(1_024));
  return conn;
}

/** The median round trip of some peers, in milliseconds. */
async function roundTrip(
  peers: readonly Connection[],
  milliseconds: number,
): Promise<number> {
  const samples: number[] = [];
  const end = performance.now() + milliseconds;
  await Promise.all(peers.map(async (peer) => {
    while (performance.now() < end) {
      const start = performance.now();
      await peer.send("hello");
      if (await peer.incoming.take() !== "hello") return;
      samples.push(performance.now() - start);
      await pause(5);
    }
  }));
  return samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? Infinity;
}

function check(what: string, held: boolean): void {
  if (held) passed++;
  else {
    failed++;
    console.log(`BROKEN ${what}`);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
