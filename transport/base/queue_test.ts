import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { seededRandom } from "../../testing/seeded_random.ts";
import { ConfigError } from "./errors.ts";
import { Queue } from "./queue.ts";
import { countListeners } from "./_support/signals.ts";

function queueOf(capacity: number): Queue<number> {
  return new Queue({ capacity });
}

async function readAll(queue: Queue<number>): Promise<number[]> {
  const items: number[] = [];
  for await (const item of queue) items.push(item);
  return items;
}

Deno.test("Items come out in the order in which they went in, also when the ring grows and wraps", async () => {
  const queue = queueOf(1_000);
  const random = seededRandom(5);
  const got: number[] = [];
  let next = 0;
  while (next < 5_000) {
    for (let i = random() * 30; i > 0; i--) queue.push(next++);
    for (let i = random() * 30; i > 0 && queue.size > 0; i--) {
      got.push((await queue.take()) ?? -1);
    }
  }
  queue.close();
  got.push(...await readAll(queue));
  assertEquals(got, Array.from({ length: next }, (_, i) => i));
});

Deno.test("push says when to pause, and takes the item all the same", () => {
  const queue = queueOf(2);
  assertEquals([queue.push(1), queue.push(2), queue.push(3)], [
    true,
    false,
    false,
  ]);
  assertEquals([queue.size, queue.full], [3, true]);
});

Deno.test("A queue may be full by weight", () => {
  const queue = new Queue<string>({
    capacity: 100,
    maxWeight: 5,
    weigh: (item) => item.length,
  });
  assertEquals([queue.push("abc"), queue.push("de")], [true, false]);
  queue.shift();
  assertEquals(queue.full, false);
});

Deno.test("Each item goes to one reader, however many there are", async () => {
  const queue = queueOf(10);
  const readers = [readAll(queue), readAll(queue), readAll(queue)];
  for (let i = 0; i < 100; i++) {
    queue.push(i);
    if (i % 7 === 0) await Promise.resolve();
  }
  queue.close();
  const got = (await Promise.all(readers)).flat().sort((a, b) => a - b);
  assertEquals(got, Array.from({ length: 100 }, (_, i) => i));
});

Deno.test("break withdraws the waiting read and leaves the rest for the next loop", async () => {
  const queue = queueOf(10);
  for (let i = 0; i < 4; i++) queue.push(i);
  for await (const item of queue) if (item === 1) break;
  const iterator = queue[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value, 2);
  assertEquals((await iterator.next()).value, 3);
  const waiting = iterator.next();
  await iterator.return?.();
  assertEquals(await waiting, { done: true, value: undefined });
  queue.push(4);
  assertEquals(await queue.take(), 4);
});

Deno.test("take that is cancelled loses nothing, also in the tick in which an item comes", async () => {
  for (const pushFirst of [true, false]) {
    const queue = queueOf(10);
    const controller = new AbortController();
    const taken = queue.take({ signal: controller.signal });
    if (pushFirst) queue.push(1);
    controller.abort(new Error("enough"));
    if (!pushFirst) queue.push(1);
    if (pushFirst) assertEquals(await taken, 1);
    else {
      await assertRejects(() => taken, Error, "enough");
      assertEquals(await queue.take(), 1);
    }
    await assertRejects(
      () => queue.take({ signal: controller.signal }),
      Error,
      "enough",
    );
  }
});

Deno.test("1,000 cancelled takes on one signal leave no listener", async () => {
  const queue = queueOf(10);
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  for (let i = 0; i < 1_000; i++) {
    const taken = queue.take({ signal });
    queue.push(i);
    await taken;
  }
  assertEquals(listeners(), 0);
});

Deno.test("After close, items that are left can be read, then readers end; no item is added", async () => {
  const queue = queueOf(10);
  queue.push(1);
  queue.close();
  queue.close();
  assertEquals(queue.push(2), false);
  assertEquals(await readAll(queue), [1]);
  assertEquals(await queue.take(), undefined);
  const other = queueOf(1);
  const waiting = other.take();
  other.close();
  assertEquals(await waiting, undefined);
});

Deno.test("batches give all that is there, never nothing", async () => {
  const queue = queueOf(10);
  const batches: number[][] = [];
  const reading = (async () => {
    for await (const batch of queue.batches()) batches.push(batch);
  })();
  await Promise.resolve();
  for (let i = 0; i < 3; i++) queue.push(i);
  await new Promise((resolve) => setTimeout(resolve, 0));
  for (let i = 3; i < 5; i++) queue.push(i);
  queue.close();
  await reading;
  assertEquals(batches, [[0, 1, 2], [3, 4]]);
});

