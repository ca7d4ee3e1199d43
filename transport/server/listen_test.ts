import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import {
  CA,
  CLIENT_CERT,
  CLIENT_KEY,
  OTHER_CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../_support/certificates.ts";
import { dialRaw, dialUpgrade } from "../client/dial_raw.ts";
import { ConfigError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  type Incoming,
  listen,
  type Listener,
  type ListenOptions,
} from "./listen.ts";
import { join, utf8 } from "../_support/bytes.ts";
import { HandPeer, TEXT, turns } from "../_support/raw.ts";
import { acceptKey } from "../handshake/agreement.ts";

const HOST = "127.0.0.1";
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const TLS = { cert: SERVER_CERT, key: SERVER_KEY };
const LINES = {
  start: "GET /path?query HTTP/1.1",
  host: "Host: example.test",
  upgrade: "Upgrade: websocket",
  connection: "Connection: Upgrade",
  version: "Sec-WebSocket-Version: 13",
  key: `Sec-WebSocket-Key: ${KEY}`,
};

function request(changes: Partial<typeof LINES> = {}, ...more: string[]) {
  const lines = Object.values({ ...LINES, ...changes }).filter(Boolean);
  return [...lines, ...more, "", ""].join("\r\n");
}

function listenHere(options: ListenOptions = {}) {
  const listener = listen({ hostname: HOST, ...options });
  const { addr } = listener;
  assert(addr.transport === "tcp");
  return {
    listener,
    port: addr.port,
    url: `${options.tls === undefined ? "ws" : "wss"}://${HOST}:${addr.port}`,
    incoming: listener[Symbol.asyncIterator](),
    [Symbol.asyncDispose]: () => listener.close(),
  };
}

async function next(
  incoming: AsyncIterator<Incoming, undefined>,
): Promise<Incoming> {
  const { value } = await incoming.next();
  assert(value !== undefined);
  return value;
}

/** Sends bytes and gives all that comes back until the stream ends. */
async function ask(port: number, bytes: string | Uint8Array): Promise<string> {
  using conn = await Deno.connect({ hostname: HOST, port });
  await conn.write(typeof bytes === "string" ? utf8(bytes) : bytes);
  return await readAll(conn);
}

/** The codes of all refusals that were not read yet. */
function refusals({ errors }: Listener): unknown[] {
  return errors.extract(() => true).map(({ error }) =>
    error instanceof HandshakeError ? error.code : error
  );
}

async function readAll(conn: Deno.Conn): Promise<string> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(4_096);
  for (;;) {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null) break;
    parts.push(buffer.slice(0, count));
  }
  return new TextDecoder().decode(join(...parts));
}

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
    if (status === 426) {
      const header = what === "version 8"
        ? /^sec-websocket-version: 13\r$/mi
        : /^upgrade: websocket\r$/mi;
      assert(header.test(answer), answer);
    }
  });
}

Deno.test("listen lets in what suits, with the headers it is given", async () => {
  await using server = listenHere();
  using conn = await Deno.connect({ hostname: HOST, port: server.port });
  await conn.write(utf8(request()));
  const incoming = await next(server.incoming);
  assertEquals(incoming.request.url, "http://example.test/path?query");
  assertEquals(incoming.request.headers.get("host"), "example.test");
  assertEquals(incoming.remoteAddr, {
    transport: "tcp",
    hostname: HOST,
    port: conn.localAddr.port,
  });
  const socket = incoming.accept({ headers: { "x-more": "yes" } });
  assertEquals(socket.url, "ws://example.test/path?query");
  const buffer = new Uint8Array(1_000);
  const count = await conn.read(buffer) ?? 0;
  const answer = new TextDecoder().decode(buffer.subarray(0, count));
  assert(answer.startsWith("HTTP/1.1 101 "));
  assert(answer.toLowerCase().includes("\r\nx-more: yes\r\n"));
  assert(answer.includes(acceptKey(KEY)));
  assertThrows(() => incoming.accept(), HandshakeError);
  socket.terminate();
});

