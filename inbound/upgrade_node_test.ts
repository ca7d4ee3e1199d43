import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { eventually } from "../testing/mod.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";
import type { Connection } from "../transport/connection/connection.ts";
import { dialOnce, open } from "./_support/dial.ts";
import type { PoolUpgradeNodeOptions } from "./admission.ts";
import type { InboundPoolOptions } from "./options.ts";
import { InboundPool } from "./pool.ts";

interface Served extends AsyncDisposable {
  readonly pool: InboundPool;
  /** What `upgradeNode` returned or threw. */
  readonly outcomes: unknown[];
  /** Dials once: gives the open connection, or the status of the refusal. */
  dial(origin?: string): Promise<Connection | number | undefined>;
}

async function serve(
  options: () => PoolUpgradeNodeOptions,
  poolOptions?: InboundPoolOptions,
): Promise<Served> {
  const pool = new InboundPool("pool", poolOptions);
  const outcomes: unknown[] = [];
  const server: Server = createServer();
  server.on("upgrade", (request, socket, head) => {
    try {
      outcomes.push(pool.upgradeNode(request, socket, head, options()));
    } catch (error) {
      outcomes.push(error);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return {
    pool,
    outcomes,
    dial: (origin) => dialOnce(`ws://127.0.0.1:${address.port}`, origin),
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      server.close();
      await once(server, "close");
    },
  };
}

Deno.test("upgradeNode takes a peer in", async () => {
  await using served = await serve(() => ({ id: "a", maxMessageSize: 10 }));
  const peer = open(await served.dial());
  assertEquals(served.outcomes, [true]);
  peer.trySend("hello");
  assertEquals((await served.pool.inbox.take())?.id, "a");
  assert(await peer.ping() >= 0);
  await peer.close();
});

Deno.test("A taken id gets 409, or its place is taken with replace", async () => {
  for (const replace of [false, true]) {
    await using served = await serve(() => ({ id: "a", replace }));
    const first = open(await served.dial());
    const second = await served.dial();
    assertEquals(served.outcomes, [true, replace]);
    if (!replace) assertEquals(second, 409);
    else {
      assertEquals((await first.closed).code, 1000);
      await open(second).close();
    }
    await first.close();
  }
});

Deno.test("A pool that is full or closed gives 503, an origin that is not allowed 403", async () => {
  const policy: { origins?: () => boolean } = {};
  await using served = await serve(
    () => ({ id: crypto.randomUUID(), ...policy }),
    { maxPeers: 1 },
  );
  const peer = open(await served.dial());
  assertEquals(await served.dial(), 503);
  await peer.close();
  await eventually(() => served.pool.peers.length === 0);
  policy.origins = () => false;
  assertEquals(await served.dial(), 403);
  await served.pool.close();
  // The request is judged before the pool.
  assertEquals(await served.dial(), 403);
  policy.origins = () => true;
  assertEquals(await served.dial(), 503);
  assertEquals(served.outcomes, [true, false, false, false, false]);
  assertEquals(served.pool.errors.size, 0);
});

Deno.test("Our own mistakes give 500 and are thrown, or reported", async () => {
  for (
    const options of [
      { id: "" },
      { id: "a", maxMessageSize: -1 },
      {
        id: "a",
        maxMessages: 1,
      },
      { id: "a", replace: 1 },
      undefined,
    ]
  ) {
    // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
    await using served = await serve(() => options as any);
    assertEquals(await served.dial(), 500);
    assert(served.outcomes[0] instanceof ConfigError);
    assertEquals(served.pool.peers, []);
  }
  await using served = await serve(() => ({ id: "a" }), {
    workerFactory: () => {
      throw new Error("no worker");
    },
  });
  assertEquals(await served.dial(), 500);
  assertEquals(served.outcomes, [false]);
  const { error } = await served.pool.errors.take() ?? {};
  assert(error instanceof PoolError);
});

Deno.test("The error for an unknown option lists everything that upgradeNode takes", async () => {
  const options = { id: "a", bogus: 1 };
  await using served = await serve(() => options);
  assertEquals(await served.dial(), 500);
  const [error] = served.outcomes;
  assert(error instanceof ConfigError);
  assertStringIncludes(
    error.message,
    "The options are id, replace, binary, clock, compression, fragmentSize, headers, maxFragments, maxFrameSize, maxMessageSize, origins, protocols.",
  );
});
