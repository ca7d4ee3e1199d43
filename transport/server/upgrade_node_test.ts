import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { RecordingReader } from "../../testing/mod.ts";
import { CA, SERVER_CERT, SERVER_KEY } from "../_support/certificates.ts";
import { dialRaw } from "../client/dial_raw.ts";
import { Connection } from "../connection/connection.ts";
import { pause } from "../net/_support/settled.ts";
import { ConfigError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { join, utf8 } from "../_support/bytes.ts";
import { HandPeer, TEXT } from "../_support/raw.ts";
import type { Socket } from "../socket/socket.ts";
import { NONSENSE } from "../handshake/_support/nonsense.ts";
import { upgradeNode } from "./upgrade_node.ts";
import type { AcceptOptions } from "./accept_options.ts";

const HOST = "127.0.0.1";

/** An HTTP server that upgrades every request that asks for it. */
async function serve(secure: boolean, options?: AcceptOptions) {
  const server: Server = secure
    ? createSecureServer({ cert: SERVER_CERT, key: SERVER_KEY })
    : createServer();
  const sockets: (Socket | Error)[] = [];
  let wake = () => {};
  server.on("request", (_request, response) => response.end("plain HTTP"));
  server.on(
    "upgrade",
    (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      try {
        sockets.push(upgradeNode(request, socket, head, options));
      } catch (error) {
        assert(error instanceof Error);
        sockets.push(error);
      }
      wake();
    },
  );
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port ?? 0 : 0;
  return {
    port,
    url: `${secure ? "wss" : "ws"}://${HOST}:${port}`,
    async next(): Promise<Socket | Error> {
      for (;;) {
        const socket = sockets.shift();
        if (socket !== undefined) return socket;
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

for (const secure of [false, true]) {
  const kind = secure ? "node:https" : "node:http";

  Deno.test(`upgradeNode: a WebSocket with control frames beside ${kind} on one port`, async () => {
    await using server = await serve(secure, { compression: true });
    const dialled = dialRaw(`${server.url}/chat?x`, {
      ...(secure && { caCerts: [CA] }),
      compression: true,
    });
    const socket = await server.next();
    assert(!(socket instanceof Error));
    const client = await dialled;
    assertEquals(socket.url, `${server.url}/chat?x`);
    assertEquals(socket.remoteAddr?.transport, "tcp");
    assertEquals(socket.extensions, client.extensions);
    assert(socket.extensions.startsWith("permessage-deflate"));
    const [mine, theirs] = [new RecordingReader(), new RecordingReader()];
    socket.start(mine);
    client.start(theirs);
    const text = "compressible ".repeat(1_000);
    client.write(text);
    assertEquals(await mine.take(), text);
    socket.ping(utf8("ping"));
    socket.write(new Uint8Array(300_000).fill(5));
    assertEquals(await theirs.take(), new Uint8Array(300_000).fill(5));
    while (mine.pongs.length === 0) {
      client.write("tick");
      await mine.take();
    }
    assertEquals(mine.pongs[0], utf8("ping"));
    socket.close(1001, "bye");
    const ends = await Promise.all([socket.closed, client.closed]);
    assertEquals(ends.map((end) => [end.code, end.clean]), [
      [1001, true],
      [1001, true],
    ]);
    if (!secure) {
      const response = await fetch(`http://${HOST}:${server.port}`);
      assertEquals(await response.text(), "plain HTTP");
    }
  });
}

Deno.test("upgradeNode: bytes right behind the request are not lost", async () => {
  await using server = await serve(false);
  const conn = await Deno.connect({ hostname: HOST, port: server.port });
  using peer = new HandPeer(conn, "client");
  const head = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" +
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  await peer.raw(join(utf8(head), peer.frame(TEXT, "early")));
  const socket = await server.next();
  assert(!(socket instanceof Error));
  const reader = new RecordingReader();
  socket.start(reader);
  assertEquals(await reader.take(), "early");
  socket.terminate();
});

Deno.test("upgradeNode: a request that does not suit is refused and thrown", async () => {
  await using server = await serve(false, { origins: ["https://good.test"] });
  const refused = dialRaw(server.url, {
    headers: { origin: "https://bad.test" },
  }).catch((error) => error);
  const thrown = await server.next();
  assert(thrown instanceof HandshakeError);
  const error = await refused;
  assert(error instanceof HandshakeError);
  assertEquals([thrown.status, error.status], [403, 403]);
  assertEquals(error.headers?.get("content-type"), "application/problem+json");
  assertEquals(JSON.parse(error.body ?? ""), {
    type: "about:blank",
    title: "Forbidden",
    status: 403,
    detail: thrown.message,
  });
});

Deno.test("upgradeNode: the answer to a HEAD request has no body", async () => {
  await using server = await serve(false);
  const client = connect(server.port, HOST);
  client.write(
    "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  let answer = "";
  client.on("data", (bytes) => answer += bytes);
  await once(client, "end");
  client.end();
  const thrown = await server.next();
  assert(thrown instanceof HandshakeError);
  assert(answer.startsWith("HTTP/1.1 405 "), answer);
  assert(answer.endsWith("\r\n\r\n"), answer);
});

for (const [what, origins] of Object.entries(NONSENSE)) {
  Deno.test(`upgradeNode: an origins function that ${what} refuses`, async () => {
    await using server = await serve(false, {
      origins: origins as () => boolean,
    });
    const refused = dialRaw(server.url).catch((error) => error);
    const thrown = await server.next();
    assert(thrown instanceof HandshakeError);
    assert(thrown.cause instanceof Error);
    assertEquals((await refused).status, 403);
  });
}

Deno.test("upgradeNode: an option that cannot be used is thrown, and the peer gets 500", async () => {
  for (
    const [options, code] of [
      [{ protcols: ["a"] }, "unknown-option"],
      [{ pingInterval: 1 }, "misplaced-option"],
      [{ handshakeTimeout: 1 }, "misplaced-option"],
      [{ origins: ["nonsense"] }, "invalid-option"],
      [{ headers: { Upgrade: "x" } }, "invalid-option"],
      [null, "invalid-option"],
    ] as const
  ) {
    await using server = await serve(false, options as AcceptOptions);
    const refused = dialRaw(server.url).catch((error) => error);
    const thrown = await server.next();
    assert(thrown instanceof ConfigError);
    assertEquals(thrown.code, code);
    const error = await refused;
    assertEquals(error.status, 500);
    assertEquals(error.body.includes("detail"), false);
  }
});

Deno.test("upgradeNode: a peer that is cut hears of it", async () => {
  await using server = await serve(false);
  const dialled = dialRaw(server.url, {});
  const socket = await server.next();
  const client = await dialled;
  assert(!(socket instanceof Error));
  client.start(new RecordingReader());
  socket.terminate();
  assertEquals((await client.closed).code, 1006);
});

for (const secure of [false, true]) {
  for (const way of ["ends its side", "leaves", "resets"]) {
    Deno.test(`upgradeNode: a client that ${way} before the upgrade is noticed: ${secure ? "TLS" : "plain"}`, async () => {
      const server: Server = secure
        ? createSecureServer({ cert: SERVER_CERT, key: SERVER_KEY })
        : createServer();
      const upgrading = once(server, "upgrade");
      server.listen(0, HOST);
      await once(server, "listening");
      const address = server.address();
      assert(address !== null && typeof address === "object");
      const below = connect(address.port, HOST);
      below.on("error", () => {});
      const client = secure
        ? connectTls({ socket: below, ca: [CA], servername: "localhost" })
        : below;
      client.on("error", () => {});
      client.write(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n",
      );
      const [request, duplex, head] = await upgrading;
      // As while a handler waits for something.
      duplex.on("error", () => {});
      if (way === "ends its side") client.end();
      else if (way === "leaves") client.destroy();
      else below.resetAndDestroy();
      await pause(100);
      const socket = upgradeNode(request, duplex, head);
      const connection = new Connection(socket, { pingInterval: 0 });
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => late.reject(new Error("open")), 5_000);
      const end = await Promise.race([connection.closed, late.promise]);
      clearTimeout(timer);
      assertEquals(end.clean, false);
      client.destroy();
      below.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  }
}

Deno.test("upgradeNode: a value that is not a duplex is a ConfigError", () => {
  assertThrows(
    () => Reflect.apply(upgradeNode, undefined, [{}, {}, new Uint8Array(0)]),
    ConfigError,
  );
});

Deno.test("upgradeNode: a socket is upgraded once, and a second call does no harm to it", async () => {
  const server = createServer();
  const errors: unknown[] = [];
  const connections: Connection[] = [];
  server.on("upgrade", (request, socket, head) => {
    for (let call = 0; call < 2; call++) {
      try {
        const upgraded = upgradeNode(request, socket, head);
        connections.push(new Connection(upgraded));
      } catch (error) {
        errors.push(error);
      }
    }
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  assert(address !== null && typeof address === "object");
  const client = new Connection(`ws://${HOST}:${address.port}`);
  await client.connect();
  await client.send("hello");
  assertEquals(await connections[0]?.incoming.take(), "hello");
  assertEquals(connections.length, 1);
  assert(errors[0] instanceof ConfigError);
  assertEquals(errors[0].field, "socket");
  await client.close();
  await connections[0]?.closed;
  await new Promise((resolve) => server.close(resolve));
});
