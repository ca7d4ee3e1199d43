import process from "node:process";
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { FakeClock } from "../../testing/fake_clock.ts";
import { seededRandom } from "../../testing/seeded_random.ts";
import { systemClock } from "./clock.ts";
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

/** What the process warned of while `run` was under way. */
async function warnings(run: () => Promise<void>): Promise<string[]> {
  const seen: string[] = [];
  const note = (warning: Error) => seen.push(warning.message);
  process.on("warning", note);
  try {
    await run();
    // Warnings come in a later turn.
    await delay(20);
  } finally {
    process.off("warning", note);
  }
  return seen;
}

Deno.test("A task that throws stops no other, and is reported once", async () => {
  const clock = new FakeClock({ now: 0 });
  const schedule = Schedule.of(clock);
  const ran: string[] = [];
  const fails = (name: string) => () => {
    ran.push(name);
    throw new Error(name);
  };
  schedule.after(10, fails("work"));
  schedule.after(10, () => ran.push("same time"));
  schedule.deadline(10, fails("deadline"));
  schedule.deadline(10, () => ran.push("same deadline"));
  schedule.after(5_000, () => ran.push("later"));
  const seen = await warnings(() => clock.advance(5_000));
  assertEquals(ran.sort(), [
    "deadline",
    "later",
    "same deadline",
    "same time",
    "work",
  ]);
  assertEquals(seen.sort(), ["deadline", "work"]);
  assertEquals([schedule.size, clock.pending], [0, 0]);
});

Deno.test("A task that sets itself again without a delay runs once in each turn", () => {
  const clock = new FakeClock({ now: 0 });
  const schedule = Schedule.of(clock);
  let ran = 0;
  const again = () => {
    if (++ran < 5) schedule.after(0, again);
  };
  schedule.after(0, again);
  const timer = clock.timer(() => assertEquals(ran, 1), 0);
  clock.tick(0);
  timer();
  assertEquals(ran, 5);
});

Deno.test("A deadline is judged at its time", () => {
  for (const length of [50, 299, 300, 301, 10_000]) {
    const clock = new FakeClock({ now: 0 });
    let judged = 0;
    Schedule.of(clock).deadline(length, () => judged++);
    clock.tick(length - 1);
    assertEquals(judged, 0);
    clock.tick(1);
    assertEquals(judged, 1);
  }
});

Deno.test("A deadline that is a little late is judged behind pending I/O", async () => {
  const clock = new FakeClock({ now: 0 });
  const order: string[] = [];
  clock.timer(() => setImmediate(() => order.push("I/O")), 2_000);
  Schedule.of(clock).deadline(2_000, () => order.push("judged"));
  clock.tick(1_900);
  clock.block(151);
  clock.tick(0);
  assertEquals(order, []);
  await clock.settle();
  assertEquals(order, ["I/O", "judged"]);
});

for (
  const [name, start, blocked, judgedAfter] of [
    ["the deadline lies in the middle of it", 1_000, 4_000, 1_000],
    ["it ends a little after the deadline", 1_000, 1_010, 310],
    ["it ends 100 ms before the deadline", 1_000, 900, undefined],
    ["it was short and the deadline is late", 1_900, 351, 251],
    ["it was very short", 1_900, 110, 0],
  ] as const
) {
  Deno.test(`After an absence of the process pending I/O comes first: ${name}`, async () => {
    const clock = new FakeClock({ now: 0 });
    const schedule = Schedule.of(clock);
    let judgedAt = -1;
    schedule.deadline(2_000, () => judgedAt = clock.now());
    await clock.advance(start);
    clock.block(blocked);
    const back = clock.now();
    await clock.advance(10_000);
    assertEquals(
      judgedAt,
      judgedAfter === undefined ? 2_000 : back + judgedAfter,
    );
    assertEquals([schedule.size, clock.pending], [0, 0]);
  });
}

Deno.test("A process that is always late still judges", async () => {
  const clock = new FakeClock({ now: 0 });
  let judgedAt = -1;
  Schedule.of(clock).deadline(1_000, () => judgedAt = clock.now());
  for (let i = 0; i < 20 && judgedAt < 0; i++) {
    clock.block(3_000);
    await clock.advance(0);
  }
  assertEquals(judgedAt, 27_000);
});

Deno.test("A deadline that is withdrawn while it waits for I/O does not run", async () => {
  const clock = new FakeClock({ now: 0 });
  const schedule = Schedule.of(clock);
  let ran = 0;
  const tasks: Task[] = [1, 2, 3].map(() =>
    schedule.deadline(10, () => {
      ran++;
      for (const task of tasks) schedule.cancel(task);
    })
  );
  clock.block(100);
  clock.tick(0);
  assertEquals([ran, schedule.size], [0, 3]);
  await clock.settle();
  assertEquals([ran, schedule.size], [1, 0]);
  const lone = schedule.deadline(10, () => ran++);
  clock.block(100);
  clock.tick(0);
  schedule.cancel(lone);
  await clock.settle();
  assertEquals([ran, schedule.size], [1, 0]);
});

Deno.test("A deadline in the past is judged at once, not taken for an absence", async () => {
  const clock = new FakeClock({ now: 10_000 });
  let judgedAt = -1;
  Schedule.of(clock).deadlineAt(5_000, () => judgedAt = clock.now());
  await clock.advance(0);
  assertEquals(judgedAt, 10_000);
});

Deno.test("A real event loop that was blocked reads first and judges then", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [writer, reader] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  const order: string[] = [];
  const read = reader.read(new Uint8Array(1)).then(() => order.push("read"));
  const judged = new Promise<void>((resolve) => {
    Schedule.of(systemClock).deadline(400, () => {
      order.push("judged");
      resolve();
    });
  });
  await writer.write(new Uint8Array(1));
  const until = performance.now() + 1_000;
  while (performance.now() < until);
  await Promise.all([read, judged]);
  assertEquals(order, ["read", "judged"]);
  for (const resource of [writer, reader, listener]) resource.close();
});

Deno.test("Where thousands of streams may wait, a late deadline is judged after more turns of the event loop", async () => {
  const TASKS = 2_000;
  const schedule = Schedule.of({ ...systemClock });
  const idle = Array.from(
    { length: TASKS },
    () => schedule.after(60_000, () => {}),
  );
  const judged = Promise.withResolvers<number>();
  let turns = 0;
  schedule.deadline(100, () => judged.resolve(turns));
  const until = performance.now() + 200;
  while (performance.now() < until) {
    // The event loop is blocked.
  }
  let counting = true;
  const count = () => {
    turns++;
    if (counting) setTimeout(count, 0);
  };
  count();
  const after = await judged.promise;
  counting = false;
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const task of idle) schedule.cancel(task);
  assert(after >= TASKS / 128, `judged after ${after} turns`);
  assertEquals(schedule.size, 0);
});
