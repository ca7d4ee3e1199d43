import { assertEquals } from "@std/assert";
import { Tally } from "./tally.ts";

function mistakes(...messages: string[]): number {
  const tally = new Tally();
  for (const message of messages) tally.take("a", message);
  return tally.mistakes.length;
}

Deno.test("The demo's check finds what is missing, doubled, out of order or changed", () => {
  assertEquals(mistakes("1", "2", "3"), 0);
  assertEquals(mistakes("2"), 1, "the first is missing");
  assertEquals(mistakes("1", "3"), 1, "one is missing");
  assertEquals(mistakes("1", "1"), 1, "one is doubled");
  assertEquals(mistakes("1", "3", "2") > 0, true, "two are swapped");
  assertEquals(mistakes("x"), 1, "one is changed");
});

Deno.test("The demo's check keeps connections apart", () => {
  const tally = new Tally();
  tally.take("a", "1");
  tally.take("b", "1");
  tally.take("a", "2");
  assertEquals(tally.mistakes, []);
  assertEquals([tally.last("a"), tally.last("b"), tally.last("c")], [2, 1, 0]);
  assertEquals(tally.count, 3);
});
