/** Loggers that end the connection whose records they get. */

import { assert, assertEquals } from "@std/assert";
import { loggerThat } from "../_support/logger_that.ts";
import { FakeClock, MockSocket } from "../../testing/mod.ts";
import { TARGET } from "./_support/pair.ts";
import { Connection } from "./connection.ts";

for (const action of ["close", "terminate"] as const) {
  Deno.test(`A logger that calls ${action}() at "Now connecting": connect() fails, and nothing is dialled`, async () => {
    let dials = 0;
    const connection: Connection = new Connection(TARGET, {
      dialer: () => {
        dials++;
        return Promise.resolve(new MockSocket());
      },
      logger: loggerThat("Now connecting", () => void connection[action]()),
    });
    const error = await connection.connect().catch((error) => error);
    assertEquals([error.code, dials], ["connection-closed", 0]);
    assertEquals((await connection.closed).code, 1006);
  });

  Deno.test(`A logger that calls ${action}() at "Connected" leaves no socket open`, async () => {
    const clock = new FakeClock();
    const socket = new MockSocket({ clock });
    const connection: Connection = new Connection(TARGET, {
      clock,
      dialer: () => Promise.resolve(socket),
      logger: loggerThat("Connected", () => void connection[action]()),
    });
    await connection.connect();
    await clock.settle();
    assertEquals([connection.state, socket.ended], ["closed", true]);
    assertEquals(clock.pending, 0);
    await connection.closed;
  });
}

Deno.test('A signal that a logger aborts at "Connected" closes the connection', async () => {
  const clock = new FakeClock();
  const ending = new AbortController();
  const socket = new MockSocket({ clock });
  const connection = new Connection(socket, {
    clock,
    signal: ending.signal,
    logger: loggerThat("Connected", () => ending.abort()),
  });
  await clock.settle();
  assert(socket.ended);
  assertEquals(connection.state, "closed");
  assertEquals(clock.pending, 0);
});

for (const action of ["close", "terminate", "abort"] as const) {
  Deno.test(`${action}() at any moment of the opening leaves no socket open`, async () => {
    for (let turns = 0; turns < 25; turns++) {
      const clock = new FakeClock();
      const socket = new MockSocket({ clock });
      const ending = new AbortController();
      const dialled = Promise.withResolvers<MockSocket>();
      const connection = new Connection(TARGET, {
        clock,
        pingInterval: 0,
        dialer: () => dialled.promise,
      });
      const connecting = connection.connect({ signal: ending.signal });
      await clock.settle();
      dialled.resolve(socket);
      for (let i = 0; i < turns; i++) await Promise.resolve();
      if (action === "abort") ending.abort();
      else void connection[action]();
      const error = await connecting.then(() => undefined, (error) => error);
      await clock.settle();
      const isOpen = connection.state === "connected";
      assertEquals(socket.ended, !isOpen, `${turns} turns`);
      if (action === "abort") assertEquals(isOpen, error === undefined);
      else assertEquals(connection.state, "closed");
      if (error !== undefined) {
        assertEquals(
          action === "abort" ? error.name : error.code,
          action === "abort" ? "AbortError" : "connection-closed",
        );
      }
      connection.terminate();
      assertEquals(clock.pending, 0);
    }
  });
}
