import { assertEquals } from "@std/assert";
import { LogCapture } from "../../testing/log_capture.ts";
import { MockDialer } from "../../testing/mock_dialer.ts";
import { MockSocket } from "../../testing/mock_socket.ts";
import { Connection } from "./connection.ts";
import type { ConnectionOptions } from "./options.ts";

/** What a callback may do: its name, and whether that is reported. */
const MISCHIEF: readonly [
  name: string,
  callback: (...args: unknown[]) => unknown,
  reported: boolean,
][] = [
  ["throws", () => {
    throw new Error("mischief");
  }, true],
  ["throws nothing at all", () => {
    throw undefined;
  }, true],
  ["rejects", () => Promise.reject(new Error("mischief")), true],
  ["never settles", () => new Promise(() => {}), false],
  ["returns undefined", () => undefined, false],
  ["returns NaN", () => NaN, false],
  ["returns something that is not quite a promise", () => ({ then: 5 }), false],
];

for (const option of ["onPing", "onPong", "onFrame", "onClose"] as const) {
  for (const [name, callback, reported] of MISCHIEF) {
    Deno.test(`${option} that ${name} harms nothing${reported ? ", and is logged" : ""}`, async () => {
      const log = new LogCapture();
      let calls = 0;
      const socket = new MockSocket();
      const connection = new Connection(socket, {
        logger: log,
        pingInterval: 0,
        [option]: (...args: unknown[]) => {
          calls++;
          return callback(...args);
        },
      });
      socket.receivePing(new Uint8Array([1]));
      socket.receivePong(new Uint8Array([2]));
      socket.receive("a message");
      assertEquals(await connection.incoming.take(), "a message");
      assertEquals(connection.state, "connected");
      socket.receiveClose(4_000, "bye");
      await connection.closed;
      await new Promise((resolve) => setTimeout(resolve, 0));
      // Ping, pong, message and close, of which ping and close are answered.
      assertEquals(calls, option === "onFrame" ? 6 : 1);
      const records = log.records.filter(({ level }) => level === "error");
      assertEquals(records.length, reported ? calls : 0);
    });
  }
}

for (const [name, callback, reported] of MISCHIEF) {
  Deno.test(`onRetry that ${name} harms nothing${reported ? ", and is logged" : ""}`, async () => {
    const log = new LogCapture();
    const dialer = new MockDialer([new Error("again")]);
    const connection = new Connection("ws://a.test", {
      logger: log,
      dialer: dialer.dial,
      onRetry: callback,
    });
    await connection.connect();
    await new Promise((resolve) => setTimeout(resolve, 0));
    const records = log.records.filter(({ level }) => level === "error");
    assertEquals(records.length, reported ? 1 : 0);
    await connection.close();
  });
}

Deno.test("Callbacks get their arguments", async () => {
  const seen: unknown[] = [];
  const options: ConnectionOptions = {
    onPing: (payload) => void seen.push(["ping", [...payload]]),
    onPong: (payload) => void seen.push(["pong", [...payload]]),
    onFrame: (direction, { opcode, length }) =>
      void seen.push(["frame", direction, opcode, length]),
    onClose: (code, reason) => void seen.push(["close", code, reason]),
  };
  const socket = new MockSocket();
  const connection = new Connection(socket, options);
  socket.receivePing(new Uint8Array([1]));
  socket.receivePong(new Uint8Array([2]));
  connection.trySend("hello");
  socket.receiveClose(4_000, "bye");
  await connection.closed;
  assertEquals(seen, [
    ["frame", "received", 9, 1],
    ["frame", "sent", 10, 1],
    ["ping", [1]],
    ["frame", "received", 10, 1],
    ["pong", [2]],
    ["frame", "sent", 1, 5],
    ["frame", "received", 8, 5],
    ["frame", "sent", 8, 5],
    ["close", 4_000, "bye"],
  ]);
});

Deno.test("onFrame costs nothing if it is absent: the socket does not report frames", async () => {
  const watched: boolean[] = [];
  for (const onFrame of [() => {}, undefined]) {
    const socket = new MockSocket();
    socket.behaviour.start = ({ frame }) => {
      watched.push(frame !== undefined);
    };
    const connection = new Connection(socket, { onFrame });
    connection.terminate();
    await connection.closed;
  }
  assertEquals(watched, [true, false]);
});

Deno.test("onClose is not called without a close frame of the peer, and once with one", async () => {
  for (const end of ["cut", "close", "own close"] as const) {
    let calls = 0;
    const socket = new MockSocket();
    const connection = new Connection(socket, {
      onClose: () => void calls++,
    });
    if (end === "cut") socket.end();
    else if (end === "close") socket.receiveClose();
    else await connection.close();
    await connection.closed;
    assertEquals(calls, end === "cut" ? 0 : 1, end);
  }
});
