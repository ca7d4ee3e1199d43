import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Queue } from "../transport/base/queue.ts";
import { AssertionError } from "./assertion_error.ts";
import { expectIncoming, expectWrite } from "./expect.ts";
import { json } from "./match.ts";
import { MockSocket } from "./mock_socket.ts";

function queueOf<T>(...items: T[]): Queue<T> {
  const queue = new Queue<T>({ capacity: 100 });
  for (const item of items) queue.push(item);
  return queue;
}

Deno.test("expectWrite takes writes one after the other, also one that comes later", async () => {
  const socket = new MockSocket();
  socket.write("a");
  const third = (async () => {
    await expectWrite(socket, "a");
    await expectWrite(socket, (message) => message.length === 2);
    return await expectWrite(socket, new Uint8Array([3]));
  })();
  socket.write("bb");
  socket.write(new Uint8Array([3]));
  assertEquals(await third, new Uint8Array([3]));
});

Deno.test("expectWrite fails for another message, for none in time, and at the end", async () => {
  const socket = new MockSocket();
  socket.write("a");
  await assertRejects(
    () => expectWrite(socket, "b"),
    AssertionError,
    'Expected the write "b", but it is "a"',
  );
  await assertRejects(
    () => expectWrite(socket, "b", { timeout: 5 }),
    AssertionError,
    "none came within 5 ms",
  );
  socket.write("c");
  await expectWrite(socket, "c");
  socket.terminate();
  await assertRejects(
    () => expectWrite(socket, "b"),
    AssertionError,
    "there is none to come",
  );
});

Deno.test("a function that expects something is shown, and may throw", async () => {
  const items = queueOf("a", "no JSON");
  const isB = (item: string) => item === "b";
  await assertRejects(
    () => expectIncoming(items, isB),
    AssertionError,
    `Expected the item ${isB}, but it is "a"`,
  );
  const error = await assertRejects(
    () => expectIncoming(items, json({ a: 1 })),
    AssertionError,
    'Expected the item json({ a: 1 }), but it is "no JSON" (SyntaxError:',
  );
  assertInstanceOf(error.cause, SyntaxError);
});

Deno.test("expectIncoming takes from sources that have take, have incoming, or can be iterated", async () => {
  const queue = queueOf("a", "b", "c");
  await expectIncoming(queue, "a");
  await expectIncoming({ incoming: queue }, "b");
  const iterable: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => queue[Symbol.asyncIterator](),
  };
  assertEquals(await expectIncoming(iterable, /c/), "c");
  await assertRejects(
    () => expectIncoming(iterable, "d", { timeout: 5 }),
    AssertionError,
    "none came within 5 ms",
  );
  queue.push("e");
  await expectIncoming(queue, "e");
  queue.close();
  await assertRejects(
    () => expectIncoming(iterable, "f"),
    AssertionError,
    "there is none to come",
  );
});

Deno.test("expectIncoming compares some fields of an item", async () => {
  const queue = queueOf(
    { id: "a", data: "hello", at: 1 },
    { id: "b", data: "bye", at: 2 },
  );
  const item = await expectIncoming(queue, { id: "a", data: /^hel/ });
  assertEquals(item.at, 1);
  await assertRejects(
    () => expectIncoming(queue, { id: "a" }),
    AssertionError,
    "but it is { id: 'b'",
  );
});

Deno.test("a generator is left as by a break", async () => {
  let left = false;
  async function* generate() {
    try {
      yield await Promise.resolve(1);
      yield 2;
    } finally {
      left = true;
    }
  }
  assertEquals(await expectIncoming(generate(), 1), 1);
  assertEquals(left, true);
});

Deno.test("what the source throws is thrown", async () => {
  const source = { take: () => Promise.reject(new Error("broken")) };
  await assertRejects(() => expectIncoming(source, "a"), Error, "broken");
});
