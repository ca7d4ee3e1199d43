/** Who is kept and who is cut, over real sockets. The long forms are in suites/liveness. */

import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { Connection, type ConnectionError } from "../mod.ts";
import { type Door, DOORS, meet, type Met } from "./_support/doors.ts";

/** Short enough for a test; a healthy peer on loopback answers in a millisecond. */
const QUICK = { pingInterval: 100, pingTimeout: 300, writeTimeout: 500 };
/** The peer judges nobody. */
const PATIENT = { pingInterval: 0, pingTimeout: 0, writeTimeout: 0 };

interface Pair extends Met {
  readonly door: Door;
  readonly connection: Connection;
  readonly other: Connection;
}

/** Runs a case at every door at once. */
async function atEachDoor(run: (pair: Pair) => Promise<void>): Promise<void> {
  const pairs = await Promise.all(DOORS.map(async (door): Promise<Pair> => {
    const met = await meet(door);
    return {
      ...met,
      door,
      connection: Connection.fromSocket(met.ours, QUICK),
      other: Connection.fromSocket(met.peer, PATIENT),
    };
  }));
  try {
    await Promise.all(pairs.map(run));
  } finally {
    for (const pair of pairs) {
      pair.connection.terminate();
      pair.other.terminate();
      await pair[Symbol.asyncDispose]();
    }
  }
}

/** Waits for the end of a connection: its error, and after how long. */
async function endOf(
  connection: Connection,
): Promise<[error: ConnectionError | undefined, took: number]> {
  const start = performance.now();
  const error = await connection.errors.take();
  return [error, performance.now() - start];
}

for (const stall of ["hold", "swallow"] as const) {
  Deno.test(`A half-open peer (${stall}) is cut in time`, () =>
    atEachDoor(async ({ door, connection, proxy }) => {
      await delay(150);
      assertEquals(connection.state, "connected", door);
      proxy.stall(stall);
      const [error, took] = await endOf(connection);
      assertEquals(error?.code, "ping-timeout", door);
      // The last ping may have gone out just before, or the next one comes in 110 ms.
      assert(took > 190 && took < 2_000, `${door}: ${took} ms`);
    }));
}

Deno.test("A peer that is busy sending a long message is kept, and the message arrives", () =>
  atEachDoor(async ({ door, connection, other, proxy, toUs }) => {
    proxy.set({ throttle: 100_000 }, toUs);
    const message = new Uint8Array(120_000).fill(7);
    void other.send(message);
    const start = performance.now();
    assertEquals(await connection.incoming.take(), message, door);
    assert(performance.now() - start > 900, door);
    assertEquals(connection.state, "connected", door);
  }));

Deno.test("A peer that reads our long message slowly is kept, and the message arrives", () =>
  atEachDoor(async ({ door, connection, other, proxy, toPeer }) => {
    proxy.set({ throttle: 80_000 }, toPeer);
    const message = new Uint8Array(120_000).fill(7);
    void connection.send(message);
    assertEquals(await other.incoming.take(), message, door);
    await delay(300);
    assertEquals(connection.state, "connected", door);
  }));

Deno.test("A peer that we hold back is kept, and nothing is lost", () =>
  atEachDoor(async ({ door, connection, other }) => {
    const sent = Array.from({ length: 500 }, (_, i) => `${i}`.padEnd(10_000));
    const sending = (async () => {
      for (const message of sent) await other.send(message);
    })();
    await delay(1_000);
    assertEquals(connection.state, "connected", door);
    for (const message of sent) {
      assertEquals(await connection.incoming.take(), message);
    }
    await sending;
    await delay(300);
    assertEquals(connection.state, "connected", door);
  }));

Deno.test("A blocked event loop cuts no healthy peer", () => {
  let blocked: Promise<void> | undefined;
  return atEachDoor(async ({ door, connection, other }) => {
    const chatter = setInterval(() => {
      if (other.state === "connected") other.trySend("still here");
    }, 50);
    // While pings are under way.
    await delay(250);
    blocked ??= Promise.resolve().then(() => {
      const until = performance.now() + 1_500;
      while (performance.now() < until);
    });
    await blocked;
    await delay(1_000);
    clearInterval(chatter);
    assertEquals(connection.state, "connected", door);
    assert(connection.stats().heartbeats > 2, door);
  });
});

Deno.test("A peer that sends, and takes nothing, is cut by writeTimeout", () =>
  atEachDoor(async ({ door, connection, other, proxy, toPeer }) => {
    const chatter = setInterval(() => {
      if (other.state === "connected") other.trySend("still here");
    }, 50);
    proxy.stall("hold", toPeer);
    // More than the system holds.
    connection.trySend(new Uint8Array(16 * 2 ** 20));
    const [error, took] = await endOf(connection);
    clearInterval(chatter);
    assert(error?.message.includes("writeTimeout"), `${door}: ${error}`);
    assert(took > 450 && took < 5_000, `${door}: ${took} ms`);
  }));
