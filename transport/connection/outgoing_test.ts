import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { MockSocket } from "../../testing/mock_socket.ts";
import { ConnectionError } from "../base/errors.ts";
import { Outgoing } from "./outgoing.ts";

interface SetUp {
  readonly clock: FakeClock;
  readonly socket: MockSocket;
  readonly outgoing: Outgoing;
  readonly timeouts: number[];
}

/** A way out over a mock that keeps what is written until it is drained. */
function setUp(highWaterMark = 10, writeTimeout = 1_000): SetUp {
  const clock = new FakeClock({ now: 0 });
  const socket = new MockSocket({ clock, buffering: true });
  const timeouts: number[] = [];
  const outgoing = new Outgoing({
    socket,
    clock,
    highWaterMark,
    writeTimeout,
    onTimeout: () => timeouts.push(clock.now()),
  });
  socket.start({
    message: () => true,
    ping() {},
    pong() {},
    drain: () => outgoing.drain(),
    end() {},
  });
  return { clock, socket, outgoing, timeouts };
}

Deno.test("Messages go out in the order of the calls, and wait while the buffer is full", async () => {
  const { socket, outgoing } = setUp();
  await outgoing.send("0123456789");
  const waiting = [outgoing.send("a"), outgoing.send("b")];
  assertEquals(outgoing.trySend("c"), false);
  assertEquals(socket.written.length, 1);
  socket.drain(0);
  await Promise.all(waiting);
  assertEquals(outgoing.trySend("c"), true);
  assertEquals(socket.written, ["0123456789", "a", "b", "c"]);
  assertEquals(outgoing.sentMessages, 4);
});

Deno.test("A send that is cancelled or too late withdraws its message, and the others go on", async () => {
  const { clock, socket, outgoing } = setUp();
  await outgoing.send("0123456789");
  const controller = new AbortController();
  const cancelled = outgoing.send("cancelled", { signal: controller.signal });
  const late = outgoing.send("late", { timeout: 100 });
  const patient = outgoing.send("patient", { timeout: 1_000 });
  controller.abort(new Error("enough"));
  await assertRejects(() => cancelled, Error, "enough");
  await clock.advance(100);
  assertEquals(
    (await assertRejects(() => late, ConnectionError)).code,
    "send-timeout",
  );
  socket.drain(0);
  await patient;
  assertEquals(socket.written, ["0123456789", "patient"]);
  await assertRejects(
    () => outgoing.send("x", { signal: controller.signal }),
    Error,
    "enough",
  );
});

Deno.test("A send that may take only so long has its message copied, and waits for room alone", async () => {
  for (
    const options of [
      undefined,
      { timeout: 100 },
      { signal: new AbortController().signal },
    ]
  ) {
    const { socket, outgoing } = setUp();
    const copied: unknown[] = [];
    socket.behaviour.write = (_, copy) => {
      copied.push(copy);
      return undefined;
    };
    await outgoing.send("0123456789", options);
    const waiting = outgoing.send("a", options);
    socket.drain(0);
    await waiting;
    assertEquals(copied, Array(2).fill(options !== undefined));
  }
});

Deno.test("The write timeout comes when the peer has taken nothing for so long, never earlier", async () => {
  const { clock, socket, outgoing, timeouts } = setUp();
  outgoing.trySend("first");
  await clock.advance(900);
  socket.drain(0);
  await clock.advance(5_000);
  assertEquals(timeouts, []);
  // The deadline of the first write has long been set: it must not be taken for this one's.
  outgoing.trySend("second");
  await clock.advance(999);
  assertEquals(timeouts, []);
  socket.drain(3);
  await clock.advance(999);
  assertEquals(timeouts, []);
  await clock.advance(1);
  assertEquals(timeouts, [900 + 5_000 + 999 + 1_000]);
});

Deno.test("A write timeout of 0 waits for ever, and leaves no timer", async () => {
  const { clock, outgoing, timeouts } = setUp(10, 0);
  outgoing.trySend("first");
  assertEquals(clock.pending, 0);
  await clock.advance(1e9);
  assertEquals(timeouts, []);
});

Deno.test("When the connection is gone everyone who waits is told, and who comes later too", async () => {
  const { clock, outgoing } = setUp();
  await outgoing.send("0123456789");
  const controller = new AbortController();
  const waiting = [
    outgoing.send("a"),
    outgoing.send("b", { timeout: 50 }),
    outgoing.send("c", { signal: controller.signal }),
    outgoing.takeTurn().then(() => {}),
    outgoing.room(),
  ];
  const gone = new ConnectionError("connection-closed", "gone");
  outgoing.fail(gone);
  for (const result of await Promise.allSettled(waiting)) {
    assertEquals(result, { status: "rejected", reason: gone });
  }
  await assertRejects(() => outgoing.send("x"), ConnectionError, "gone");
  assertEquals(clock.pending, 0);
});

Deno.test("Who has the turn has the socket to himself; the others wait in order", async () => {
  const { socket, outgoing } = setUp();
  const finish = await outgoing.takeTurn();
  const waiting = [outgoing.send("a"), outgoing.send("b")];
  assertEquals(outgoing.trySend("c"), false);
  await outgoing.write("turn");
  finish();
  await Promise.all(waiting);
  assertEquals(socket.written, ["turn", "a", "b"]);
});

Deno.test("room waits for room, and no longer than the signal allows", async () => {
  const { socket, outgoing } = setUp();
  await outgoing.room();
  await outgoing.send("0123456789");
  const waiting = outgoing.room();
  socket.drain(9);
  await waiting;
  socket.drain(0);
  await outgoing.send("0123456789");
  const controller = new AbortController();
  const cut = outgoing.room(controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => cut, Error, "enough");
  assert(socket.bufferedAmount >= 10);
});
