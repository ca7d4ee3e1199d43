import { assert, assertEquals, assertRejects } from "@std/assert";
import { bytes, LOCAL, read, throughProxy, write } from "./_support/proxied.ts";
import { eventually, never } from "./eventually.ts";
import { FaultProxy } from "./fault_proxy.ts";
import type { ProxyConnection } from "./proxy_connection.ts";

Deno.test("a cut is a TCP reset at both ends, or the ordinary end", async () => {
  await using t = await throughProxy();
  t.proxy.cut();
  for (const end of [t.client, t.peer]) {
    await assertRejects(
      () => end.read(new Uint8Array(1)),
      Deno.errors.ConnectionReset,
    );
  }
  await t.connection.closed;
  assertEquals(t.connection.isCut, true);

  const other = await t.connect();
  other.connection.cut({ how: "end" });
  for (const end of [other.client, other.peer]) {
    assertEquals(await end.read(new Uint8Array(1)), null);
    end.close();
  }
  await other.connection.closed;
  assertEquals(t.proxy.stats().cut, 2);
});

for (const how of ["reset", "end"] as const) {
  Deno.test(`a cut (${how}) after some bytes lets exactly those through`, async () => {
    await using t = await throughProxy();
    await write(t.peer, bytes(4));
    await read(t.client, 4);
    t.connection.cut({ after: 6, how });
    await write(t.peer, bytes(100));
    assertEquals(await read(t.client, 6), bytes(6));
    const next = () => t.client.read(new Uint8Array(1));
    if (how === "end") assertEquals(await next(), null);
    else await assertRejects(next, Deno.errors.ConnectionReset);
    assertEquals(t.proxy.stats().down.forwarded, 10);
  });
}

Deno.test("cutAt cuts every connection at the same place", async () => {
  await using t = await throughProxy({ faults: { cutAt: 3 } });
  for (const { client, peer } of [t, await t.connect()]) {
    await write(client, bytes(10));
    assertEquals(await read(peer, 3), bytes(3));
    await assertRejects(
      () => peer.read(new Uint8Array(1)),
      Deno.errors.ConnectionReset,
    );
  }
  assertEquals(t.proxy.stats().cut, 2);
});

Deno.test("a reset by one end is a reset at the other", async () => {
  const server = Deno.listen(LOCAL);
  await using inner = await FaultProxy.listen(server.addr);
  await using outer = await FaultProxy.listen(inner.addr);
  const [client, peer] = await Promise.all([
    Deno.connect(outer.addr),
    server.accept(),
  ]);
  inner.cut();
  await assertRejects(
    () => client.read(new Uint8Array(1)),
    Deno.errors.ConnectionReset,
  );
  for (const end of [client, peer, server]) end.close();
});

Deno.test("a stalled proxy takes connections, and the target hears of them when it is open", async () => {
  await using t = await throughProxy();
  await t.proxy.setAccepting("stall");
  const client = await Deno.connect(t.proxy.addr);
  await write(client, bytes(3));
  const accepting = t.server.accept();
  let accepted = false;
  accepting.then(() => accepted = true);
  await eventually(() => t.proxy.connections.length === 2);
  await never(() => accepted, { timeout: 30 });
  await write(t.client, bytes(2));
  assertEquals(await read(t.peer, 2), bytes(2));
  await t.proxy.setAccepting("open");
  const peer = await accepting;
  assertEquals(await read(peer, 3), bytes(3));
  client.close();
  peer.close();
});

Deno.test("a refusing proxy is not there for new connections, and comes back at the same port", async () => {
  await using t = await throughProxy();
  const { port } = t.proxy.addr;
  await t.proxy.setAccepting("refuse");
  await assertRejects(
    () => Deno.connect(t.proxy.addr),
    Deno.errors.ConnectionRefused,
  );
  await write(t.client, bytes(2));
  assertEquals(await read(t.peer, 2), bytes(2));
  await t.proxy.setAccepting("open");
  assertEquals(t.proxy.addr.port, port);
  const { client, peer } = await t.connect();
  await write(client, bytes(2));
  assertEquals(await read(peer, 2), bytes(2));
  assertEquals(t.proxy.url("/chat"), `ws://127.0.0.1:${port}/chat`);
});

