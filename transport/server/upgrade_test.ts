import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { ConfigError, type ConfigErrorCode } from "../base/errors.ts";
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
import type { Socket, SocketEnd } from "../socket/socket.ts";
import { refusal, upgrade, type UpgradeOptions } from "./upgrade.ts";

interface BareServer extends AsyncDisposable {
  readonly port: number;
}

/** A server that upgrades everything, and what it made of the requests. */
interface Server extends BareServer {
  /** The next socket. */
  readonly socket: Promise<Socket>;
}

function serve(
  options: UpgradeOptions = {},
  prepare: (socket: Socket) => void | Promise<void> = () => {},
): Server {
  const made = Promise.withResolvers<Socket>();
  const server = serveBare(async (request, { remoteAddr }) => {
    try {
      const { socket, response } = upgrade(request, { remoteAddr, ...options });
      await prepare(socket);
      made.resolve(socket);
      return response;
    } catch (error) {
      return refusal(error);
    }
  });
  return Object.assign(server, { socket: made.promise });
}

function serveBare(handler: Deno.ServeHandler<Deno.NetAddr>): BareServer {
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
  }, handler);
  return {
    port: server.addr.port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The status line and headers of the answer to a request. */
async function answerTo(head: string, options?: UpgradeOptions) {
  await using server = serve(options);
  using peer = await WirePeer.request(server.port, head);
  return await peer.readHead();
}

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
  assertEquals(reader.told[0], "up");
});

Deno.test("what is written before the response has gone out is sent once it has", async () => {
  await using server = serve({}, (socket) => {
    socket.write("first");
    assertEquals(socket.bufferedAmount, 5);
  });
  using peer = await WirePeer.connect(server.port);
  assertEquals((await peer.next())?.payload, new TextEncoder().encode("first"));
});

Deno.test("what comes right behind the request is not lost", async () => {
  await using server = serve();
  using _peer = await WirePeer.request(
    server.port,
    requestHead(),
    frame(TEXT, "early", { masked: true }),
  );
  const reader = new Recorder();
  (await server.socket).start(reader);
  await reader.heard(1);
  assertEquals(reader.told, ["early"]);
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
  });
  assertEquals(error?.message, reason);
  assertEquals(await peer.next(), undefined);
  assertEquals(reader.told.length, 1);
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

for (const code of [1000, 1001, 1008, 1011, 4000]) {
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
  };
  assertEquals(await socket.closed, end);
  assertEquals(reader.told, [end]);
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

Deno.test("one that is ended before the response has gone out does not live on", async () => {
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
  assertEquals(clock.pending, 0);
});

Deno.test("a message over the limit is answered with 1009", async () => {
  await using server = serve({ maxMessageSize: 4 });
  using peer = await WirePeer.connect(server.port);
  await peer.send(TEXT, "12345");
  assertEquals((await peer.next())?.payload.slice(0, 2), closeBody(1009));
});

Deno.test("the server prefers, and finds its subprotocol with and without blanks", async () => {
  const options = { protocols: ["b", "a"] };
  for (const offer of ["a, b", "a,b", "a\t,  b"]) {
    await using server = serve(options);
    using peer = await WirePeer.connect(
      server.port,
      `Sec-WebSocket-Protocol: ${offer}\r\n`,
    );
    assert(/\r\nsec-websocket-protocol: b\r\n/i.test(peer.head), peer.head);
    assertEquals((await server.socket).protocol, "b");
  }
});

Deno.test("a peer without a subprotocol that the server speaks is let in without one", async () => {
  await using server = serve({ protocols: ["b"] });
  using peer = await WirePeer.connect(
    server.port,
    "Sec-WebSocket-Protocol: a\r\n",
  );
  assert(!/sec-websocket-protocol/i.test(peer.head));
  assertEquals((await server.socket).protocol, "");
});

Deno.test("a function may choose the subprotocol, among the offered ones", async () => {
  const head = requestHead("Sec-WebSocket-Protocol: a, b\r\n");
  const seen: unknown[] = [];
  const chosen = await answerTo(head, {
    protocols: (offered) => {
      seen.push(offered);
      return offered.at(-1);
    },
  });
  assertEquals(seen, [["a", "b"]]);
  assert(/\r\nsec-websocket-protocol: b\r\n/i.test(chosen));
  const wrong = await answerTo(head, { protocols: () => "c" });
  assertEquals(wrong.split(" ")[1], "500");
});

