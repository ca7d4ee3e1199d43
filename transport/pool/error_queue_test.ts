import { assertEquals } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { ErrorQueue, type PoolErrorRecord } from "./error_queue.ts";

function setUp(capacity: number) {
  const clock = new FakeClock({ now: 5_000 });
  const pushed: PoolErrorRecord[] = [];
  const errors = new ErrorQueue(capacity, clock, (error) => {
    pushed.push(error);
  });
  return { errors, pushed };
}

Deno.test("If nobody reads errors, the oldest are dropped and counted", async () => {
  const { errors, pushed } = setUp(2);
  for (const id of ["a", "b", "c"]) errors.report(id, new Error(id));
  errors.close();
  const read: unknown[] = [];
  for await (const { id, error, at } of errors) {
    read.push([id, error.message, at]);
  }
  assertEquals(read, [["b", "b", 5_000], ["c", "c", 5_000]]);
  assertEquals([errors.dropped, pushed.length], [1, 3]);
});

Deno.test("An error that comes after the end displaces none that waits", () => {
  const { errors, pushed } = setUp(1);
  errors.report("a", new Error("first"));
  errors.close();
  errors.report("b", new Error("too late"));
  assertEquals(pushed.length, 2);
  assertEquals([errors.dropped, errors.shift()?.id], [0, "a"]);
});
