// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Runs the fuzzers of the receiver, the handshake and the endpoint, for 60 s by default:
 *
 * `deno task suite fuzz [--seconds N] [--seed N]`
 *
 * A failure names the seed of its round. `--seed` repeats it.
 *
 * @module
 */

import { fuzzEndpoint } from "../../transport/protocol/_support/endpoint_fuzz.ts";
import { fuzzReceiver } from "../../transport/protocol/_support/fuzz.ts";
import { fuzzHandshake } from "../../transport/handshake/_support/fuzz.ts";

const STREAMS_A_ROUND = 20_000;
const HEADS_A_ROUND = 5_000;
const LIVES_A_ROUND = 5_000;
/** How many states an endpoint has, all of which are reached. */
const STATES = 7;
/** Kinds of violation that even a short run meets. */
const MIN_VIOLATIONS = 25;

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
let agreed = 0;
let lives = 0;
const states = new Set<string>();
const violations = new Map<string, number>();

const broken: string[] = [];
for (
  let seed = first;
  broken.length === 0 && performance.now() < end;
  seed++
) {
  try {
    const report = fuzzReceiver(seed, (so) => so.streams >= STREAMS_A_ROUND);
    streams += report.streams;
    frames += report.frames;
    messages += report.messages;
    const handshakes = fuzzHandshake(seed, (so) => so.heads >= HEADS_A_ROUND);
    heads += handshakes.heads;
    agreed += handshakes.agreed;
    const endpoints = fuzzEndpoint(seed, (so) => so.lives >= LIVES_A_ROUND);
    lives += endpoints.lives;
    for (const state of endpoints.states.keys()) states.add(state);
    for (const [code, times] of [...report.violations, ...handshakes.refused]) {
      violations.set(code, (violations.get(code) ?? 0) + times);
    }
  } catch (error) {
    console.log(error);
    broken.push(`failed with --seed ${seed}: ${error}`);
  }
}

console.log(
  `seed ${first}: ${streams} streams, ${frames} frames, ${messages} messages, ${heads} heads (${agreed} agreed), ${lives} endpoints`,
);
for (const [code, times] of [...violations].sort(([, a], [, b]) => b - a)) {
  console.log(`${String(times).padStart(10)} ${code}`);
}
if (broken.length === 0) {
  // Random input that never gets past the first check would show nothing.
  if (messages === 0) broken.push("no message came through the receiver");
  if (agreed === 0) broken.push("no handshake succeeded");
  if (states.size < STATES) {
    broken.push(
      `the endpoint was only in the states ${[...states].join(", ")}`,
    );
  }
  if (violations.size < MIN_VIOLATIONS) {
    broken.push(`only ${violations.size} kinds of violation were seen`);
  }
}
for (const line of broken) console.log(`BROKEN ${line}`);
console.log(`${broken.length === 0 ? 1 : 0} passed, ${broken.length} failed`);
if (broken.length > 0) Deno.exitCode = 1;
