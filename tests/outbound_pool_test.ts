import { assert, assertEquals } from "@std/assert";
import { dialNative, dialRaw, OutboundPool, type PeerState } from "../mod.ts";
import { eventually, FaultProxy } from "../testing/mod.ts";
import { goodServer, portOf } from "./_support/good_server.ts";

for (
  const [kind, dialer] of [["raw", dialRaw], ["native", dialNative]] as const
) {
  Deno.test(`What onConnected sends is the first message of every connection (${kind})`, async () => {
    const server = await goodServer();
    const pool = new OutboundPool("client", {
      dialer,
      worker: { reconnectDelay: 10 },
      onConnected: async (peer) => {
        await peer.send(`hello ${peer.session}`);
      },
    });
    const id = pool.connect(server.url);
    const sending = (async () => {
      for (let i = 0; i < 3; i++) {
        await pool.whenConnected(id);
        pool.trySend(id, "later");
        await eventually(() => server.accepted[i]?.received.length === 2);
        server.cut();
        await eventually(() => !pool.isConnected(id), { interval: 1 });
      }
    })();
    await sending;
    await pool.close();
    assertEquals(
      server.accepted.slice(0, 3).map(({ received }) => received),
      [1, 2, 3].map((session) => [`hello ${session}`, "later"]),
    );
    await server.close();
  });
}

Deno.test("One URL is held twice, with different headers and subprotocols", async () => {
  const server = await goodServer({ protocols: ["a", "b"] });
  const pool = new OutboundPool("client", {
    connection: { headers: { "x-user": "nobody" } },
  });
  pool.connect(server.url, { id: "first", headers: { "x-user": "first" } });
  await pool.whenConnected("first");
  pool.connect(server.url, {
    id: "second",
    headers: () => Promise.resolve({ "x-user": "second" }),
    protocols: "b",
  });
  await pool.whenConnected("second");
  pool.connect(server.url);
  await pool.whenConnected(server.url);
  await eventually(() => server.accepted.length === 3);
  assertEquals(
    server.accepted.map(({ incoming, socket }) => [
      incoming.request.headers.get("x-user"),
      socket.protocol,
    ]),
    [["first", ""], ["second", "b"], ["nobody", ""]],
  );
  server.accepted[1]?.socket.write("to the second");
  assertEquals((await pool.inbox.take())?.id, "second");
  await pool.close();
  await server.close();
});

Deno.test("reconnect replaces a connection that swallows everything", async () => {
  const server = await goodServer();
  await using proxy = await FaultProxy.listen({
    hostname: "127.0.0.1",
    port: portOf(server.listener.addr),
  });
  const pool = new OutboundPool("client");
  const id = pool.connect(proxy.url());
  await pool.whenConnected(id);
  proxy.stall("swallow");
  pool.reconnect(id);
  assertEquals(pool.isConnected(id), false);
  proxy.resume();
  await pool.whenConnected(id);
  pool.trySend(id, "after all");
  await eventually(() =>
    server.accepted.at(-1)?.received.includes("after all") ?? false
  );
  assertEquals(server.accepted.length, 2);
  const kinds: unknown[] = [];
  for (let i = 0; i < 3; i++) kinds.push((await pool.events.take())?.kind);
  assertEquals(kinds, ["connected", "disconnected", "connected"]);
  await pool.close();
  await server.close();
});

for (
  const [kind, dialer] of [["raw", dialRaw], ["native", dialNative]] as const
) {
  Deno.test(`A peer whose server comes back is connected again although nobody reads the inbox (${kind})`, async () => {
    const first = await goodServer();
    const port = portOf(first.listener.addr);
    const pool = new OutboundPool("client", {
      dialer,
      inboxBufferSize: 4,
      connection: { pingInterval: 50, closeTimeout: 500 },
      worker: { reconnectDelay: 10 },
    });
    const id = pool.connect(first.url);
    await pool.whenConnected(id);
    // More than the inbox takes, so that the peer is paused.
    for (let i = 0; i < 20; i++) first.accepted[0]?.socket.write("news");
    await eventually(() => pool.inbox.full);
    await first.close();
    await eventually(() => !pool.isConnected(id));
    let rounds = 0;
    const sent = (async () => {
      for (;;) {
        if (++rounds > 1_000) throw new Error("It spins.");
        await pool.whenConnected(id);
        try {
          return pool.trySend(id, "back");
        } catch {
          // Lost in this very moment.
        }
      }
    })();
    const second = await goodServer({ port });
    assertEquals(await sent, true);
    await eventually(() =>
      second.accepted.at(-1)?.received.includes("back") ?? false
    );
    assertEquals(pool.inbox.full, true);
    await pool.close();
    await second.close();
  });
}

Deno.test("peerState and onRetry follow a server that is away for a while", async () => {
  const first = await goodServer();
  const port = portOf(first.listener.addr);
  let retries = 0;
  const pool = new OutboundPool("client", {
    connection: { onRetry: () => retries++, retry: () => 20 },
    worker: { reconnectDelay: 10 },
  });
  const id = pool.connect(first.url);
  await pool.whenConnected(id);
  await first.close();
  const states = new Set<PeerState["state"]>();
  let attempt = 0;
  await eventually(() => {
    const state = pool.peerState(id);
    states.add(state.state);
    if (state.state === "waiting") attempt = state.attempt;
    return attempt >= 5;
  }, { interval: 1 });
  assert(retries >= 3, `${retries} retries`);
  assert(states.has("waiting"));
  assertEquals(pool.peerState(id).error instanceof Error, true);
  const second = await goodServer({ port });
  await pool.whenConnected(id);
  assertEquals(pool.peerState(id).state, "connected");
  await pool.close();
  await second.close();
});
