import { assert } from "@std/assert";
import { fuzzReceiver } from "./_support/fuzz.ts";

const STREAMS = 12_000;

Deno.test("fuzz: spoiled streams give violations and nothing worse", () => {
  const seed = Number(new Date()) >>> 0;
  try {
    const report = fuzzReceiver(seed, ({ streams }) => streams >= STREAMS);
    assert(
      report.messages > STREAMS / 10,
      "most streams are spoiled too early",
    );
    assert(report.violations.size > 12, "too few kinds of violation");
  } catch (cause) {
    throw new Error(`failed with seed ${seed}`, { cause });
  }
});
