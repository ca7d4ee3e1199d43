import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { seededRandom } from "./seeded_random.ts";

function draw(seed: number, count: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, random);
}

Deno.test("the same seed gives the same numbers, another one others", () => {
  assertEquals(draw(1, 20), draw(1, 20));
  assertNotEquals(draw(1, 20), draw(2, 20));
});

Deno.test("numbers are spread evenly from 0 up to but not including 1", () => {
  const tenths = new Array<number>(10).fill(0);
  for (const value of draw(3, 10_000)) {
    assert(value >= 0 && value < 1);
    const tenth = Math.floor(value * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  for (const count of tenths) assert(count > 850 && count < 1150, `${tenths}`);
});
