// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Hostile peers: each attack must be refused or bounded, show in events or errors, and not affect other peers, whose
 * median round trip may at most double. The victim and the attackers are separate processes. The amount that attackers
 * write is bounded, so that the kind of the attack is measured and not its volume.
 *
 * `deno task suite hostile [--full] [--only TEXT]`
 *
 * @module
 */

import {
  ask,
  type AttackReport,
  pause,
  type Question,
  type VictimReport,
} from "./control.ts";
import { attackAccepting } from "./accepting.ts";
import { HealthyPeers, RoundTrips } from "./healthy.ts";
import { ON_INBOUND } from "./on_inbound.ts";
import { ON_LISTENERS } from "./on_listeners.ts";
import { ON_OUTBOUND } from "./on_outbound.ts";
import type { AttackTerms } from "./terms.ts";
import { Program } from "../_support/program.ts";

/** Milliseconds of quiet before and after an attack. */
const QUIET = 120;
/** Milliseconds that the victim is kept with hostile servers, when the attack does not say. */
const LURED = 400;
/** Milliseconds of a round trip below which its growth says nothing. */
const FLOOR = 1;
/**
 * The maximum memory that one attacker may hold, in bytes, and the maximum growth of the runtime's heap without
 * attackers.
 */
const MOST = 4 * 1_048_576;
const NOISE = 16 * 1_048_576;
const full = Deno.args.includes("--full");
/** Milliseconds that an attack may take before it counts as hanging. */
const TOO_LONG = full ? 90_000 : 15_000;
const place = Deno.args.indexOf("--only");
const only = place < 0 ? "" : Deno.args[place + 1] ?? "";
const rows: string[][] = [];
let failed = 0;

const healthy = new HealthyPeers();
const victim = new Program<{ control: number; ports: number[] }>(
  "hostile/victim.ts",
  [full ? "20000" : "1000", healthy.url],
  ["--v8-flags=--expose-gc"],
);
const { control: victimPort = 0, ports = [] } = await victim.next();
if (victimPort === 0) throw new Error("The victim did not start");
const attacker = new Program<{ control: number; url: string }>(
  "hostile/attacker.ts",
  ports.map(String),
);
const { control: attackerPort = 0, url: hostileUrl = "" } = await attacker
  .next();
if (attackerPort === 0) throw new Error("The attacker did not start");
await healthy.start(ports[0] ?? 0);
await pause(500);
if (healthy.count !== 4) throw new Error("The healthy peers did not connect");

for (
  const [name, terms] of Object.entries({ ...ON_LISTENERS, ...ON_INBOUND })
) {
  if (!name.includes(only)) continue;
  const count = full ? terms.full ?? terms.attackers : terms.attackers;
  const question: Question = { ask: "attack", name, count };
  await judge(
    name,
    terms,
    count,
    () =>
      ask<AttackReport>(attackerPort, question, AbortSignal.timeout(TOO_LONG)),
  );
}

for (const [name, terms] of Object.entries(ON_OUTBOUND)) {
  if (!name.includes(only)) continue;
  await judge(name, terms, terms.attackers, () => lure(name, terms));
}

await attacker.kill();
await victim.kill();
await healthy.close();
let accepting = 0;
for await (const { name, served, broken } of attackAccepting(full, only)) {
  console.log(`${name} | a good client was served after, in ms: ${served}`);
  for (const line of broken) console.log(`BROKEN ${name}: ${line}`);
  if (broken.length > 0) failed++;
  accepting++;
}
print(rows);
console.log(`${rows.length + accepting - failed} passed, ${failed} failed`);
if (failed > 0 || rows.length + accepting === 0) Deno.exitCode = 1;

/** Has the victim dial the hostile server, again and again, and leave it after a while. */
async function lure(name: string, terms: AttackTerms): Promise<AttackReport> {
  const urls = Array.from(
    { length: terms.attackers },
    (_, i) => `${hostileUrl}/${encodeURIComponent(name)}/${i}`,
  );
  await ask(attackerPort, { ask: "served", name });
  await ask(victimPort, { ask: "dial", urls });
  await pause(terms.lasts ?? LURED);
  const report = await ask<AttackReport>(attackerPort, { ask: "served", name });
  await ask(victimPort, { ask: "undial" });
  return report;
}

/** What one round of an attack did. */
interface Round {
  readonly report: AttackReport;
  readonly seen: VictimReport["seen"];
  readonly quiet: number;
  readonly attacked: number;
  /** Bytes an attacker. */
  readonly memory: number;
  /** Milliseconds of the victim's processor, beyond what the healthy peers cost. */
  readonly cpu: number;
}

