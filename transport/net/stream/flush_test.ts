import { assertEquals } from "@std/assert";
import { flushAll, flushSoon } from "./flush.ts";
import { turns } from "../../_support/raw.ts";

Deno.test("bytes that wait are flushed in the next turn of the event loop, or before", async () => {
  const flushed: string[] = [];
  flushSoon({ flush: () => flushed.push("a") });
  flushSoon({ flush: () => flushed.push("b") });
  assertEquals(flushed, []);
  await turns(1);
  assertEquals(flushed, ["a", "b"]);
  flushSoon({ flush: () => flushed.push("c") });
  flushAll();
  assertEquals(flushed, ["a", "b", "c"]);
  await turns(1);
});

Deno.test("thousands are flushed in one turn, in their order", async () => {
  const flushed: number[] = [];
  for (let i = 0; i < 3_000; i++) flushSoon({ flush: () => flushed.push(i) });
  await turns(1);
  assertEquals(flushed, Array.from({ length: 3_000 }, (_, i) => i));
});

Deno.test("who becomes dirty while it is flushed is flushed again", async () => {
  let flushed = 0;
  const target = {
    flush() {
      if (++flushed < 3) flushSoon(target);
    },
  };
  flushSoon(target);
  await turns(3);
  assertEquals(flushed, 3);
});
