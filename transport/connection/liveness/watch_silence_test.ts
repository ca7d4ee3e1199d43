import { assertEquals } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { ActiveSocket } from "./_support/active_socket.ts";
import { watchSilence } from "./watch_silence.ts";

const KiB = 2 ** 10;
const MiB = 2 ** 20;

function setUp(timeout = 10_000) {
  const clock = new FakeClock({ now: 0 });
  const socket = new ActiveSocket(clock);
  const peer = { activity: socket.activity, lastSignAt: 0, heldUntil: 0 };
  const silences: number[] = [];
  const stop = new AbortController();
  let sentAt = 0;
  watchSilence({
    connection: peer,
    timeout,
    clock,
    lastSentAt: () => sentAt,
    signal: stop.signal,
    onSilence: () => silences.push(clock.now()),
  });
  /** Does something every so many milliseconds, for so long. */
  const every = async (
    interval: number,
    duration: number,
    action: () => void,
  ) => {
    for (let passed = 0; passed < duration; passed += interval) {
      await clock.advance(interval);
      action();
    }
  };
  return {
    clock,
    socket,
    peer,
    silences,
    stop,
    every,
    sent: () => sentAt = clock.now(),
  };
}

Deno.test("A peer that is silent for too long is told of once, and no timer stays", async () => {
  const { clock, silences } = setUp();
  await clock.advance(9_999);
  assertEquals(silences, []);
  await clock.advance(100_000);
  assertEquals([silences, clock.pending], [[10_000], 0]);
});

Deno.test("Messages, heartbeats and what was sent, where that counts, end a silence", async () => {
  const { clock, peer, silences, sent } = setUp();
  await clock.advance(9_000);
  peer.lastSignAt = clock.now();
  await clock.advance(9_000);
  sent();
  await clock.advance(9_999);
  assertEquals(silences, []);
  await clock.advance(1);
  assertEquals(silences, [28_000]);
});

Deno.test("While the peer is held back its silence does not count, and its time starts again afterwards", async () => {
  const { clock, peer, silences } = setUp();
  await clock.advance(1_000);
  peer.heldUntil = Infinity;
  await clock.advance(99_000);
  peer.heldUntil = clock.now();
  await clock.advance(9_999);
  assertEquals(silences, []);
  await clock.advance(1);
  assertEquals(silences, [110_000]);
});

Deno.test("A message that takes longer than the timeout to arrive is no silence", async () => {
  const { clock, socket, silences, every } = setUp(1_500);
  await every(10, 60_000, () => socket.arrive(300_000 / 100));
  assertEquals(silences, []);
  const last = clock.now();
  await clock.advance(10_000);
  assertEquals(silences.length, 1);
  assertEquals((silences[0] ?? 0) <= last + 3_000, true);
});

Deno.test("A message that begins to arrive at the last moment is no silence", async () => {
  const { clock, socket, silences, every, stop } = setUp(60_000);
  await clock.advance(59_000);
  // 2 KiB/s is little for the whole time, and enough for the last second.
  await every(100, 100_000, () => socket.arrive(0.2 * KiB));
  assertEquals(silences, []);
  stop.abort();
});

Deno.test("Nobody stays by a byte now and then", async () => {
  for (const rate of [1, 500, 1_000]) {
    const { socket, silences, every } = setUp();
    await every(1_000, 30_000, () => socket.arrive(rate));
    assertEquals(silences.length, 1);
    assertEquals((silences[0] ?? 0) <= 12_001, true, String(silences));
  }
});

Deno.test("A peer that has to read what was sent before it can answer gets the time for that", async () => {
  // 900 KB at 300 KB/s: the system takes them at once, and the answer comes after 3 s.
  const { clock, socket, peer, silences, stop } = setUp(1_500);
  socket.complete(900_000);
  await clock.advance(3_000);
  peer.lastSignAt = clock.now();
  socket.arrive(10);
  await clock.advance(1_000);
  assertEquals(silences, []);
  stop.abort();
});

Deno.test("A peer that takes what is sent at 64 KiB/s is not silent, however long that takes", async () => {
  const { clock, socket, silences, every } = setUp(1_500);
  socket.complete(4 * MiB);
  await every(24_000, 480_000, () => socket.complete(1.5 * MiB));
  assertEquals(silences, []);
  const last = clock.now();
  await clock.advance(100_000);
  assertEquals(silences.length, 1);
  assertEquals((silences[0] ?? 0) <= last + 68_000, true);
});

Deno.test("The watch ends with its signal, and a timeout of 0 watches nothing", async () => {
  const { clock, silences, stop } = setUp();
  stop.abort();
  assertEquals(clock.pending, 0);
  const endless = setUp(0);
  assertEquals(endless.clock.pending, 0);
  await clock.advance(100_000);
  assertEquals(silences, []);
});

Deno.test("A blocked event loop makes no peer silent", async () => {
  const { clock, peer, silences, stop } = setUp(2_000);
  await clock.advance(1_000);
  clock.block(3_000);
  clock.timer(() => peer.lastSignAt = clock.now(), 50);
  await clock.advance(1_500);
  assertEquals(silences, []);
  stop.abort();
});
