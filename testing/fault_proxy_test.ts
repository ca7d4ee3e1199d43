import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { ConfigError } from "../transport/base/errors.ts";
import { eventually, never } from "./eventually.ts";
import { FakeClock } from "./fake_clock.ts";
import { FaultProxy, type FaultProxyOptions } from "./fault_proxy.ts";
import type { ProxyConnection } from "./proxy_connection.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A connection through a proxy: what `client` writes `peer` reads, and the other way round. */
async function setUp(options: FaultProxyOptions = {}) {
  const stack = new AsyncDisposableStack();
  const server = stack.use(Deno.listen(LOCAL));
  const proxy = stack.use(await FaultProxy.listen(server.addr, options));
  const connect = async () => {
    const [client, peer] = await Promise.all([
      Deno.connect(proxy.addr),
      server.accept(),
    ]);
    for (const end of [client, peer]) stack.defer(() => closeQuietly(end));
    const connection = await eventually(() =>
      proxy.connections.at(-1) ?? false
    );
    assert(connection !== false);
    return { client, peer, connection };
  };
  return {
    server,
    proxy,
    connect,
    ...await connect(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function closeQuietly(end: { close(): void }): void {
  try {
    end.close();
  } catch {
    // Closed by the test itself.
  }
}

function bytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => i % 251);
}

async function write(conn: Deno.Conn, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) {
    at += await conn.write(data.subarray(at));
  }
}

/** Reads so many bytes, or less when the stream ends before. */
async function read(conn: Deno.Conn, count: number): Promise<Uint8Array> {
  const data = new Uint8Array(count);
  let at = 0;
  while (at < count) {
    const got = await conn.read(data.subarray(at));
    if (got === null) break;
    at += got;
  }
  return data.subarray(0, at);
}

/** Whether a read comes to its end meanwhile. */
function watch(conn: Deno.Conn): { done: boolean } {
  const watched = { done: false };
  const done = () => {
    watched.done = true;
  };
  conn.read(new Uint8Array(1)).then(done, done);
  return watched;
}

Deno.test("without faults bytes and the end of each way come through unchanged", async () => {
  await using t = await setUp();
  const big = bytes(1_000_000);
  const [got] = await Promise.all([
    read(t.peer, big.length),
    write(t.client, big),
  ]);
  assertEquals(got, big);
  await t.client.closeWrite();
  assertEquals(await t.peer.read(new Uint8Array(1)), null);
  await write(t.peer, bytes(7));
  assertEquals(await read(t.client, 7), bytes(7));
  await t.peer.closeWrite();
  assertEquals(await t.client.read(new Uint8Array(1)), null);
  await t.connection.closed;
  const { accepted, active, cut, up, down } = t.proxy.stats();
  assertEquals([accepted, active, cut], [1, 0, 0]);
  assertEquals([up.received, up.forwarded], [1_000_000, 1_000_000]);
  assertEquals([down.received, down.forwarded], [7, 7]);
  assertEquals(t.proxy.connections, []);
});

Deno.test("a delay holds each byte for its own time, and does not slow the stream down", async () => {
  const clock = new FakeClock();
  await using t = await setUp({ clock });
  t.proxy.set({ delay: 50 }, "up");
  await write(t.client, bytes(10));
  await eventually(() => t.connection.up.received === 10);
  clock.tick(30);
  await write(t.client, bytes(5));
  await eventually(() => t.connection.up.received === 15);
  clock.tick(19);
  assertEquals(t.connection.up.forwarded, 0);
  clock.tick(1);
  assertEquals(t.connection.up.forwarded, 10);
  clock.tick(29);
  assertEquals(t.connection.up.forwarded, 10);
  clock.tick(1);
  assertEquals(t.connection.up.forwarded, 15);
  assertEquals(await read(t.peer, 10), bytes(10));
  await write(t.peer, bytes(3));
  assertEquals(await read(t.client, 3), bytes(3));
  assertEquals(clock.pending, 0);
});

Deno.test("a delay that is removed releases the bytes that it delayed", async () => {
  await using t = await setUp({ faults: { delay: 1_000_000 } });
  await write(t.client, bytes(10));
  await eventually(() => t.connection.up.received === 10);
  t.proxy.set({ delay: 0 });
  assertEquals(await read(t.peer, 10), bytes(10));
});

Deno.test("a throttle lets so many bytes a second through, from when it is set", async () => {
  const clock = new FakeClock();
  await using t = await setUp({ clock });
  clock.tick(10_000);
  t.connection.set({ throttle: 1_000 }, "up");
  await write(t.client, bytes(2_000));
  await eventually(() => t.connection.up.received === 2_000);
  clock.tick(500);
  assertEquals(t.connection.up.forwarded, 500);
  clock.tick(1_000);
  assertEquals(t.connection.up.forwarded, 1_500);
  clock.tick(500);
  assertEquals(t.connection.up.forwarded, 2_000);
  assertEquals(await read(t.peer, 2_000), bytes(2_000));
});

