import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { RecordingReader } from "../../testing/mod.ts";
import { join, utf8 } from "../_support/bytes.ts";
import { HandPeer, TEXT, turns } from "../_support/raw.ts";
import { ConfigError } from "../base/errors.ts";
import { dialRaw } from "../client/dial_raw.ts";
import { dialUpgrade } from "../client/dial_upgrade.ts";
import { acceptKey } from "../handshake/agreement.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  ask,
  HOST,
  KEY,
  listenHere,
  next,
  refusals,
  request,
} from "./_support/listening.ts";

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

Deno.test("origins and protocols decide which peers are accepted", async () => {
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

Deno.test("a request that is rejected without a body gets a description of the problem", async () => {
  await using server = listenHere();
  const answer = ask(server.port, request());
  await (await next(server.incoming)).reject(429, {
    headers: { "Retry-After": "9", "Content-Type": "text/html" },
  });
  const [head = "", body = ""] = (await answer).split("\r\n\r\n");
  assert(head.startsWith("HTTP/1.1 429 Too Many Requests\r\n"));
  assert(/^retry-after: 9\r$/mi.test(head), head);
  assert(/^content-type: application\/problem\+json\r$/mi.test(head), head);
  assertEquals(JSON.parse(body), {
    type: "about:blank",
    title: "Too Many Requests",
    status: 429,
  });
});

Deno.test("a request can be rejected with bytes", async () => {
  await using server = listenHere();
  const answer = ask(server.port, request());
  await (await next(server.incoming)).reject(403, {
    headers: { "Content-Type": "image/x" },
    body: utf8("bytes"),
  });
  assert((await answer).endsWith("\r\n\r\nbytes"));
});

Deno.test("an invalid status leaves the request open", async () => {
  await using server = listenHere();
  const answer = ask(server.port, request());
  const incoming = await next(server.incoming);
  for (const status of [101, 600, 200.5, NaN]) {
    const error = await assertRejects(
      () => incoming.reject(status),
      ConfigError,
    );
    assertEquals([error.code, error.field], ["invalid-argument", "status"]);
  }
  assert(incoming.open);
  await incoming.reject(400);
  assert((await answer).startsWith("HTTP/1.1 400 "));
});

Deno.test("an unknown option of accept() leaves the request open", async () => {
  await using server = listenHere();
  const dialled = dialRaw(server.url);
  const incoming = await next(server.incoming);
  for (
    const [options, code] of [
      [{ protcols: ["a"] }, "unknown-option"],
      [{ pingInterval: 1 }, "misplaced-option"],
      [{ port: 1 }, "misplaced-option"],
      [{ maxPeers: 1 }, "misplaced-option"],
    ]
  ) {
    const error = assertThrows(
      () => Reflect.apply(incoming.accept, incoming, [options]),
      ConfigError,
    );
    assertEquals(error.code, code);
  }
  incoming.accept().terminate();
  (await dialled).terminate();
});

Deno.test("an option of accept() that is undefined leaves that of the listener", async () => {
  await using server = listenHere({ protocols: ["a"] });
  const dialled = dialRaw(server.url, { protocols: "a" });
  const socket = (await next(server.incoming)).accept({ protocols: undefined });
  assertEquals([socket.protocol, (await dialled).protocol], ["a", "a"]);
  socket.terminate();
  (await dialled).terminate();
});

Deno.test("a listener for several protocols says which one is asked for", async () => {
  await using server = listenHere({ upgrade: ["websocket", "hive/1"] });
  const dialled = dialRaw(server.url);
  const first = await next(server.incoming);
  assertEquals(first.upgrade, "websocket");
  first.accept().terminate();
  (await dialled).terminate();
  const hive = dialUpgrade(server.url, { upgrade: ["hive/2", "HIVE/1"] });
  const second = await next(server.incoming);
  assertEquals(second.upgrade, "hive/1");
  const error = assertThrows(() => second.accept(), HandshakeError);
  assertEquals(error.code, "bad-upgrade");
  const stream = await second.acceptStream();
  assertEquals((await hive).upgrade, "HIVE/1");
  (await hive).stream.close();
  stream.close();
  const neither = await ask(server.port, request({ upgrade: "Upgrade: h2c" }));
  assert(/^upgrade: websocket, hive\/1\r$/mi.test(neither), neither);
});

Deno.test("acceptStream answers a WebSocket client so that it goes on", async () => {
  await using server = listenHere();
  const dialled = dialRaw(server.url);
  const stream = await (await next(server.incoming)).acceptStream();
  using peer = new HandPeer(stream, "server");
  await peer.send(TEXT, "by hand");
  const reader = new RecordingReader();
  const socket = await dialled;
  socket.start(reader);
  assertEquals(await reader.take(), "by hand");
  socket.terminate();
});

Deno.test("an answer whose headers cannot be written leaves the request open", async () => {
  await using server = listenHere({ upgrade: "other" });
  const dialled = dialUpgrade(server.url, { upgrade: "other" });
  const incoming = await next(server.incoming);
  await assertRejects(
    () => incoming.acceptStream({ headers: { "bad name": "x" } }),
    ConfigError,
  );
  await assertRejects(
    () => incoming.reject(400, { headers: { "bad name": "x" } }),
    ConfigError,
  );
  const stream = await incoming.acceptStream();
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
  const stream = await incoming.acceptStream({ headers: { "x-room": "7" } });
  await stream.write(utf8("hello"));
  const client = await dialled;
  assertEquals(client.response.headers.get("x-room"), "7");
  const buffer = new Uint8Array(100);
  let text = "";
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

Deno.test("accept() with an option that cannot be used throws, and the peer gets 500", async () => {
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

Deno.test("bytes right after the request and the response are read first", async () => {
  await using server = listenHere({ upgrade: "hive/1" });
  const conn = await Deno.connect({ hostname: HOST, port: server.port });
  const text = request({
    upgrade: "Upgrade: hive/1",
    version: "",
    key: "",
  });
  await conn.write(utf8(`${text}early`));
  const stream = await (await next(server.incoming)).acceptStream();
  const buffer = new Uint8Array(3);
  assertEquals(await stream.read(buffer), 3);
  assertEquals(new TextDecoder().decode(buffer), "ear");
  await conn.write(utf8("later"));
  await conn.closeWrite();
  assertEquals(await new Response(stream.readable).text(), "lylater");
  await stream.writable.close();
  conn.close();
});

Deno.test("dialUpgrade: the first reads give the bytes right after the response", async () => {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const served = (async () => {
    using conn = await listener.accept();
    await conn.read(new Uint8Array(4_096));
    await conn.write(utf8(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" +
        "Upgrade: hive/1\r\n\r\nearly",
    ));
    await conn.read(new Uint8Array(9));
  })();
  const { port } = listener.addr;
  const dialled = await dialUpgrade(`ws://${HOST}:${port}`, {
    upgrade: "hive/1",
    check: ({ headers }) => headers.get("upgrade") === "hive/1",
  });
  using stream = dialled.stream;
  const buffer = new Uint8Array(100);
  const count = await stream.read(buffer) ?? 0;
  assertEquals(new TextDecoder().decode(buffer.subarray(0, count)), "early");
  await stream.closeWrite();
  await served;
  listener.close();
});

Deno.test("dialUpgrade and acceptStream carry Web streams both ways", async () => {
  await using server = listenHere({ upgrade: "echo/1" });
  const dialled = dialUpgrade(server.url, { upgrade: "echo/1" });
  const accepted = await (await next(server.incoming)).acceptStream();
  const echo = accepted.readable.pipeTo(accepted.writable);
  const { stream } = await dialled;
  const writer = stream.writable.getWriter();
  const large = "x".repeat(1_000_000);
  const text = new Response(stream.readable).text();
  await writer.write(utf8(large));
  await writer.close();
  assertEquals(await text, large);
  await echo;
});

Deno.test("unknown and wrong options of reject() and acceptStream() leave the request open", async () => {
  await using server = listenHere();
  const answer = ask(server.port, request());
  const incoming = await next(server.incoming);
  for (
    const [method, args, field] of [
      [incoming.reject, [400, { bdoy: "x" }], "bdoy"],
      [incoming.reject, [400, { body: 5 }], "body"],
      [incoming.reject, [400, null], "options"],
      [incoming.acceptStream, [{ protocols: ["a"] }], "protocols"],
    ] as const
  ) {
    const error = await assertRejects(
      () => Reflect.apply(method, incoming, [...args]),
      ConfigError,
    );
    assertEquals(error.field, field);
  }
  await incoming.reject(400);
  assert((await answer).startsWith("HTTP/1.1 400 "));
});
