/** Medians, ratios and their table. @module */
import type { LoadResult } from "./load.ts";
import type { Peer } from "./peers.ts";
import type { Workload } from "./workloads.ts";

/** What one peer reached in one workload. */
export interface Figure {
  readonly peer: string;
  /** The server that echoes bytes over the same kind of stream. */
  readonly bare: string | undefined;
  /** Messages a second, the median of the rounds. */
  readonly rate: number;
  /** Half the distance from the slowest to the fastest round, as a part of the median. */
  readonly spread: number;
  /** Microseconds of the server's processor for a message. */
  readonly serverMicros: number;
  /** Milliseconds between a message and its answer; with several in flight, of a batch of them. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** Part of a core that the load took. */
  readonly loadCpu: number;
  readonly checked: number;
}

/** A workload and what came of it. */
export interface Outcome {
  readonly workload: Workload;
  readonly figures: readonly Figure[];
  readonly skipped: Readonly<Record<string, string>>;
}

/** The middle of some numbers, 0 of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1
    ? upper
    : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

function medianOf(
  numbers: readonly (number | undefined)[],
): number | undefined {
  const known = numbers.filter((number) => number !== undefined);
  return known.length === 0 ? undefined : median(known);
}

/** What the rounds of one peer come to. */
export function figure(
  { name, bare }: Pick<Peer, "name" | "bare">,
  rounds: readonly LoadResult[],
): Figure {
  const rates = rounds.map((round) => round.messages / round.seconds);
  const rate = median(rates);
  return {
    peer: name,
    bare,
    rate,
    spread: (Math.max(...rates) - Math.min(...rates)) / 2 / (rate || 1),
    serverMicros: median(
      rounds.map((r) => r.serverCpu * r.seconds * 1e6 / (r.messages || 1)),
    ),
    p50: medianOf(rounds.map(({ p50 }) => p50)),
    p99: medianOf(rounds.map(({ p99 }) => p99)),
    loadCpu: median(rounds.map((round) => round.loadCpu)),
    checked: rounds.reduce((sum, round) => sum + round.checked, 0),
  };
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** How many times less processor time a message costs `of` than `against`, where both ran. */
export function ratio(
  { figures }: Outcome,
  of: string,
  against: string,
): number | undefined {
  const micros = (name: string) =>
    figures.find((f) => f.peer === name)?.serverMicros;
  const [cost, other] = [micros(of), micros(against)];
  return !cost || other === undefined ? undefined : other / cost;
}

function times(cost: number, bare: number | undefined): string {
  return bare === undefined ? "-" : (cost / bare).toFixed(2);
}

/** A table in Markdown for one workload. */
export function table(outcome: Outcome): string {
  const against = ["native", "ws", "ws in Deno", "Bun"];
  const columns = [
    "server us/message",
    "bare echo, us",
    "x bare echo",
    ...against.map((name) => `x ${name}`),
    "messages/s",
    "spread",
    "p50 ms",
    "p99 ms",
    "load CPU",
  ];
  const lines = [
    `### ${outcome.workload.name}`,
    "",
    row(["server", ...columns]),
    row(["---", ...columns.map(() => "---:")]),
  ];
  const costs = new Map(
    outcome.figures.map((f) => [f.peer, f.serverMicros]),
  );
  for (const f of outcome.figures) {
    lines.push(row([
      f.peer,
      f.serverMicros.toFixed(2),
      costs.get(f.bare ?? "")?.toFixed(2) ?? "-",
      times(f.serverMicros, costs.get(f.bare ?? "")),
      ...against.map((name) => ratio(outcome, f.peer, name)?.toFixed(2) ?? "-"),
      f.rate.toFixed(0),
      `${(f.spread * 100).toFixed(0)}%`,
      f.p50?.toFixed(2) ?? "-",
      f.p99?.toFixed(2) ?? "-",
      f.loadCpu.toFixed(2),
    ]));
  }
  const skipped = Object.entries(outcome.skipped);
  if (skipped.length > 0) lines.push("");
  for (const [peer, why] of skipped) lines.push(`${peer}: skipped: ${why}`);
  return lines.join("\n");
}
