import { assertEquals } from "@std/assert";
import { Arrivals } from "./arrivals.ts";

Deno.test("nothing is handed over before it is opened, then all of it in order", () => {
  const got: number[] = [];
  const arrivals = new Arrivals<number>((item) => got.push(item) > 0);
  arrivals.push(1);
  arrivals.push(2);
  arrivals.deliver();
  assertEquals(got, []);
  arrivals.open();
  arrivals.deliver();
  assertEquals(got, [1, 2]);
});

Deno.test("what follows an item that was answered with false waits for resume", () => {
  const got: number[] = [];
  const arrivals = new Arrivals<number>((item) => got.push(item) % 2 > 0);
  arrivals.open();
  for (const item of [1, 2, 3]) arrivals.push(item);
  arrivals.deliver();
  assertEquals(got, [1, 2]);
  assertEquals(arrivals.held, true);
  arrivals.resume();
  arrivals.deliver();
  assertEquals(got, [1, 2, 3]);
  assertEquals(arrivals.held, false);
});

Deno.test("a delivery inside of a delivery keeps the order", () => {
  const got: number[] = [];
  const arrivals: Arrivals<number> = new Arrivals((item) => {
    if (item === 1) {
      arrivals.push(3);
      arrivals.deliver();
    }
    return got.push(item) > 0;
  });
  arrivals.open();
  arrivals.push(1);
  arrivals.push(2);
  arrivals.deliver();
  assertEquals(got, [1, 2, 3]);
});

Deno.test("what is cleared is not handed over", () => {
  const got: number[] = [];
  const arrivals = new Arrivals<number>((item) => got.push(item) > 0);
  arrivals.open();
  arrivals.push(1);
  arrivals.clear();
  arrivals.deliver();
  assertEquals(got, []);
});
