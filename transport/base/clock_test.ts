import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { type Clock, clockOf, systemClock } from "./clock.ts";
import { Schedule } from "./schedule.ts";

/** What a method may do that it should not. */
const WRONG: Readonly<Record<string, () => unknown>> = {
  "throws": () => {
    throw new Error("broken");
  },
  "rejects": () => Promise.reject(new Error("broken")),
  "never settles": () => new Promise(() => {}),
  "returns undefined": () => undefined,
  "returns NaN": () => NaN,
  "returns Infinity": () => -Infinity,
  "returns a string": () => "5",
  "returns an object": () => ({}),
};

function wrong(method: keyof Clock, act: () => unknown): Clock {
  // What a program in JavaScript may give.
  return { ...systemClock, [method]: act } as Clock;
}

/** The warnings of the process while `run` runs. */
async function warnings(run: () => Promise<void>): Promise<string[]> {
  const seen: string[] = [];
  const add = ({ message }: Error) => void seen.push(message);
  process.on("warning", add);
  await run();
  await new Promise((resolve) => setTimeout(resolve, 0));
  process.off("warning", add);
  return seen;
}

for (const [name, act] of Object.entries(WRONG)) {
  for (const method of ["now", "date", "random"] as const) {
    Deno.test(`clock.${method}() that ${name} is replaced by the runtime's, and reported once`, async () => {
      const seen = await warnings(async () => {
        const clock = clockOf(wrong(method, act));
        const first = clock[method]();
        await new Promise((resolve) => setTimeout(resolve, 5));
        const second = clock[method]();
        assert(Number.isFinite(first) && Number.isFinite(second));
        if (method !== "random") assert(second > first && second < first + 1e4);
        else assert(second >= 0 && second < 1);
      });
      assertEquals(seen.length, 1);
    });
  }
  Deno.test(`clock.timer() that ${name} is replaced by the runtime's, and reported once`, async () => {
    const seen = await warnings(async () => {
      const schedule = Schedule.of(wrong("timer", act));
      await new Promise<void>((resolve) => schedule.after(5, resolve));
      const late = schedule.after(60_000, () => {});
      schedule.cancel(late);
    });
    assertEquals(seen.length, 1);
  });
}

Deno.test("Time goes on from the last good value of now", async () => {
  let now: unknown = 1_000;
  const clock = clockOf(wrong("now", () => now));
  assertEquals(clock.now(), 1_000);
  now = undefined;
  await warnings(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const later = clock.now();
    assert(later > 1_010 && later < 10_000, `${later}`);
  });
  now = 2_000;
  assertEquals(clock.now(), 2_000);
});

Deno.test("A timer that calls back twice, or after it was cancelled, counts once", () => {
  const callbacks: (() => void)[] = [];
  const clock = clockOf(
    wrong("timer", (...args: unknown[]) => {
      const [callback] = args;
      if (typeof callback === "function") callbacks.push(() => callback());
      return () => {};
    }),
  );
  let calls = 0;
  clock.timer(() => calls++, 1);
  const cancel = clock.timer(() => calls++, 1);
  cancel();
  for (const call of [...callbacks, ...callbacks]) call();
  assertEquals(calls, 1);
});

Deno.test("A clock has one guard and one schedule, and the runtime's own has none", () => {
  const clock = { ...systemClock };
  const guard = clockOf(clock);
  assertEquals(clockOf(clock), guard);
  assertEquals(clockOf(guard), guard);
  assertEquals(Schedule.of(clock), Schedule.of(guard));
  assertEquals(clockOf(undefined), systemClock);
  assertEquals(clockOf(systemClock), systemClock);
});
