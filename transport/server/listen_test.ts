import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FakeClock, LogCapture } from "../../testing/mod.ts";
import { utf8 } from "../_support/bytes.ts";
import { turns } from "../_support/raw.ts";
import { UNIX_PATH } from "../_support/unix_path.ts";
import { ConnectionError } from "../base/errors.ts";
import { dialRaw } from "../client/dial_raw.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  ask,
  assertAccepts,
  assertConnected,
  HOST,
  KEY,
  listenHere,
  next,
  readAll,
  refusals,
  request,
  TLS,
} from "./_support/listening.ts";
import { listen } from "./listen.ts";

for (
  const [what, bytes, status] of [
    ["a plain GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426],
    ["a POST", request({ start: "POST / HTTP/1.1" }), 405],
    ["HTTP/1.0", request({ start: "GET / HTTP/1.0" }), 505],
    ["another upgrade", request({ upgrade: "Upgrade: h2c" }), 426],
    ["no Upgrade", request({ upgrade: "" }), 426],
    ["no Connection", request({ connection: "" }), 400],
    ["no key", request({ key: "" }), 400],
    [
      "a key of the wrong length",
      request({ key: "Sec-WebSocket-Key: YWJj" }),
      400,
    ],
    ["two keys", request({}, `Sec-WebSocket-Key: ${KEY}`), 400],
    ["version 8", request({ version: "Sec-WebSocket-Version: 8" }), 426],
    ["no version", request({ version: "" }), 426],
    [
      "extensions that are no list",
      request({}, 'Sec-WebSocket-Extensions: permessage-deflate; ="'),
      400,
    ],
    [
      "a subprotocol that is no token",
      request({}, "Sec-WebSocket-Protocol: a b"),
      400,
    ],
    ["no host", request({ host: "" }), 400],
    ["a host that is none", request({ host: "Host: user@a b" }), 400],
    ["a host with credentials", request({ host: "Host: user:pw@a" }), 400],
    ["a bad header byte", request({}, "X-Bad: a\0b"), 400],
    ["a folded header", request({}, "X-Fold: a", " b"), 400],
    ["a header without a colon", request({}, "nonsense"), 400],
    ["a head that is too large", request({}, `X: ${"x".repeat(3_000)}`), 431],
    [
      "TLS on a plain port",
      Uint8Array.of(0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, 13, 10),
      400,
    ],
  ] as const
) {
  Deno.test(`listen refuses ${what} with ${status}`, async () => {
    await using server = listenHere({ maxHeadSize: 2_000 });
    const answer = await ask(server.port, bytes);
    assertEquals(answer.split("\r\n")[0]?.slice(0, 12), `HTTP/1.1 ${status}`);
    const error = server.listener.errors.shift()?.error;
    assertInstanceOf(error, HandshakeError);
    assertEquals(error.status, status);
    const problem = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
    assertEquals(problem, {
      type: "about:blank",
      title: /^HTTP\/1.1 \d+ (.*)\r/.exec(answer)?.[1],
      status,
      detail: error.message,
    });
    assert(/^content-type: application\/problem\+json\r$/mi.test(answer));
    if (status === 426) {
      const header = what === "version 8"
        ? /^sec-websocket-version: 13\r$/mi
        : /^upgrade: websocket\r$/mi;
      assert(header.test(answer), answer);
    }
  });
}

Deno.test("a peer that has not sent its request at the deadline is cut, exactly then", async () => {
  const clock = new FakeClock();
  await using server = listenHere({ clock });
  using conn = await Deno.connect({ hostname: HOST, port: server.port });
  const text = readAll(conn);
  while (clock.pending === 0) await turns(1);
  // A slow one: byte after byte does not move the deadline.
  for (const byte of utf8("GET / HT")) {
    await conn.write(Uint8Array.of(byte));
    await turns();
    await clock.advance(1_000);
  }
  assertEquals(clock.pending, 1);
  await clock.advance(1_999);
  assertEquals(clock.pending, 1);
  await clock.advance(1);
  assertEquals(await text, "");
  assertEquals(clock.pending, 0);
  assertEquals(refusals(server.listener), ["timeout"]);
});

Deno.test("a peer that is not accepted before the deadline is cut, and waits in no queue", async () => {
  const clock = new FakeClock();
  await using server = listenHere({ clock, handshakeTimeout: 500 });
  using conn = await Deno.connect({ hostname: HOST, port: server.port });
  await conn.write(utf8(request()));
  const first = await next(server.incoming);
  const answer = ask(server.port, request());
  let gone = false;
  void answer.then(() => gone = true);
  while (!gone) {
    await turns();
    await clock.advance(500);
  }
  assertEquals(await answer, "");
  assertEquals(first.open, false);
  assertThrows(() => first.accept(), HandshakeError);
  await assertAccepts(server);
});

Deno.test("more than maxPending connections are cut at once", async () => {
  await using server = listenHere({ maxPending: 2 });
  const connect = () => Deno.connect({ hostname: HOST, port: server.port });
  using _one = await connect();
  using _two = await connect();
  using three = await connect();
  assertEquals(await readAll(three), "");
  const { addr } = server.listener;
  assert(addr.transport === "tcp" && three.localAddr.transport === "tcp");
  const record = server.listener.errors.shift();
  assertInstanceOf(record?.error, HandshakeError);
  assertEquals(record.error.code, "aborted");
  assertEquals(record.remoteAddr, {
    transport: "tcp",
    hostname: HOST,
    port: three.localAddr.port,
  });
});

Deno.test("refusals that nobody reads are dropped in favour of newer ones, and counted", async () => {
  await using server = listenHere({ errorsBufferSize: 2 });
  for (const start of ["POST / HTTP/1.1", "GET / HTTP/1.0", "nonsense"]) {
    await ask(server.port, request({ start }));
  }
  assertEquals(refusals(server.listener), ["bad-http-version", "bad-request"]);
  assertEquals(server.listener.droppedErrors, 1);
  await server.listener.close();
  assertEquals(await server.listener.errors.take(), undefined);
});

Deno.test("a signal stops accepting and cuts peers that are not accepted; accepted peers stay", async () => {
  const abort = new AbortController();
  const server = listenHere({ signal: abort.signal });
  const dialled = dialRaw(server.url, {});
  const socket = (await next(server.incoming)).accept();
  const client = await dialled;
  using pending = await Deno.connect({ hostname: HOST, port: server.port });
  abort.abort();
  await server.listener.closed;
  assertEquals(await readAll(pending), "");
  assertEquals((await server.incoming.next()).done, true);
  await assertRejects(() =>
    Deno.connect({ hostname: HOST, port: server.port })
  );
  await assertConnected(client, socket);
  await server.listener.close();
});

Deno.test("a signal that has aborted opens nothing for long", async () => {
  const { listener } = listenHere({ signal: AbortSignal.abort() });
  await listener.closed;
});

Deno.test("a Unix socket is listened on and dialled", async () => {
  const path = UNIX_PATH;
  await Deno.remove(path).catch(() => {});
  try {
    await using listener = listen({ path });
    assertEquals(listener.addr, { transport: "unix", path });
    const incoming = listener[Symbol.asyncIterator]();
    const dialled = dialRaw("ws://some.test/path", { unix: path });
    const socket = (await next(incoming)).accept();
    const client = await dialled;
    assertEquals(socket.url, "ws://some.test/path");
    assertEquals(client.remoteAddr, { transport: "unix", path });
    // The client's end has no path.
    assertEquals(socket.remoteAddr, undefined);
    await assertConnected(client, socket);
  } finally {
    await Deno.remove(path).catch(() => {});
  }
});

Deno.test("The error for a Unix path that exists says what can be done", async () => {
  const path = UNIX_PATH;
  await Deno.writeTextFile(path, "left behind");
  try {
    const error = assertThrows(() => listen({ path }), ConnectionError);
    assertEquals(
      error.message,
      `Cannot listen on ${path}: the address is in use (EADDRINUSE). If no program listens on it, remove the file first.`,
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("two listeners share a port with reusePort", async () => {
  await using one = listenHere({ reusePort: true });
  await one.listener.ready;
  await using two = listenHere({ reusePort: true, port: one.port });
  await two.listener.ready;
  assertEquals(two.port, one.port);
  const dialled = dialRaw(one.url, {});
  const incoming = await Promise.race([next(one.incoming), next(two.incoming)]);
  const socket = incoming.accept();
  (await dialled).terminate();
  socket.terminate();
});

Deno.test("an address that is taken throws at once", async () => {
  await using server = listenHere();
  const { port } = server;
  for (const options of [{ port }, { port, tls: TLS }]) {
    const error = assertThrows(() => listenHere(options), ConnectionError);
    assertEquals(error.code, "listen-failed");
    assertInstanceOf(error.cause, Deno.errors.AddrInUse);
    assertEquals(
      error.message,
      `Cannot listen on ${HOST}:${port}: the address is in use (EADDRINUSE).`,
    );
  }
});

Deno.test("an address that is taken with reusePort ends the listener", async () => {
  await using server = listenHere();
  const second = listenHere({ port: server.port, reusePort: true });
  const error = await assertRejects(
    () => second.listener.ready,
    ConnectionError,
  );
  assertEquals(error.code, "listen-failed");
  assertStringIncludes(error.message, "the address is in use (EADDRINUSE).");
  assertInstanceOf(error.cause, Error);
  assertEquals(Reflect.get(error.cause, "code"), "EADDRINUSE");
  const thrown = [
    second.incoming.next(),
    // A late caller gets the same error.
    second.listener[Symbol.asyncIterator]().next(),
    (async () => {
      for await (const _ of second.listener);
    })(),
  ];
  for (const promise of thrown) {
    assertEquals(await assertRejects(() => promise), error);
  }
  await second.listener.closed;
  await second.listener.close();
});

Deno.test("empty lines before a request, and empty and repeated headers, are tolerated", async () => {
  await using server = listenHere({ protocols: ["a"], compression: true });
  const text = "\r\n\r\n" + request(
    { upgrade: "Upgrade: ,websocket," },
    "Sec-WebSocket-Extensions:",
    "Sec-WebSocket-Extensions: ,",
    "Sec-WebSocket-Protocol:",
    "Content-Length: 0",
    "Content-Length: 0",
  );
  using conn = await Deno.connect({ hostname: HOST, port: server.port });
  await conn.write(utf8(text));
  const socket = (await next(server.incoming)).accept();
  assertEquals([socket.protocol, socket.extensions], ["", ""]);
  const buffer = new Uint8Array(1_000);
  const count = await conn.read(buffer) ?? 0;
  const answer = new TextDecoder().decode(buffer.subarray(0, count));
  assert(answer.startsWith("HTTP/1.1 101 "));
  assert(!/sec-websocket-(extensions|protocol)/i.test(answer), answer);
  socket.terminate();
});

Deno.test("endless empty lines before a request are refused", async () => {
  await using server = listenHere();
  const answer = await ask(server.port, "\r\n".repeat(1_000));
  assert(answer.startsWith("HTTP/1.1 400 "));
});

Deno.test("a refusal of a HEAD request has no body", async () => {
  await using server = listenHere();
  const answer = await ask(
    server.port,
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
  );
  assert(answer.startsWith("HTTP/1.1 426 "));
  assert(answer.endsWith("\r\n\r\n"), answer);
});

Deno.test("a listener logs where it listens, what it refuses, and its end", async () => {
  const logs = new LogCapture();
  const server = listenHere({ logger: logs });
  await ask(server.port, request({ key: "" }));
  const asked = ask(server.port, request());
  await (await next(server.incoming)).reject(403);
  await asked;
  await server.listener.close();
  await server.listener.close();
  assertEquals(
    logs.records.map(({ level, message }) => `${level} ${message}`),
    [
      "info Listening",
      "warn Handshake failed",
      "debug Request received",
      "info Listener closed",
    ],
  );
  for (const { attributes } of logs.records) {
    assertEquals(
      [attributes.module, attributes.component],
      ["honeybee", "listener"],
    );
  }
  const [started, failed, received] = logs.records;
  assertEquals(started?.attributes.port, server.port);
  assertInstanceOf(failed?.attributes.error, HandshakeError);
  // Without the query, which may hold secrets.
  assertEquals(received?.attributes.url, "http://example.test/path");
});

Deno.test("a listener that is closed at once ends without a failure", async () => {
  for (const options of [{}, { tls: TLS }, { reusePort: true }]) {
    const logs = new LogCapture();
    const { listener, incoming } = listenHere({ ...options, logger: logs });
    const next = incoming.next();
    await listener.close();
    await listener.closed;
    assertEquals(await next, { done: true, value: undefined });
    const { done } = await listener[Symbol.asyncIterator]().next();
    assertEquals(done, true);
    await listener.ready.catch((error) => {
      assertInstanceOf(error, ConnectionError);
      assertEquals(error.code, "listen-failed");
    });
    assertEquals(logs.records.some(({ level }) => level === "error"), false);
  }
});