Deno.test("bytes right behind the request reach the socket, and those right behind the answer the peer", async () => {
  await using server = listenHere();
  const conn = await Deno.connect({ hostname: HOST, port: server.port });
  using peer = new HandPeer(conn, "client");
  await peer.raw(join(utf8(request()), peer.frame(TEXT, "early")));
  const socket = (await next(server.incoming)).accept();
  socket.write("early too");
  const reader = new RecordingReader();
  socket.start(reader);
  assertEquals(await reader.take(), "early");
  const dialled = dialRaw(server.url, { proxy: false });
  const other = (await next(server.incoming)).accept();
  other.write("at once");
  const client = await dialled;
  const clientReader = new RecordingReader();
  client.start(clientReader);
  assertEquals(await clientReader.take(), "at once");
  for (const each of [socket, other, client]) each.terminate();
});

Deno.test("origins and protocols choose who is let in", async () => {
  await using server = listenHere({
    origins: ["https://good.test"],
    protocols: ["b", "a"],
  });
  // It is not handed over, so that `accept` cannot throw for it.
  const refused = ask(server.port, request({}, "Origin: https://bad.test"));
  assert((await refused).startsWith("HTTP/1.1 403"));
  assertEquals(refusals(server.listener), ["origin-refused"]);
  const dialled = dialRaw(server.url, {
    protocols: ["a", "b"],
    headers: { origin: "https://good.test" },
  });
  const incoming = await next(server.incoming);
  const socket = incoming.accept();
  const client = await dialled;
  assertEquals([socket.protocol, client.protocol], ["b", "b"]);
  for (const each of [socket, client]) each.terminate();
});

Deno.test("an origin that accept() refuses is refused with 403, and thrown", async () => {
  await using server = listenHere();
  const refused = ask(server.port, request({}, "Origin: https://bad.test"));
  const incoming = await next(server.incoming);
  const error = assertThrows(
    () => incoming.accept({ origins: ["https://good.test"] }),
    HandshakeError,
  );
  assertEquals([error.code, error.status], ["origin-refused", 403]);
  assert((await refused).startsWith("HTTP/1.1 403"));
});

Deno.test("a request can be rejected with a status, headers and a body, and only once", async () => {
  await using server = listenHere();
  const answer = ask(server.port, request());
  const incoming = await next(server.incoming);
  await incoming.reject(503, { headers: { "retry-after": "9" }, body: "full" });
  const text = await answer;
  assert(text.startsWith("HTTP/1.1 503"));
  assert(/retry-after: 9\r\n/i.test(text) && text.endsWith("full"));
  await assertRejects(() => incoming.reject(500), HandshakeError);
});

