import { assert, assertEquals, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import { forEachMessage } from "../mod.ts";
import { eventually, seededRandom } from "../testing/mod.ts";
import { ConfigError } from "../transport/base/errors.ts";
import { Gate, poolOf } from "./_support/for_each.ts";

Deno.test("Messages of one peer are handled in order, one at a time, and those of others meanwhile", async () => {
  const { pool, receive } = poolOf(["a", "b"]);
  const gate = new Gate();
  const done = forEachMessage(pool, gate.handler);
  receive("a", "a1", "a2", "a3");
  receive("b", "b1", "b2");
  await delay(0);
  assertEquals(gate.started, ["a1", "b1"]);
  await gate.finish("b1");
  assertEquals(gate.started, ["a1", "b1", "b2"]);
  await gate.finish("a1");
  await gate.finish("a2", "b2");
  await gate.finish("a3");
  assertEquals(gate.started, ["a1", "b1", "b2", "a2", "a3"]);
  await pool.close();
  await done;
});

Deno.test("No more than concurrency handlers run, and no more than twice as many messages are taken", async () => {
  const ids = Array.from({ length: 10 }, (_, i) => String(i));
  const { pool, receive } = poolOf(ids);
  const gate = new Gate();
  const done = forEachMessage(pool, gate.handler, { concurrency: 3 });
  for (const id of ids) receive(id, `${id}a`, `${id}b`);
  await delay(0);
  assertEquals(gate.started, ["0a", "1a", "2a"]);
  assertEquals(pool.inbox.size, 20 - 6);
  for (let finished = 0; finished < 20; finished++) {
    assert(gate.started.length - finished <= 3);
    await gate.finish(gate.started[finished] ?? "");
  }
  assertEquals(new Set(gate.started).size, 20);
  await pool.close();
  await done;
});

Deno.test("Whatever handlers take, every message is handled once, in the order of its peer", async () => {
  const random = seededRandom(5);
  const ids = ["a", "b", "c", "d"];
  const { pool, receive } = poolOf(ids, 8);
  const seen = new Map<string, number[]>(ids.map((id) => [id, []]));
  let running = 0;
  const done = forEachMessage(pool, async ({ id, data }) => {
    assert(++running <= 3);
    if (random() < 0.7) await delay(random() * 2);
    seen.get(id)?.push(Number(data));
    running--;
  }, { concurrency: 3 });
  for (let i = 0; i < 400; i++) {
    receive(ids[Math.floor(random() * 4)] ?? "a", String(i));
    if (i % 20 === 0) await delay(0);
  }
  await eventually(() => [...seen.values()].flat().length === 400);
  for (const numbers of seen.values()) {
    assertEquals(numbers, numbers.toSorted((a, b) => a - b));
  }
  await pool.close();
  await done;
});

Deno.test("Backpressure is kept: peers are paused while handlers are busy", async () => {
  const { pool, sockets, receive } = poolOf(["a"], 4);
  const gate = new Gate();
  const done = forEachMessage(pool, gate.handler, { concurrency: 1 });
  for (let i = 0; i < 20; i++) receive("a", String(i));
  await delay(0);
  for (let i = 0; i < 20; i++) receive("a", String(20 + i));
  assert(pool.inbox.size <= 4);
  assertEquals(sockets.get("a")?.paused, true);
  for (let i = 0; i < 40; i++) await gate.finish(String(i));
  assertEquals(gate.started.length, 40);
  await pool.close();
  await done;
});

Deno.test("reply answers the peer, and everything else of the message is there", async () => {
  const { pool, sockets, receive } = poolOf(["a"]);
  const done = forEachMessage(
    pool,
    ({ id, data, session, receivedAt, reply }) =>
      reply(`${id} ${data} ${session} ${receivedAt > 0}`),
  );
  receive("a", "hello");
  await eventually(() => sockets.get("a")?.written.length === 1);
  assertEquals(sockets.get("a")?.written, ["a hello 1 true"]);
  await pool.close();
  await done;
});

for (
  const [name, handler] of [
    ["throws", () => {
      throw new Error("broken");
    }],
    ["rejects", () => Promise.reject(new Error("broken"))],
    ["rejects with no error", () => Promise.reject("broken")],
    ["replies to nobody", ({ reply }: { reply: (data: string) => unknown }) => {
      void reply("x");
      throw new Error("broken");
    }],
  ] as const
) {
  Deno.test(`A handler that ${name} is reported, and the next message is handled`, async () => {
    const { pool, receive } = poolOf(["a"]);
    let calls = 0;
    const done = forEachMessage(pool, (message) => {
      calls++;
      return handler(message);
    });
    receive("a", "1", "2");
    await eventually(() => calls === 2 && pool.errors.size === 2);
    const record = await pool.errors.take();
    assertEquals([record?.id, record?.error.message], ["a", "broken"]);
    await pool.close();
    await done;
  });
}

Deno.test("A signal ends it when the messages that were taken are handled; the rest stays in the inbox", async () => {
  const { pool, receive } = poolOf(["a"]);
  const gate = new Gate();
  const controller = new AbortController();
  const done = forEachMessage(pool, gate.handler, {
    concurrency: 1,
    signal: controller.signal,
  });
  receive("a", "1", "2", "3");
  await delay(0);
  controller.abort();
  let ended = false;
  void done.then(() => ended = true);
  await gate.finish("1");
  assertEquals([gate.started, ended], [["1", "2"], false]);
  await gate.finish("2");
  await done;
  assertEquals((await pool.inbox.take())?.data, "3");
  await pool.close();
});

Deno.test("A signal that has aborted, and one that aborts while nothing comes", async () => {
  const { pool } = poolOf(["a"]);
  const fail = () => {
    throw new Error("called");
  };
  await forEachMessage(pool, fail, { signal: AbortSignal.abort() });
  const controller = new AbortController();
  const done = forEachMessage(pool, fail, { signal: controller.signal });
  await delay(0);
  controller.abort();
  await done;
  await pool.close();
});

Deno.test("What is left in the inbox of a closed pool is handled", async () => {
  const { pool, receive } = poolOf(["a"]);
  receive("a", "1", "2");
  await pool.close();
  const seen: unknown[] = [];
  await forEachMessage(pool, ({ data }) => seen.push(data));
  assertEquals(seen, ["1", "2"]);
});

Deno.test("What it cannot use is refused at once", async () => {
  const { pool } = poolOf([]);
  // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
  const call = (handler: any, options?: any) => () =>
    void forEachMessage(pool, handler, options);
  assertThrows(call(undefined), ConfigError, "handler");
  assertThrows(call(() => {}, { concurrency: 0 }), ConfigError, "concurrency");
  assertThrows(
    call(() => {}, { concurrency: 1.5 }),
    ConfigError,
    "concurrency",
  );
  assertThrows(call(() => {}, { signal: true }), ConfigError, "signal");
  assertThrows(call(() => {}, { parallel: 3 }), ConfigError, "parallel");
  await pool.close();
});