Deno.test("onSpace calls at once when there is space, else when half of the queue has been read", () => {
  const queue = queueOf(4);
  const calls: string[] = [];
  queue.onSpace(() => calls.push("at once"));
  for (let i = 0; i < 4; i++) queue.push(i);
  queue.onSpace(() => calls.push("later"));
  queue.shift();
  assertEquals(calls, ["at once"]);
  queue.shift();
  assertEquals(calls, ["at once", "later"]);
});

Deno.test("Producers that wait for space take turns", () => {
  const queue = queueOf(2);
  const order: string[] = [];
  const produce = (name: string) => {
    while (queue.push(0));
    order.push(name);
    queue.onSpace(() => produce(name));
  };
  produce("a");
  for (const name of ["b", "c"]) queue.onSpace(() => produce(name));
  while (order.length < 9) queue.shift();
  assertEquals(order.slice(0, 9).join(""), "aabcabcab");
});

Deno.test("Every read that waits is withdrawn when its iterator is left, and takes no item", async () => {
  for (const batches of [false, true]) {
    const queue = new Queue<number>({ capacity: 8 });
    const iterator = batches ? queue.batches() : queue[Symbol.asyncIterator]();
    const reads = [iterator.next(), iterator.next(), iterator.next()];
    await iterator.return?.();
    const ends = await Promise.all(reads);
    assertEquals(ends.map(({ done }) => done), [true, true, true]);
    queue.push(1);
    assertEquals(queue.shift(), 1);
    assertEquals((await iterator.next()).done, true);
  }
});

Deno.test("Several batch reads at once get each item once, and all end with the queue", async () => {
  const queue = new Queue<number>({ capacity: 8 });
  const iterator = queue.batches();
  const reads = [iterator.next(), iterator.next(), iterator.next()];
  queue.push(1);
  queue.push(2);
  await Promise.resolve();
  queue.close();
  const results = await Promise.all(reads);
  assertEquals(results.flatMap(({ value }) => value ?? []), [1, 2]);
  assertEquals(results.at(-1)?.done, true);
});

Deno.test("extract removes the items that match and keeps the order of the rest", async () => {
  const queue = queueOf(10);
  for (let i = 0; i < 6; i++) queue.push(i);
  assertEquals(queue.extract((item) => item % 2 === 0), [0, 2, 4]);
  queue.close();
  assertEquals(await readAll(queue), [1, 3, 5]);
});

Deno.test("A reader that finds nothing says so before it waits", () => {
  let idle = 0;
  const queue = new Queue<number>({ capacity: 1, onIdle: () => idle++ });
  queue.push(1);
  void queue.take();
  assertEquals(idle, 0);
  void queue.take();
  assertEquals(idle, 1);
  queue.close();
});

Deno.test("A batch has the items that were there when it was taken, not later ones", async () => {
  const queue = new Queue<number>({ capacity: 4 });
  for (let i = 0; i < 4; i++) queue.push(i);
  const more = (next: number) => {
    if (next < 12) {
      queue.push(next);
      queue.onSpace(() => more(next + 1));
    } else queue.close();
  };
  queue.onSpace(() => more(4));
  const sizes: number[] = [];
  const all: number[] = [];
  for await (const batch of queue.batches()) {
    sizes.push(batch.length);
    all.push(...batch);
  }
  assertEquals(all, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assertEquals(sizes.every((size) => size <= 4), true);
});

Deno.test("A queue refuses options that it cannot use", () => {
  for (
    const wrong of [
      undefined,
      null,
      {},
      { capacity: NaN },
      { capacity: -1 },
      { capacity: "1" },
      { capacity: 1, maxWeight: -1 },
      { capacity: 1, weigh: 3 },
      { capacity: 1, onIdle: {} },
      { capacity: 1, size: 1 },
    ]
  ) assertThrows(() => Reflect.construct(Queue, [wrong]), ConfigError);
});

Deno.test("take refuses options that it cannot use", async () => {
  const queue = queueOf(1);
  for (const wrong of [null, 3, { signal: 1 }]) {
    await assertRejects(
      () => Reflect.apply(queue.take, queue, [wrong]),
      ConfigError,
    );
  }
  queue.push(1);
  assertEquals(await queue.take(), 1);
});

Deno.test("An item that lost its weight while it waited does not leave the queue full", () => {
  const queue = new Queue<Uint8Array>({
    capacity: 10,
    maxWeight: 8,
    weigh: (item) => item.length,
  });
  const item = new Uint8Array(8);
  queue.push(item);
  item.buffer.transfer();
  queue.shift();
  assertEquals(queue.full, false);
});
