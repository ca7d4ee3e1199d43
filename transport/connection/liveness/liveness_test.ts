import process from "node:process";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { ConnectionError } from "../../base/errors.ts";
import { ActiveSocket } from "./_support/active_socket.ts";
import { every, setUp } from "./_support/set_up.ts";
import { Liveness } from "./liveness.ts";

const MiB = 2 ** 20;

Deno.test("Pings go out every interval, a tenth earlier or later, and never stop", async () => {
  for (const [random, first] of [[0, 900], [0.999_999, 1_100]] as const) {
    const { clock, socket, liveness } = setUp({
      random,
      pingInterval: 1_000,
      pingTimeout: 0,
    });
    await clock.advance(first - 2);
    assertEquals(socket.pings.length, 0);
    await clock.advance(3);
    assertEquals(socket.pings.length, 1);
    await clock.advance(100_000);
    assert(socket.pings.length > 90);
    liveness.stop();
    assertEquals(clock.pending, 0);
  }
});

Deno.test("Nothing pings with an interval of 0, or on a socket without control frames", async () => {
  for (const controlFrames of [true, false]) {
    const clock = new FakeClock();
    const socket = new ActiveSocket(clock);
    Object.defineProperty(socket, "controlFrames", { value: controlFrames });
    const options = {
      clock,
      pingInterval: controlFrames ? 0 : 100,
      pingTimeout: 100,
      writeTimeout: 0,
    };
    const host = {
      resumedAt: 0,
      sendWaits: false,
      heartbeat() {},
      dead() {},
    };
    new Liveness(socket, socket.activity, options, host);
    await clock.advance(100_000);
    assertEquals([socket.pings.length, clock.pending], [0, 0]);
  }
});

Deno.test("At most one unanswered ping waits in our buffer", async () => {
  const { clock, socket, liveness, dead } = setUp({ pingTimeout: 0 });
  socket.behaviour.ping = () => {
    socket.bufferedAmount += 10;
  };
  socket.bufferedAmount = 1_000;
  await clock.advance(100_000);
  assertEquals(socket.pings.length, 1);
  // What was before the ping goes out, and then the ping.
  socket.complete(1_000);
  await clock.advance(20_000);
  assertEquals(socket.pings.length, 1);
  socket.complete(10);
  await clock.advance(20_000);
  assertEquals(socket.pings.length, 2);
  assertEquals(dead, []);
  liveness.stop();
});

Deno.test("A peer from which nothing arrives after a ping is dead after pingTimeout, once", async () => {
  for (
    const [pingInterval, pingTimeout, at] of [
      [20_000, 20_000, 40_000],
      [120_000, 20_000, 140_000],
      [5_000, 20_000, 25_000],
      [1_000, 50, 1_050],
    ] as const
  ) {
    const { clock, dead } = setUp({ pingInterval, pingTimeout });
    await clock.advance(at - 1);
    assertEquals(dead, []);
    await clock.advance(1);
    assertEquals(dead, [[at, "ping-timeout"]]);
    await clock.advance(1_000_000);
    assertEquals([dead.length, clock.pending], [1, 0]);
  }
});

Deno.test("A peer that answers, or sends a byte now and then, stays connected", async () => {
  const answering = setUp({ answers: true });
  await answering.clock.advance(10_000_000);
  assertEquals(answering.dead, []);
  answering.liveness.stop();

  const slow = setUp();
  await every(
    slow.clock,
    19_000,
    1_000_000,
    () => slow.socket.arrive(1),
  );
  assertEquals(slow.dead, []);
  const last = slow.clock.now();
  await slow.clock.advance(100_000);
  // Nothing has followed the next ping.
  const [[at] = [0]] = slow.dead;
  assert(at > last + 20_000 && at <= last + 40_000, String(at - last));
});

Deno.test("An answer that comes inside the call that pings is an answer", async () => {
  const { clock, socket, dead, liveness } = setUp();
  socket.behaviour.ping = () => socket.arrive(10);
  await clock.advance(1_000_000);
  assertEquals([dead, liveness.unanswered], [[], undefined]);
  liveness.stop();
});

