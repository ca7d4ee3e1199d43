import { assertEquals } from "@std/assert";
import { flushAll, flushSoon } from "./flush.ts";
import { turns } from "../_support/raw.ts";

Deno.test("what waits is flushed when the event loop comes round, or before", async () => {
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

Deno.test("a turn writes to a hundred sockets, and the others come next, in their order", async () => {
  await turns(2);
  const flushed: number[] = [];
  for (let i = 0; i < 350; i++) flushSoon({ flush: () => flushed.push(i) });
  flushAll();
  assertEquals(flushed.length, 100);
  flushAll();
  assertEquals(flushed.length, 100);
  flushSoon({ flush: () => flushed.push(350) });
  while (flushed.length < 351) {
    const before = flushed.length;
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(flushed.length - before <= 200, true);
  }
  assertEquals(flushed, Array.from({ length: 351 }, (_, i) => i));
});

Deno.test("who becomes dirty while it is flushed is flushed again", async () => {
  let flushed = 0;
  const target = {
    flush() {
      if (++flushed < 3) flushSoon(target);
    },
  };
  flushSoon(target);
  await turns(2);
  assertEquals(flushed, 3);
});
