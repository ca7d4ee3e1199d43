import { assert } from "@std/assert";
import { fuzzHandshake } from "./_support/fuzz.ts";

const HEADS = 12_000;

Deno.test("fuzz: spoilt heads are refused with typed errors and nothing worse", () => {
  const seed = Number(new Date()) >>> 0;
  try {
    const report = fuzzHandshake(seed, ({ heads }) => heads >= HEADS);
    assert(report.agreed > HEADS / 20, "most heads are spoilt too much");
    assert(report.written > HEADS / 20, "most parts are too odd");
    assert(report.refused.size > 12, "too few kinds of refusal");
  } catch (cause) {
    throw new Error(`failed with seed ${seed}`, { cause });
  }
});
