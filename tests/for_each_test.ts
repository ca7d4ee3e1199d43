import { assert, assertEquals, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import {
  Connection,
  forEachMessage,
  InboundPool,
  listen,
  OutboundPool,
} from "../mod.ts";
import {
  eventually,
  MockDialer,
  MockSocket,
  seededRandom,
} from "../testing/mod.ts";
import { ConfigError } from "../transport/base/errors.ts";

function setUp(ids: readonly string[], inboxBufferSize = 1_000) {
  const pool = new InboundPool("pool", { inboxBufferSize });
  const sockets = new Map(ids.map((id) => [id, new MockSocket()]));
  for (const [id, socket] of sockets) pool.add(id, socket);
  const receive = (id: string, ...messages: string[]) => {
    for (const message of messages) sockets.get(id)?.receive(message);
  };
  return { pool, sockets, receive };
}

/** Handlers that the test lets finish. */
class Gate {
  readonly started: string[] = [];
  readonly #finish = new Map<string, () => void>();

  handler = ({ data }: { data: unknown }): Promise<void> => {
    const name = String(data);
    this.started.push(name);
    return new Promise((resolve) => this.#finish.set(name, resolve));
  };

  async finish(...names: string[]): Promise<void> {
    for (const name of names) {
      const finish = this.#finish.get(name);
      assert(finish !== undefined, `${name} was not started`);
      finish();
    }
    await delay(0);
  }
}

Deno.test("Messages of one peer are handled in order, one at a time, and those of others meanwhile", async () => {
  const { pool, receive } = setUp(["a", "b"]);
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
  const { pool, receive } = setUp(ids);
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
  const { pool, receive } = setUp(ids, 8);
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
  const { pool, sockets, receive } = setUp(["a"], 4);
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
  const { pool, sockets, receive } = setUp(["a"]);
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
    const { pool, receive } = setUp(["a"]);
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
  const { pool, receive } = setUp(["a"]);
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
  const { pool } = setUp(["a"]);
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
  const { pool, receive } = setUp(["a"]);
  receive("a", "1", "2");
  await pool.close();
  const seen: unknown[] = [];
  await forEachMessage(pool, ({ data }) => seen.push(data));
  assertEquals(seen, ["1", "2"]);
});

Deno.test("What it cannot use is refused at once", async () => {
  const { pool } = setUp([]);
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

/** Notes messages and events in the order in which they are handled, each after a while. */
function recorder() {
  const log: string[] = [];
  return {
    log,
    handler: async ({ data, session }: { data: unknown; session: number }) => {
      await delay(1);
      log.push(`${data} of ${session}`);
    },
    onEvent: async ({ kind, session }: { kind: string; session: number }) => {
      await delay(1);
      log.push(`${kind} ${session}`);
    },
  };
}

for (
  const [name, late, inboxBufferSize] of [
    ["", false, 1_000],
    [", also if all of them wait when it starts", true, 1_000],
    [", also if the inbox has space for one message", false, 1],
  ] as const
) {
  Deno.test(`onEvent is called behind the messages of the peer that came before, and before those of its next stay${name}`, async () => {
    const { pool, sockets, receive } = setUp(["a"], inboxBufferSize);
    const { log, handler, onEvent } = recorder();
    const start = () => forEachMessage(pool, handler, { onEvent });
    let done = late ? undefined : start();
    receive("a", "one", "two");
    sockets.get("a")?.receiveClose(1000);
    await eventually(() => !pool.has("a"));
    const again = new MockSocket();
    pool.add("a", again);
    again.receive("three");
    done ??= start();
    again.receiveClose(4000);
    const all = [
      "one of 1",
      "two of 1",
      "disconnected 1",
      "three of 2",
      "dropped-close 2",
    ];
    await eventually(() => log.length === all.length);
    assertEquals(log, all);
    await pool.close();
    await done;
  });
}

Deno.test("onEvent keeps the order of messages and events that waited for space in the inbox together", async () => {
  const pool = new InboundPool("pool", { inboxBufferSize: 1 });
  const expected: string[] = [];
  for (let session = 1; session <= 3; session++) {
    // Its peer cannot be made to wait, so that it leaves while its messages wait.
    const socket = new MockSocket({ flowControl: false });
    pool.add("a", socket);
    for (const data of ["x", "y", "z"]) {
      socket.receive(data);
      expected.push(`${data} of ${session}`);
    }
    socket.receiveClose(1000);
    expected.push(`disconnected ${session}`);
    await eventually(() => !pool.has("a"));
  }
  const log: string[] = [];
  const done = forEachMessage(
    pool,
    ({ data, session }) => log.push(`${data} of ${session}`),
    { onEvent: ({ kind, session }) => log.push(`${kind} ${session}`) },
  );
  await eventually(() => log.length === expected.length);
  assertEquals(log, expected);
  await pool.close();
  await done;
});

Deno.test("onEvent follows the connections of an outbound pool", async () => {
  const sockets = [new MockSocket(), new MockSocket()];
  const pool = new OutboundPool("pool", {
    dialer: new MockDialer(sockets).dial,
    worker: { reconnectDelay: 0 },
  });
  const { log, handler, onEvent } = recorder();
  const done = forEachMessage(pool, handler, { onEvent });
  const id = pool.connect("ws://peer.test");
  for (const [i, socket] of sockets.entries()) {
    await eventually(() => pool.isConnected(id));
    socket.receive(`first ${i}`);
    socket.receive(`last ${i}`);
    socket.receiveClose(1000);
    await eventually(() => !pool.isConnected(id));
  }
  const all = [1, 2].flatMap((session) => [
    `connected ${session}`,
    `first ${session - 1} of ${session}`,
    `last ${session - 1} of ${session}`,
    `disconnected ${session}`,
  ]);
  await eventually(() => log.length >= all.length);
  assertEquals(log, all);
  await pool.close();
  await done;
});

Deno.test("Whatever handlers take, each event is handled once, in the order of its peer", async () => {
  const random = seededRandom(11);
  const { pool, sockets } = setUp([], 5);
  const log = new Map<string, string[]>();
  const note = async (id: string, what: string) => {
    await delay(random() * 3);
    log.set(id, [...log.get(id) ?? [], what]);
  };
  const done = forEachMessage(
    pool,
    ({ id, data }) => note(id, String(data)),
    {
      concurrency: 2,
      onEvent: ({ id, session }) => note(id, `left ${session}`),
    },
  );
  const expected: string[] = [];
  for (let session = 1; session <= 10; session++) {
    for (const id of ["a", "b", "c", "d"]) {
      const socket = new MockSocket();
      sockets.set(id, socket);
      pool.add(id, socket);
      for (let i = 0; i < 4; i++) socket.receive(`${session}.${i}`);
      socket.receiveClose(1000);
    }
    for (let i = 0; i < 4; i++) expected.push(`${session}.${i}`);
    expected.push(`left ${session}`);
    await eventually(() => pool.peers.length === 0);
  }
  await eventually(() => [...log.values()].flat().length === 4 * 50);
  for (const entries of log.values()) assertEquals(entries, expected);
  await pool.close();
  await done;
});

Deno.test("An onEvent that throws is reported, and without one the events are left alone", async () => {
  for (const fails of [true, false]) {
    const { pool, sockets } = setUp(["a"]);
    const onEvent = () => {
      throw new Error("no");
    };
    const done = forEachMessage(pool, () => {}, fails ? { onEvent } : {});
    sockets.get("a")?.receiveClose(1000);
    await eventually(() => !pool.has("a"));
    await delay(1);
    assertEquals(pool.events.size, fails ? 0 : 1);
    const record = pool.errors.shift();
    assertEquals(
      [record?.id, record?.error.message],
      fails ? ["a", "no"] : [
        undefined,
        undefined,
      ],
    );
    await pool.close();
    await done;
  }
  const { pool } = setUp([]);
  assertThrows(
    // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
    () => void forEachMessage(pool, () => {}, { onEvent: 1 as any }),
    ConfigError,
    "onEvent",
  );
  await pool.close();
});

Deno.test("When the signal aborts, what was read of messages and events is handled, and the rest is left", async () => {
  const { pool, sockets, receive } = setUp(["a", "b"]);
  const stop = new AbortController();
  const { log, handler, onEvent } = recorder();
  const { signal } = stop;
  const done = forEachMessage(pool, handler, { onEvent, signal });
  receive("a", "one");
  sockets.get("a")?.receiveClose(1000);
  await eventually(() => log.length === 2);
  stop.abort();
  await done;
  assertEquals(log, ["one of 1", "disconnected 1"]);
  receive("b", "two");
  sockets.get("b")?.receiveClose(1000);
  await eventually(() => pool.events.size === 1);
  assertEquals(pool.inbox.size, 1);
  await pool.close();
});

Deno.test("Over real sockets, data of a peer is there until its last message was handled", async () => {
  await using pool = new InboundPool("pool", { inboxBufferSize: 8 });
  await using listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  void pool.serve(listener);
  const counts = new Map<string, number>();
  const totals: (number | undefined)[] = [];
  void forEachMessage(pool, async ({ id }) => {
    const count = counts.get(id) ?? 0;
    await delay(0);
    counts.set(id, count + 1);
  }, {
    onEvent: ({ id }) => {
      totals.push(counts.get(id));
      counts.delete(id);
    },
  });
  const peers = 6;
  await Promise.all(Array.from({ length: peers }, async (_, i) => {
    const peer = new Connection(`ws://127.0.0.1:${listener.port}`);
    await peer.connect();
    for (let n = 0; n < 100; n++) await peer.send(String(n));
    if (i % 2 === 0) await peer.close();
    else await peer.close(4000);
  }));
  await eventually(() => totals.length === peers);
  assertEquals(totals, Array.from({ length: peers }, () => 100));
  assertEquals(counts.size, 0);
});