Deno.test("a cut is a TCP reset at both ends, or the ordinary end", async () => {
  await using t = await setUp();
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
    await using t = await setUp();
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
  await using t = await setUp({ faults: { cutAt: 3 } });
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

Deno.test("a held connection is half open: nothing comes out, nothing is closed, nothing is lost", async () => {
  await using t = await setUp();
  t.proxy.stall();
  const [atPeer, atClient] = [watch(t.peer), watch(t.client)];
  await write(t.client, bytes(10));
  await t.client.closeWrite();
  await write(t.peer, bytes(10));
  await never(() => atPeer.done || atClient.done, { timeout: 40 });
  t.proxy.resume();
  await eventually(() => atPeer.done && atClient.done);
  assertEquals(await read(t.peer, 10), bytes(10).subarray(1));
  assertEquals(await read(t.client, 9), bytes(10).subarray(1));
});

Deno.test("a held sender is slowed down by TCP sooner or later", async () => {
  await using t = await setUp();
  t.connection.stall("hold", "up");
  let sent = 0;
  const sending = (async () => {
    const chunk = new Uint8Array(1 << 20);
    while (sent < 64 << 20) sent += await t.client.write(chunk);
  })();
  let before = -1;
  await eventually(() => {
    const stands = sent === before;
    before = sent;
    return stands;
  }, { interval: 50 });
  assert(sent < 64 << 20);
  assert(t.connection.up.received < 1 << 20);
  t.connection.cut();
  await assertRejects(() => sending);
});

Deno.test("a swallowed connection takes and loses bytes for ever", async () => {
  await using t = await setUp();
  t.proxy.stall("swallow", "up");
  const atPeer = watch(t.peer);
  await write(t.client, new Uint8Array(8 << 20));
  await eventually(() => t.connection.up.swallowed === 8 << 20);
  assertEquals([atPeer.done, t.connection.up.forwarded], [false, 0]);
  await write(t.peer, bytes(5));
  assertEquals(await read(t.client, 5), bytes(5));
  t.proxy.resume();
  await write(t.client, new Uint8Array([1, 2]));
  assertEquals(await read(t.peer, 1), new Uint8Array([2]));
  assertEquals(atPeer.done, true);
});

Deno.test("a stall hides that the other end is gone", async () => {
  await using t = await setUp();
  for (const how of ["hold", "swallow"] as const) {
    const { client, peer, connection } = await t.connect();
    connection.stall(how);
    const atPeer = watch(peer);
    client.close();
    await never(() => atPeer.done, { timeout: 30 });
    connection.resume();
    await eventually(() => atPeer.done);
  }
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

Deno.test("bytes are corrupted at given offsets, however they are split", async () => {
  await using t = await setUp();
  t.connection.set({ corruptAt: [1, 4] }, "up");
  await write(t.client, new Uint8Array([0, 0]));
  await read(t.peer, 2);
  await write(t.client, new Uint8Array([0, 0, 15, 0]));
  assertEquals(await read(t.peer, 4), new Uint8Array([0, 0, 240, 0]));
  assertEquals(t.connection.up.corrupted, 2);
  await write(t.peer, new Uint8Array(6));
  assertEquals(await read(t.client, 6), new Uint8Array(6));
});

Deno.test("random corruption is the same for the same seed, another for each connection and way", async () => {
  const corrupted = async (seed: number) => {
    await using t = await setUp({ seed, faults: { corruption: 0.1 } });
    const results: Uint8Array[] = [];
    for (const { client, peer } of [t, await t.connect()]) {
      await write(client, new Uint8Array(1_000));
      results.push(await read(peer, 1_000));
      await write(peer, new Uint8Array(1_000));
      results.push(await read(client, 1_000));
    }
    const changed = results.flatMap((result) => [...result]).filter(Boolean);
    assertEquals(
      t.proxy.stats().up.corrupted + t.proxy.stats().down.corrupted,
      changed.length,
    );
    assert(changed.length > 250 && changed.length < 550);
    return results;
  };
  const results = await corrupted(1);
  assertEquals(results, await corrupted(1));
  assertNotEquals(results, await corrupted(2));
  assertNotEquals(results[0], results[1]);
  assertNotEquals(results[0], results[2]);
});

Deno.test("a stalled proxy takes connections, and the target hears of them when it is open", async () => {
  await using t = await setUp();
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
  await using t = await setUp();
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

Deno.test("a connection that the target has not heard of yet can be cut", async () => {
  await using t = await setUp();
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

Deno.test("faults set for one connection leave the others alone, also later ones", async () => {
  await using t = await setUp();
  t.connection.set({ corruptAt: [0] });
  const other = await t.connect();
  await write(other.client, new Uint8Array(1));
  assertEquals(await read(other.peer, 1), new Uint8Array(1));
  t.proxy.set({ corruptAt: [1] }, "up");
  const third = await t.connect();
  await write(other.client, new Uint8Array(2));
  assertEquals(await read(other.peer, 2), new Uint8Array([255, 0]));
  await write(third.client, new Uint8Array(2));
  assertEquals(await read(third.peer, 2), new Uint8Array([0, 255]));
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

Deno.test("a proxy refuses faults that make no sense", async () => {
  await assertRejects(
    () => FaultProxy.listen(LOCAL, { faults: { delay: -1 } }),
    ConfigError,
  );
  await using t = await setUp();
  assertThrows(() => t.proxy.set({ corruption: 2 }), ConfigError);
  assertThrows(() => t.connection.set({ throttle: -1 }), ConfigError);
});
