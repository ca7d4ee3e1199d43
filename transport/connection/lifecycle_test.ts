import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { MockDialer } from "../../testing/mock_dialer.ts";
import { MockSocket } from "../../testing/mock_socket.ts";
import { socketPair } from "../../testing/socket_pair.ts";
import { CLOSE, rawWithPeer } from "../_support/raw.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import type { SocketReader } from "../socket/socket.ts";
import { Connection } from "./connection.ts";
import { countListeners } from "../base/_support/signals.ts";

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

Deno.test("Options without effect on an open socket are refused, and so are unknown ones", async () => {
  const socket = new MockSocket();
  for (
    const [name, value, code] of [
      ["maxMessageSize", 10, "misplaced-option"],
      ["compression", true, "misplaced-option"],
      ["protocols", ["a"], "misplaced-option"],
      ["binary", "copy", "misplaced-option"],
      ["retry", false, "misplaced-option"],
      ["headers", {}, "misplaced-option"],
      ["pingIntervall", 10, "unknown-option"],
    ] as const
  ) {
    const error = assertThrows(
      () => Reflect.construct(Connection, [socket, { [name]: value }]),
      ConfigError,
      name,
    );
    assertEquals([error.code, error.field], [code, name]);
  }
  assertEquals(socket.started, false);
  const error = assertThrows(
    () => Reflect.construct(Connection, ["ws://a.test", { closeTimeOut: 1 }]),
    ConfigError,
  );
  assertEquals(error.code, "unknown-option");
  // @ts-expect-error: the types refuse it too.
  assertThrows(() => new Connection(socket, { maxMessageSize: 10 }));
  await new Connection(socket, { pingTimeout: 5 }).close();
});

Deno.test("A close frame without a code goes out for 1005", async () => {
  for (const role of ["client", "server"] as const) {
    const { socket, peer } = rawWithPeer(role);
    const connection = new Connection(socket);
    const closed = connection.close(1005);
    const frame = await peer.next();
    assertEquals([frame?.first, frame?.payload.length], [CLOSE, 0]);
    await peer.send(CLOSE);
    peer[Symbol.dispose]();
    const { code, sent } = await closed;
    assertEquals([code, sent?.code], [1005, 1005]);
  }
});

Deno.test("The response of the opening handshake is that of the socket", async () => {
  const socket = new MockSocket();
  const response = { status: 101, headers: new Headers({ a: "b" }) };
  Object.defineProperty(socket, "response", { value: response });
  const connection = new Connection("ws://a.test", {
    dialer: new MockDialer([socket]).dial,
  });
  assertEquals(connection.response, undefined);
  await connection.connect();
  assertStrictEquals(connection.response, response);
  await connection.close();
});

Deno.test("A dead peer is cut, and the error says why", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock });
  const connection = new Connection(socket, { clock });
  const waiting = assertRejects(() => connection.ping(), ConnectionError);
  await clock.advance(20_000);
  const error = await connection.errors.take();
  assertEquals([error?.code, error?.closeCode], ["ping-timeout", 1006]);
  assert(error?.cause instanceof ConnectionError);
  assertEquals(error.cause.code, "ping-timeout");
  assert(error.message.includes("pingTimeout"), error.message);
  assertEquals(await connection.errors.take(), undefined);
  assertEquals([socket.closes.length, socket.terminations.length], [0, 1]);
  await waiting;
  assertEquals((await connection.closed).clean, false);
  assertEquals(clock.pending, 0);
});

Deno.test("A socket that cannot ping after all ends its own connection only", async () => {
  const clock = new FakeClock();
  const broken = new MockSocket({
    clock,
    behaviour: {
      ping: () => {
        throw new TypeError("no ping");
      },
    },
  });
  const one = new Connection(broken, { clock });
  const other = new Connection(new MockSocket({ clock }), {
    clock,
    pingTimeout: 0,
  });
  const error = await assertRejects(() => one.ping(), TypeError);
  assertEquals(error.message, "no ping");
  assertEquals(one.state, "connected");
  await clock.advance(30_000);
  assertEquals([one.state, other.state], ["closed", "connected"]);
  assertEquals(
    (await one.errors.take())?.message,
    "Cannot use the connection: no ping.",
  );
  await other.close();
});

Deno.test("More messages than may wait end a connection whose reading cannot be paused", async () => {
  const socket = new MockSocket({ flowControl: false });
  const connection = new Connection(socket, { incomingBufferSize: 3 });
  for (let i = 0; i < 5; i++) socket.receive(String(i));
  assertEquals(socket.closes.map(({ code }) => code), [1009]);
  const error = await connection.errors.take();
  assertEquals([error?.code, error?.closeCode], ["read-error", 1009]);
  assert(error?.message.includes("incomingBufferSize (3)"), error?.message);
  const read: unknown[] = [];
  for await (const message of connection.incoming) read.push(message);
  assertEquals(read, ["0", "1", "2"]);
  assertEquals(connection.stats().droppedMessages > 0, true);
});

/** A mock socket that reports that its peer is closing. */
class ClosingSocket extends MockSocket {
  reader: SocketReader | undefined;

  override start(reader: SocketReader): void {
    this.reader = reader;
    super.start(reader);
  }
}

