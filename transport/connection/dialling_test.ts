import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeClock, MockDialer, MockSocket } from "../../testing/mod.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { TARGET } from "./_support/pair.ts";
import { Connection } from "./connection.ts";

Deno.test("connect is refused while connecting, when connected and after close", async () => {
  const dialer = new MockDialer(["never", new MockSocket()]);
  const connection = new Connection(TARGET, { dialer: dialer.dial });
  const refused = () =>
    assertRejects(() => connection.connect(), ConnectionError, "disconnected");
  const cancel = new AbortController();
  const first = connection.connect({ signal: cancel.signal });
  assertEquals((await refused()).code, "invalid-state");
  cancel.abort(new Error("enough"));
  await assertRejects(() => first, Error, "enough");
  assertEquals(connection.state, "disconnected");
  await connection.connect();
  await refused();
  await connection.close();
  await refused();
});

Deno.test("connect dials again under the retry policy, and reports each failure", async () => {
  const clock = new FakeClock();
  const dialer = new MockDialer([new Error("one"), new Error("two")]);
  const reports: unknown[] = [];
  const connection = new Connection(TARGET, {
    clock,
    dialer: dialer.dial,
    retry: { initialDelay: 1_000, jitterFactor: 0 },
    onRetry: ({ attempt, delay, error }) => {
      reports.push([attempt, delay, error instanceof Error && error.message]);
      throw new Error("a callback that throws hurts nobody");
    },
  });
  const connected = connection.connect();
  await clock.advance(999);
  assertEquals(dialer.attempts.length, 2);
  await clock.advance(1);
  await connected;
  assertEquals(reports, [[1, 0, "one"], [2, 1_000, "two"]]);
  await connection.close();
  assertEquals(clock.pending, 0);
});

for (
  const [name, error, tries] of [
    ["401", new HandshakeError("refused", "no", { status: 401 }), 1],
    ["404", new HandshakeError("refused", "no", { status: 404 }), 1],
    ["408", new HandshakeError("refused", "no", { status: 408 }), 2],
    ["425", new HandshakeError("refused", "no", { status: 425 }), 2],
    ["429", new HandshakeError("refused", "no", { status: 429 }), 2],
    ["503", new HandshakeError("refused", "no", { status: 503 }), 2],
    ["a wrong certificate", new Error("invalid peer certificate: x"), 1],
    ["a bad option", new ConfigError("invalid-option", "proxy", "no"), 1],
    ["a reset", new Error("Connection reset by peer"), 2],
  ] as const
) {
  Deno.test(`A dial that fails with ${name} is ${tries === 1 ? "not tried again" : "tried again"}`, async () => {
    const dialer = new MockDialer([error, error]);
    const connection = new Connection(TARGET, {
      dialer: dialer.dial,
      retry: { maxRetries: 1 },
    });
    const failure = await assertRejects(
      () => connection.connect(),
      ConnectionError,
    );
    assertEquals(failure.code, "dial-failed");
    assertStrictEquals(failure.cause, error);
    assertEquals(dialer.attempts.length, tries);
    assertEquals(connection.state, "disconnected");
  });
}

Deno.test("Dials that fail at once are never a hot loop, whatever the delays", async () => {
  for (const retry of [{ initialDelay: 0 }, () => 0, () => NaN]) {
    const clock = new FakeClock();
    let dials = 0;
    const connection = new Connection("ws://a.example", {
      clock,
      retry,
      dialer: () => {
        dials++;
        return Promise.reject(new Error("refused"));
      },
    });
    const connecting = connection.connect();
    await clock.advance(1_000);
    assertEquals(dials >= 2 && dials <= 12, true, `${dials} dials in a second`);
    await clock.advance(200_000);
    assertEquals(connection.state, "connecting");
    await connection.close();
    await assertRejects(() => connecting, ConnectionError);
  }
});

Deno.test("close while dialling ends the dial, and a socket that comes too late is cut", async () => {
  const late = new MockSocket();
  const arrival = Promise.withResolvers<MockSocket>();
  const connection = new Connection(TARGET, { dialer: () => arrival.promise });
  const connected = connection.connect();
  await Promise.resolve();
  const { code, clean } = await connection.close();
  assertEquals([code, clean], [1006, false]);
  const error = await assertRejects(() => connected, ConnectionError);
  assertEquals(error.code, "connection-closed");
  arrival.resolve(late);
  await late.closed;
  assertEquals(late.terminations.length, 1);
  assertEquals(await connection.errors.take(), undefined);
});

Deno.test("Headers given as a function are asked for before each attempt", async () => {
  const dialer = new MockDialer([new Error("again")]);
  let asked = 0;
  await using connection = new Connection(TARGET, {
    dialer: dialer.dial,
    headers: () => Promise.resolve({ token: String(++asked) }),
  });
  await connection.connect();
  assertEquals(dialer.attempts.map(({ options }) => options.headers), [
    { token: "1" },
    { token: "2" },
  ]);
});
