/** Loggers that end the connection whose records they get. */

import { assert, assertEquals } from "@std/assert";
import { FakeClock, LogCapture, MockSocket } from "../../testing/mod.ts";
import type { Logger } from "../base/logging.ts";
import { TARGET } from "./_support/pair.ts";
import { Connection } from "./connection.ts";

/** A logger that calls `act` at the first record with this message. */
function loggerThat(message: string, act: () => void): Logger {
  let done = false;
  const take = (text: string) => {
    if (done || text !== message) return;
    done = true;
    act();
  };
  return Object.assign(new LogCapture(), { debug: take, info: take });
}

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
