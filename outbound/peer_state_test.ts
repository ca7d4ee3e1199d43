import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ConfigError,
  ConnectionError,
  PoolError,
} from "../transport/base/errors.ts";
import { drain, setUp } from "./_support/set_up.ts";
import type { OutboundPlugin, OutboundWorker } from "./plugin.ts";
import { DefaultOutboundWorker } from "./worker.ts";

const URL = "ws://a.example";
const refusal = () => new ConnectionError("dial-failed", "nobody listens");

Deno.test("peerState returns what a peer does, which attempt it is, until when it waits, and the last error", async () => {
  const { pool, clock, sockets, dialer } = setUp([refusal(), refusal()]);
  clock.setRandom(() => 0.5);
  const { attempts } = dialer;
  dialer.script("never");
  const id = pool.connect(URL, { connection: { handshakeTimeout: 4_000 } });
  assertEquals(pool.peerState(id), {
    state: "connecting",
    attempt: 1,
    error: undefined,
  });
  await clock.advance(0);
  // The first retry is immediate, the second one comes after a second.
  const waiting = pool.peerState(id);
  assert(waiting.state === "waiting");
  assertEquals(waiting.attempt, 3);
  assertEquals(waiting.until - clock.date(), 1_000);
  assertEquals(waiting.error?.message, "nobody listens");
  await clock.advance(1_000);
  assertEquals(attempts.length, 3);
  const connecting = pool.peerState(id);
  assert(connecting.state === "connecting");
  assertEquals(connecting.attempt, 3);
  await clock.advance(4_000 + 2_000);
  const connected = pool.peerState(id);
  assert(connected.state === "connected");
  assertEquals(connected.session, 1);
  assertEquals(
    connected.error?.message,
    "Cannot connect: the handshake took longer than handshakeTimeout (4000 ms).",
  );
  sockets[0]?.receiveClose(4_000, "reason");
  await clock.advance(0);
  const lost = pool.peerState(id);
  assert(lost.state === "waiting");
  assertEquals([lost.attempt, lost.until - clock.date()], [5, 3_000]);
  assert(lost.error instanceof ConnectionError);
  assertEquals(lost.error.closeCode, 4_000);
  await pool.close();
  assertEquals(
    assertThrows(() => pool.peerState(id), PoolError).code,
    "pool-closed",
  );
});

Deno.test("until of a peer that waits follows the time of day when that is set", async () => {
  const { pool, clock } = setUp([refusal(), refusal()]);
  clock.setRandom(() => 0.5);
  const id = pool.connect(URL);
  await clock.advance(400);
  for (const jump of [3_600_000, -7_200_000]) {
    clock.setDate(clock.date() + jump);
    const state = pool.peerState(id);
    assert(state.state === "waiting");
    assertEquals(state.until - clock.date(), 600);
  }
  await pool.close();
});

Deno.test("disconnected carries the delay until the next dial and its number, which starts again once a connection held", async () => {
  const { pool, clock, sockets } = setUp([]);
  clock.setRandom(() => 0);
  pool.connect(URL);
  const lose = async () => {
    await clock.advance(0);
    drain(pool);
    sockets.at(-1)?.end({ code: 1006 });
    await clock.advance(0);
    const [event] = drain(pool);
    const before = sockets.length;
    await clock.advance((event?.delay ?? 0) - 1);
    assertEquals(sockets.length, before);
    await clock.advance(1);
    assertEquals(sockets.length, before + 1);
    return [event?.kind, event?.delay, event?.attempt];
  };
  assertEquals(await lose(), ["disconnected", 2_000, 2]);
  assertEquals(await lose(), ["disconnected", 4_000, 3]);
  assertEquals(await lose(), ["disconnected", 8_000, 4]);
  await clock.advance(30_000);
  assertEquals(await lose(), ["disconnected", 2_000, 1]);
  assertEquals(await lose(), ["disconnected", 4_000, 2]);
  await pool.close();
});

Deno.test("When no dial follows, disconnected has no delay, and stopped comes behind it", async () => {
  const { pool, clock, sockets } = setUp([], { shouldReconnect: () => "stop" });
  const id = pool.connect(URL);
  await clock.advance(0);
  sockets[0]?.end({ code: 1006 });
  await clock.advance(600_000);
  assertEquals(
    drain(pool).map(({ kind, delay, attempt }) => [kind, delay, attempt]),
    [
      ["connected", undefined, undefined],
      ["disconnected", undefined, undefined],
      ["stopped", undefined, undefined],
    ],
  );
  const state = pool.peerState(id);
  assertEquals(state.state, "stopped");
  assert(state.error instanceof ConnectionError);
  await pool.close();
});

