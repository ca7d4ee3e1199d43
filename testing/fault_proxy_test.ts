import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { ConfigError } from "../transport/base/errors.ts";
import {
  bytes,
  LOCAL,
  read,
  throughProxy,
  watch,
  write,
} from "./_support/proxied.ts";
import { eventually, never } from "./eventually.ts";
import { FakeClock } from "./fake_clock.ts";
import { FaultProxy } from "./fault_proxy.ts";

Deno.test("without faults bytes and the end of each way come through unchanged", async () => {
  await using t = await throughProxy();
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
  await using t = await throughProxy({ clock });
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
  await using t = await throughProxy({ faults: { delay: 1_000_000 } });
  await write(t.client, bytes(10));
  await eventually(() => t.connection.up.received === 10);
  t.proxy.set({ delay: 0 });
  assertEquals(await read(t.peer, 10), bytes(10));
});

Deno.test("a throttle lets so many bytes a second through, from when it is set", async () => {
  const clock = new FakeClock();
  await using t = await throughProxy({ clock });
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

Deno.test("a held connection is half open: nothing comes out, nothing is closed, nothing is lost", async () => {
  await using t = await throughProxy();
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
  await using t = await throughProxy();
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
  await using t = await throughProxy();
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
  await using t = await throughProxy();
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

Deno.test("bytes are corrupted at given offsets, however they are split", async () => {
  await using t = await throughProxy();
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
    await using t = await throughProxy({ seed, faults: { corruption: 0.1 } });
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

Deno.test("faults set for one connection leave the others alone, also later ones", async () => {
  await using t = await throughProxy();
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

Deno.test("a proxy refuses options and faults that make no sense", async () => {
  for (
    const options of [
      { faults: { delay: -1 } },
      { port: 65_536 },
      { port: "x" as never },
    ]
  ) {
    await assertRejects(() => FaultProxy.listen(LOCAL, options), ConfigError);
  }
  await using t = await throughProxy();
  assertThrows(() => t.proxy.set({ corruption: 2 }), ConfigError);
  assertThrows(() => t.connection.set({ throttle: -1 }), ConfigError);
});
