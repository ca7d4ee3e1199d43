import { assertEquals, assertThrows } from "@std/assert";
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
import { Queue } from "../transport/base/queue.ts";
import type { PoolErrorRecord } from "../transport/pool/error_queue.ts";
import type { PoolEvent } from "../transport/pool/events.ts";
import type { InboxMessage } from "../transport/pool/worker.ts";
import { poolOf } from "./_support/for_each.ts";

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
    const { pool, sockets, receive } = poolOf(["a"], inboxBufferSize);
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

/** The queues of a pool, which a test fills. */
function queues() {
  return {
    inbox: new Queue<InboxMessage>({ capacity: 9 }),
    events: new Queue<PoolEvent & { readonly kind: string }>({ capacity: 9 }),
    errors: new Queue<PoolErrorRecord>({ capacity: 9 }),
    send: () => Promise.resolve(),
  };
}

Deno.test("onEvent keeps the order of messages and events that come in any microtask", async () => {
  const random = seededRandom(5);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let run = 0; run < 500; run++) {
    const pool = queues();
    const log: string[] = [];
    const done = forEachMessage(
      pool,
      ({ id, session, data }) => log.push(`${id}: ${data} of ${session}`),
      {
        onEvent: ({ id, session, kind }) =>
          log.push(`${id}: ${kind} ${session}`),
      },
    );
    const emitted: string[] = [];
    const sessions = new Map([["a", 0], ["b", 0]]);
    const emit = (id: string, session: number, kind: string) => {
      pool.events.push({ id, at: 1, session, kind });
      emitted.push(`${id}: ${kind} ${session}`);
    };
    for (let step = 0; step < 30; step++) {
      const id = random() < 0.5 ? "a" : "b";
      const session = sessions.get(id) ?? 0;
      if (session > 0 && random() < 0.5) {
        pool.inbox.push({ id, data: `${step}`, receivedAt: 1, session });
        emitted.push(`${id}: ${step} of ${session}`);
      } else {
        if (session > 0) emit(id, session, "disconnected");
        emit(id, session + 1, "connected");
        sessions.set(id, session + 1);
      }
      if (random() < 0.5) continue;
      for (let i = below(6); i >= 0; i--) await Promise.resolve();
      if (random() < 0.1) await delay(0);
    }
    await delay(0);
    for (const queue of [pool.inbox, pool.events]) queue.close();
    await done;
    for (const id of sessions.keys()) {
      const ofPeer = (entry: string) => entry.startsWith(id);
      assertEquals(log.filter(ofPeer), emitted.filter(ofPeer), `run ${run}`);
    }
  }
});

Deno.test("While messages wait to be handled, a limited number of events is read", async () => {
  const pool = queues();
  const stop = new AbortController();
  const { signal } = stop;
  let events = 0;
  const gate = Promise.withResolvers<void>();
  const done = forEachMessage(pool, () => gate.promise, {
    concurrency: 1,
    onEvent: () => void events++,
    signal,
  });
  for (let i = 0; i < 5; i++) {
    pool.inbox.push({ id: "a", data: "x", receivedAt: 1, session: 1 });
  }
  for (let session = 1; session <= 2_000; session++) {
    pool.events.push({ id: "b", at: 1, session, kind: "connected" });
  }
  await delay(0);
  assertEquals([pool.inbox.size, pool.events.size], [3, 2_000 - 1_024]);
  stop.abort();
  gate.resolve();
  await done;
  // What was read is handled, and the rest is left.
  assertEquals([events, pool.inbox.size, pool.events.size], [1_024, 3, 976]);
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
  // The pool may have connected once more meanwhile.
  assertEquals(log.slice(0, all.length), all);
  await pool.close();
  await done;
});

Deno.test("Whatever handlers take, each event is handled once, in the order of its peer", async () => {
  const random = seededRandom(11);
  const { pool, sockets } = poolOf([], 5);
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
    const { pool, sockets } = poolOf(["a"]);
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
  const { pool } = poolOf([]);
  assertThrows(
    // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
    () => void forEachMessage(pool, () => {}, { onEvent: 1 as any }),
    ConfigError,
    "onEvent",
  );
  await pool.close();
});

Deno.test("When the signal aborts, what was read of messages and events is handled, and the rest is left", async () => {
  const { pool, sockets, receive } = poolOf(["a", "b"]);
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
