import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { MockSocket } from "../../testing/mod.ts";
import { ConnectionError } from "../base/errors.ts";
import type { SocketEnd } from "../socket/socket.ts";
import { Connection } from "./connection.ts";

const BYE = { code: 4000, reason: "bye" };
const SENDS: Readonly<
  Record<string, (connection: Connection) => Promise<unknown>>
> = {
  send: (connection) => connection.send("late"),
  trySend: async (connection) => {
    await Promise.resolve();
    connection.trySend("late");
  },
  sendStream: (connection) =>
    connection.sendStream(new Blob(["late"]).stream()),
  writable: (connection) => connection.writable.getWriter().write("late"),
};

for (const [name, send] of Object.entries(SENDS)) {
  Deno.test(`${name} after the close frame of the peer fails with its code and reason`, async () => {
    const socket = new MockSocket();
    const connection = new Connection(socket);
    socket.receiveClose(BYE.code, BYE.reason);
    await connection.closed;
    const error = await assertRejects(() => send(connection), ConnectionError);
    assertEquals([error.closeCode, error.reason], [BYE.code, BYE.reason]);
    assertEquals(
      error.message,
      name === "writable"
        ? 'Cannot use the connection: the peer closed it with code 4000 and the reason "bye".'
        : 'Cannot send: the peer closed the connection with code 4000 and the reason "bye".',
    );
  });
}

const LOSSES: readonly [name: string, end: Partial<SocketEnd>][] = [
  ["a reset", { error: new Error("reset") }],
  ["an end without a close frame", {}],
];

for (const [name, end] of LOSSES) {
  Deno.test(`After ${name}, send fails with code 1006, and its cause is the error of the connection`, async () => {
    const socket = new MockSocket();
    const connection = new Connection(socket);
    const waiting = assertRejects(
      () => connection.sendStream(new ReadableStream()),
      ConnectionError,
    );
    socket.end({ initiator: "peer", ...end });
    const lost = await connection.errors.take();
    for (
      const error of [
        await waiting,
        await assertRejects(() => connection.send("late"), ConnectionError),
      ]
    ) {
      assertEquals([error.code, error.closeCode], ["connection-closed", 1006]);
      assertEquals(error.message, "Cannot send: the connection was lost.");
      assertStrictEquals(error.cause, lost);
    }
  });
}

Deno.test("After a close or a terminate of the user, send fails without a close code", async () => {
  for (const end of ["close", "terminate"] as const) {
    const connection = new Connection(new MockSocket());
    connection[end]();
    const error = await assertRejects(
      () => connection.send("late"),
      ConnectionError,
    );
    assertEquals(
      [error.message, error.closeCode, "cause" in error],
      ["Cannot send: the connection is closed.", undefined, false],
    );
    await connection.closed;
  }
});
