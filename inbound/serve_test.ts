import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { eventually } from "../testing/mod.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import { dialUpgrade } from "../transport/client/dial_upgrade.ts";
import { Connection } from "../transport/connection/connection.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { listen } from "../transport/server/listen.ts";
import type { Listener } from "../transport/server/listener.ts";
import { dialOnce, open } from "./_support/dial.ts";
import type { InboundPoolOptions } from "./options.ts";
import { InboundPool } from "./pool.ts";
import type { ServeOptions } from "./serve.ts";

interface Served extends AsyncDisposable {
  readonly pool: InboundPool;
  readonly listener: Listener;
  readonly serving: Promise<void>;
  /** Dials once: gives the open connection, or the status of the refusal. */
  dial(path?: string): Promise<Connection | number | undefined>;
}

function serve(
  options?: ServeOptions,
  poolOptions?: InboundPoolOptions,
): Served {
  const pool = new InboundPool("pool", poolOptions);
  const listener = listen({ hostname: "127.0.0.1" });
  const serving = pool.serve(listener, options);
  return {
    pool,
    listener,
    serving,
    dial: (path = "/") => dialOnce(`ws://127.0.0.1:${listener.port}${path}`),
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      await listener.close();
      await serving;
    },
  };
}

Deno.test("serve accepts every peer, with an id of its own", async () => {
  await using served = serve();
  const peers = [open(await served.dial()), open(await served.dial())];
  await eventually(() => served.pool.peers.length === 2);
  for (const peer of peers) peer.trySend("hello");
  const ids = new Set([
    (await served.pool.inbox.take())?.id,
    (await served.pool.inbox.take())?.id,
  ]);
  assertEquals(ids, new Set(served.pool.peers));
  for (const peer of peers) await peer.close();
});

Deno.test("id makes the id, and the id of a decision comes before it", async () => {
  await using served = serve({
    id: ({ request }) => Promise.resolve(new URL(request.url).pathname),
    accept: ({ request }) =>
      request.url.endsWith("/b") ? { id: "given" } : true,
  });
  const peers = [open(await served.dial("/a")), open(await served.dial("/b"))];
  await eventually(() => served.pool.peers.length === 2);
  assertEquals(served.pool.peers.toSorted(), ["/a", "given"]);
  for (const peer of peers) await peer.close();
});

const REFUSALS: readonly [string, () => unknown, number, reported: boolean][] =
  [
    ["false", () => false, 403, false],
    ["a status", () => 401, 401, false],
    ["a promise of a status", () => Promise.resolve(429), 429, false],
    [
      "an object with a status",
      () => ({ status: 402, body: "pay" }),
      402,
      false,
    ],
    ["undefined", () => undefined, 500, true],
    ["null", () => null, 500, true],
    ["NaN", () => NaN, 500, true],
    ["a status that is none", () => 99, 500, true],
    ["a string", () => "yes", 500, true],
    ["an array", () => [], 500, true],
    [
      "an exception",
      () => {
        throw new Error("broken");
      },
      500,
      true,
    ],
    ["a rejection", () => Promise.reject(new Error("broken")), 500, true],
    [
      "headers that are none",
      () => ({ status: 401, headers: { "a b": "c" } }),
      500,
      true,
    ],
    ["options that are none", () => ({ maxMessageSize: -1 }), 500, true],
    ["fields that are no options", () => ({ user: "alice" }), 500, true],
    [
      "fields that no refusal has",
      () => ({ status: 401, id: "alice" }),
      500,
      true,
    ],
    ["an id that is none", () => ({ id: 7 }), 500, true],
    ["an empty id", () => ({ id: "" }), 500, true],
  ];

for (const [name, accept, status, reported] of REFUSALS) {
  Deno.test(`accept that gives ${name} refuses with ${status}, and others are taken in`, async () => {
    await using served = serve({
      accept: ({ request }) => {
        if (!request.url.endsWith("/odd")) return true;
        // deno-lint-ignore no-explicit-any -- what a program in JavaScript may return
        return accept() as any;
      },
    });
    assertEquals(await served.dial("/odd"), status);
    assertEquals(served.pool.errors.size, reported ? 1 : 0);
    const peer = open(await served.dial("/good"));
    await eventually(() => served.pool.peers.length === 1);
    await peer.close();
  });
}