Deno.test("a proxy whose port is taken refuses until it can be opened again", async () => {
  await using t = await throughProxy();
  await t.proxy.setAccepting("refuse");
  const other = await eventually(() => Deno.listen(t.proxy.addr));
  await assertRejects(() => t.proxy.setAccepting("open"), Error, "EADDRINUSE");
  assertEquals(t.proxy.accepting, "refuse");
  other.close();
  await t.proxy.setAccepting("open");
  assertEquals(t.proxy.accepting, "open");
  await t.connect();
});

Deno.test("changes of what a proxy accepts that overlap are made one after the other", async () => {
  await using t = await throughProxy();
  const ways = ["refuse", "stall", "refuse", "open"] as const;
  await Promise.all(ways.map((way) => t.proxy.setAccepting(way)));
  await t.connect();
  const refused = t.proxy.setAccepting("refuse");
  const opened = t.proxy.setAccepting("open");
  await t.proxy.close();
  await Promise.all([refused, opened]);
  await assertRejects(
    () => Deno.connect(t.proxy.addr),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("the URL of a proxy is valid for an IPv6 address too", async () => {
  // Every machine has it, also without IPv6.
  const hostname = "::ffff:127.0.0.1";
  await using proxy = await FaultProxy.listen(LOCAL, { hostname });
  assertEquals(proxy.url("/a"), `ws://[${hostname}]:${proxy.addr.port}/a`);
  assertEquals(new URL(proxy.url()).hostname, "[::ffff:7f00:1]");
});

Deno.test("a connection that the target has not heard of yet can be cut", async () => {
  await using t = await throughProxy();
  await t.proxy.setAccepting("stall");
  using client = await Deno.connect(t.proxy.addr);
  const connection = await eventually(() => t.proxy.connections[1] ?? false);
  assert(connection !== false);
  connection.cut();
  await assertRejects(
    () => client.read(new Uint8Array(1)),
    Deno.errors.ConnectionReset,
  );
  await connection.closed;
  await t.proxy.setAccepting("open");
  assertEquals(t.proxy.connections, [t.connection]);
});

Deno.test("a connection to a target that is not there is reset", async () => {
  const server = Deno.listen(LOCAL);
  const { addr } = server;
  server.close();
  await using proxy = await FaultProxy.listen(addr);
  using client = await Deno.connect(proxy.addr);
  await assertRejects(
    () => client.read(new Uint8Array(1)),
    Deno.errors.ConnectionReset,
  );
});

Deno.test("closing leaves nothing, whatever state connections are in", async () => {
  const server = Deno.listen(LOCAL);
  const proxy = await FaultProxy.listen(server.addr);
  const ends: Deno.Conn[] = [];
  const open = async (): Promise<ProxyConnection | undefined> => {
    ends.push(
      ...await Promise.all([
        Deno.connect(proxy.addr),
        server.accept(),
      ]),
    );
    await eventually(() => ends.length / 2 === proxy.connections.length);
    return proxy.connections.at(-1);
  };
  await open();
  (await open())?.stall("hold");
  (await open())?.stall("swallow");
  (await open())?.set({ delay: 1_000_000 });
  (await open())?.set({ throttle: 1 });
  (await open())?.cut({ how: "end" });
  for (const end of ends) await end.write(bytes(100)).catch(() => {});
  await proxy.setAccepting("stall");
  ends.push(await Deno.connect(proxy.addr));
  const closes = [proxy.close(), proxy.close()];
  await Promise.all(closes);
  assertEquals(proxy.stats().active, 0);
  await proxy.setAccepting("open");
  await assertRejects(
    () => Deno.connect(proxy.addr),
    Deno.errors.ConnectionRefused,
  );
  for (const end of [...ends, server]) end.close();
});