Deno.test("A peer that sends a byte and no pong, and then nothing, is dead after the next ping", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on("warning", onWarning);
  const { clock, socket, dead } = setUp({ pingTimeout: 15_000 });
  await clock.advance(25_000);
  socket.arrive(1);
  await clock.advance(29_999);
  assertEquals(dead, []);
  await clock.advance(1);
  assertEquals(dead, [[55_000, "ping-timeout"]]);
  process.off("warning", onWarning);
  assertEquals(warnings, []);
});

Deno.test("A pingTimeout of 0 keeps a silent peer, and its pings go on", async () => {
  const { clock, socket, dead, liveness } = setUp({ pingTimeout: 0 });
  await clock.advance(1_000_000);
  assertEquals([dead.length, socket.pings.length], [0, 50]);
  liveness.stop();
});

Deno.test("Without pings no peer is judged, and a ping of the user starts pingTimeout", async () => {
  const { clock, dead, liveness } = setUp({ pingInterval: 0 });
  await clock.advance(1_000_000);
  assertEquals(dead, []);
  const ping = assertRejects(() => liveness.ping(undefined), ConnectionError);
  await clock.advance(20_000);
  assertEquals(dead, [[1_020_000, "ping-timeout"]]);
  await ping;
});

Deno.test("Output that goes into the buffers of the system does not keep a dead peer alive", async () => {
  for (const rate of [100, 10_000, 100_000]) {
    const { clock, dead, write } = setUp();
    await every(clock, 100, 110_000, () => {
      if (dead.length === 0) write(rate, rate);
    });
    assertEquals(dead.length, 1);
    const [[at] = [0]] = dead;
    // What had been written before the ping extends the deadline.
    const reading = Math.min(64_000, (199 * rate + 10) / 65.536);
    assertEquals(at, 40_000 + Math.floor(reading));
  }
});

Deno.test("A peer that reads what we send at 64 KiB/s is not cut, also while nothing arrives", async () => {
  const { clock, dead, write, socket, liveness } = setUp();
  socket.behaviour.ping = () => {
    socket.bufferedAmount += 10;
  };
  // The system takes 4 MiB at once and reports free space in steps of 1.5 MiB, which take 24 s each.
  write(24 * MiB, 4 * MiB);
  await every(clock, 24_000, 336_000, () => socket.complete(1.5 * MiB));
  assertEquals([dead, socket.bufferedAmount], [[], 0]);
  // The last 4 MiB have to be read before the ping can be answered.
  await clock.advance(64_000);
  assertEquals(dead, []);
  assertEquals(liveness.unanswered?.readingTime, 64_000);
  socket.arrive(10);
  assertEquals(liveness.unanswered, undefined);
  await clock.advance(10_000);
  assertEquals(dead, []);
  liveness.stop();
});

Deno.test("A peer that reads all, and answers nothing, is dead", async () => {
  const { clock, dead, write, socket } = setUp();
  socket.behaviour.ping = () => {
    socket.bufferedAmount += 10;
  };
  write(24 * MiB, 4 * MiB);
  await every(clock, 1_000, 21_000, () => socket.complete(MiB));
  assertEquals(dead, []);
  const asked = clock.now() - 1_000;
  await every(clock, 1_000, 84_000, () => {
    if (dead.length === 0) write(MiB, MiB);
  });
  const [[at] = [0]] = dead;
  assert(at > asked + 80_000 && at < asked + 86_000, String(at - asked));
});

Deno.test("A message in the buffers of the system gives a slow peer the time to read it before it answers", async () => {
  const { clock, dead, write } = setUp();
  write(640 * 1_024, 640 * 1_024);
  await clock.advance(49_999);
  assertEquals(dead, []);
  await clock.advance(1);
  assertEquals(dead, [[50_000, "ping-timeout"]]);
});

Deno.test("While reading is paused no deadline runs, and afterwards each starts again in full", async () => {
  const { clock, socket, dead, state, write } = setUp();
  write(1_000, 0);
  socket.behaviour.ping = () => {};
  await clock.advance(10_000);
  state.resumedAt = Infinity;
  await clock.advance(990_000);
  assertEquals(dead, []);
  // Pings went on.
  assertEquals(socket.pings.length > 0, true);
  state.resumedAt = clock.now();
  await clock.advance(19_999);
  assertEquals(dead, []);
  await clock.advance(1);
  assertEquals(dead, [[1_020_000, "ping-timeout"]]);
});

