import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { countListeners } from "../../base/_support/signals.ts";
import { ActiveSocket } from "./_support/active_socket.ts";
import type { UnansweredPing } from "./liveness.ts";
import { watchSilence } from "./watch_silence.ts";

const KiB = 2 ** 10;

interface SetUpOptions {
  readonly timeout?: number;
  readonly controlFrames?: boolean;
  /** Milliseconds until the peer answers a ping. @default it never does */
  readonly answersAfter?: number;
}

/** No ping is under way. */
function none(): UnansweredPing | undefined {
  return undefined;
}

function setUp(
  { timeout = 10_000, controlFrames = true, answersAfter }: SetUpOptions = {},
) {
  const clock = new FakeClock({ now: 0 });
  const socket = new ActiveSocket(clock);
  const pings: number[] = [];
  const peer = {
    controlFrames,
    activity: socket.activity,
    lastSignAt: 0,
    resumedAt: 0,
    unanswered: none(),
    ping: () => {
      pings.push(clock.now());
      peer.unanswered = { sentAt: clock.now(), readingTime: 0 };
      if (answersAfter !== undefined) {
        clock.timer(() => {
          socket.arrive(10);
          peer.lastSignAt = clock.now();
          peer.unanswered = undefined;
        }, answersAfter);
      }
      return Promise.resolve();
    },
  };
  const silences: number[] = [];
  const stop = new AbortController();
  const listeners = countListeners(stop.signal);
  let sentAt = 0;
  const end = watchSilence({
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
    pings,
    silences,
    stop,
    end,
    listeners,
    every,
    sent: () => sentAt = clock.now(),
  };
}

Deno.test("A peer that is silent for too long is reported once, and neither timer nor listener stays", async () => {
  const { clock, silences, listeners } = setUp();
  await clock.advance(9_999);
  assertEquals([silences, listeners()], [[], 1]);
  await clock.advance(100_000);
  assertEquals([silences, clock.pending, listeners()], [[10_000], 0, 0]);
});

Deno.test("Messages, heartbeats, and sent messages if they count, end a silence", async () => {
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

Deno.test("The bytes of a sign of life do not count a second time", async () => {
  const { clock, socket, peer, silences } = setUp();
  await clock.advance(1_000);
  socket.arrive(10);
  peer.lastSignAt = clock.now();
  await clock.advance(20_000);
  assertEquals(silences, [11_000]);
});

Deno.test("A watch that ends while it asks the peer leaves no timer", async () => {
  const { clock, peer, silences, stop } = setUp();
  peer.ping = () => {
    stop.abort();
    return Promise.resolve();
  };
  await clock.advance(20_000);
  assertEquals([silences, clock.pending], [[], 0]);
});

Deno.test("While reading is paused silence does not count, and the time starts again afterwards", async () => {
  const { clock, peer, silences } = setUp();
  await clock.advance(1_000);
  peer.resumedAt = Infinity;
  await clock.advance(99_000);
  peer.resumedAt = clock.now();
  await clock.advance(9_999);
  assertEquals(silences, []);
  await clock.advance(1);
  assertEquals(silences, [110_000]);
});

Deno.test("A message that takes longer than the timeout to arrive is no silence", async () => {
  const { clock, socket, silences, every } = setUp({ timeout: 1_500 });
  await every(10, 60_000, () => socket.arrive(300_000 / 100));
  assertEquals(silences, []);
  const last = clock.now();
  await clock.advance(10_000);
  assertEquals(silences.length, 1);
  assertEquals((silences[0] ?? 0) <= last + 3_000, true);
});

Deno.test("A message that begins to arrive at the last moment is no silence", async () => {
  const { clock, socket, silences, every, stop } = setUp({ timeout: 60_000 });
  await clock.advance(59_000);
  // 2 KiB/s is little for the whole time, and enough for the last second.
  await every(100, 100_000, () => socket.arrive(0.2 * KiB));
  assertEquals(silences, []);
  // The same once more.
  await clock.advance(59_000);
  await every(100, 10_000, () => socket.arrive(0.2 * KiB));
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

Deno.test("A quiet peer is asked before it is judged, whatever the timeout", async () => {
  for (const timeout of [100, 2_000, 100_000]) {
    const { clock, silences, pings, stop } = setUp({
      timeout,
      answersAfter: timeout / 2 - 1,
    });
    await clock.advance(100 * timeout);
    assertEquals(silences, []);
    assertEquals(pings.length >= 100, true);
    stop.abort();
  }
});

Deno.test("A peer that was asked already is not asked again, and has half of the time to answer", async () => {
  const { clock, peer, pings, silences } = setUp();
  peer.unanswered = { sentAt: 8_000, readingTime: 0 };
  await clock.advance(12_999);
  assertEquals([silences, pings], [[], []]);
  await clock.advance(1);
  assertEquals([silences, pings], [[13_000], []]);
});

Deno.test("A slow peer gets the time to read the bytes that were sent before the ping", async () => {
  // 900 KB at 300 KB/s: the system takes them at once, and the answer comes after 3 s.
  const { clock, socket, peer, silences, stop } = setUp({ timeout: 1_500 });
  socket.complete(900_000);
  peer.unanswered = { sentAt: 0, readingTime: 14_000 };
  await clock.advance(3_000);
  peer.lastSignAt = clock.now();
  peer.unanswered = undefined;
  socket.arrive(10);
  await clock.advance(1_000);
  assertEquals(silences, []);
  stop.abort();
});

Deno.test("A slow peer gets an eighth of that time in addition", async () => {
  const { clock, peer, silences } = setUp({ timeout: 1_500 });
  peer.unanswered = { sentAt: 0, readingTime: 8_000 };
  await clock.advance(20_000);
  assertEquals(silences, [9_000]);
});

Deno.test("On a socket that cannot ping, output that the peer takes counts, and no ping is sent", async () => {
  const { clock, socket, pings, silences, every } = setUp({
    timeout: 1_500,
    controlFrames: false,
  });
  await every(100, 480_000, () => socket.complete(7 * KiB));
  assertEquals([silences, pings], [[], []]);
  const last = clock.now();
  await clock.advance(100_000);
  assertEquals(silences.length, 1);
  // Everything was written since the last byte: the system may hold 4 MiB of it.
  assertEquals(silences[0], last + 1_500 + 64_000);
});

Deno.test("The watch ends with its signal or by the function, and a timeout of 0 watches nothing", async () => {
  const { clock, silences, stop } = setUp();
  stop.abort();
  assertEquals(clock.pending, 0);
  const ended = setUp();
  assertEquals(ended.listeners(), 1);
  ended.end();
  assertEquals([ended.clock.pending, ended.listeners()], [0, 0]);
  await ended.clock.advance(100_000);
  assertEquals(ended.silences, []);
  const endless = setUp({ timeout: 0 });
  assertEquals(endless.clock.pending, 0);
  await clock.advance(100_000);
  assertEquals(silences, []);
});

Deno.test("A blocked event loop makes no peer silent", async () => {
  const { clock, peer, silences, stop } = setUp({ timeout: 2_000 });
  await clock.advance(1_000);
  clock.block(3_000);
  clock.timer(() => peer.lastSignAt = clock.now(), 50);
  await clock.advance(1_500);
  assertEquals(silences, []);
  stop.abort();
});

for (
  const [what, misbehave] of [
    ["throws", () => {
      throw new Error("odd");
    }],
    ["rejects", () => Promise.reject(new Error("odd"))],
    ["returns NaN", () => NaN],
    ["returns nothing", () => undefined],
  ] as const
) {
  Deno.test(`A lastSentAt that ${what} does not keep a silent peer, and an onSilence that ${what} does no harm`, async () => {
    const { clock, peer } = setUp();
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on("warning", note);
    let silences = 0;
    watchSilence({
      connection: peer,
      timeout: 10_000,
      clock,
      // What a program in JavaScript may give.
      lastSentAt: () => Reflect.apply(misbehave, undefined, []),
      onSilence: () => {
        silences++;
        return misbehave();
      },
    });
    await clock.advance(20_000);
    await new Promise((resolve) => setTimeout(resolve, 0));
    process.off("warning", note);
    assertEquals([silences, clock.pending], [1, 0]);
    assert(warnings.length > 0);
  });
}
