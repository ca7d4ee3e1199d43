import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "@std/assert";
import { serve, serveBare } from "./_support/serving.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { NativeSocket } from "../socket/native_socket.ts";
import {
  CLOSE,
  closeBody,
  frame,
  PING,
  PONG,
  Recorder,
  requestHead,
  TEXT,
  WirePeer,
} from "../_support/native.ts";
import type { SocketEnd } from "../socket/socket.ts";

Deno.test("a request becomes a socket that knows whence it came", async () => {
  await using server = serve();
  using peer = await WirePeer.connect(server.port);
  const socket = await server.socket;
  assertEquals(socket.url, "ws://example/path?query");
  const { remoteAddr } = socket;
  assert(remoteAddr?.transport === "tcp");
  assertEquals(remoteAddr.hostname, "127.0.0.1");
  const reader = new Recorder();
  socket.start(reader);
  await peer.send(TEXT, "up");
  await reader.heard(1);
  socket.write("down");
  assertEquals((await peer.next())?.payload, new TextEncoder().encode("down"));
  assertEquals(reader.reports[0], "up");
});

Deno.test("messages written before the response was sent are sent after it", async () => {
  await using server = serve({}, (socket) => {
    socket.write("first");
    assertEquals(socket.bufferedAmount, 5);
  });
  using peer = await WirePeer.connect(server.port);
  assertEquals((await peer.next())?.payload, new TextEncoder().encode("first"));
});

Deno.test("bytes right after the request are not lost", async () => {
  await using server = serve();
  using _peer = await WirePeer.request(
    server.port,
    requestHead(),
    frame(TEXT, "early", { masked: true }),
  );
  const reader = new Recorder();
  (await server.socket).start(reader);
  await reader.heard(1);
  assertEquals(reader.reports, ["early"]);
});

Deno.test("a silent peer is pinged, and its end counts as inactivity, once", async () => {
  await using server = serve({ inactivityTimeout: 60 });
  await using patient = serve({ inactivityTimeout: 0 });
  using calm = await WirePeer.connect(patient.port);
  const before = performance.now();
  using peer = await WirePeer.connect(server.port);
  const reader = new Recorder();
  (await server.socket).start(reader);
  assertEquals((await peer.next())?.opcode, PING);
  const reason = "No response from ping frame.";
  assertEquals((await peer.next())?.payload, closeBody(1001, reason));
  const { error, ...end } = await (await server.socket).closed;
  assert(performance.now() - before > 50);
  assertEquals(end, {
    code: 1006,
    reason: "",
    clean: false,
    initiator: "local",
    received: undefined,
    sent: { code: 1001, reason },
    inactive: true,
    dropped: 0,
  });
  assertEquals(error?.message, reason);
  assertEquals(await peer.next(), undefined);
  assertEquals(reader.reports.length, 1);
  // With 0 there is neither a ping nor an end.
  await calm.send(PING, "still here");
  assertEquals((await calm.next())?.opcode, PONG);
});

Deno.test("a peer's close with the runtime's own words is no inactivity", async () => {
  await using server = serve();
  using peer = await WirePeer.connect(server.port);
  await peer.send(CLOSE, closeBody(1001, "No response from ping frame."));
  const end = await (await server.socket).closed;
  assertEquals(end.inactive, false);
  assertEquals(end.code, 1001);
  assertEquals(end.initiator, "peer");
});

for (
  const code of [1000, 1001, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 4999]
) {
  Deno.test(`a server may close with ${code}`, async () => {
    await using server = serve();
    using peer = await WirePeer.connect(server.port);
    const socket = await server.socket;
    socket.close(code, "bye");
    assertEquals(
      (await peer.next())?.payload,
      closeBody(code, "bye"),
    );
    await peer.send(CLOSE, closeBody(code));
    const end = await socket.closed;
    assertEquals(end.code, code);
    assertEquals(end.sent, { code, reason: "bye" });
    assert(end.clean);
  });
}

Deno.test("a bare WebSocket of Deno.upgradeWebSocket is known for a server's, even before it is open", async () => {
  await using server = serveBare((request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    new NativeSocket(socket).close(1001);
    return response;
  });
  using peer = await WirePeer.connect(server.port);
  assertEquals((await peer.next())?.payload, closeBody(1001));
  await peer.send(CLOSE, closeBody(1001));
});

Deno.test("a peer's close with 1014 is a clean end, though Deno answers it with 1002", async () => {
  await using server = serve();
  using peer = await WirePeer.connect(server.port);
  await peer.send(CLOSE, closeBody(1014, "gateway"));
  assertEquals((await peer.next())?.payload, closeBody(1002, "gateway"));
  const end = await (await server.socket).closed;
  assertEquals([end.code, end.clean, end.initiator, end.sent?.code], [
    1014,
    true,
    "peer",
    1002,
  ]);
});

for (const code of [999, 1005, 1006, 1010, 1015, 2000]) {
  Deno.test(`the code ${code}, which a server may not send, goes out as 1000`, async () => {
    await using server = serve();
    using peer = await WirePeer.connect(server.port);
    (await server.socket).close(code, "bye");
    assertEquals(
      (await peer.next())?.payload,
      closeBody(1000, "bye"),
    );
  });
}

Deno.test("a close that meets a message of the peer ends unclean, and was ours", async () => {
  await using server = serve();
  using peer = await WirePeer.connect(server.port);
  const socket = await server.socket;
  const reader = new Recorder();
  socket.start(reader);
  socket.close(1001);
  await peer.next();
  await peer.send(TEXT, "late");
  const end: SocketEnd = {
    code: 1006,
    reason: "",
    clean: false,
    initiator: "local",
    received: undefined,
    sent: { code: 1001, reason: "" },
    error: undefined,
    inactive: false,
    dropped: 0,
  };
  assertEquals(await socket.closed, end);
  assertEquals(reader.reports, [end]);
});

Deno.test("a close before the response has gone out is not forgotten", async () => {
  await using server = serve({}, (socket) => {
    socket.write("sorry");
    socket.close(1013, "full");
  });
  using peer = await WirePeer.connect(server.port);
  assertEquals((await peer.next())?.opcode, TEXT);
  assertEquals(
    (await peer.next())?.payload,
    closeBody(1013, "full"),
  );
  await peer.send(CLOSE, closeBody(1013));
  assert((await (await server.socket).closed).clean);
});

Deno.test("a socket that is ended before the response was sent does not open", async () => {
  await using server = serve({}, (socket) => socket.terminate());
  using peer = await WirePeer.connect(server.port);
  assertEquals((await (await server.socket).closed).code, 1006);
  assertEquals((await peer.next())?.opcode, CLOSE);
});

Deno.test("a response that never goes out ends the socket after its timeout", async () => {
  const clock = new FakeClock();
  const ended = Promise.withResolvers<SocketEnd>();
  await using server = serve({ clock }, async (socket) => {
    clock.tick(10_000);
    ended.resolve(await socket.closed);
  });
  using _peer = await WirePeer.connect(server.port);
  const { error } = await ended.promise;
  assertInstanceOf(error, HandshakeError);
  assertEquals(error.code, "timeout");
  assertStringIncludes(error.message, "the response was not returned");
  assertEquals(clock.pending, 0);
});

Deno.test("a message over the limit is answered with 1009", async () => {
  await using server = serve({ maxMessageSize: 4 });
  using peer = await WirePeer.connect(server.port);
  await peer.send(TEXT, "12345");
  assertEquals((await peer.next())?.payload.slice(0, 2), closeBody(1009));
});
