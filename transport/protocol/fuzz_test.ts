import { assert } from "@std/assert";
import { fuzzEndpoint } from "./_support/endpoint_fuzz.ts";
import { fuzzReceiver } from "./_support/fuzz.ts";

const STREAMS = 12_000;
const LIVES = 3_000;

function withSeed(run: (seed: number) => void): void {
  const seed = Number(new Date()) >>> 0;
  try {
    run(seed);
  } catch (cause) {
    throw new Error(`failed with seed ${seed}`, { cause });
  }
}

Deno.test("fuzz: spoiled streams give violations and nothing worse", () =>
  withSeed((seed) => {
    const report = fuzzReceiver(seed, ({ streams }) => streams >= STREAMS);
    assert(
      report.messages > STREAMS / 10,
      "most streams are spoiled too early",
    );
    assert(report.violations.size > 12, "too few kinds of violation");
  }));

Deno.test("fuzz: an endpoint comes to one true end whatever happens to it", () =>
  withSeed((seed) => {
    const report = fuzzEndpoint(seed, ({ lives }) => lives >= LIVES);
    assert(report.states.size === 7, "states that were never seen");
  }));
