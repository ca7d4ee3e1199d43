import { assert, assertEquals, assertRejects } from "@std/assert";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { dialNative } from "./dial_native.ts";
import { HandshakeError } from "../handshake/errors.ts";

/** A server of npm `ws` that does one thing to each of its connections. */
async function withWs(
  onConnection: (
    socket: { close(code?: number, reason?: string): void; terminate(): void },
  ) => void,
  body: (url: string) => Promise<void>,
): Promise<void> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  server.on("connection", onConnection);
  const port = portOfServer(server);
  try {
    await body(`ws://127.0.0.1:${port}`);
  } finally {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
}

for (const code of [1000, 1001, 1008, 4000]) {
  Deno.test(`a server of npm ws that closes with ${code}`, () =>
    withWs((socket) => socket.close(code, "why"), async (url) => {
      const end = await (await dialNative(url, {})).closed;
      assertEquals(end.received, { code, reason: "why" });
      assert(end.clean);
    }));
}

Deno.test("a server of npm ws that closes with no code", () =>
  withWs((socket) => socket.close(), async (url) => {
    assertEquals((await (await dialNative(url, {})).closed).code, 1005);
  }));

Deno.test("a server of npm ws that destroys the TCP socket", () =>
  withWs((socket) => socket.terminate(), async (url) => {
    const end = await (await dialNative(url, {})).closed;
    assertEquals(end.code, 1006);
    assertEquals(end.initiator, "peer");
  }));

Deno.test("a server of npm ws answers our close", () =>
  withWs(() => {}, async (url) => {
    const socket = await dialNative(url, {});
    socket.close(4000, "bye");
    const end = await socket.closed;
    assertEquals(end.code, 4000);
    assert(end.clean);
  }));

for (const status of [401, 503]) {
  Deno.test(`a server of npm ws that refuses with ${status}`, async () => {
    const server = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      verifyClient: (
        _info: unknown,
        answer: (let_in: boolean, status: number) => void,
      ) => answer(false, status),
    });
    await new Promise((resolve) => server.once("listening", resolve));
    const url = `ws://127.0.0.1:${portOfServer(server)}`;
    const error = await assertRejects(
      () => dialNative(url, {}),
      HandshakeError,
    );
    assertEquals(error.status, status);
    await new Promise((resolve) => server.close(resolve));
  });
}

/** The port of a server of npm ws. */
function portOfServer(server: WebSocketServer): number {
  const address = server.address();
  return typeof address === "object" ? address?.port ?? 0 : 0;
}
