import { assertEquals } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { DrainWatch } from "./drain_watch.ts";

/** A buffer under a watch. */
function setUp(bufferedAmount: number, onDrain: () => void = () => {}) {
  const clock = new FakeClock();
  const buffer = { bufferedAmount, sentBytes: bufferedAmount };
  const counted = { drains: 0 };
  const watch = new DrainWatch(buffer, clock, () => {
    counted.drains++;
    onDrain();
  });
  return { clock, buffer, counted, watch };
}

/** The times between the next looks. */
function pauses(clock: FakeClock, count: number): number[] {
  return Array.from({ length: count }, () => {
    const pause = (clock.nextAt ?? 0) - clock.now();
    clock.tick(pause);
    return pause;
  });
}

Deno.test("an empty buffer is looked at once, and nothing is left running", () => {
  const { clock, counted, watch } = setUp(0);
  watch.start();
  clock.tick(50);
  assertEquals([clock.pending, counted.drains], [0, 0]);
});

Deno.test("one timer looks at all buffers, and soon if somebody waits for one of them", () => {
  const clock = new FakeClock();
  const buffers = [10, 10].map((bufferedAmount) => ({
    bufferedAmount,
    sentBytes: bufferedAmount,
  }));
  const drained: number[] = [];
  const [first, second] = buffers.map((buffer, i) =>
    new DrainWatch(buffer, clock, () => drained.push(i))
  );
  first?.start();
  clock.tick(35);
  second?.start();
  assertEquals([clock.pending, clock.nextAt], [1, clock.now() + 15]);
  second?.hurry();
  assertEquals([clock.pending, clock.nextAt], [1, clock.now() + 1]);
  for (const buffer of buffers) buffer.bufferedAmount = 0;
  clock.tick(1);
  assertEquals([drained, clock.pending], [[0, 1], 0]);
});

Deno.test("a buffer that nobody waits for is looked at every 50 ms", () => {
  const { clock, counted, watch } = setUp(10);
  watch.start();
  watch.start();
  assertEquals(pauses(clock, 3), [50, 50, 50]);
  assertEquals(counted.drains, 0);
});

Deno.test("looks at a buffer that somebody waits for and that does not move become rarer", () => {
  const { clock, watch } = setUp(10);
  watch.start();
  watch.hurry();
  watch.hurry();
  assertEquals(pauses(clock, 8), [1, 2, 4, 8, 16, 32, 50, 50]);
});

Deno.test("who still waits when bytes were taken has the buffer looked at soon again", () => {
  const { clock, buffer, counted, watch } = setUp(10, () => watch.hurry());
  watch.start();
  watch.hurry();
  clock.tick(3);
  buffer.bufferedAmount = 4;
  clock.tick(4);
  assertEquals(counted.drains, 1);
  assertEquals(clock.nextAt, clock.now() + 1);
});

Deno.test("the more buffers, the later is soon, so that looking takes little time", () => {
  const clock = new FakeClock();
  const buffer = { bufferedAmount: 10, sentBytes: 10 };
  const watches = Array.from(
    { length: 4_000 },
    () => new DrainWatch(buffer, clock, () => {}),
  );
  for (const watch of watches) watch.start();
  for (const watch of watches) watch.hurry();
  assertEquals(pauses(clock, 2), [4, 8]);
  for (const watch of watches) watch.stop();
});

Deno.test("hurrying without a write looks at nothing", () => {
  const { clock, watch } = setUp(10);
  watch.hurry();
  assertEquals(clock.pending, 0);
});

Deno.test("bytes that were taken are reported even if more was written meanwhile", () => {
  const { clock, buffer, counted, watch } = setUp(10);
  watch.start();
  buffer.sentBytes += 100;
  buffer.bufferedAmount += 99;
  clock.tick(50);
  assertEquals(counted.drains, 1);
  buffer.sentBytes += 100;
  buffer.bufferedAmount += 100;
  clock.tick(50);
  assertEquals(counted.drains, 1);
});

Deno.test("once the buffer is empty nothing is left running", () => {
  const { clock, buffer, counted, watch } = setUp(10);
  watch.start();
  buffer.bufferedAmount = 0;
  clock.tick(50);
  assertEquals(counted.drains, 1);
  assertEquals(clock.pending, 0);
});

Deno.test("it stops when asked to, also from within its callback", () => {
  const outer = setUp(10);
  outer.watch.start();
  outer.watch.stop();
  assertEquals(outer.clock.pending, 0);

  const inner = setUp(10, () => inner.watch.stop());
  inner.watch.start();
  inner.buffer.bufferedAmount = 5;
  inner.clock.tick(50);
  assertEquals(inner.counted.drains, 1);
  assertEquals(inner.clock.pending, 0);
});