for (
  const [name, id] of [
    ["throws", () => {
      throw new Error("broken");
    }],
    ["rejects", () => Promise.reject(new Error("broken"))],
    ["gives something else", () => Promise.resolve(undefined)],
  ] as const
) {
  Deno.test(`id that ${name} refuses with 500`, async () => {
    // deno-lint-ignore no-explicit-any -- what a program in JavaScript may return
    await using served = serve({ id: id as any });
    assertEquals(await served.dial(), 500);
    assertEquals((await served.pool.errors.take())?.id, undefined);
    assertEquals(served.pool.peers, []);
  });
}

Deno.test("A decision that never comes is bounded, and holds up nobody else", async () => {
  await using served = serve({
    timeout: 50,
    accept: ({ request }) =>
      request.url.endsWith("/slow") ? new Promise(() => {}) : true,
  });
  const slow = served.dial("/slow");
  const peer = open(await served.dial("/good"));
  assertEquals(await slow, 500);
  const { error } = await served.pool.errors.take() ?? {};
  assert(error instanceof PoolError);
  assertEquals(error.code, "decision-timeout");
  await peer.close();
});

Deno.test("A taken id is refused with 409, or takes its place with replace", async () => {
  for (const replace of [false, true]) {
    await using served = serve({ id: () => "same", replace });
    const first = open(await served.dial());
    await eventually(() => served.pool.has("same"));
    const second = await served.dial();
    if (!replace) assertEquals(second, 409);
    else {
      assertEquals((await first.closed).code, 1000);
      open(second).trySend("here");
      assertEquals((await served.pool.inbox.take())?.session, 2);
    }
    assertEquals(served.pool.errors.size, 0);
    if (second instanceof Connection) await second.close();
    await first.close();
  }
});

Deno.test("A pool that is full or closed refuses with 503 without asking", async () => {
  let asked = 0;
  await using served = serve({
    accept: () => {
      asked++;
      return true;
    },
  }, { maxPeers: 1 });
  const peer = open(await served.dial());
  await eventually(() => served.pool.peers.length === 1);
  assertEquals([await served.dial(), asked], [503, 1]);
  await peer.close();
  await eventually(() => served.pool.peers.length === 0);
  await open(await served.dial()).close();
  await served.pool.close();
  assertEquals([await served.dial(), asked], [503, 2]);
  assertEquals(served.pool.errors.size, 0);
});

Deno.test("A full pool takes a peer that replaces another one, and no other", async () => {
  await using served = serve({
    id: ({ request }) => new URL(request.url).pathname,
    replace: true,
  }, { maxPeers: 1 });
  const first = open(await served.dial("/a"));
  await eventually(() => served.pool.has("/a"));
  assertEquals(await served.dial("/b"), 503);
  const second = open(await served.dial("/a"));
  assertEquals((await first.closed).code, 1000);
  second.trySend("here");
  assertEquals((await served.pool.inbox.take())?.session, 2);
  await second.close();
});

Deno.test("A worker factory that throws refuses with 500, and the error is reported", async () => {
  await using served = serve({}, {
    workerFactory: () => {
      throw new Error("no worker");
    },
  });
  assertEquals(await served.dial(), 500);
  const { error } = await served.pool.errors.take() ?? {};
  assert(error instanceof PoolError);
  assertEquals(error.code, "worker-failed");
});

