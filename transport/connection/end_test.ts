import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { FakeClock, LogCapture, MockSocket } from "../../testing/mod.ts";
import { ConnectionError } from "../base/errors.ts";
import { ProtocolError } from "../protocol/wire/errors.ts";
import type { SocketEnd, SocketReader } from "../socket/socket.ts";
import { Connection } from "./connection.ts";

const ENDS: readonly [
  name: string,
  end: Partial<SocketEnd>,
  code: string,
  closeCode: number,
][] = [
  ["1000", { code: 1000, clean: true }, "peer-closed-clean", 1000],
  ["1001", { code: 1001, clean: true }, "peer-closed-clean", 1001],
  ["no code", { code: 1005, clean: true }, "peer-closed-clean", 1005],
  ["1002", { code: 1002, clean: true }, "peer-closed-unexpected", 1002],
  ["1008", { code: 1008, clean: true }, "peer-closed-unexpected", 1008],
  ["4000", { code: 4000, clean: true }, "peer-closed-unexpected", 4000],
  ["the stream's end", { code: 1006 }, "peer-closed-unexpected", 1006],
  ["a reset", { error: new Error("reset") }, "read-error", 1006],
  [
    "a violation",
    { error: new ProtocolError("reserved-bits", "why") },
    "read-error",
    1002,
  ],
  [
    "a violation that was answered",
    {
      error: new ProtocolError("message-too-large", "bad"),
      sent: { code: 1009, reason: "why" },
    },
    "read-error",
    1009,
  ],
];

for (const [name, end, code, closeCode] of ENDS) {
  Deno.test(`The end by ${name} gives one error, ${code}, then no more`, async () => {
    const socket = new MockSocket();
    const connection = new Connection(socket);
    socket.end({ initiator: "peer", reason: "why", ...end });
    const errors: ConnectionError[] = [];
    for await (const error of connection.errors) errors.push(error);
    assertEquals(
      errors.map((error) => [error.code, error.closeCode, error.reason]),
      [[code, closeCode, "why"]],
    );
    assertStrictEquals(errors[0]?.cause, end.error);
    assertEquals(connection.state, "closed");
    assertEquals(await connection.incoming.take(), undefined);
  });
}

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

Deno.test("A stream that is under way when the peer begins to close is abandoned at once", async () => {
  const clock = new FakeClock();
  const socket = new ClosingSocket({ clock });
  const connection = new Connection(socket, { clock });
  let cancelled = false;
  const idle = new ReadableStream<string>({
    start: (controller) => controller.enqueue("not enough for a fragment"),
    cancel: () => void (cancelled = true),
  });
  const failed = assertRejects(
    () => connection.sendStream(idle),
    ConnectionError,
  );
  await clock.advance(0);
  socket.reader?.closing?.(true);
  assertEquals((await failed).code, "connection-closed");
  assertEquals([cancelled, connection.state], [true, "connected"]);
  // The stream holds no message back any more.
  assert(connection.trySend("an answer"));
  assertEquals(socket.written, ["an answer"]);
  connection.terminate();
});

Deno.test("A connection over a socket that has ended already is closed, and is not logged as connected", async () => {
  const log = new LogCapture();
  const socket = new MockSocket();
  socket.end({ code: 1001, clean: true });
  const connection = new Connection(socket, { logger: log });
  assertEquals(connection.state, "closed");
  assertEquals((await connection.closed).code, 1001);
  assertEquals(log.records.map(({ message }) => message), ["Closed"]);
});

Deno.test("If the socket fails while we close because of a limit, the limit is the reason", async () => {
  const close = () => {};
  const start = (reader: SocketReader) => {
    for (const data of ["a", "b"]) reader.message(data, 1, 0);
    throw new Error("cannot start");
  };
  for (const behaviour of [{ close }, { close, start }]) {
    const socket = new MockSocket({ flowControl: false, behaviour });
    const connection = new Connection(socket, { incomingBufferSize: 1 });
    for (const data of ["a", "b"]) socket.receive(data);
    assertEquals(connection.state, "closed");
    socket.end({ error: new Error("reset") });
    const error = await connection.errors.take();
    assertEquals([error?.code, error?.closeCode], ["read-error", 1009]);
    assert(error?.message.includes("incomingBufferSize"), error?.message);
    assertStrictEquals((await connection.closed).error, error?.cause);
  }
});

Deno.test("A socket that throws when it should end counts as ended, which is reported once", async () => {
  const fail = () => {
    throw new Error("broken");
  };
  for (const method of ["close", "terminate"] as const) {
    const socket = new MockSocket({ behaviour: { [method]: fail } });
    let closes = 0;
    const connection = new Connection(socket, {
      closeTimeout: 0,
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
