import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { seededRandom } from "../../testing/seeded_random.ts";
import { Schedule, sleep, type Task } from "./schedule.ts";

Deno.test("Tasks run when they are due, in that order, behind one timer", () => {
  const clock = new FakeClock({ now: 0 });
  const schedule = Schedule.of(clock);
  const random = seededRandom(3);
  const ran: number[] = [];
  const tasks: Task[] = [];
  for (let i = 0; i < 1_000; i++) {
    const due = Math.floor(random() * 10_000);
    tasks.push(schedule.at(due, () => {
      assertEquals(clock.now() >= due, true);
      ran.push(due);
    }));
  }
  assertEquals(clock.pending, 1);
  const cancelled = tasks.filter((_, i) => i % 3 === 0);
  for (const task of cancelled) schedule.cancel(task);
  clock.tick(10_000);
  const expected = tasks.filter((_, i) => i % 3 !== 0).map(({ due }) => due);
  assertEquals(ran, expected.sort((a, b) => a - b));
  assertEquals([schedule.size, clock.pending], [0, 0]);
});

Deno.test("A task may cancel another one, or itself, and make new ones", () => {
  const clock = new FakeClock({ now: 0 });
  const schedule = Schedule.of(clock);
  const ran: string[] = [];
  const later = schedule.after(20, () => ran.push("later"));
  const first: Task = schedule.after(10, () => {
    ran.push("first");
    schedule.cancel(later);
    schedule.cancel(first);
    schedule.after(5, () => ran.push("new"));
  });
  clock.tick(100);
  assertEquals(ran, ["first", "new"]);
  schedule.cancel(first);
  schedule.cancel(undefined);
  assertEquals(clock.pending, 0);
});

Deno.test("A deadline beyond the longest timer is reached in steps", () => {
  const clock = new FakeClock({ now: 0 });
  const far = 2 ** 31 + 1_000;
  let ran = 0;
  Schedule.of(clock).at(far, () => ran++);
  clock.tick(2 ** 31 - 1);
  assertEquals([ran, clock.pending], [0, 1]);
  clock.tick(1_001);
  assertEquals([ran, clock.pending], [1, 0]);
});

Deno.test("No timer is left when the last task is cancelled", () => {
  const clock = new FakeClock();
  const schedule = Schedule.of(clock);
  const tasks = [schedule.after(10, () => {}), schedule.after(5, () => {})];
  for (const task of tasks) schedule.cancel(task);
  assertEquals(clock.pending, 0);
});

Deno.test("sleep ends with the time, or at once with the signal", async () => {
  const clock = new FakeClock();
  const slept = sleep(clock, 1_000);
  await clock.advance(1_000);
  await slept;
  const controller = new AbortController();
  const cut = sleep(clock, 1_000, controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => cut, Error, "enough");
  await assertRejects(
    () => sleep(clock, 1, controller.signal),
    Error,
    "enough",
  );
  assertEquals(clock.pending, 0);
});
