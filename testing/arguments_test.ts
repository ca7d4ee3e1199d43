import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError } from "../transport/base/errors.ts";
import { Queue } from "../transport/base/queue.ts";
import {
  assertLogSequence,
  eventually,
  expectIncoming,
  expectWrite,
  FakeClock,
  FaultProxy,
  findLogRecord,
  MockDialer,
  MockSocket,
  never,
  socketPair,
} from "./mod.ts";

/** What is given where the types would not let it be. */
function wrong(value: unknown): never {
  return value as never;
}

const calls: Record<string, () => unknown> = {
  "eventually without a function": () => eventually(wrong(true)),
  "never without a function": () => never(wrong(undefined)),
  "eventually with a number for options": () =>
    eventually(() => true, wrong(5)),
  "expectWrite of nothing": () => expectWrite(wrong(undefined), "hello"),
  "expectWrite of what is no socket": () => expectWrite(wrong({}), "hello"),
  "expectIncoming of nothing": () => expectIncoming(wrong(null), "hello"),
  "expectIncoming of what is no source": () => expectIncoming(wrong({}), "x"),
  "findLogRecord of nothing": () => findLogRecord(wrong(undefined), "x"),
  "assertLogSequence of what is no log": () => assertLogSequence(wrong({}), []),
  "MockSocket(null)": () => new MockSocket(wrong(null)),
  "MockDialer of one step": () => new MockDialer(wrong(() => {})),
  "MockDialer with null for options": () => new MockDialer([], wrong(null)),
  "FakeClock(1000)": () => new FakeClock(wrong(1_000)),
  "FaultProxy without a target": () => FaultProxy.listen(wrong(undefined)),
  "a message that is not JSON yet": () => mock().receive(wrong({ a: 1 })),
  "a message of nothing": () => mock().receive(wrong(undefined)),
  "a ping with a text": () => mock().receivePing(wrong("text")),
  "a pong with a number": () => mock().receivePong(wrong(5)),
  "a close frame with 1006": () => mock().receiveClose(1006),
  "a close frame with a text for a code": () =>
    mock().receiveClose(wrong("1000")),
  "a close frame with a long reason": () =>
    mock().receiveClose(1000, "x".repeat(124)),
  "a close frame with a reason alone": () => mock().receiveClose(1005, "x"),
  "a drain to less than nothing": () => mock().drain(-1),
  "an end that is a code": () => mock().end(wrong(1006)),
  "a clock without methods": () => new MockSocket({ clock: wrong({}) }),
  "a behaviour that is no function": () =>
    new MockSocket({ behaviour: { close: wrong(5) } }),
  "a step that there is not": () => new MockDialer(wrong(["nevr"])),
  "a step of nothing": () => new MockDialer().script(wrong(undefined)),
  "a last step that there is not": () =>
    new MockDialer([], { otherwise: wrong(5) }),
  "one random number": () => new FakeClock().setRandom(wrong(0.5)),
  "no random numbers": () => new FakeClock().setRandom([]),
  "a random number of 2": () => new FakeClock().setRandom([2]),
  "FaultProxy to a URL": () => FaultProxy.listen(wrong("ws://127.0.0.1:80")),
};

for (const [name, call] of Object.entries(calls)) {
  Deno.test(`a clear error: ${name}`, async () => {
    await assertRejects(async () => await call(), ConfigError, "must be");
  });
}

Deno.test("a clear error is thrown where nothing is awaited", () => {
  assertThrows(() => new MockSocket(wrong(null)), ConfigError);
});

const HERE = { hostname: "127.0.0.1", port: 9 };

const unknown: Record<string, () => unknown> = {
  "eventually": () => eventually(() => true, wrong({ timeuot: 5 })),
  "never": () => never(() => false, wrong({ timeuot: 5 })),
  "expectWrite": () => expectWrite(mock(), "x", wrong({ timeuot: 5 })),
  "expectIncoming": () =>
    expectIncoming(new Queue({ capacity: 1 }), "x", wrong({ of: 5 })),
  "MockSocket": () => new MockSocket(wrong({ clok: 5 })),
  "MockSocket, behaviour": () =>
    new MockSocket({ behaviour: wrong({ clos: () => {} }) }),
  "MockSocket, end": () => mock().end(wrong({ cod: 1006 })),
  "MockDialer": () => new MockDialer([], wrong({ otherwhise: "never" })),
  "FakeClock": () => new FakeClock(wrong({ nwo: 5 })),
  "socketPair": () => socketPair(wrong({ ulr: "ws://a" })),
  "socketPair, an end": () => socketPair({ client: wrong({ clock: 5 }) }),
  "FaultProxy": () => FaultProxy.listen(HERE, wrong({ sede: 5 })),
  "FaultProxy, faults": () =>
    FaultProxy.listen(HERE, { faults: wrong({ dleay: 5 }) }),
};

for (const [name, call] of Object.entries(unknown)) {
  Deno.test(`an unknown option is refused: ${name}`, async () => {
    const error = await assertRejects(async () => await call(), ConfigError);
    assertEquals(error.code, "unknown-option");
  });
}

function mock(): MockSocket {
  const socket = new MockSocket();
  socket.write("x");
  return socket;
}

Deno.test("FaultProxy: what it cannot do is refused", async () => {
  await using proxy = await FaultProxy.listen(HERE);
  for (
    const call of [
      () => proxy.set(wrong({ dleay: 5 })),
      () => proxy.set({ delay: 5 }, wrong("left")),
      () => proxy.stall(wrong("swalow")),
      () => proxy.cut(wrong({ how: "silent" })),
      () => proxy.cut({ after: NaN }),
      () => proxy.cut({ after: 5, direction: wrong("left") }),
      () => proxy.cut(wrong({ haow: "end" })),
    ]
  ) assertThrows(call, ConfigError);
  await assertRejects(() => proxy.setAccepting(wrong("closed")), ConfigError);
});

for (const ms of [NaN, Infinity, -1, wrong("5")]) {
  Deno.test(`FakeClock: a step of ${ms} is refused, and fires nothing`, async () => {
    const clock = new FakeClock();
    const now = clock.now();
    clock.timer(() => {
      throw new Error("fired");
    }, 1_000);
    await assertRejects(() => clock.advance(ms), ConfigError, "from 0");
    assertThrows(() => clock.tick(ms), ConfigError, "from 0");
    assertThrows(() => clock.block(ms), ConfigError, "from 0");
    assertEquals([clock.now(), clock.pending], [now, 1]);
  });
}

Deno.test("FakeClock: a time that is none is refused", () => {
  assertThrows(() => new FakeClock({ now: NaN }), ConfigError, "finite");
  assertThrows(() => new FakeClock({ seed: Infinity }), ConfigError, "finite");
  assertThrows(() => new FakeClock().setDate(NaN), ConfigError, "finite");
});

Deno.test("eventually: a timeout that is none is refused", async () => {
  await assertRejects(
    () => eventually(() => false, { timeout: NaN }),
    ConfigError,
    "timeout",
  );
});
