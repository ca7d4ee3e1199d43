import { assert, assertEquals } from "@std/assert";
import { expectIncoming, FakeClock, MockSocket } from "../../testing/mod.ts";
import { connectionPair } from "./_support/pair.ts";
import { Connection } from "./connection.ts";

Deno.test("Messages that arrive before the first reader are kept, also over the close", async () => {
  const { client, server } = connectionPair();
  server.trySend("one");
  server.trySend(new Uint8Array([2]));
  await server.close(1000);
  await client.closed;
  await expectIncoming(client, "one");
  await expectIncoming(client, new Uint8Array([2]));
  assertEquals(await client.incoming.take(), undefined);
});

for (
  const [name, limits, message] of [
    ["items", { incomingBufferSize: 2 }, "x"],
    ["bytes", { incomingBufferBytes: 20 }, "x".repeat(10)],
  ] as const
) {
  Deno.test(`A reader that is full in ${name} pauses reading, and goes on when it is read`, async () => {
    const clock = new FakeClock();
    const socket = new MockSocket({ clock });
    const connection = new Connection(socket, { clock, ...limits });
    for (let i = 0; i < 6; i++) socket.receive(message);
    assertEquals([socket.paused, connection.stats().incomingDepth], [
      true,
      2,
    ]);
    assertEquals(connection.resumedAt, Infinity);
    for (let i = 0; i < 6; i++) await expectIncoming(connection, message);
    assertEquals(socket.paused, false);
    assertEquals(connection.resumedAt, clock.now());
    await connection.close();
  });
}

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

Deno.test("No message follows one that was dropped, although there is space again", async () => {
  for (const closes of [false, true]) {
    const socket = new MockSocket({
      flowControl: false,
      behaviour: { close() {} },
    });
    const connection = new Connection(socket, { incomingBufferSize: 2 });
    if (closes) void connection.close();
    for (const data of ["a", "b", "dropped"]) socket.receive(data);
    assertEquals(await connection.incoming.take(), "a");
    assertEquals(await connection.incoming.take(), "b");
    socket.receive("after the gap");
    socket.end();
    assertEquals(await connection.incoming.take(), undefined);
    assertEquals(connection.stats().droppedMessages, 2);
  }
});
