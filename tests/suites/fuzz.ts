/**
 * Runs the fuzzer of the protocol core for as long as one likes:
 *
 *     deno run tests/suites/fuzz.ts --seconds 86400 --seed 1
 *
 * A failure names the seed of its round, which `--seed` takes to have it again.
 */

import { fuzzEndpoint } from "../../transport/protocol/_support/endpoint_fuzz.ts";
import { fuzzReceiver } from "../../transport/protocol/_support/fuzz.ts";
import { fuzzHandshake } from "../../transport/handshake/_support/fuzz.ts";

const STREAMS_A_ROUND = 20_000;
const HEADS_A_ROUND = 5_000;
const LIVES_A_ROUND = 5_000;

function option(name: string, otherwise: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  if (at === -1) return otherwise;
  const value = Number(Deno.args[at + 1]);
  if (!Number.isInteger(value) || value < 0) {
    throw new TypeError(
      `Cannot fuzz as --${name} must be a whole number: current value is ${
        Deno.args[at + 1]
      }`,
    );
  }
  return value;
}

const seconds = option("seconds", 60);
const first = option("seed", Number(new Date()) >>> 0);
const end = performance.now() + seconds * 1000;
let streams = 0;
let frames = 0;
let messages = 0;
let heads = 0;
let lives = 0;
const violations = new Map<string, number>();

for (let seed = first; performance.now() < end; seed++) {
  try {
    const report = fuzzReceiver(seed, (so) => so.streams >= STREAMS_A_ROUND);
    streams += report.streams;
    frames += report.frames;
    messages += report.messages;
    const handshakes = fuzzHandshake(seed, (so) => so.heads >= HEADS_A_ROUND);
    heads += handshakes.heads;
    lives += fuzzEndpoint(seed, (so) => so.lives >= LIVES_A_ROUND).lives;
    for (const [code, times] of [...report.violations, ...handshakes.refused]) {
      violations.set(code, (violations.get(code) ?? 0) + times);
    }
  } catch (cause) {
    throw new Error(`failed with --seed ${seed}`, { cause });
  }
}

const lines = [
  `seed ${first}: ${streams} streams, ${frames} frames, ${messages} messages, ${heads} heads, ${lives} endpoints`,
  ...[...violations].sort(([, a], [, b]) => b - a)
    .map(([code, times]) => `${String(times).padStart(10)} ${code}`),
];
await Deno.stdout.write(new TextEncoder().encode(lines.join("\n") + "\n"));