Deno.test("A peer that leaves while its decision is awaited costs nothing", async () => {
  const asked = Promise.withResolvers<void>();
  const decision = Promise.withResolvers<boolean>();
  await using served = serve({
    accept: ({ request }) => {
      if (!request.url.endsWith("/leaves")) return true;
      asked.resolve();
      return decision.promise;
    },
  });
  const conn = await Deno.connect({
    hostname: "127.0.0.1",
    port: served.listener.port,
  });
  await conn.write(
    new TextEncoder().encode(
      "GET /leaves HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ),
  );
  await asked.promise;
  conn.close();
  decision.resolve(true);
  const peer = open(await served.dial("/good"));
  await eventually(() => served.pool.peers.length === 1);
  assertEquals(served.pool.errors.size, 0);
  await peer.close();
});

Deno.test("serve ends with its listener", async () => {
  await using served = serve();
  await served.listener.close();
  await served.serving;
});

Deno.test("serve throws what the listener throws, and reports it in errors", async () => {
  await using pool = new InboundPool("pool");
  const broken = {
    // deno-lint-ignore require-yield -- it fails at once
    async *[Symbol.asyncIterator]() {
      throw new Error("The port is gone");
    },
  };
  const serving = pool.serve(broken);
  assertEquals((await pool.errors.take())?.error.message, "The port is gone");
  let message: unknown;
  await serving.catch((error: Error) => message = error.message);
  assertEquals(message, "The port is gone");
});

Deno.test("serve refuses options that it cannot use, at once", async () => {
  await using pool = new InboundPool("pool");
  const listener = listen({ hostname: "127.0.0.1" });
  for (
    const options of [
      { accept: true },
      { id: "peer" },
      { replace: 1 },
      { timeout: -1 },
      { ids: () => "x" },
    ]
  ) {
    assertThrows(
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      () => void pool.serve(listener, options as any),
      ConfigError,
      Object.keys(options)[0],
    );
  }
  for (
    const [options, home] of [
      [{ origins: [] }, "accept returns"],
      [{ compression: true }, "accept returns"],
      [{ port: 1 }, "listen()"],
      [{ onRequest: () => {} }, "listen()"],
      [{ maxPeers: 1 }, "the pool"],
    ] as const
  ) {
    const error = assertThrows(
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      () => void pool.serve(listener, options as any),
      ConfigError,
      home,
    );
    assertEquals(error.code, "misplaced-option");
  }
  await listener.close();
});

Deno.test("A refusal of another server that accept passes on is a fault of ours, and its status is not the answer", async () => {
  await using served = serve({
    accept: () => {
      throw new HandshakeError("refused", "upstream", { status: 401 });
    },
  });
  assertEquals(await served.dial(), 500);
  const record = await served.pool.errors.take();
  assertEquals(record?.error.message, "upstream");
});

Deno.test("serve refuses with a description of the problem, and with 426 what asks for another protocol", async () => {
  await using pool = new InboundPool("pool", { maxPeers: 1 });
  await using listener = listen({
    hostname: "127.0.0.1",
    upgrade: ["websocket", "other"],
  });
  await listener.ready;
  void pool.serve(listener, { id: () => "peer" });
  const url = `ws://127.0.0.1:${listener.port}`;
  const other = await assertRejects(
    () => dialUpgrade(url, { upgrade: "other" }),
    HandshakeError,
  );
  assertEquals([other.status, other.headers?.get("upgrade")], [
    426,
    "websocket",
  ]);
  const peer = open(await dialOnce(url));
  const taken = await assertRejects(() => dialRaw(url), HandshakeError);
  assertEquals(taken.status, 503);
  assertEquals(
    taken.headers?.get("content-type"),
    "application/problem+json",
  );
  assertEquals(JSON.parse(taken.body ?? "").status, 503);
  assertEquals(pool.errors.size, 0);
  await peer.close();
});

Deno.test("The error for an unknown field of a decision lists all that it may have", async () => {
  for (
    const [decision, listed] of [
      [{ bogus: 1 }, "The options are id, binary, clock, compression, "],
      [{ status: 401, bogus: 1 }, "The options are status, headers, body."],
    ] as const
  ) {
    // deno-lint-ignore no-explicit-any -- what a program in JavaScript may return
    await using served = serve({ accept: () => decision as any });
    assertEquals(await served.dial(), 500);
    const record = await served.pool.errors.take();
    assertStringIncludes(`${record?.error.message}`, listed);
  }
});

Deno.test("What is no listener is refused at the call, and an item that is no peer is reported", async () => {
  await using pool = new InboundPool("pool");
  for (const wrong of [undefined, null, 5, {}, []]) {
    const serve = () => Reflect.apply(pool.serve, pool, [wrong]);
    assertEquals(assertThrows(serve, ConfigError).field, "listener");
  }
  const items = [undefined, 5, {}];
  const listener = (async function* () {
    yield* items;
  })();
  await Reflect.apply(pool.serve, pool, [listener]);
  for (const _ of items) {
    const record = await pool.errors.take();
    assert(record?.error instanceof ConfigError);
  }
});
