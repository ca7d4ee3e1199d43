import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { setImmediate } from "node:timers";
import { sleep } from "../transport/base/schedule.ts";
import { AssertionError } from "./assertion_error.ts";
import { FakeClock } from "./fake_clock.ts";

Deno.test("timers fire in the order in which they are due, each at its own time", async () => {
  const clock = new FakeClock({ now: 1_000 });
  const fired: [string, number][] = [];
  const note = (name: string) => () => fired.push([name, clock.now()]);
  clock.timer(note("c"), 30);
  clock.timer(note("a"), 10);
  clock.timer(note("b1"), 20);
  clock.timer(note("b2"), 20);
  clock.timer(note("late"), 31);
  await clock.advance(30);
  assertEquals(fired, [["a", 1_010], ["b1", 1_020], ["b2", 1_020], [
    "c",
    1_030,
  ]]);
  assertEquals(clock.now(), 1_030);
  assertEquals(clock.pending, 1);
  assertEquals(clock.nextAt, 1_031);
});

Deno.test("a timer that has been cancelled does not fire, and cancelling late does no harm", async () => {
  const clock = new FakeClock();
  let fired = 0;
  const cancelFirst = clock.timer(() => fired++, 1);
  const cancelSecond = clock.timer(() => fired++, 1);
  cancelFirst();
  assertEquals(clock.pending, 1);
  await clock.advance(1);
  cancelFirst();
  cancelSecond();
  assertEquals(fired, 1);
  assertEquals(clock.pending, 0);
  assertEquals(clock.nextAt, undefined);
});

Deno.test("a timer set by a timer fires in the same move when it is due by its end", async () => {
  const clock = new FakeClock();
  const start = clock.now();
  const fired: number[] = [];
  const again = () => {
    fired.push(clock.now() - start);
    clock.timer(again, 10);
  };
  clock.timer(again, 10);
  await clock.advance(35);
  assertEquals(fired, [10, 20, 30]);
});

Deno.test("delays are whole milliseconds, rounded up; an invalid delay is due now but not inside the call", async () => {
  const clock = new FakeClock();
  const start = clock.now();
  const fired: number[] = [];
  for (const delay of [0.2, 0, -5, NaN]) {
    clock.timer(() => fired.push(clock.now() - start), delay);
  }
  assertEquals(fired, []);
  await clock.advance();
  assertEquals(fired, [0, 0, 0]);
  await clock.advance(1);
  assertEquals(fired, [0, 0, 0, 1]);
});

Deno.test("promise chains settle between timers, long ones and those with turns of the event loop", async () => {
  const clock = new FakeClock();
  const start = clock.now();
  const steps: [string, number][] = [];
  const run = async () => {
    for (let round = 0; round < 3; round++) {
      await sleep(clock, 100);
      for (let i = 0; i < 1_000; i++) await Promise.resolve();
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      steps.push(["step", clock.now() - start]);
    }
  };
  const ran = run();
  await clock.advance(300);
  assertEquals(steps, [["step", 100], ["step", 200], ["step", 300]]);
  await ran;
});

Deno.test("an operation that began just before a move has set its timer before the clock moves", async () => {
  const clock = new FakeClock();
  const start = clock.now();
  let woke = 0;
  const ran = Promise.resolve().then(() => sleep(clock, 50)).then(() => {
    woke = clock.now() - start;
  });
  await clock.advance(50);
  assertEquals(woke, 50);
  await ran;
});

Deno.test("moves that overlap take place one after the other", async () => {
  const clock = new FakeClock({ now: 0 });
  const fired: number[] = [];
  clock.timer(() => fired.push(clock.now()), 5);
  clock.timer(() => fired.push(clock.now()), 15);
  const first = clock.advance(10).then(() => fired.push(clock.now()));
  const second = clock.advance(10);
  await Promise.all([first, second]);
  assertEquals(fired, [5, 10, 15]);
  assertEquals(clock.now(), 20);
});

Deno.test("tick moves the clock at once and lets no promise settle", async () => {
  const clock = new FakeClock({ now: 0 });
  const order: string[] = [];
  clock.timer(() => {
    order.push("first");
    Promise.resolve().then(() => order.push("promise"));
  }, 1);
  clock.timer(() => order.push("second"), 2);
  clock.tick(2);
  assertEquals(order, ["first", "second"]);
  assertEquals(clock.now(), 2);
  await clock.settle();
  assertEquals(order, ["first", "second", "promise"]);
});

Deno.test("setDate moves the time of day, which goes on with the clock, and no timer", async () => {
  const clock = new FakeClock({ now: 1_000 });
  let firedAt = 0;
  clock.timer(() => firedAt = clock.date(), 10);
  clock.setDate(500_000);
  assertEquals(clock.now(), 1_000);
  assertEquals(clock.date(), 500_000);
  assertEquals(clock.pending, 1);
  await clock.advance(10);
  assertEquals(firedAt, 500_010);
});

Deno.test("runAll fires timers until none is left, and refuses what never ends", async () => {
  const clock = new FakeClock({ now: 0 });
  let left = 5;
  const again = () => {
    if (--left > 0) clock.timer(again, 1_000);
  };
  clock.timer(again, 1_000);
  await clock.runAll();
  assertEquals([left, clock.now(), clock.pending], [0, 5_000, 0]);

  const forEver = () => clock.timer(forEver, 1);
  const cancel = forEver();
  await assertRejects(() => clock.runAll(10), AssertionError, "after 10");
  cancel();
});

Deno.test("a callback that throws fails the move, and the rest still waits", async () => {
  const clock = new FakeClock({ now: 0 });
  const fail = () => {
    throw new Error("no");
  };
  clock.timer(fail, 10);
  clock.timer(fail, 20);
  await assertRejects(() => clock.advance(30), Error, "no");
  assertEquals([clock.now(), clock.pending], [10, 1]);
  assertThrows(() => clock.tick(30), Error, "no");
  await clock.advance(5);
  assertEquals([clock.now(), clock.pending], [25, 0]);
});

Deno.test("chance is the same for the same seed, and can be replaced", () => {
  const draw = (clock: FakeClock) => [clock.random(), clock.random()];
  assertEquals(draw(new FakeClock()), draw(new FakeClock()));
  assert(draw(new FakeClock({ seed: 2 }))[0] !== draw(new FakeClock())[0]);
  const clock = new FakeClock();
  clock.setRandom([0.25, 0.5]);
  assertEquals([...draw(clock), ...draw(clock)], [0.25, 0.5, 0.25, 0.5]);
  clock.setRandom(() => 0.75);
  assertEquals(draw(clock), [0.75, 0.75]);
});
