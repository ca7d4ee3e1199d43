/** The table of docs/PERFORMANCE.md. @module */
import type { Section } from "./more.ts";
import type { Outcome } from "./report.ts";

const BEGIN = "<!-- bench: begin -->";
const END = "<!-- bench: end -->";

/** The servers of the table, and what it calls them. */
export const COLUMNS: Readonly<Record<string, string>> = {
  "pool": "`listen`, view",
  "pool, copy": "`listen`, copy",
  "pool, upgradeNode": "`upgradeNode`, view",
  "pool over native": "`Deno.serve`",
  "native": "Deno alone",
  "ws in Deno": "ws in Deno",
  "ws": "ws in Node",
  "Bun": "Bun",
  "TCP, node:net": "bytes",
};

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function micros(value: number | undefined): string {
  if (value === undefined) return "";
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** The table: processor time of the server for each message, in microseconds, and the memory of idle connections. */
export function pageTable(
  outcomes: readonly Outcome[],
  idle: Section,
  idleOutbound: Section,
): string {
  const names = Object.keys(COLUMNS);
  const rows: string[][] = [];
  const row = (
    title: string,
    cell: (peer: string) => string,
  ) => rows.push([title, ...names.map(cell)]);
  for (const { workload, figures } of outcomes) {
    const of = (peer: string) => figures.find((f) => f.peer === peer);
    if (workload.title === undefined) continue;
    row(
      `${workload.title}, µs`,
      (peer) => micros(of(peer)?.serverMicros),
    );
    if (workload.connections < 4_000 || workload.window > 1) continue;
    row(
      "the same, median latency, ms",
      (peer) => micros(of(peer)?.p50),
    );
    row(
      "the same, 99th percentile of latency, ms",
      (peer) => micros(of(peer)?.p99),
    );
  }
  const memory = ({ rows }: Section, key: string) => (peer: string) =>
    String(rows.find((row) => row[key] === peer)?.["KiB for one more"] ?? "");
  row("an idle peer of a server, KiB", memory(idle, "peer"));
  row(
    "an idle connection of a client, KiB",
    memory(idleOutbound, "client"),
  );
  return [
    line(["", ...Object.values(COLUMNS)]),
    line(["---", ...names.map(() => "---:")]),
    ...rows.map(line),
  ].join("\n");
}

/** What the figures were measured with. */
export interface Machine {
  readonly cores: number;
  readonly memory: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** A sentence about the machine, for below the table. */
export function describe(machine: Machine): string {
  const { cores, memory, rounds, seconds, versions } = machine;
  const { deno, node, bun, ws, bufferutil } = versions;
  const gib = (memory / 2 ** 30).toFixed(0);
  return `Deno ${deno}, Node ${node}, Bun ${bun}, ws ${ws} with bufferutil ${bufferutil}; ${cores} cores, ${gib} GiB of memory; medians of ${rounds} rounds of ${seconds} s.`;
}

/** Replaces what stands between the two markers of a page. */
export async function writePage(file: string, text: string): Promise<void> {
  const [before, after] = await readPage(file);
  await Deno.writeTextFile(file, `${before}\n\n${text}\n\n${after}`);
}

/**
 * Reads what a page has before and after its table, each with its marker.
 *
 * @throws If the file cannot be read, or has no markers.
 */
export async function readPage(
  file: string,
): Promise<readonly [before: string, after: string]> {
  const page = await Deno.readTextFile(file);
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} has no markers`);
  return [page.slice(0, begin + BEGIN.length), page.slice(end)];
}