async function judge(
  name: string,
  terms: AttackTerms,
  count: number,
  run: () => Promise<AttackReport>,
): Promise<void> {
  const broken: string[] = [];
  const rounds: Round[] = [];
  try {
    rounds.push(await round(terms, count, run));
    // Others use this machine too, and the heap grows in steps: what is too much is measured five times.
    const isTooMuch = (round: Round) => isSlow(round) || isLarge(round, count);
    while (rounds.length < 5 && rounds.some(isTooMuch)) {
      rounds.push(await round(terms, count, run));
    }
  } catch (error) {
    broken.push(`did not end: ${error}`);
  }
  const worst = rounds.toSorted((a, b) => ratio(a) - ratio(b))
    .at(rounds.length >> 1);
  if (worst !== undefined) {
    if (isSlow(worst)) broken.push("the others felt it");
    const large = rounds.filter((round) => isLarge(round, count));
    if (large.length > rounds.length / 2) {
      broken.push("it holds too much memory");
    }
    for (const { report, seen } of rounds) {
      broken.push(...faults(terms, report, seen));
    }
  }
  const row = worst === undefined ? [name] : describe(name, worst);
  console.log(row.join(" | "));
  for (const line of broken) console.log(`BROKEN ${name}: ${line}`);
  if (broken.length > 0) failed++;
  rows.push(row);
}

async function round(
  terms: AttackTerms,
  count: number,
  run: () => Promise<AttackReport>,
): Promise<Round> {
  const tell = (what: "reset" | "report") =>
    ask<VictimReport>(victimPort, { ask: what });
  await tell("reset");
  const quiet = healthy.phase = new RoundTrips();
  const before = await tell("report");
  const start = performance.now();
  await pause(QUIET);
  const begin = await tell("report");
  const idle = (begin.cpu - before.cpu) / (performance.now() - start);

  const attacked = healthy.phase = new RoundTrips();
  const at = performance.now();
  const report = await run();
  healthy.phase = new RoundTrips();
  let after = await tell("report");
  const cpu = after.cpu - begin.cpu - idle * (performance.now() - at);
  const deadline = performance.now() + 3_000;
  while (
    performance.now() < deadline &&
    (after.hostile > 0 || !matches(after.seen, terms.seen))
  ) {
    await pause(20);
    after = await tell("report");
  }
  healthy.phase = quiet;
  await pause(QUIET);
  if (healthy.waiting > 0) throw new Error("A healthy peer gets no answer");
  return {
    report,
    seen: after.seen,
    quiet: quiet.median,
    attacked: attacked.median,
    memory: Math.max(0, after.peak - begin.rss) / count,
    cpu: Math.max(0, cpu),
  };
}

/** What was promised and not kept. */
function faults(
  terms: AttackTerms,
  report: AttackReport,
  seen: VictimReport["seen"],
): string[] {
  const outcomes = Object.keys(report.outcomes);
  return [
    ...outcomes.filter((outcome) => !terms.outcome.test(outcome))
      .map((outcome) => `an attacker ended with ${outcome}`),
    ...outcomes.length === 0 ? ["nobody attacked"] : [],
    ...matches(seen, terms.seen) ? [] : [`seen were only ${words(seen)}`],
    ...Object.keys(seen).filter((what) => what.startsWith("HEALTHY")),
  ];
}

function matches(seen: VictimReport["seen"], wanted: RegExp): boolean {
  return Object.keys(seen).some((what) => wanted.test(what));
}

function ratio({ quiet, attacked }: Round): number {
  return attacked / quiet;
}

/** A round trip of less than a millisecond is no harm, whatever it was before. */
function isSlow(round: Round): boolean {
  return !(ratio(round) <= 2 || round.attacked <= FLOOR);
}

/** Whether an attacker of a round held too much memory. */
function isLarge({ memory }: Round, count: number): boolean {
  return memory > MOST + NOISE / count;
}

function describe(name: string, round: Round): string[] {
  const { report, seen, quiet, attacked, memory, cpu } = round;
  const mib = report.bytes / 1_048_576;
  return [
    name,
    words(report.outcomes),
    words(seen),
    `${quiet.toFixed(2)}, ${attacked.toFixed(2)} ms`,
    `${(memory / 1_024).toFixed(0)} KiB`,
    mib < 0.1
      ? `${cpu.toFixed(0)} ms for ${(mib * 1_024).toFixed(0)} KiB`
      : `${(cpu / mib).toFixed(0)} ms`,
  ];
}

function words(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).map(([word, count]) =>
    count === 1 ? word : `${word} (${count})`
  ).join(", ");
}

function print(rows: readonly string[][]): void {
  console.log();
  const header = [
    "attack",
    "ended with",
    "seen as",
    "round trip quiet, attacked",
    "memory an attacker",
    "CPU a MiB",
  ];
  for (const row of [header, header.map(() => "---"), ...rows]) {
    console.log(`| ${row.join(" | ")} |`);
  }
}
