import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { ConnectionError } from "../base/errors.ts";
import { dialNative } from "../client/dial_native.ts";
import { upgrade } from "../server/upgrade.ts";
import type { Socket, SocketEnd } from "../socket/socket.ts";
import { Connection } from "./connection.ts";
import type { ConnectionOptions } from "./options.ts";

/** A server that sends five messages of ten characters to each peer, and then waits. */
function serveFive() {
  const sockets: Socket[] = [];
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
  }, (request) => {
    const { socket, response } = upgrade(request);
    for (let i = 0; i < 5; i++) socket.write("x".repeat(10));
    sockets.push(socket);
    return response;
  });
  return {
    url: `ws://127.0.0.1:${server.addr.port}`,
    /** How the server's side of the only connection ended. */
    ended: async (): Promise<SocketEnd | undefined> => await sockets[0]?.closed,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const LIMITS: readonly [options: ConnectionOptions, named: string][] = [
  [{ incomingBufferSize: 3 }, "incomingBufferSize (3)"],
  [{ incomingBufferBytes: 30 }, "incomingBufferBytes (30)"],
  [{ maxMessageSize: 9 }, "maxMessageSize (9 bytes)"],
];

for (const [options, named] of LIMITS) {
  Deno.test(`A connection of dialNative that breaks ${named} ends with 1009, which its close frame cannot say`, async () => {
    await using server = serveFive();
    const connection = new Connection(server.url, {
      ...options,
      dialer: dialNative,
    });
    await connection.connect();
    const end = await connection.closed;
    const error = await connection.errors.take();
    assertInstanceOf(error, ConnectionError);
    assertEquals([error.code, error.closeCode], ["read-error", 1009]);
    assert(error.message.includes(named), error.message);
    assert(error.reason?.includes(named), error.reason);
    assert(end.error?.message.includes(named), end.error?.message);
    // What really went over the wire.
    assertEquals([end.initiator, end.sent?.code], ["local", 1000]);
    const other = await server.ended();
    assertEquals(other?.received, end.sent);
  });
}

Deno.test("A connection of dialNative that is closed with 1001 reports that 1000 was sent", async () => {
  await using server = serveFive();
  const connection = new Connection(server.url, { dialer: dialNative });
  await connection.connect();
  const end = await connection.close(1001, "going");
  assertEquals(end.sent, { code: 1000, reason: "going" });
  assertEquals([end.clean, end.error], [true, undefined]);
  assertEquals((await server.ended())?.received, end.sent);
});
