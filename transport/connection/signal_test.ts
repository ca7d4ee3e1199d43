import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock, MockDialer, MockSocket } from "../../testing/mod.ts";
import { countListeners } from "../base/_support/signals.ts";
import { ConnectionError } from "../base/errors.ts";
import { connectionPair, TARGET } from "./_support/pair.ts";
import { Connection } from "./connection.ts";

Deno.test("The signal closes the connection, and keeps no listener after the end", async () => {
  const lifetime = new AbortController();
  const { signal } = lifetime;
  const listeners = countListeners(signal);
  const { client, server } = connectionPair({ signal });
  assertEquals(listeners(), 1);
  await server.close();
  await client.closed;
  assertEquals(listeners(), 0);

  const other = connectionPair({ signal });
  lifetime.abort();
  assertEquals((await other.client.closed).sent?.code, 1000);
});

Deno.test("1,000 cycles of connect and abort on shared signals leave no listener and no timer", async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const dialer = new MockDialer([], { otherwise: "never" });
  for (let i = 0; i < 1_000; i++) {
    const connection = new Connection(TARGET, {
      clock,
      signal,
      dialer: dialer.dial,
    });
    const attempt = new AbortController();
    const connected = connection.connect({ signal: attempt.signal });
    if (i % 2 === 0) attempt.abort();
    await connection.close();
    await assertRejects(() => connected);
  }
  await clock.settle();
  assertEquals([listeners(), clock.pending, dialer.inFlight], [0, 0, 0]);
});

Deno.test("No listener stays on the signal of a connection that is never connected, or could not be", async () => {
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const refused = new MockDialer([], { otherwise: new Error("refused") });
  for (let i = 0; i < 10; i++) {
    const options = { signal, dialer: refused.dial, retry: false } as const;
    const connection = new Connection("ws://a.test", options);
    assertEquals(listeners(), 0);
    if (i % 2 === 0) continue;
    await assertRejects(() => connection.connect({ signal }), ConnectionError);
    assertEquals(connection.state, "disconnected");
  }
  assertEquals(listeners(), 0);
});

Deno.test("No listener stays on the signal of a connection over a socket that has ended already", async () => {
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const socket = new MockSocket();
  socket.end();
  const connection = new Connection(socket, { signal });
  await connection.closed;
  assertEquals(listeners(), 0);
});

Deno.test("A signal that has aborted before connect leaves the connection as it was", async () => {
  const dialer = new MockDialer([new MockSocket()]);
  const connection = new Connection(TARGET, { dialer: dialer.dial });
  const signal = AbortSignal.abort(new Error("too late"));
  const refused = connection.connect({ signal });
  assertEquals(connection.state, "disconnected");
  await connection.connect();
  await assertRejects(() => refused, Error, "too late");
  assertEquals(connection.state, "connected");
  await connection.close();
});

Deno.test("The signal closes while connecting and while connected, and a connection that is made later", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const never = new MockDialer([], { otherwise: "never" });
  const dialling = new Connection("ws://a.test", {
    signal,
    dialer: never.dial,
  });
  const connecting = assertRejects(() => dialling.connect(), ConnectionError);
  const waiting = new Connection("ws://a.test", { signal, dialer: never.dial });
  const socket = new MockSocket();
  const connected = new Connection(socket, { signal });
  await Promise.resolve();
  controller.abort();
  assertEquals((await connecting).code, "connection-closed");
  assertEquals((await connected.closed).sent?.code, 1000);
  const late = await assertRejects(() => waiting.connect(), ConnectionError);
  assertEquals(late.code, "connection-closed");
  await waiting.closed;
  const after = new Connection("ws://a.test", { signal });
  assertEquals(after.state, "closed");
});