Deno.test("who has not sent his request after the deadline is cut, exactly", async () => {
  const clock = new FakeClock();
  await using server = listenHere({ clock });
  using conn = await Deno.connect({ hostname: HOST, port: server.port });
  const text = readAll(conn);
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

Deno.test("who is not accepted before the deadline is cut, and waits in no queue", async () => {
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
  const dialled = dialRaw(server.url, {});
  const third = await next(server.incoming);
  const socket = third.accept();
  (await dialled).terminate();
  socket.terminate();
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

Deno.test("refusals that nobody reads give way to newer ones, and are counted", async () => {
  await using server = listenHere({ errorsBufferSize: 2 });
  for (const start of ["POST / HTTP/1.1", "GET / HTTP/1.0", "nonsense"]) {
    await ask(server.port, request({ start }));
  }
  assertEquals(refusals(server.listener), ["bad-http-version", "bad-request"]);
  assertEquals(server.listener.droppedErrors, 1);
  await server.listener.close();
  assertEquals(await server.listener.errors.take(), undefined);
});

Deno.test("a signal stops the accepting and cuts who is not accepted; who is lives on", async () => {
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
  const reader = new RecordingReader();
  socket.start(reader);
  client.start(new RecordingReader());
  client.write("still here");
  assertEquals(await reader.take(), "still here");
  client.close(1000);
  await Promise.all([client.closed, socket.closed]);
  await server.listener.close();
});

Deno.test("a signal that has aborted opens nothing for long", async () => {
  const { listener } = listenHere({ signal: AbortSignal.abort() });
  await listener.closed;
});

Deno.test("TLS: sockets are secure, and know their peer", async () => {
  await using server = listenHere({ tls: TLS });
  await server.listener.ready;
  const dialled = dialRaw(server.url, { caCerts: [CA] });
  const incoming = await next(server.incoming);
  assert(incoming.request.url.startsWith("https://"));
  assertEquals(incoming.remoteAddr?.transport, "tcp");
  const socket = incoming.accept();
  const client = await dialled;
  assert(socket.url.startsWith("wss://"));
  const reader = new RecordingReader();
  socket.start(reader);
  client.start(new RecordingReader());
  client.write("secret");
  assertEquals(await reader.take(), "secret");
  client.close(1000);
  const ends = await Promise.all([client.closed, socket.closed]);
  assert(ends.every((end) => end.clean));
});

Deno.test("TLS: garbage and silence disturb nobody, and are cut", async () => {
  await using server = listenHere({ tls: TLS, handshakeTimeout: 50 });
  await server.listener.ready;
  await ask(server.port, request());
  const garbage = server.listener.errors.shift();
  assertInstanceOf(garbage?.error, HandshakeError);
  assertEquals(garbage.error.code, "connection-lost");
  assertInstanceOf(garbage.error.cause, Error);
  using silent = await Deno.connect({ hostname: HOST, port: server.port });
  assertEquals(await readAll(silent), "");
  assertEquals(refusals(server.listener), ["timeout"]);
  const dialled = dialRaw(server.url, { caCerts: [CA] });
  const socket = (await next(server.incoming)).accept();
  (await dialled).terminate();
  socket.terminate();
});

Deno.test("TLS: more handshakes than maxPending are cut, and all when it closes", async () => {
  const server = listenHere({ tls: TLS, maxPending: 1 });
  await server.listener.ready;
  const connect = () => Deno.connect({ hostname: HOST, port: server.port });
  using one = await connect();
  using two = await connect();
  assertEquals(await readAll(two), "");
  assertEquals(refusals(server.listener), ["aborted"]);
  await server.listener.close();
  assertEquals(await readAll(one), "");
});

Deno.test("TLS: a client without the certificate that is asked for is not let in", async () => {
  await using server = listenHere({ tls: { ...TLS, caCerts: [CA] } });
  await server.listener.ready;
  await assertRejects(() => dialRaw(server.url, { caCerts: [CA] }));
  const dialled = dialRaw(server.url, {
    caCerts: [CA],
    cert: CLIENT_CERT,
    key: CLIENT_KEY,
  });
  const socket = (await next(server.incoming)).accept();
  const client = await dialled;
  assertEquals(client.remoteAddr, {
    transport: "tcp",
    hostname: HOST,
    port: server.port,
  });
  const reader = new RecordingReader();
  socket.start(reader);
  client.start(new RecordingReader());
  client.write("it is me");
  assertEquals(await reader.take(), "it is me");
  client.close(1000);
  await Promise.all([client.closed, socket.closed]);
});

Deno.test("TLS: a certificate of another authority ends the dial for good", async () => {
  const { isRetryable } = await import("../client/retryable.ts");
  await using server = listenHere({ tls: TLS });
  await server.listener.ready;
  for (const more of [{}, { cert: CLIENT_CERT, key: CLIENT_KEY }]) {
    const error = await assertRejects(() =>
      dialRaw(server.url, { caCerts: [OTHER_CA], ...more })
    );
    assertEquals(isRetryable(error), false, `${error}`);
  }
});

Deno.test("a Unix socket is listened on and dialled", async () => {
  // The only path that the tests have leave to use.
  const path = "/tmp/honeybee-test.sock";
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
    const reader = new RecordingReader();
    socket.start(reader);
    client.start(new RecordingReader());
    client.write("by file");
    assertEquals(await reader.take(), "by file");
    client.close(1000);
    await Promise.all([client.closed, socket.closed]);
  } finally {
    await Deno.remove(path).catch(() => {});
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
  assertThrows(() => listenHere({ port }), Deno.errors.AddrInUse);
  assertThrows(() => listenHere({ port, tls: TLS }), Deno.errors.AddrInUse);
});

Deno.test("an address that is taken with reusePort ends the listener", async () => {
  await using server = listenHere();
  const second = listenHere({ port: server.port, reusePort: true });
  await assertRejects(() => second.listener.ready);
  await assertRejects(() => second.listener.closed);
  assertEquals((await second.incoming.next()).done, true);
  await second.listener.close();
});

Deno.test("options that cannot be used throw", () => {
  for (
    const options of [
      { port: -1 },
      { hostname: "" },
      { port: 70_000 },
      { maxHeadSize: 0.5 },
      { maxPending: -1 },
      { handshakeTimeout: NaN },
      { errorsBufferSize: 0 },
      { path: "/tmp/x", tls: TLS },
    ]
  ) assertThrows(() => listen({ hostname: HOST, ...options }), ConfigError);
});

Deno.test("an answer whose headers cannot be written leaves the request open", async () => {
  await using server = listenHere({ upgrade: "other" });
  const dialled = dialUpgrade(server.url, { upgrade: "other" });
  const incoming = await next(server.incoming);
  await assertRejects(
    () => incoming.acceptStream({ "bad name": "x" }),
    ConfigError,
  );
  await assertRejects(
    () => incoming.reject(400, { headers: { "bad name": "x" } }),
    ConfigError,
  );
  const { stream } = await incoming.acceptStream();
  (await dialled).stream.close();
  stream.close();
});

Deno.test("any other protocol is upgraded to: plain streams, early bytes kept on both sides", async () => {
  await using server = listenHere({ upgrade: "chat/2" });
  const dialled = dialUpgrade(`${server.url}/room`, {
    upgrade: "chat/2",
    headers: { "x-name": "bee" },
  });
  const incoming = await next(server.incoming);
  assertEquals(incoming.request.headers.get("x-name"), "bee");
  assertEquals(new URL(incoming.request.url).pathname, "/room");
  const { stream, early } = await incoming.acceptStream({ "x-room": "7" });
  assertEquals(early.length, 0);
  await stream.write(utf8("hello"));
  const client = await dialled;
  const buffer = new Uint8Array(100);
  let text = new TextDecoder().decode(client.early);
  while (text.length < 5) {
    const count = await client.stream.read(buffer) ?? 0;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  assertEquals(text, "hello");
  client.stream.close();
  stream.close();
  assert((await ask(server.port, request())).startsWith("HTTP/1.1 426"));
});

Deno.test("a peer that leaves before it is accepted costs nothing", async () => {
  await using server = listenHere();
  const conn = await Deno.connect({ hostname: HOST, port: server.port });
  await conn.write(utf8(request()));
  const incoming = await next(server.incoming);
  conn.close();
  await turns();
  const socket = incoming.accept();
  socket.start(new RecordingReader());
  assertEquals((await socket.closed).code, 1006);
  const early = await Deno.connect({ hostname: HOST, port: server.port });
  await early.write(utf8("GET /"));
  early.close();
  const record = await server.listener.errors.take();
  assertInstanceOf(record?.error, HandshakeError);
  assertEquals(record.error.code, "connection-lost");
  assertInstanceOf(server.listener.close(), Promise);
});

Deno.test("listen refuses at once what no peer could be let in with", () => {
  const bad: readonly [field: string, options: object][] = [
    ["upgrade", { upgrade: "a b" }],
    ["upgrade", { upgrade: "" }],
    ["tls", { tls: null }],
    ["tls.cert", { tls: {} }],
    ["tls.key", { tls: { cert: SERVER_CERT } }],
    ["tls.caCerts", { tls: { ...TLS, caCerts: CA } }],
    ["protocols", { protocols: "chat" }],
    ["origins", { origins: 3 }],
    ["headers", { headers: { "a b": "c" } }],
    ["compression", { compression: "yes" }],
    ["binary", { binary: "blob" }],
    ["maxMessageSize", { maxMessageSize: -1 }],
  ];
  for (const [field, options] of bad) {
    const error = assertThrows(() => listen(options), ConfigError);
    assertEquals(error.field, field);
  }
});

Deno.test("accept() with an option that cannot be used throws, and the peer is told 500", async () => {
  for (
    const options of [{ protocols: "chat" }, { clock: 1 }, { binary: "x" }]
  ) {
    await using server = listenHere();
    const answer = ask(server.port, request());
    const incoming = await next(server.incoming);
    assertThrows(
      () => Reflect.apply(incoming.accept, incoming, [options]),
      ConfigError,
    );
    assert((await answer).startsWith("HTTP/1.1 500 "));
  }
});
