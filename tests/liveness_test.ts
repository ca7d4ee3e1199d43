/** Which peers are kept and which are cut, over real sockets. The long forms are in suites/liveness. */

import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import {
  Connection,
  type ConnectionError,
  dialRaw,
  InboundPool,
  type InboundPoolOptions,
  listen,
  OutboundPool,
  type OutboundPoolOptions,
} from "../mod.ts";
import { FaultProxy } from "../testing/mod.ts";
import { meet, type Met, type Setup, SETUPS } from "./_support/setups.ts";

/** Short enough for a test, and long enough for a machine that is busy with other things. */
const QUICK = { pingInterval: 100, pingTimeout: 800, writeTimeout: 800 };
/** The peer has no deadlines. */
const PATIENT = { pingInterval: 0, pingTimeout: 0, writeTimeout: 0 };

interface Pair extends Met {
  readonly setup: Setup;
  readonly connection: Connection;
  readonly other: Connection;
}

/** Runs a case at every setup at once. */
async function withEachSetup(
  run: (pair: Pair) => Promise<void>,
): Promise<void> {
  const pairs = await Promise.all(SETUPS.map(async (setup): Promise<Pair> => {
    const met = await meet(setup);
    return {
      ...met,
      setup,
      connection: new Connection(met.ours, QUICK),
      other: new Connection(met.peer, PATIENT),
    };
  }));
  try {
    await Promise.all(pairs.map(run));
  } finally {
    for (const pair of pairs) {
      pair.connection.terminate();
      pair.other.terminate();
      await pair[Symbol.asyncDispose]();
    }
  }
}

/** Waits for the end of a connection: its error, and after how long. */
async function endOf(
  connection: Connection,
): Promise<[error: ConnectionError | undefined, took: number]> {
  const start = performance.now();
  const error = await connection.errors.take();
  return [error, performance.now() - start];
}

Deno.test("A half-open peer is cut in time, whether its system takes what we send or not", async () => {
  await Promise.all(
    (["hold", "swallow"] as const).map((stall) =>
      withEachSetup(async ({ setup, connection, proxy }) => {
        await delay(150);
        assertEquals(connection.state, "connected", setup);
        proxy.stall(stall);
        const [error, took] = await endOf(connection);
        assertEquals(error?.code, "ping-timeout", setup);
        // The last ping may have gone out just before, or the next one comes in 110 ms.
        assert(took > 690 && took < 5_000, `${setup}, ${stall}: ${took} ms`);
      })
    ),
  );
});

Deno.test("A peer that is busy sending a long message is kept, and the message arrives", () =>
  withEachSetup(async ({ setup, connection, other, proxy, toUs }) => {
    proxy.set({ throttle: 60_000 }, toUs);
    const message = new Uint8Array(120_000).fill(7);
    void other.send(message);
    const start = performance.now();
    assertEquals(await connection.incoming.take(), message, setup);
    assert(performance.now() - start > 1_500, setup);
    assertEquals(connection.state, "connected", setup);
  }));

Deno.test("A peer that reads our long message slowly is kept, and the message arrives", () =>
  withEachSetup(async ({ setup, connection, other, proxy, toPeer }) => {
    proxy.set({ throttle: 70_000 }, toPeer);
    const message = new Uint8Array(120_000).fill(7);
    void connection.send(message);
    assertEquals(await other.incoming.take(), message, setup);
    await delay(300);
    assertEquals(connection.state, "connected", setup);
  }));

Deno.test("A peer that we do not read is kept, and nothing is lost", () =>
  withEachSetup(async ({ setup, connection, other }) => {
    const sent = Array.from({ length: 500 }, (_, i) => `${i}`.padEnd(10_000));
    const sending = (async () => {
      for (const message of sent) await other.send(message);
    })();
    await delay(1_500);
    assertEquals(connection.state, "connected", setup);
    for (const message of sent) {
      assertEquals(await connection.incoming.take(), message);
    }
    await sending;
    await delay(300);
    assertEquals(connection.state, "connected", setup);
  }));

Deno.test("A blocked event loop cuts no healthy peer", () => {
  let blocked: Promise<void> | undefined;
  return withEachSetup(async ({ setup, connection, proxy }) => {
    // A ping is always under way.
    proxy.set({ delay: 60 });
    await delay(400);
    blocked ??= Promise.resolve().then(() => {
      const until = performance.now() + 2_000;
      while (performance.now() < until);
    });
    await blocked;
    await delay(1_000);
    assertEquals(connection.state, "connected", setup);
    assert(connection.stats().heartbeats > 2, setup);
  });
});

Deno.test("A peer that sends, and takes nothing, is cut by writeTimeout", () =>
  withEachSetup(async ({ setup, connection, other, proxy, toPeer }) => {
    const chatter = setInterval(() => {
      if (other.state === "connected") other.trySend("still here");
    }, 50);
    // Reading must not be paused.
    connection.deliverTo({ message: () => true });
    proxy.stall("hold", toPeer);
    // More than the system holds.
    connection.trySend(new Uint8Array(16 * 2 ** 20));
    const [error, took] = await endOf(connection);
    clearInterval(chatter);
    assert(error?.message.includes("writeTimeout"), `${setup}: ${error}`);
    assert(took > 750 && took < 10_000, `${setup}: ${took} ms`);
  }));

/** Two pools with one connection between them, through a proxy. */
async function pools(
  inbound: InboundPoolOptions,
  outbound: OutboundPoolOptions,
) {
  const server = new InboundPool("server", inbound);
  const listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  const serving = server.serve(listener, { id: () => "peer" });
  const proxy = await FaultProxy.listen({
    hostname: "127.0.0.1",
    port: listener.port,
  });
  const client = new OutboundPool("client", { dialer: dialRaw, ...outbound });
  const url = client.connect(proxy.url());
  await client.whenConnected(url);
  return {
    server,
    client,
    url,
    proxy,
    async [Symbol.asyncDispose]() {
      await Promise.all([client.close(), server.close()]);
      await listener.close();
      await serving;
      await proxy.close();
    },
  };
}

Deno.test("Pools keep a peer whose message takes longer than their timeouts, both ways", async () => {
  await Promise.all((["up", "down"] as const).map(async (way) => {
    await using pair = await pools({
      connection: QUICK,
      worker: { inactivityTimeout: 700 },
    }, {
      connection: QUICK,
      worker: { keepaliveTimeout: 700 },
    });
    const { server, client, url, proxy } = pair;
    const message = new Uint8Array(120_000).fill(7);
    proxy.set({ throttle: 60_000 }, way);
    const sent = way === "up"
      ? client.send(url, message)
      : server.send("peer", message);
    const inbox = way === "up" ? server.inbox : client.inbox;
    assertEquals((await inbox.take())?.data, message);
    await sent;
    assertEquals(client.peerStats(url).connections, 1);
    assertEquals([server.events.size, server.peers], [0, ["peer"]]);
  }));
});

Deno.test("Pools ask a quiet peer before they judge it, whatever the intervals", async () => {
  const options = [{ pingInterval: 120_000 }, { pingInterval: 0 }, {}];
  await Promise.all(options.map(async (connection) => {
    await using pair = await pools({
      connection,
      worker: { inactivityTimeout: 500 },
    }, {
      connection,
      worker: { keepaliveTimeout: 500 },
    });
    await delay(1_700);
    assertEquals(pair.client.peerStats(pair.url).connections, 1);
    assertEquals(pair.server.peers, ["peer"]);
  }));
});