Deno.test("reconnect replaces a connection at once, with a close frame", async () => {
  const { pool, clock, sockets } = setUp([]);
  const id = pool.connect(URL);
  await clock.advance(0);
  pool.reconnect(id);
  assertEquals(pool.isConnected(id), false);
  const next = pool.whenConnected(id);
  await clock.advance(50);
  await next;
  assertEquals(sockets.length, 2);
  assertEquals(sockets[0]?.closes.map(({ code }) => code), [1_000]);
  assertEquals(
    drain(pool).map(({ kind, session, delay, attempt, error }) => [
      kind,
      session,
      delay,
      attempt,
      error,
    ]),
    [
      ["connected", 1, undefined, undefined, undefined],
      ["disconnected", 1, 0, 1, undefined],
      ["connected", 2, undefined, undefined, undefined],
    ],
  );
  await pool.close();
  assertEquals(clock.pending, 0);
});

Deno.test("reconnect ends a delay, a dial that hangs and a stop, and attempts start again", async () => {
  const { pool, clock, dialer, sockets } = setUp([
    refusal(),
    refusal(),
    refusal(),
    refusal(),
    "never",
  ]);
  const id = pool.connect(URL, { connection: { handshakeTimeout: 0 } });
  await clock.advance(2_000);
  const state = pool.peerState(id);
  assert(state.state === "waiting");
  assertEquals(state.attempt > 2, true);
  const dials = dialer.attempts.length;
  while (dialer.attempts.length === dials) {
    pool.reconnect(id);
    await clock.advance(0);
  }
  await clock.advance(100_000);
  assertEquals(pool.peerState(id).state, "connecting");
  pool.reconnect(id);
  await clock.advance(0);
  const connected = pool.peerState(id);
  assertEquals(connected.state, "connected");
  sockets[0]?.end({ code: 1006 });
  await clock.advance(0);
  assertEquals(drain(pool).at(-1)?.attempt, 2);
  await pool.close();
});

Deno.test("reconnect dials a peer again that was stopped", async () => {
  const { pool, clock } = setUp([refusal()], {
    connection: { retry: false },
  });
  const id = pool.connect(URL);
  await clock.advance(0);
  assertEquals(pool.peerState(id).state, "stopped");
  await assertRejects(() => pool.whenConnected(id), PoolError, "reconnect()");
  pool.reconnect(id);
  assertEquals(pool.peerState(id).state === "stopped", false);
  await pool.whenConnected(id);
  assertEquals(drain(pool).map(({ kind }) => kind), ["stopped", "connected"]);
  assertEquals(pool.trySend(id, "x"), true);
  await pool.close();
});

/** A worker that ends when it is stopped, and one that has only the methods that it must have. */
function plainWorker(parts: Partial<OutboundWorker> = {}): OutboundWorker {
  return {
    start: () => Promise.resolve(),
    stop: () => {},
    send: () => Promise.resolve(),
    ...parts,
  };
}

Deno.test("reconnect gives a peer whose worker has ended a new worker", async () => {
  let made = 0;
  const start = ({ counter }: OutboundPlugin) => {
    counter.failedDial();
    return Promise.resolve();
  };
  const { pool, clock } = setUp([], {
    workerFactory: () =>
      ++made === 1 ? plainWorker({ start }) : new DefaultOutboundWorker(),
  });
  const id = pool.connect(URL);
  await clock.advance(0);
  assertEquals(drain(pool).map(({ kind }) => kind), ["stopped"]);
  pool.reconnect(id);
  await pool.whenConnected(id);
  assertEquals([made, pool.peers], [2, [id]]);
  const { failedDials, connections } = pool.peerStats(id);
  assertEquals([failedDials, connections], [1, 1]);
  assertEquals(drain(pool).map(({ kind }) => kind), ["connected"]);
  await pool.close();
});

Deno.test("The notices of a worker without connected and state say what its peer does", async () => {
  let plugin: OutboundPlugin | undefined;
  const ended = Promise.withResolvers<void>();
  const { pool } = setUp([], {
    workerFactory: () =>
      plainWorker({
        start(given) {
          plugin = given;
          return ended.promise;
        },
        stop: () => ended.resolve(),
        reconnect() {},
      }),
  });
  const id = pool.connect(URL);
  assertEquals([pool.isConnected(id), pool.peerState(id).state], [
    false,
    "connecting",
  ]);
  for (const session of [3, 4]) {
    plugin?.notify({ kind: "connected" }, session);
    assertEquals(pool.peerState(id), {
      state: "connected",
      session,
      error: undefined,
    });
    assert(pool.isConnected(id));
    plugin?.notify({ kind: "stopped" }, session);
    assertEquals([pool.isConnected(id), pool.peerState(id).state], [
      false,
      "stopped",
    ]);
    pool.reconnect(id);
  }
  assertEquals(drain(pool).map(({ kind }) => kind), [
    "connected",
    "stopped",
    "connected",
    "stopped",
  ]);
  await pool.close();
});

