/** Connections over sockets of the caller's own that do not count bytes: activity is estimated. */

import { assertEquals } from "@std/assert";
import { FakeClock, MockSocket } from "../../testing/mod.ts";
import type { Socket } from "../socket/socket.ts";
import { Connection } from "./connection.ts";

function setUp() {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock, buffering: true });
  const uncounted: Socket = new Proxy(socket, {
    get(target, name) {
      if (name === "activity") return undefined;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const connection = new Connection(uncounted, {
    clock,
    pingInterval: 0,
    writeTimeout: 1_000,
  });
  return { clock, socket, connection };
}

Deno.test("A peer that takes output now and then is kept, and one that takes none is cut", async () => {
  const { clock, socket, connection } = setUp();
  connection.trySend("0123456789");
  for (let left = 9; left >= 6; left--) {
    await clock.advance(900);
    socket.drain(left);
  }
  assertEquals(connection.state, "connected");
  assertEquals(connection.activity?.writtenBytes, 4);
  await clock.advance(999);
  assertEquals(connection.state, "connected");
  await clock.advance(1);
  const { error } = await connection.closed;
  assertEquals(error && Reflect.get(error, "code"), "write-timeout");
  // What the socket has dropped was not written.
  assertEquals([socket.bufferedAmount, connection.activity?.writtenBytes], [
    0,
    4,
  ]);
});

Deno.test("A peer that has taken all output is not cut, however long nothing more is sent", async () => {
  const { clock, socket, connection } = setUp();
  connection.trySend("x");
  await clock.advance(500);
  socket.drain(0);
  await clock.advance(100_000);
  assertEquals(connection.state, "connected");
  await connection.close();
});

Deno.test("Messages and pings of the peer are signs of life", async () => {
  const { clock, socket, connection } = setUp();
  const began = clock.now();
  clock.tick(5);
  socket.receive("abc");
  assertEquals(connection.activity?.receivedAt, began + 5);
  clock.tick(5);
  socket.receivePing(new Uint8Array(2));
  assertEquals(connection.activity?.receivedAt, began + 10);
  assertEquals(connection.activity?.receivedBytes, 9);
  await connection.close();
});
