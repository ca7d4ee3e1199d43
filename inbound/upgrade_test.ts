import { assert, assertEquals, assertThrows } from "@std/assert";
import { eventually } from "../testing/mod.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";
import { Connection } from "../transport/connection/connection.ts";
import { dialOnce, open } from "./_support/dial.ts";
import type { PoolUpgradeOptions } from "./admission.ts";
import type { InboundPoolOptions } from "./options.ts";
import { InboundPool } from "./pool.ts";

interface Served extends AsyncDisposable {
  readonly pool: InboundPool;
  readonly port: number;
  /** Dials once: gives the open connection, or the status of the refusal. */
  dial(origin?: string): Promise<Connection | number | undefined>;
}

function serve(
  options: () => PoolUpgradeOptions,
  poolOptions?: InboundPoolOptions,
): Served {
  const pool = new InboundPool("pool", poolOptions);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => pool.upgrade(request, options()),
  );
  const { port } = server.addr;
  return {
    pool,
    port,
    dial: (origin) => dialOnce(`ws://127.0.0.1:${port}`, origin),
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      await server.shutdown();
    },
  };
}

Deno.test("upgrade takes a peer in, with everything that upgrade can do", async () => {
  await using served = serve(() => ({
    id: "a",
    remoteAddr: { transport: "tcp", hostname: "192.0.2.1", port: 5 },
    maxMessageSize: 10,
  }));
  const peer = open(await served.dial());
  peer.trySend("hello");
  assertEquals((await served.pool.inbox.take())?.id, "a");
  peer.trySend("x".repeat(11));
  const event = await served.pool.events.take();
  assertEquals([event?.kind, event?.closeCode], ["dropped-error", 1009]);
  await peer.close();
});

Deno.test("What is no upgrade gets 426, and nothing has changed", async () => {
  await using served = serve(() => ({ id: "a" }));
  const response = await fetch(`http://127.0.0.1:${served.port}`);
  await response.body?.cancel();
  assertEquals(response.status, 426);
  assertEquals(served.pool.peers, []);
});

Deno.test("An origin that is not allowed gets 403", async () => {
  await using served = serve(() => ({
    id: "a",
    origins: () => false,
  }));
  assertEquals(await served.dial(), 403);
  assertEquals(served.pool.peers, []);
});

Deno.test("A taken id gets 409, or its place is taken with replace", async () => {
  for (const replace of [false, true]) {
    await using served = serve(() => ({ id: "a", replace }));
    const first = open(await served.dial());
    const second = await served.dial();
    if (!replace) {
      assertEquals(second, 409);
      first.trySend("still here");
      assertEquals((await served.pool.inbox.take())?.data, "still here");
    } else {
      assertEquals((await first.closed).code, 1000);
      open(second).trySend("here");
      assertEquals((await served.pool.inbox.take())?.session, 2);
      await open(second).close();
    }
    await first.close();
  }
});

Deno.test("A pool that is full or closed gives 503", async () => {
  await using served = serve(() => ({ id: crypto.randomUUID() }), {
    maxPeers: 1,
  });
  const peer = open(await served.dial());
  assertEquals(await served.dial(), 503);
  await peer.close();
  await eventually(() => served.pool.peers.length === 0);
  await open(await served.dial()).close();
  await served.pool.close();
  assertEquals(await served.dial(), 503);
});

Deno.test("A worker factory that throws gives 500, and the error is reported", async () => {
  await using served = serve(() => ({ id: "a" }), {
    workerFactory: () => {
      throw new Error("no worker");
    },
  });
  assertEquals(await served.dial(), 500);
  const { error } = await served.pool.errors.take() ?? {};
  assert(error instanceof PoolError);
  assertEquals(error.code, "worker-failed");
  assertEquals(served.pool.peers, []);
});

Deno.test("A worker that fails at once costs its peer the connection, and leaves nothing open", async () => {
  await using served = serve(() => ({ id: "a" }), {
    workerFactory: () => ({
      start: () => {
        throw new Error("broken");
      },
      stop: () => {},
      send: () => Promise.resolve(),
    }),
  });
  const peer = await served.dial();
  if (peer instanceof Connection) await peer.closed;
  const event = await served.pool.events.take();
  assertEquals(event?.kind, "dropped-error");
  assertEquals(served.pool.peers, []);
});

Deno.test("The caller's mistakes are thrown, and no peer is taken in", async () => {
  const pool = new InboundPool("pool");
  const request = new Request("http://127.0.0.1/", {
    headers: {
      host: "127.0.0.1",
      upgrade: "websocket",
      connection: "upgrade",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
    },
  });
  for (
    const options of [{ id: "" }, { id: 7 }, { id: "a", replace: 1 }, {
      id: "a",
      inactivityTimeout: -1,
    }, undefined]
  ) {
    assertThrows(
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      () => pool.upgrade(request, options as any),
      ConfigError,
    );
  }
  assertEquals(pool.peers, []);
  await pool.close();
});

Deno.test("A request is judged before the pool: 426 and 403 come before 409 and 503", async () => {
  await using served = serve(() => ({
    id: "a",
    origins: ["https://app.example"],
  }), { maxPeers: 1 });
  const peer = open(await served.dial());
  const ask = async (headers: Record<string, string>) => {
    const url = `http://127.0.0.1:${served.port}`;
    const response = await fetch(url, { headers });
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await ask({}), 426);
  assertEquals(await served.dial("https://other.example"), 403);
  await served.pool.close();
  assertEquals(await ask({}), 426);
  await peer.close();
});

Deno.test("The error for an unknown option lists everything that upgrade takes", () => {
  const pool = new InboundPool("pool");
  const options = { id: "a", replace: true, remoteAddres: undefined, bogus: 1 };
  const error = assertThrows(
    () => pool.upgrade(new Request("http://a.example"), options),
    ConfigError,
    "The options are id, replace, binary, clock, handshakeTimeout, headers, inactivityTimeout, maxMessageSize, origins, protocols, remoteAddr.",
  );
  assertEquals([error.code, error.field], ["unknown-option", "bogus"]);
});

Deno.test("A copy of the request is refused, and no peer is added", async () => {
  const pool = new InboundPool("pool");
  const errors: unknown[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      try {
        return pool.upgrade(new Request(request), { id: "a" });
      } catch (error) {
        errors.push(error);
        return new Response(null, { status: 500 });
      }
    },
  );
  assertEquals(await dialOnce(`ws://127.0.0.1:${server.addr.port}`), 500);
  assert(errors[0] instanceof ConfigError);
  assertEquals(pool.peers, []);
  await pool.close();
  await server.shutdown();
});
