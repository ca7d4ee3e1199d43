import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { MockSocket } from "../../../testing/mock_socket.ts";
import { ConfigError, ConnectionError } from "../../base/errors.ts";
import { DONE } from "../../base/promise.ts";
import { Outgoing } from "./outgoing.ts";

/** The sending half over a mock that keeps what is written until it is drained. */
function setUp(highWaterMark = 10) {
  const clock = new FakeClock({ now: 0 });
  const socket = new MockSocket({ clock, buffering: true });
  let written = 0;
  const outgoing = new Outgoing({
    watcher: { written: () => written++ },
    socket,
    clock,
    highWaterMark,
  });
  socket.start({
    message: () => true,
    ping() {},
    pong() {},
    drain: () => outgoing.drain(),
    end() {},
  });
  return { clock, socket, outgoing, written: () => written };
}

/** How a promise stands now. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = "pending";
  promise.then(() => state = "resolved", () => state = "rejected");
  for (let i = 0; i < 10; i++) await Promise.resolve();
  return state;
}

Deno.test("Messages go out in the order of the calls, and wait while the buffer is full", async () => {
  const { socket, outgoing, written } = setUp();
  const first = outgoing.send("0123456789");
  const waiting = [outgoing.send("a"), outgoing.send("b")];
  assertEquals(outgoing.trySend("c"), false);
  assertEquals(socket.written.length, 1);
  socket.drain(0);
  await Promise.all([first, ...waiting]);
  assertEquals(outgoing.trySend("c"), true);
  assertEquals(socket.written, ["0123456789", "a", "b", "c"]);
  assertEquals([outgoing.sentMessages, written()], [4, 4]);
});

Deno.test("A send resolves at once if the buffer is not full behind it, else when it has space again", async () => {
  const { socket, outgoing } = setUp();
  assertStrictEquals(outgoing.send("012345678"), DONE);
  assertEquals(outgoing.waits, false);
  const over = outgoing.send("0123456789");
  assertEquals([await stateOf(over), outgoing.waits], ["pending", true]);
  assertEquals(socket.written.length, 2);
  socket.drain(10);
  assertEquals(await stateOf(over), "pending");
  socket.drain(9);
  await over;
  assertEquals(outgoing.waits, false);
});

for (
  const [change, apply] of [
    ["shrinks", (memory: ArrayBuffer) => memory.resize(5)],
    ["grows", (memory: ArrayBuffer) => memory.resize(20)],
    ["vanishes", (memory: ArrayBuffer) => memory.transfer()],
  ] as const
) {
  Deno.test(`A message whose memory ${change} while it waits is refused, and the next one goes out`, async () => {
    const { socket, outgoing } = setUp();
    void outgoing.send("0123456789");
    const memory = new ArrayBuffer(10, { maxByteLength: 20 });
    const refused = assertRejects(
      () => outgoing.send(new Uint8Array(memory)),
      ConfigError,
      "resized or transferred",
    );
    const next = outgoing.send("next");
    apply(memory);
    socket.drain(0);
    await Promise.all([refused, next]);
    assertEquals(socket.written, ["0123456789", "next"]);
  });
}

Deno.test("One large message after the other waits for its own space", async () => {
  const { socket, outgoing } = setUp();
  const sends = ["0123456789", "abcdefghij", "ABCDEFGHIJ"].map((text) =>
    outgoing.send(text)
  );
  for (let i = 0; i < 3; i++) {
    assertEquals(socket.written.length, i + 1);
    assertEquals(await stateOf(sends[i] ?? DONE), "pending");
    socket.drain(0);
    await sends[i];
  }
});

Deno.test("A send that is cancelled or too late before it is buffered withdraws its message", async () => {
  const { clock, socket, outgoing } = setUp();
  void outgoing.send("0123456789");
  const controller = new AbortController();
  const cancelled = outgoing.send("cancelled", { signal: controller.signal });
  const late = outgoing.send("late", { timeout: 100 });
  const patient = outgoing.send("patient", { timeout: 1_000 });
  controller.abort(new Error("enough"));
  await assertRejects(() => cancelled, Error, "enough");
  await clock.advance(100);
  const error = await assertRejects(() => late, ConnectionError);
  assertEquals([error.code, error.delivered], ["send-timeout", undefined]);
  socket.drain(0);
  await patient;
  assertEquals(socket.written, ["0123456789", "patient"]);
  await assertRejects(
    () => outgoing.send("x", { signal: controller.signal }),
    Error,
    "enough",
  );
  assertEquals(clock.pending, 0);
});

Deno.test("A send that is cancelled or too late when it is buffered only ends its wait", async () => {
  const { clock, socket, outgoing } = setUp();
  const controller = new AbortController();
  const cancelled = outgoing.send("0123456789", { signal: controller.signal });
  const late = outgoing.send("behind it", { timeout: 100 });
  controller.abort(new Error("enough"));
  await assertRejects(() => cancelled, Error, "enough");
  await clock.advance(60);
  socket.drain(9);
  assertEquals(socket.written, ["0123456789", "behind it"]);
  await clock.advance(39);
  assertEquals(await stateOf(late), "pending");
  await clock.advance(1);
  const error = await assertRejects(() => late, ConnectionError);
  assertEquals([error.code, error.delivered], ["send-timeout", "unknown"]);
  assertEquals([clock.pending, outgoing.waits], [0, false]);
});

Deno.test("A send that may take only so long has its message copied", async () => {
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
    const sends = [
      outgoing.send("0123456789", options),
      outgoing.send("a", options),
    ];
    socket.drain(0);
    await Promise.all(sends);
    assertEquals(copied, Array(2).fill(options !== undefined));
  }
});

Deno.test("A message that is sent from the caller's memory resolves when it is written and the buffer has space", async () => {
  const { socket, outgoing } = setUp();
  const borrowed = Promise.withResolvers<void>();
  socket.behaviour.write = () => borrowed.promise;
  const sent = outgoing.send("0123456789");
  socket.drain(0);
  assertEquals(await stateOf(sent), "pending");
  borrowed.resolve();
  await sent;
});

Deno.test("When the connection has ended, all calls that wait fail, and later ones too", async () => {
  const { clock, socket, outgoing } = setUp();
  const borrowed = Promise.withResolvers<void>();
  socket.behaviour.write = () => borrowed.promise;
  const lending = outgoing.send("borrowed");
  socket.behaviour.write = () => undefined;
  const buffered = [
    outgoing.send("0123456789"),
    outgoing.space(),
    lending,
  ];
  const controller = new AbortController();
  const waiting = [
    outgoing.send("a"),
    outgoing.send("b", { timeout: 50 }),
    outgoing.send("c", { signal: controller.signal }),
    outgoing.takeTurn(),
  ];
  const { ended } = outgoing;
  const gone = new ConnectionError("write-timeout", "gone");
  outgoing.fail(gone);
  borrowed.reject(gone);
  for (const result of await Promise.allSettled(waiting)) {
    assertEquals(result, { status: "rejected", reason: gone });
  }
  for (const call of buffered) {
    const error = await assertRejects(() => call, ConnectionError);
    assertEquals([error.code, error.delivered], [
      "connection-closed",
      "unknown",
    ]);
    assertStrictEquals(error.cause, gone);
  }
  assertStrictEquals(ended.reason, gone);
  assertStrictEquals(outgoing.ended.reason, gone);
  for (const call of [() => outgoing.send("x"), () => outgoing.takeTurn()]) {
    await assertRejects(call, ConnectionError, "gone");
  }
  assertEquals(clock.pending, 0);
});

Deno.test("What the socket refuses fails the call, and counts for nothing", async () => {
  const { socket, outgoing } = setUp();
  const refuse = () => {
    throw new ConnectionError("connection-closed", "the peer is closing");
  };
  void outgoing.send("0123456789");
  const later = outgoing.send("later");
  socket.behaviour.write = refuse;
  socket.drain(0);
  await assertRejects(() => later, ConnectionError, "the peer is closing");
  await assertRejects(() => outgoing.send("x"), ConnectionError, "closing");
  assertEquals(outgoing.sentMessages, 1);
});

Deno.test("A turn keeps the others waiting, in order", async () => {
  const { socket, outgoing } = setUp();
  await outgoing.takeTurn();
  const waiting = [outgoing.send("a"), outgoing.send("b")];
  assertEquals(outgoing.trySend("c"), false);
  await outgoing.write("turn");
  outgoing.endTurn();
  await Promise.all(waiting);
  assertEquals(socket.written, ["turn", "a", "b"]);
});

Deno.test("A turn that had to wait for space keeps the others waiting as well", async () => {
  const { socket, outgoing } = setUp();
  void outgoing.send("0123456789");
  const turn = outgoing.takeTurn();
  const waiting = outgoing.send("a");
  socket.drain(0);
  await turn;
  assertEquals(outgoing.trySend("b"), false);
  await outgoing.write("turn");
  outgoing.endTurn();
  await waiting;
  assertEquals(socket.written, ["0123456789", "turn", "a"]);
});

Deno.test("Only the first end counts", async () => {
  const { outgoing } = setUp();
  const first = new ConnectionError("connection-closed", "first");
  outgoing.fail(first);
  outgoing.fail(new ConnectionError("connection-closed", "second"));
  assertEquals(await assertRejects(() => outgoing.send("x")), first);
});

Deno.test("space waits for space in the buffer, and no longer than the signal allows", async () => {
  const { socket, outgoing } = setUp();
  await outgoing.space();
  void outgoing.send("0123456789");
  const waiting = outgoing.space();
  socket.drain(9);
  await waiting;
  socket.drain(0);
  void outgoing.send("0123456789");
  const controller = new AbortController();
  const cut = outgoing.space(controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => cut, Error, "enough");
});
