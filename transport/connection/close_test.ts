import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { expectIncoming, FakeClock, socketPair } from "../../testing/mod.ts";
import { CLOSE, closeBody, rawWithPeer } from "../_support/raw.ts";
import { ConfigError } from "../base/errors.ts";
import { connectionPair } from "./_support/pair.ts";
import { Connection } from "./connection.ts";

for (const role of ["client", "server"] as const) {
  for (const initiator of ["local", "peer"] as const) {
    Deno.test(`closeTimeout bounds the closing handshake while output stalls: ${role}, ${initiator} begins`, async () => {
      const clock = new FakeClock();
      const { socket, peer } = rawWithPeer(role, { clock }, 1_000);
      const connection = new Connection(socket, {
        clock,
        closeTimeout: 100,
        pingInterval: 0,
        writeTimeout: 0,
      });
      connection.trySend("x".repeat(10_000));
      if (initiator === "local") void connection.close();
      else await peer.send(CLOSE, closeBody(1000));
      let ended = false;
      void connection.closed.then(() => ended = true);
      await clock.advance(99);
      assertEquals(ended, false);
      await clock.advance(1);
      assertEquals(ended, true);
      assertEquals((await connection.closed).initiator, initiator);
      assertEquals(clock.pending, 0);
      peer[Symbol.dispose]();
    });
  }
}

Deno.test("A peer that does not answer the close is cut after closeTimeout", async () => {
  const clock = new FakeClock();
  const { client } = socketPair({ clock });
  const connection = new Connection(client, {
    clock,
    closeTimeout: 300,
  });
  let ended = false;
  const closed = connection.close().finally(() => ended = true);
  await clock.advance(299);
  assertEquals(ended, false);
  await clock.advance(1);
  assertEquals((await closed).code, 1006);
  assertEquals(clock.pending, 0);
});

Deno.test("The user's own close gives no error; closing again waits for the same end", async () => {
  const { client, server } = connectionPair();
  const first = client.close(4_001, "bye");
  const second = client.close(1000);
  const end = await first;
  assertStrictEquals(await second, end);
  assertStrictEquals(await client.close(), end);
  assertEquals([end.clean, end.sent?.code], [true, 4_001]);
  assertEquals(await client.errors.take(), undefined);
  const error = await server.errors.take();
  assertEquals([error?.closeCode, error?.reason], [4_001, "bye"]);
});

Deno.test("close refuses codes and reasons that may not be sent, and the connection stays open", async () => {
  const { client, server } = connectionPair();
  for (
    const [code, reason] of [
      [999, ""],
      [1004, ""],
      [1005, "a reason"],
      [1006, ""],
      [1015, ""],
      [2999, ""],
      [5000, ""],
      [NaN, ""],
      [1000, "é".repeat(62)],
    ] as const
  ) {
    // Thrown, not rejected: a call that is not awaited must not hide it.
    const error = assertThrows(() => client.close(code, reason), ConfigError);
    assertEquals(error.code, "invalid-argument");
  }
  client.trySend("alive");
  await expectIncoming(server, "alive");
  await client.close(1000, "é".repeat(61));
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

Deno.test("terminate cuts at once, and only the peer gets an error", async () => {
  const { client, server } = connectionPair();
  client.terminate();
  assertEquals((await client.closed).clean, false);
  assertEquals(await client.errors.take(), undefined);
  assertEquals((await server.errors.take())?.closeCode, 1006);
});
