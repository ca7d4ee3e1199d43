import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { sleep } from "../transport/base/schedule.ts";
import { AssertionError } from "./assertion_error.ts";
import { eventually, never } from "./eventually.ts";
import { FakeClock } from "./fake_clock.ts";

Deno.test("eventually gives what the function returned as soon as it neither throws nor is false", async () => {
  let looks = 0;
  const value = await eventually(() => {
    looks++;
    if (looks === 1) throw new Error("not yet");
    return looks === 2 ? false : looks;
  }, { interval: 1 });
  assertEquals(value, 3);
  assertEquals(await eventually(() => undefined), undefined);
  assertEquals(await eventually(() => Promise.resolve(0)), 0);
});

Deno.test("eventually says what was wrong last", async () => {
  const clock = new FakeClock();
  const failure = new Error("still 3 peers");
  const error = await assertRejects(
    () => eventually(() => Promise.reject(failure), { clock, timeout: 50 }),
    AssertionError,
    "did not hold within 50 ms: Error: still 3 peers",
  );
  assertEquals(error.cause, failure);
  await assertRejects(
    () => eventually(() => false, { clock, timeout: 50 }),
    AssertionError,
    "it was false",
  );
});

Deno.test("eventually moves a fake clock, and no further than it has to", async () => {
  const clock = new FakeClock();
  const start = clock.now();
  let ready = false;
  clock.timer(() => ready = true, 95);
  await eventually(() => ready, { clock, interval: 10 });
  assertEquals(clock.now() - start, 100);
  await assertRejects(
    () => eventually(() => false, { clock, timeout: 25, interval: 10 }),
    AssertionError,
  );
  assertEquals(clock.now() - start, 125);
});

Deno.test("eventually moves a fake clock also for a function that waits for it", async () => {
  const clock = new FakeClock();
  const value = await eventually(async () => {
    await sleep(clock, 500);
    return "done";
  }, { clock, timeout: 1_000 });
  assertEquals(value, "done");
});

Deno.test("a function that never settles does not hold eventually up", async () => {
  const hang = () => new Promise<void>(() => {});
  for (const clock of [undefined, new FakeClock()]) {
    const error = await assertRejects(
      () => eventually(hang, { timeout: 20, ...(clock && { clock }) }),
      AssertionError,
    );
    assertStringIncludes(error.message, "did not settle");
    await never(hang, { timeout: 20, ...(clock && { clock }) });
  }
});

Deno.test("with a timeout of 0 eventually looks once", async () => {
  let looks = 0;
  assertEquals(await eventually(() => ++looks, { timeout: 0 }), 1);
  await assertRejects(
    () => eventually(() => ++looks < 0, { timeout: 0 }),
    AssertionError,
  );
  assertEquals(looks, 2);
});

Deno.test("never holds when the function is false or throws all the time", async () => {
  const clock = new FakeClock();
  const start = clock.now();
  let looks = 0;
  await never(() => {
    looks++;
    if (looks % 2 === 0) throw new Error("no");
    return false;
  }, { clock, timeout: 100, interval: 10 });
  assertEquals(clock.now() - start, 100);
  assertEquals(looks, 11);
});

Deno.test("never fails as soon as the function holds", async () => {
  const clock = new FakeClock();
  let late = false;
  clock.timer(() => late = true, 45);
  await assertRejects(
    () => never(() => late, { clock, timeout: 100, interval: 10 }),
    AssertionError,
    "held after 50 ms",
  );
});

Deno.test("never takes its time on the runtime's clock", async () => {
  const start = performance.now();
  await never(() => false, { timeout: 30 });
  assert(performance.now() - start >= 28);
});