Deno.test("While the peer is closing answers still go out, pings do not, and then nothing", async () => {
  const clock = new FakeClock();
  const socket = new ClosingSocket({ clock });
  const connection = new Connection(socket, { clock });
  socket.reader?.closing?.(true);
  assertEquals(connection.state, "connected");
  assert(connection.trySend("an answer"));
  await clock.advance(60_000);
  assertEquals(socket.pings.length, 0);
  socket.reader?.closing?.(false);
  assertEquals(connection.state, "closed");
  const error = assertThrows(() => connection.trySend("x"), ConnectionError);
  assertEquals(error.code, "connection-closed");
  await assertRejects(() => connection.send("x"), ConnectionError);
  assertEquals(connection.stats().failedSends, 2);
  // What was under way still arrives.
  socket.receive("last");
  socket.receiveClose(4_000);
  assertEquals(await connection.incoming.take(), "last");
  assertEquals((await connection.errors.take())?.closeCode, 4_000);
});

Deno.test("A send that the socket refuses fails at the call, and is counted", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  socket.behaviour.write = () => {
    throw new ConnectionError("connection-closed", "the peer is closing");
  };
  assertThrows(() => connection.trySend("x"), ConnectionError, "closing");
  await assertRejects(() => connection.send("x"), ConnectionError, "closing");
  const { failedSends, sentMessages } = connection.stats();
  assertEquals([failedSends, sentMessages], [2, 0]);
  socket.behaviour.write = undefined;
  await connection.close();
});

Deno.test("Of a message that was buffered when the connection ended it is unknown whether it arrived", async () => {
  const socket = new MockSocket({ buffering: true });
  const connection = new Connection(socket, { highWaterMark: 4 });
  const buffered = connection.send("buffered");
  const waiting = connection.send("waiting");
  socket.end();
  const errors = await Promise.all(
    [buffered, waiting].map((sent) =>
      assertRejects(() => sent, ConnectionError)
    ),
  );
  assertEquals(errors.map(({ code, delivered }) => [code, delivered]), [
    ["connection-closed", "unknown"],
    ["connection-closed", undefined],
  ]);
  assertEquals(connection.stats().failedSends, 2);
});

Deno.test("Two programs that await send in their reading loops stall until writeTimeout, not for ever", async () => {
  const clock = new FakeClock();
  const sockets = socketPair({ clock });
  const options = {
    clock,
    highWaterMark: 1_000,
    incomingBufferSize: 2,
    pingInterval: 0,
    writeTimeout: 30_000,
  };
  const sides = [sockets.client, sockets.server].map((socket) =>
    new Connection(socket, options)
  );
  const message = "x".repeat(400);
  const loops = sides.map(async (side) => {
    // Each message is answered by two.
    for await (const _ of side.incoming) {
      await side.send(message);
      await side.send(message);
    }
  });
  for (const loop of loops) loop.catch(() => {});
  for (const side of sides) void side.send(message);
  await clock.advance(29_000);
  assertEquals(sides.map(({ state }) => state), ["connected", "connected"]);
  await clock.advance(2_000);
  assertEquals(sides.map(({ state }) => state), ["closed", "closed"]);
  // The side whose stream broke still reads, for a second.
  await clock.advance(1_000);
  const errors = await Promise.all(sides.map(({ errors }) => errors.take()));
  assert(errors.some((error) =>
    error?.cause instanceof ConnectionError &&
    error.cause.code === "write-timeout"
  ));
  await Promise.allSettled(loops);
});

Deno.test("A socket that throws when it should end counts as ended, which is reported once", async () => {
  const fail = () => {
    throw new Error("broken");
  };
  for (const method of ["close", "terminate"] as const) {
    const socket = new MockSocket({ behaviour: { [method]: fail } });
    let closes = 0;
    const connection = new Connection(socket, {
      onClose: () => void closes++,
    });
    if (method === "close") void connection.close();
    else connection.terminate();
    assertEquals((await connection.closed).code, 1006);
    assertEquals(connection.state, "closed");
    // It ends after all.
    socket.receiveClose(1_000);
    assertEquals(await connection.errors.take(), undefined);
    assertEquals(closes, 0);
  }
});

for (
  const method of [
    "start",
    "resume",
    "write",
    "ping",
    "close",
    "terminate",
  ] as const
) {
  Deno.test(`A socket whose ${method} throws costs its own connection at most, and no caller hangs`, async () => {
    const clock = new FakeClock();
    const socket = new MockSocket({
      clock,
      behaviour: {
        [method]: () => {
          throw new Error(`no ${method}`);
        },
      },
    });
    const connection = new Connection(socket, {
      clock,
      incomingBufferSize: 1,
      closeTimeout: 100,
    });
    for (let i = 0; i < 3; i++) socket.receive(String(i));
    if (method !== "start") {
      assertEquals(await connection.incoming.take(), "0");
    }
    const sent = connection.send("x");
    if (method === "write") await assertRejects(() => sent, Error, "no write");
    else await sent.catch(() => {});
    await clock.advance(30_000);
    if (method === "terminate") connection.terminate();
    else void connection.close();
    await clock.advance(1_000);
    await connection.closed;
    assertEquals(connection.state, "closed");
    assertEquals(clock.pending, 0);
  });
}
