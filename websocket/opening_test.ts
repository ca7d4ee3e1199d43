import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
} from "@std/assert";
import { connect, createServer as createTcpServer } from "node:net";
import { ConnectionError } from "../transport/base/errors.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { next, recordEvents } from "./_support/events.ts";
import { HandServer, switchProtocols } from "./_support/hand_server.ts";
import { foreignServer, testEveryServer } from "./_support/servers.ts";
import { CloseEvent, ErrorEvent } from "./events.ts";
import { WebSocket } from "./websocket.ts";

/** Closes with a handshake, and waits for the end. */
async function closed(socket: WebSocket): Promise<CloseEvent> {
  const close = next(socket, "close");
  socket.close();
  return await close;
}

testEveryServer(
  "A connection opens, and is open when the event fires",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    const events = recordEvents(socket);
    assertEquals(socket.readyState, WebSocket.CONNECTING);
    await next(socket, "open");
    assertEquals(socket.readyState, WebSocket.OPEN);
    const { wasClean } = await closed(socket);
    assertEquals(wasClean, true);
    assertEquals(events, ["open 1", "close 3"]);
  },
);

testEveryServer(
  "The subprotocol that the server chose is known once the connection is open",
  async (server) => {
    for (const protocols of ["echo", ["echo", "chat"]]) {
      const socket = new WebSocket(server.url, protocols, server.options);
      assertEquals(socket.protocol, "");
      await next(socket, "open");
      assertEquals(socket.protocol, "echo");
      await closed(socket);
      assertEquals(socket.protocol, "echo");
    }
    assertEquals(
      server.requests.map(({ headers }) =>
        headers.get("sec-websocket-protocol")
      ),
      ["echo", "echo, chat"],
    );
  },
);

testEveryServer(
  "Without subprotocols and extensions, both are empty",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    await next(socket, "open");
    assertEquals([socket.protocol, socket.extensions], ["", ""]);
    await closed(socket);
  },
);

testEveryServer(
  "Options may stand in the place of the subprotocols, and hold these too",
  async (server) => {
    const socket = new WebSocket(`${server.url}/path?query`, {
      ...server.options,
      protocols: ["chat"],
      headers: { "x-tested": "yes" },
    });
    await next(socket, "open");
    assertEquals(socket.protocol, "chat");
    await closed(socket);
    const [request] = server.requests;
    assertEquals(request?.target, "/path?query");
    assertEquals(request?.headers.get("x-tested"), "yes");
  },
);

testEveryServer("A request has neither Origin nor Referer", async (server) => {
  const socket = new WebSocket(server.url, server.options);
  await next(socket, "open");
  await closed(socket);
  const [request] = server.requests;
  assertEquals(request?.headers.has("origin"), false);
  assertEquals(request?.headers.has("referer"), false);
});

testEveryServer(
  "A user name and a password in the URL are sent as basic authentication",
  async (server) => {
    const url = server.url.replace("//", "//foo:b%61r@");
    const socket = new WebSocket(url, server.options);
    assertEquals(socket.url, `${url}/`);
    await next(socket, "open");
    await closed(socket);
    const [request] = server.requests;
    assertEquals(
      request?.headers.get("authorization"),
      `Basic ${btoa("foo:bar")}`,
    );
  },
);

Deno.test("An http: URL connects as a ws: URL does", async () => {
  await using server = await foreignServer();
  const socket = new WebSocket(server.url.replace("ws:", "http:"));
  assertEquals(socket.url, `${server.url}/`);
  await next(socket, "open");
  await closed(socket);
});

testEveryServer(
  "The extensions that were agreed on are known once the connection is open",
  async (server) => {
    const socket = new WebSocket(server.url, {
      ...server.options,
      compression: true,
    });
    assertEquals(socket.extensions, "");
    await next(socket, "open");
    assertMatch(socket.extensions, /^permessage-deflate/);
    await closed(socket);
  },
);

