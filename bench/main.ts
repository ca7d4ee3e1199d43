// deno-lint-ignore-file no-console -- its tables go to standard output
/**
 * Measures echo servers side by side: `deno task bench`, with any of these.
 *
 * - `--full`: everything. Without it, the most important workloads.
 * - `--page FILE`: what the table of docs/PERFORMANCE.md has, and writes it between the markers of that file.
 * - `--only NAME`: a part of the name of an echo, or one of clients, streams, fanIn, idle, idleOutbound, inbox, stats.
 * - `--peers NAME;NAME`: only these servers, in addition to `native` and the echo of bytes over `node:net`.
 * - `--compare REVISION`: the pools of another revision of the repository beside those of the working tree.
 * - `--rounds N`, `--seconds N`: how often, and how long, each server is measured in each workload.
 * - `--json FILE`: writes the figures to a file. `--plot FILE`: a plot of them, as SVG.
 *
 * Servers and load are processes of their own; the servers of a workload take turns, and each round begins with
 * another one.
 *
 * @module
 */
import { type Certificate, makeCertificate } from "./certificate.ts";
import { load } from "./generator.ts";
import type { LoadResult } from "./load.ts";
import {
  findPeers,
  type Peer,
  peersOf,
  removeCheckout,
  type Running,
  start,
  versions,
} from "./peers.ts";
import {
  clients,
  fanIn,
  idle,
  idleOutbound,
  inbox,
  type Section,
  sectionTable,
  stats,
  streams,
} from "./more.ts";
import { COLUMNS, describe, pageTable, readPage, writePage } from "./page.ts";
import { plot } from "./plot.ts";
import { figure, type Outcome, table } from "./report.ts";
import { type Workload, WORKLOADS } from "./workloads.ts";

const USAGE =
  "deno task bench [--full] [--page FILE] [--only NAME] [--peers NAME;NAME] [--compare REVISION] [--rounds N] [--seconds N] [--json FILE] [--plot FILE]";
/** Seconds of the wait for pings with `--page`. */
const IDLE_SECONDS = 1;
/** Left out of the short run. */
const FULL_ONLY = new Set(["pool, items", "ws, no bufferutil"]);
/** Seconds until engines have compiled what is hot. */
const WARMUP = 2;

const flag = (name: string): boolean => Deno.args.includes(name);
const value = (name: string): string | undefined =>
  flag(name) ? Deno.args[Deno.args.indexOf(name) + 1] : undefined;

async function measure(
  workload: Workload,
  peers: readonly Peer[],
  certificate: Certificate | undefined,
  rounds: number,
  seconds: number,
): Promise<Outcome> {
  const skipped: Record<string, string> = {};
  const running = new Map<Peer, Running>();
  const results = new Map<Peer, LoadResult[]>();
  const { type, connections, size, window, deflate } = workload;
  const args = certificate === undefined
    ? []
    : ["--cert", certificate.cert, "--key", certificate.key];
  if (deflate) args.push("--deflate");
  try {
    for (const peer of peers) {
      if (deflate && peer.kind === "tcp") continue;
      // The runtime's own server has no compression.
      if (deflate && peer.name.includes("native")) continue;
      if (peer.skipped !== undefined) skipped[peer.name] = peer.skipped;
      else {
        try {
          running.set(peer, await start(peer, args));
          results.set(peer, []);
        } catch (error) {
          skipped[peer.name] = String(error);
        }
      }
    }
    for (let round = 0; round < rounds; round++) {
      const turn = [...running];
      turn.push(...turn.splice(0, round % Math.max(1, turn.length)));
      for (const [peer, { port, pid }] of turn) {
        if (skipped[peer.name] !== undefined) continue;
        try {
          const result = await load({
            hostname: "127.0.0.1",
            port,
            pid,
            kind: peer.kind,
            type,
            connections,
            size,
            window,
            seconds,
            // What is measured is a server that has run for a while.
            warmup: round === 0 ? WARMUP : 0.2,
            deflate,
            ...(certificate && { caCert: certificate.ca }),
          });
          results.get(peer)?.push(result);
        } catch (error) {
          skipped[peer.name] = String(error);
        }
      }
    }
  } finally {
    await Promise.all([...running.values()].map((server) => server.stop()));
  }
  const figures = [...results].filter(([, all]) => all.length > 0)
    .map(([peer, all]) => figure(peer, all));
  return { workload, figures, skipped };
}

if (flag("--help")) {
  console.log(USAGE);
  Deno.exit(0);
}
const page = value("--page");
// Before the measurement, which takes minutes.
if (page !== undefined) await readPage(page);
const full = flag("--full");
const only = value("--only");
const rounds = Number(value("--rounds") ?? (full ? 5 : 3));
const seconds = Number(value("--seconds") ?? (full ? 1.5 : 0.5));
const chosen = WORKLOADS.filter(({ name, short, title }) =>
  only !== undefined
    ? name.includes(only)
    : page === undefined
    ? full || short
    : title !== undefined
);
const MORE = { clients, streams, fanIn, idle, idleOutbound, inbox, stats };
const more = Object.entries(MORE).filter(([name]) =>
  only === undefined ? full : name === only
);
if (chosen.length + more.length === 0) {
  console.error(`No workload has ${only} in its name`);
  Deno.exit(2);
}
const wanted = value("--peers")?.split(";");
const compared = value("--compare");
const folder = await Deno.makeTempDir();
const checkout = `${folder}/compared`;
const peers = (await findPeers()).filter(({ name }) =>
  page !== undefined
    ? name in COLUMNS
    : wanted === undefined
    ? full || !FULL_ONLY.has(name)
    : [...wanted, "native", "TCP, node:net"].includes(name)
);
if (compared !== undefined) {
  // Beside those that are measured of the working tree.
  const names = new Set(peers.map(({ name }) => `${name}, ${compared}`));
  const others = await peersOf(compared, checkout);
  peers.push(...others.filter(({ name }) => names.has(name)));
}
const outcomes: Outcome[] = [];
try {
  const certificate = chosen.some(({ tls }) => tls)
    ? await makeCertificate(folder)
    : undefined;
  for (const workload of chosen) {
    const outcome = await measure(
      workload,
      peers,
      workload.tls ? certificate : undefined,
      rounds,
      seconds,
    );
    outcomes.push(outcome);
    console.log(table(outcome) + "\n");
  }
} finally {
  if (compared !== undefined) await removeCheckout(checkout);
  await Deno.remove(folder, { recursive: true });
}
const sections: Section[] = [];
for (const [, run] of more) {
  const section = await run({ rounds, seconds });
  sections.push(section);
  console.log(sectionTable(section) + "\n");
}
const machine = {
  cores: navigator.hardwareConcurrency,
  memory: Deno.systemMemoryInfo().total,
  versions: await versions(),
  rounds,
  seconds,
};
console.log(JSON.stringify(machine));
if (page !== undefined) {
  const idleServer = await idle(undefined, IDLE_SECONDS);
  const idleClient = await idleOutbound();
  sections.push(idleServer, idleClient);
  const text = pageTable(outcomes, idleServer, idleClient);
  await writePage(page, `${text}\n\n${describe(machine)}`);
}
const json = value("--json");
if (json !== undefined) {
  const all = { machine, outcomes, sections };
  await Deno.writeTextFile(json, JSON.stringify(all, null, 2));
}
const file = value("--plot");
if (file !== undefined) await Deno.writeTextFile(file, plot(outcomes));