Deno.test("reconnect says so if a worker cannot do that, or fails", async () => {
  const start = () => new Promise<void>(() => {});
  const workers = [
    plainWorker({ start }),
    plainWorker({
      start,
      reconnect: () => {
        throw new Error("will not");
      },
    }),
  ];
  const { pool, clock } = setUp([], {
    connection: { closeTimeout: 1 },
    workerFactory: () => workers.shift() ?? plainWorker(),
  });
  pool.connect(URL, { id: "a" });
  pool.connect(URL, { id: "b" });
  assertEquals(
    assertThrows(() => pool.reconnect("a"), ConfigError).code,
    "unsupported",
  );
  assertEquals(
    assertThrows(() => pool.reconnect("b"), PoolError, "will not").code,
    "worker-failed",
  );
  const closed = pool.close();
  // These workers never end: the pool gives up on them.
  await clock.advance(2_000);
  await closed;
});

Deno.test("isConnected, whenConnected, trySend and peerState agree at every moment", async () => {
  const { pool, clock, sockets } = setUp([], { inboxBufferSize: 1 });
  const id = pool.connect(URL);
  const check = async () => {
    const reported = pool.isConnected(id);
    let sends = true;
    try {
      pool.trySend(id, "x");
    } catch {
      sends = false;
    }
    let resolved = false;
    void pool.whenConnected(id).then(() => resolved = true, () => {});
    for (let i = 0; i < 5; i++) await Promise.resolve();
    const { state } = pool.peerState(id);
    assertEquals(
      [sends, resolved, state === "connected"],
      [reported, reported, reported],
      state,
    );
    return reported;
  };
  assertEquals(await check(), false);
  await clock.advance(0);
  assertEquals(await check(), true);
  // Nobody reads: events wait behind messages, but this does not.
  for (let i = 0; i < 5; i++) sockets[0]?.receive(`${i}`);
  sockets[0]?.terminate(new Error("reset"));
  assertEquals(await check(), false);
  await clock.advance(10_000);
  assertEquals(await check(), true);
  assertEquals(sockets.length, 2);
  pool.reconnect(id);
  assertEquals(await check(), false);
  await clock.advance(100);
  assertEquals(await check(), true);
  await pool.close();
});

Deno.test("A loop of whenConnected and trySend never spins, and a new connection comes although nobody reads", async () => {
  const { pool, clock, sockets } = setUp([], { inboxBufferSize: 1 });
  const id = pool.connect(URL);
  await clock.advance(0);
  for (let i = 0; i < 5; i++) sockets[0]?.receive(`${i}`);
  sockets[0]?.terminate(new Error("reset"));
  let rounds = 0;
  const sent = (async () => {
    for (;;) {
      rounds++;
      if (rounds > 100) throw new Error("It spins.");
      await pool.whenConnected(id);
      try {
        return pool.trySend(id, "x");
      } catch {
        // Lost in this very moment: it waits for the next connection.
      }
    }
  })();
  await clock.advance(10_000);
  assertEquals(await sent, true);
  assertEquals(rounds <= 2, true, `${rounds} rounds`);
  assertEquals(sockets[1]?.written, ["x"]);
  await pool.close();
});

Deno.test("remove and close send the close frame that they are given", async () => {
  const { pool, clock, sockets } = setUp([]);
  for (const id of ["a", "b", "c"]) pool.connect(URL, { id });
  await clock.advance(0);
  await pool.remove("a", { code: 4_001, reason: "not paid" });
  await pool.remove("b", { code: 3_000 });
  await assertRejects(() => pool.remove("c", { code: 1_006 }), ConfigError);
  await assertRejects(
    () => pool.remove("c", { reason: "x".repeat(200) }),
    ConfigError,
  );
  await assertRejects(
    () => Reflect.apply(pool.close, pool, [{ cod: 1 }]),
    ConfigError,
    "cod",
  );
  assertEquals(pool.isConnected("c"), true);
  await pool.close({ code: 1_012, reason: "restart" });
  assertEquals(
    sockets.map(({ closes }) =>
      closes.map(({ code, reason }) => [code, reason])
    ),
    [[[4_001, "not paid"]], [[3_000, ""]], [[1_012, "restart"]]],
  );
});