Deno.test("A connection goes through the proxy that the options name", async () => {
  await using server = await foreignServer();
  const targets: string[] = [];
  const proxy = createTcpServer((client) => {
    client.once("data", (head) => {
      const [, host = "", port] = /^CONNECT (.*):(\d+) /.exec(`${head}`) ?? [];
      targets.push(`ws://${host}:${port}`);
      const upstream = connect(Number(port), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        client.pipe(upstream).pipe(client);
      });
      upstream.on("close", () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  assert(typeof address === "object" && address !== null);
  const socket = new WebSocket(server.url, {
    proxy: `http://127.0.0.1:${address.port}`,
  });
  await next(socket, "open");
  assertEquals((await closed(socket)).wasClean, true);
  assertEquals(targets, [server.url]);
  await new Promise((resolve) => proxy.close(resolve));
});

Deno.test("A connection that cannot be made gives an error, then a close event with 1006", async () => {
  const refusals: Readonly<Record<string, (key: string) => string>> = {
    "refused": () => "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "bad-accept": () => switchProtocols("another key"),
    "bad-protocol": (key) =>
      switchProtocols(key, "Sec-WebSocket-Protocol: other"),
    "bad-extension": (key) =>
      switchProtocols(key, "Sec-WebSocket-Extensions: unknown"),
  };
  for (const [code, answer] of Object.entries(refusals)) {
    await using server = await HandServer.listen(answer);
    const socket = new WebSocket(server.url, "echo");
    const events = recordEvents(socket);
    const failed = next(socket, "error");
    const close = await next(socket, "close");
    assertInstanceOf(close, CloseEvent);
    assertEquals([close.code, close.reason, close.wasClean], [1006, "", false]);
    const event = await failed;
    assertInstanceOf(event, ErrorEvent);
    const { error, message } = event;
    assertInstanceOf(error, ConnectionError);
    assertEquals([error.code, error.message], ["dial-failed", message]);
    assertInstanceOf(error.cause, HandshakeError);
    assertEquals(error.cause.code, code);
    assertEquals(events, ["error 3", "close 3"]);
    assertEquals(socket.protocol, "");
  }
});

Deno.test("A connection is dialled once", async () => {
  let handshakes = 0;
  await using server = await HandServer.listen(() => {
    handshakes++;
    return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
  });
  const socket = new WebSocket(server.url);
  await next(socket, "close");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(handshakes, 1);
});

Deno.test("An opening handshake that takes too long fails", async () => {
  await using server = await HandServer.listen(() => undefined);
  const socket = new WebSocket(server.url, { handshakeTimeout: 20 });
  const failed = next(socket, "error");
  await next(socket, "close");
  const { error } = await failed;
  assertInstanceOf(error, ConnectionError);
  assertInstanceOf(error.cause, HandshakeError);
  assertEquals(error.cause.code, "timeout");
});

Deno.test("Messages that come with the handshake come after the open event", async () => {
  await using server = await HandServer.listen((key) =>
    `${switchProtocols(key)}\x81\x02hi\x81\x02ho`
  );
  const socket = new WebSocket(server.url);
  const events = recordEvents(socket);
  const close = next(socket, "close");
  socket.onmessage = ({ data }) => {
    if (data === "ho") socket.close();
  };
  const peer = await server.accept();
  await peer.frames.take();
  peer.cut();
  await close;
  assertEquals(events, ["open 1", "message 1", "message 1", "close 3"]);
});

Deno.test("Port 0 is no syntax error: the connection fails", async () => {
  const socket = new WebSocket("ws://user:secret@127.0.0.1:0/path");
  const events = recordEvents(socket);
  assertEquals(socket.url, "ws://user:secret@127.0.0.1:0/path");
  const failed = next(socket, "error");
  const { code, wasClean } = await next(socket, "close");
  assertEquals([code, wasClean], [1006, false]);
  const error = await failed;
  assertInstanceOf(error, ErrorEvent);
  assertMatch(error.message, /port 0/);
  assertEquals(events, ["error 3", "close 3"]);
});