for (
  const [rule, head, status] of [
    [
      "another method",
      requestHead().replace("GET", "POST"),
      405,
    ],
    ["an older version", requestHead().replace("13", "8"), 426],
    ["a missing Upgrade", requestHead().replace(/Upgrade: .*\r\n/, ""), 426],
    ["a missing Connection", requestHead().replace(/Conn.*\r\n/, ""), 400],
    ["a key that is too short", requestHead().replace(/dGhl/, ""), 400],
  ] as const
) {
  Deno.test(`${rule} is refused with ${status}`, async () => {
    assertEquals((await answerTo(head)).split(" ")[1], String(status));
  });
}

Deno.test("a refusal says which version is spoken", async () => {
  const answer = await answerTo(requestHead().replace("13", "8"));
  assert(/\r\nsec-websocket-version: 13\r\n/i.test(answer), answer);
});

Deno.test("a list of origins lets in its own, and those that are no browsers", async () => {
  const options = { origins: ["https://app.example"] };
  const status = async (origin: string) =>
    (await answerTo(requestHead(origin), options)).split(" ")[1];
  assertEquals(await status("Origin: https://app.example\r\n"), "101");
  assertEquals(await status(""), "101");
  assertEquals(await status("Origin: https://evil.example\r\n"), "403");
});

Deno.test("a predicate decides on every origin, and on none", async () => {
  const asked: unknown[] = [];
  const options: UpgradeOptions = {
    origins: (origin) => {
      asked.push(origin);
      return origin !== undefined;
    },
  };
  const status = async (origin: string) =>
    (await answerTo(requestHead(origin), options)).split(" ")[1];
  assertEquals(await status("Origin: https://app.example\r\n"), "101");
  assertEquals(await status(""), "403");
  assertEquals(asked, ["https://app.example", undefined]);
});

Deno.test("what is no refusal is thrown on", () => {
  const error = new Error("of somebody else");
  assertStrictEquals(assertThrows(() => refusal(error)), error);
});

Deno.test("a refusal without a status is a bad request", () => {
  const response = refusal(new HandshakeError("bad-request", "what?"));
  assertEquals(response.status, 400);
});

/** A good request that Deno.serve has never seen. */
function foreignRequest(): Request {
  return new Request("http://example/", {
    headers: {
      host: "example",
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
}

Deno.test("a request that has been upgraded already is the caller's mistake", async () => {
  const thrown = Promise.withResolvers<unknown>();
  await using server = serveBare((request) => {
    const { response } = upgrade(request);
    try {
      upgrade(request);
    } catch (error) {
      thrown.resolve(error);
    }
    return response;
  });
  using _peer = await WirePeer.connect(server.port);
  const error = await thrown.promise;
  assertInstanceOf(error, ConfigError);
  assertEquals(error.code, "invalid-argument");
  assertEquals(error.field, "request");
});

const REFUSED: readonly (readonly [string, unknown, ConfigErrorCode])[] = [
  ["inactivityTimeout", -1, "invalid-option"],
  ["inactivityTimeout", NaN, "invalid-option"],
  ["inactivityTimeout", "30s", "invalid-option"],
  ["handshakeTimeout", -1, "invalid-option"],
  ["maxMessageSize", 0.5, "invalid-option"],
  ["protocols", "a", "invalid-option"],
  ["origins", [1], "invalid-option"],
  ["clock", {}, "invalid-option"],
  ["compression", true, "unsupported"],
  ["compression", {}, "unsupported"],
  ["fragmentSize", 1024, "unsupported"],
];

for (const [field, value, code] of REFUSED) {
  Deno.test(`the option ${field} is refused where it is ${Deno.inspect(value)}`, () => {
    const error = assertThrows(
      () => upgrade(foreignRequest(), { [field]: value }),
      ConfigError,
    );
    assertEquals(error.field, field);
    assertEquals(error.code, code);
  });
}

Deno.test("what is no Request and what are no options is refused by name", () => {
  for (const wrong of [undefined, null, 5, {}]) {
    const error = assertThrows(
      () => Reflect.apply(upgrade, undefined, [wrong]),
      ConfigError,
    );
    assertEquals(error.field, "request");
  }
  const error = assertThrows(
    () => Reflect.apply(upgrade, undefined, [foreignRequest(), null]),
    ConfigError,
  );
  assertEquals(error.field, "options");
});