Deno.test("The write timeout comes when the peer has taken nothing for so long, never earlier", async () => {
  const { clock, socket, dead, write } = setUp({
    pingInterval: 0,
    writeTimeout: 1_000,
  });
  write(5, 0);
  await clock.advance(900);
  socket.complete(5);
  await clock.advance(5_000);
  assertEquals(dead, []);
  write(1, 0);
  socket.complete(1);
  await clock.advance(800);
  // The deadline of the write before is still set: it must not be taken for this one's.
  write(6, 0);
  await clock.advance(999);
  assertEquals(dead, []);
  socket.complete(3);
  await clock.advance(999);
  assertEquals(dead, []);
  await clock.advance(1);
  assertEquals(dead, [[900 + 5_000 + 800 + 999 + 1_000, "write-timeout"]]);
  assertEquals(clock.pending, 0);
});

Deno.test("The write timeout is extended by what the system may hold of our output", async () => {
  const { clock, dead, write } = setUp({
    pingInterval: 0,
    writeTimeout: 2_000,
  });
  write(24 * MiB, 4 * MiB);
  await clock.advance(65_999);
  assertEquals(dead, []);
  await clock.advance(1);
  assertEquals(dead, [[66_000, "write-timeout"]]);
});

Deno.test("A peer that sends all the time gets no extension for output that it does not take", async () => {
  const { clock, socket, dead, write, liveness } = setUp({
    pingInterval: 0,
    writeTimeout: 1_000,
  });
  await clock.advance(10_000);
  write(24 * MiB, 4 * MiB);
  await every(clock, 50, 3_000, () => socket.arrive(10));
  const [[at, code] = [0, ""]] = dead;
  assertEquals(code, "write-timeout");
  assert(at >= 11_000 && at <= 12_100, String(at));
  liveness.stop();
});

Deno.test("A write timeout of 0 waits forever, and leaves no timer", async () => {
  const { clock, dead, write } = setUp({ pingInterval: 0, writeTimeout: 0 });
  write(5, 0);
  assertEquals(clock.pending, 0);
  await clock.advance(1e9);
  assertEquals(dead, []);
});

Deno.test("While reading is paused the write timeout runs only if a send waits", async () => {
  const { clock, dead, state, write } = setUp({
    pingInterval: 0,
    writeTimeout: 1_000,
  });
  state.resumedAt = Infinity;
  write(5, 0);
  await clock.advance(100_000);
  assertEquals(dead, []);
  // Two programs that await send in their reading loop would wait for each other forever.
  state.sendWaits = true;
  await clock.advance(1_000);
  assertEquals(dead.map(([, code]) => code), ["write-timeout"]);
});

Deno.test("A blocked event loop ends no healthy connection, and dead ones are found afterwards", async () => {
  for (const healthy of [true, false]) {
    const { clock, socket, dead, write, liveness } = setUp({
      pingInterval: 1_000,
      pingTimeout: 2_000,
      writeTimeout: 2_000,
    });
    await clock.advance(1_500);
    write(1_000, 0);
    clock.block(3_000);
    // What the peer did meanwhile is seen when the event loop gets round to it.
    const back = clock.now();
    clock.timer(() => {
      if (!healthy) return;
      socket.arrive(100);
      socket.complete(1_000);
    }, 50);
    await clock.advance(900);
    if (healthy) socket.arrive(1);
    await clock.advance(700);
    if (healthy) assertEquals(dead, []);
    else {
      const [[at] = [0]] = dead;
      assert(at >= back + 250 && at <= back + 1_000, String(at - back));
    }
    liveness.stop();
  }
});

Deno.test("A socket whose ping throws ends its connection, and nothing else", async () => {
  const { clock, socket, dead } = setUp();
  const other = setUp({ clock });
  socket.behaviour.ping = () => {
    throw new Error("no ping");
  };
  await clock.advance(20_000);
  assertEquals(dead, [[20_000, "no ping"]]);
  assertEquals(clock.pending, 1);
  other.liveness.stop();
  assertEquals(clock.pending, 0);
});
