import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../testing/mod.ts";
import { countListeners } from "../transport/base/_support/signals.ts";
import { DialLimiter, type PeerGate } from "./dial_limiter.ts";
import { OutboundPool } from "./pool.ts";

const NEVER = new AbortController().signal;

/** Notes who entered, in order, and lets them leave by name. */
class Log {
  readonly entered: string[] = [];
  readonly #leaves = new Map<string, (connected: boolean) => void>();

  enter(name: string, gate: PeerGate, signal = NEVER): Promise<void> {
    return gate.enter(signal).then((leave) => {
      this.entered.push(name);
      this.#leaves.set(name, leave);
    });
  }

  async leave(name: string, connected = false): Promise<void> {
    this.#leaves.get(name)?.(connected);
    this.#leaves.delete(name);
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** A gate of a peer whose last dial failed. */
async function failed(limiter: DialLimiter): Promise<PeerGate> {
  const gate = limiter.gate();
  (await gate.enter(NEVER))(false);
  return gate;
}

Deno.test("No more dials than the limit are in flight, and those that wait go in order", async () => {
  const limiter = new DialLimiter(2);
  const log = new Log();
  for (const name of ["a", "b", "c", "d"]) void log.enter(name, limiter.gate());
  await settled();
  assertEquals(log.entered, ["a", "b"]);
  await log.leave("b", true);
  assertEquals(log.entered, ["a", "b", "c"]);
  await log.leave("a", true);
  assertEquals(log.entered, ["a", "b", "c", "d"]);
});

Deno.test("Peers that were connected last, or never tried, go before those that keep failing", async () => {
  const limiter = new DialLimiter(1);
  const log = new Log();
  const failing = [await failed(limiter), await failed(limiter)];
  const lost = limiter.gate();
  (await lost.enter(NEVER))(true);
  void log.enter("busy", limiter.gate());
  for (const [i, gate] of failing.entries()) void log.enter(`dead ${i}`, gate);
  void log.enter("lost", lost);
  void log.enter("new", limiter.gate());
  await settled();
  for (const name of ["busy", "lost", "new", "dead 0"]) await log.leave(name);
  assertEquals(log.entered, ["busy", "lost", "new", "dead 0", "dead 1"]);
});

Deno.test("A peer that keeps failing is not starved by a crowd of others", async () => {
  const limiter = new DialLimiter(1);
  const log = new Log();
  const dead = await failed(limiter);
  void log.enter("0", limiter.gate());
  void log.enter("dead", dead);
  for (let i = 1; i < 20; i++) {
    void log.enter(String(i), limiter.gate());
    await settled();
    await log.leave(String(i - 1), true);
    if (log.entered.includes("dead")) break;
  }
  assertEquals(log.entered.includes("dead"), true);
  assertEquals(log.entered.length <= 5, true, log.entered.join());
});

Deno.test("Hosts that do not answer never hold every place", async () => {
  const limiter = new DialLimiter(8);
  const log = new Log();
  const dead = await Promise.all(
    Array.from({ length: 8 }, () => failed(limiter)),
  );
  for (const [i, gate] of dead.entries()) void log.enter(`dead ${i}`, gate);
  await settled();
  assertEquals(log.entered.length, 6);
  void log.enter("lost", limiter.gate());
  void log.enter("new", limiter.gate());
  await settled();
  assertEquals(log.entered.slice(6), ["lost", "new"]);
  // A limit of two keeps one place free as well, a limit of one cannot.
  for (const [max, entered] of [[2, 1], [1, 1]] as const) {
    const small = new DialLimiter(max);
    const gates = [await failed(small), await failed(small)];
    const smallLog = new Log();
    for (const [i, gate] of gates.entries()) {
      void smallLog.enter(String(i), gate);
    }
    await settled();
    assertEquals(smallLog.entered.length, entered);
  }
});

Deno.test("A peer that is preferred goes like one that never failed", async () => {
  const limiter = new DialLimiter(1);
  const log = new Log();
  const [dead, preferred] = [await failed(limiter), await failed(limiter)];
  void log.enter("busy", limiter.gate());
  void log.enter("dead", dead);
  preferred.prefer();
  void log.enter("preferred", preferred);
  await settled();
  await log.leave("busy");
  assertEquals(log.entered, ["busy", "preferred"]);
});

Deno.test("A place that was given leaves no listener on the signal of the wait", async () => {
  const limiter = new DialLimiter(1);
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const gate = limiter.gate();
  const leave = await gate.enter(signal);
  const second = gate.enter(signal);
  assertEquals(listeners(), 1);
  leave(false);
  (await second)(false);
  assertEquals(listeners(), 0);
});

Deno.test("A dial that was cancelled does not count as failed", async () => {
  const limiter = new DialLimiter(1);
  const log = new Log();
  const [dead, cancelled] = [await failed(limiter), limiter.gate()];
  const controller = new AbortController();
  void log.enter("first", cancelled, controller.signal);
  await settled();
  controller.abort();
  await log.leave("first");
  void log.enter("busy", limiter.gate());
  void log.enter("dead", dead);
  void log.enter("again", cancelled);
  await settled();
  await log.leave("busy");
  assertEquals(log.entered, ["first", "busy", "again"]);
});

Deno.test("reconnect() of a peer whose dial hangs goes before the dials of peers that keep failing", async () => {
  const clock = new FakeClock();
  const dials: string[] = [];
  const pool = new OutboundPool("pool", {
    clock,
    maxConcurrentDials: 1,
    connection: { handshakeTimeout: 0 },
    dialer: (url) => {
      dials.push(new URL(url).hostname);
      return new Promise((_, reject) => {
        if (url.includes("hangs")) return;
        clock.timer(() => reject(new Error("refused")), 10);
      });
    },
  });
  for (const host of ["a", "b", "hangs"]) pool.connect(`ws://${host}`);
  await clock.advance(1_000);
  assertEquals(dials, ["a", "b", "hangs"]);
  pool.reconnect("ws://hangs");
  await clock.advance(1_000);
  assertEquals(dials.slice(3), ["hangs"]);
  await pool.close();
  await clock.advance(1_000);
});

Deno.test("reconnect() of a peer that keeps failing goes before the dials of others that do", async () => {
  const clock = new FakeClock();
  const dials: string[] = [];
  const pool = new OutboundPool("pool", {
    clock,
    maxConcurrentDials: 1,
    dialer: (url) => {
      const { hostname } = new URL(url);
      dials.push(hostname);
      return new Promise((_, reject) => {
        const duration = hostname === "slow" ? 1_000 : 10;
        clock.timer(() => reject(new Error("refused")), duration);
      });
    },
  });
  for (const host of ["a", "b", "slow"]) pool.connect(`ws://${host}`);
  await clock.advance(500);
  // "a" and "b" have failed, and wait until "slow" has failed as well.
  assertEquals(dials, ["a", "b", "slow"]);
  pool.reconnect("ws://b");
  await clock.advance(600);
  assertEquals(dials.slice(3, 5), ["b", "a"]);
  await pool.close();
  await clock.advance(1_000);
});

Deno.test("A wait that is cancelled takes no place, before, during and after it", async () => {
  const limiter = new DialLimiter(1);
  const log = new Log();
  await assertRejects(
    () => limiter.gate().enter(AbortSignal.abort(new Error("early"))),
    Error,
    "early",
  );
  void log.enter("a", limiter.gate());
  const controller = new AbortController();
  const waiting = log.enter("b", limiter.gate(), controller.signal);
  void log.enter("c", limiter.gate());
  await settled();
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await log.leave("a");
  assertEquals(log.entered, ["a", "c"]);
});
