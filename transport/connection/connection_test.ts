import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  expectIncoming,
  expectWrite,
  FakeClock,
  MockDialer,
  MockSocket,
  socketPair,
} from "../../testing/mod.ts";
import { Connection } from "./connection.ts";
import type { ConnectionOptions } from "./options.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { ProtocolError } from "../protocol/wire/errors.ts";
import type { SocketEnd } from "../socket/socket.ts";
import { countListeners } from "../base/_support/signals.ts";

const TARGET = "ws://a.test";

/** Two connections over a pair in memory. */
function pair(
  options: ConnectionOptions = {},
): { client: Connection; server: Connection; clock: FakeClock } {
  const clock = new FakeClock();
  const sockets = socketPair({ clock });
  return {
    client: new Connection(sockets.client, { clock, ...options }),
    server: new Connection(sockets.server, { clock, pingInterval: 0 }),
    clock,
  };
}

Deno.test("A connection goes from disconnected over connecting to connected and closed", async () => {
  const dialer = new MockDialer();
  const connection = new Connection(TARGET, { dialer: dialer.dial });
  assertEquals(connection.state, "disconnected");
  const connected = connection.connect();
  assertEquals(connection.state, "connecting");
  await connected;
  assertEquals(connection.state, "connected");
  const closed = connection.close();
  assertEquals(connection.state, "closed");
  await closed;
  assertEquals(connection.state, "closed");
});

Deno.test("connect is refused while connecting, when connected and after close", async () => {
  const dialer = new MockDialer(["never", new MockSocket()]);
  const connection = new Connection(TARGET, { dialer: dialer.dial });
  const refused = () =>
    assertRejects(() => connection.connect(), ConnectionError, "disconnected");
  const cancel = new AbortController();
  const first = connection.connect({ signal: cancel.signal });
  assertEquals((await refused()).code, "invalid-state");
  cancel.abort(new Error("enough"));
  await assertRejects(() => first, Error, "enough");
  assertEquals(connection.state, "disconnected");
  await connection.connect();
  await refused();
  await connection.close();
  await refused();
});

Deno.test("connect dials again under the retry policy, and reports each failure", async () => {
  const clock = new FakeClock();
  const dialer = new MockDialer([new Error("one"), new Error("two")]);
  const reports: unknown[] = [];
  const connection = new Connection(TARGET, {
    clock,
    dialer: dialer.dial,
    retry: { initialDelay: 1_000, jitterFactor: 0 },
    onRetry: ({ attempt, delay, error }) => {
      reports.push([attempt, delay, error instanceof Error && error.message]);
      throw new Error("a callback that throws hurts nobody");
    },
  });
  const connected = connection.connect();
  await clock.advance(999);
  assertEquals(dialer.attempts.length, 2);
  await clock.advance(1);
  await connected;
  assertEquals(reports, [[1, 0, "one"], [2, 1_000, "two"]]);
  await connection.close();
  assertEquals(clock.pending, 0);
});

for (
  const [name, error, tries] of [
    ["401", new HandshakeError("refused", "no", { status: 401 }), 1],
    ["404", new HandshakeError("refused", "no", { status: 404 }), 1],
    ["408", new HandshakeError("refused", "no", { status: 408 }), 2],
    ["425", new HandshakeError("refused", "no", { status: 425 }), 2],
    ["429", new HandshakeError("refused", "no", { status: 429 }), 2],
    ["503", new HandshakeError("refused", "no", { status: 503 }), 2],
    ["a wrong certificate", new Error("invalid peer certificate: x"), 1],
    ["a bad option", new ConfigError("invalid-option", "proxy", "no"), 1],
    ["a reset", new Error("Connection reset by peer"), 2],
  ] as const
) {
  Deno.test(`A dial that fails with ${name} is ${tries === 1 ? "not tried again" : "tried again"}`, async () => {
    const dialer = new MockDialer([error, error]);
    const connection = new Connection(TARGET, {
      dialer: dialer.dial,
      retry: { maxRetries: 1 },
    });
    const failure = await assertRejects(
      () => connection.connect(),
      ConnectionError,
    );
    assertEquals(failure.code, "dial-failed");
    assertStrictEquals(failure.cause, error);
    assertEquals(dialer.attempts.length, tries);
    assertEquals(connection.state, "disconnected");
  });
}

Deno.test("close while dialling ends the dial, and a socket that comes too late is cut", async () => {
  const late = new MockSocket();
  const arrival = Promise.withResolvers<MockSocket>();
  const connection = new Connection(TARGET, { dialer: () => arrival.promise });
  const connected = connection.connect();
  await Promise.resolve();
  const { code, clean } = await connection.close();
  assertEquals([code, clean], [1006, false]);
  const error = await assertRejects(() => connected, ConnectionError);
  assertEquals(error.code, "connection-closed");
  arrival.resolve(late);
  await late.closed;
  assertEquals(late.terminations.length, 1);
  assertEquals(await connection.errors.take(), undefined);
});

Deno.test("Headers given as a function are asked for before each attempt", async () => {
  const dialer = new MockDialer([new Error("again")]);
  let asked = 0;
  await using connection = new Connection(TARGET, {
    dialer: dialer.dial,
    headers: () => Promise.resolve({ token: String(++asked) }),
  });
  await connection.connect();
  assertEquals(dialer.attempts.map(({ options }) => options.headers), [
    { token: "1" },
    { token: "2" },
  ]);
});

Deno.test("Messages that arrive before the first reader are kept, also over the close", async () => {
  const { client, server } = pair();
  server.trySend("one");
  server.trySend(new Uint8Array([2]));
  await server.close(1000);
  await client.closed;
  await expectIncoming(client, "one");
  await expectIncoming(client, new Uint8Array([2]));
  assertEquals(await client.incoming.take(), undefined);
});

for (
  const [name, limits, message] of [
    ["items", { incomingBufferSize: 2 }, "x"],
    ["bytes", { incomingBufferBytes: 20 }, "x".repeat(10)],
  ] as const
) {
  Deno.test(`A reader that is full in ${name} pauses reading, and goes on when it is read`, async () => {
    const clock = new FakeClock();
    const socket = new MockSocket({ clock });
    const connection = new Connection(socket, { clock, ...limits });
    for (let i = 0; i < 6; i++) socket.receive(message);
    assertEquals([socket.paused, connection.stats().incomingDepth], [
      true,
      2,
    ]);
    assertEquals(connection.pausedUntil, Infinity);
    for (let i = 0; i < 6; i++) await expectIncoming(connection, message);
    assertEquals(socket.paused, false);
    assertEquals(connection.pausedUntil, clock.now());
    await connection.close();
  });
}

const ENDS: readonly [
  name: string,
  end: Partial<SocketEnd>,
  code: string,
  closeCode: number,
][] = [
  ["1000", { code: 1000, clean: true }, "peer-closed-clean", 1000],
  ["1001", { code: 1001, clean: true }, "peer-closed-clean", 1001],
  ["no code", { code: 1005, clean: true }, "peer-closed-clean", 1005],
  ["1002", { code: 1002, clean: true }, "peer-closed-unexpected", 1002],
  ["1008", { code: 1008, clean: true }, "peer-closed-unexpected", 1008],
  ["4000", { code: 4000, clean: true }, "peer-closed-unexpected", 4000],
  ["the stream's end", { code: 1006 }, "peer-closed-unexpected", 1006],
  ["a reset", { error: new Error("reset") }, "read-error", 1006],
  [
    "a violation",
    { error: new ProtocolError("reserved-bits", "why") },
    "read-error",
    1002,
  ],
  [
    "a violation that was answered",
    {
      error: new ProtocolError("message-too-large", "bad"),
      sent: { code: 1009, reason: "why" },
    },
    "read-error",
    1009,
  ],
];

for (const [name, end, code, closeCode] of ENDS) {
  Deno.test(`The end by ${name} gives one error, ${code}, then no more`, async () => {
    const socket = new MockSocket();
    const connection = new Connection(socket);
    socket.end({ initiator: "peer", reason: "why", ...end });
    const errors: ConnectionError[] = [];
    for await (const error of connection.errors) errors.push(error);
    assertEquals(
      errors.map((error) => [error.code, error.closeCode, error.reason]),
      [[code, closeCode, "why"]],
    );
    assertStrictEquals(errors[0]?.cause, end.error);
    assertEquals(connection.state, "closed");
    assertEquals(await connection.incoming.take(), undefined);
  });
}

Deno.test("The user's own close gives no error; closing again waits for the same end", async () => {
  const { client, server } = pair();
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
  const { client, server } = pair();
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

Deno.test("terminate cuts at once, without an error for who asked for it", async () => {
  const { client, server } = pair();
  client.terminate();
  assertEquals((await client.closed).clean, false);
  assertEquals(await client.errors.take(), undefined);
  assertEquals((await server.errors.take())?.closeCode, 1006);
});

Deno.test("Sends keep the order of their calls, and count", async () => {
  const { client, server } = pair();
  void client.send("one");
  assert(client.trySend(new Uint8Array([1, 2])));
  await client.send("three");
  await expectIncoming(server, "one");
  await expectIncoming(server, new Uint8Array([1, 2]));
  await expectIncoming(server, "three");
  const { sentMessages, sentBytes } = client.stats();
  const { receivedMessages, receivedBytes } = server.stats();
  assertEquals([sentMessages, sentBytes], [3, 10]);
  assertEquals([receivedMessages, receivedBytes], [3, 10]);
  await client.close();
});

Deno.test("A send waits for room, and is withdrawn by its signal or its timeout", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock, buffering: true });
  const connection = new Connection(socket, {
    clock,
    highWaterMark: 4,
    pingInterval: 0,
  });
  const full = connection.send("full");
  const cancel = new AbortController();
  const cancelled = connection.send("no", { signal: cancel.signal });
  const late = connection.send("no", { timeout: 50 });
  const waits = connection.send("yes");
  assertEquals(connection.trySend("no"), false);
  cancel.abort(new Error("changed my mind"));
  await assertRejects(() => cancelled, Error, "changed my mind");
  await clock.advance(50);
  const error = await assertRejects(() => late, ConnectionError);
  assertEquals(error.code, "send-timeout");
  socket.drain();
  await full;
  await waits;
  await expectWrite(socket, "full");
  await expectWrite(socket, "yes");
  assertEquals(connection.stats().failedSends, 2);
  await connection.close();
});

Deno.test("A peer that reads nothing for writeTimeout ends the connection, and all calls that wait", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock, buffering: true });
  const connection = new Connection(socket, {
    clock,
    highWaterMark: 4,
    writeTimeout: 1_000,
    pingInterval: 0,
  });
  connection.trySend("full");
  const waits = connection.send("more");
  await clock.advance(999);
  assertEquals(connection.state, "connected");
  await clock.advance(1);
  const error = await assertRejects(() => waits, ConnectionError);
  assertEquals(error.code, "write-timeout");
  const end = await connection.errors.take();
  assertEquals(end?.code, "read-error");
  assertStrictEquals(end?.cause, error);
  assertEquals(clock.pending, 0);
});

Deno.test("Values that are not messages, and sends before connect or after close, are refused by name", async () => {
  const { client } = pair();
  // @ts-expect-error: what JavaScript may do.
  const wrong = await assertRejects(() => client.send(5), ConfigError);
  assertEquals(wrong.code, "invalid-argument");
  await client.close();
  for (
    const [connection, code] of [
      [client, "connection-closed"],
      [new Connection(TARGET), "not-connected"],
    ] as const
  ) {
    const failures = [
      await assertRejects(() => connection.send("x"), ConnectionError),
      await assertRejects(() => connection.ping(), ConnectionError),
      await assertRejects(
        () => connection.sendStream(ReadableStream.from(["x"])),
        ConnectionError,
      ),
      assertThrows(() => connection.trySend("x"), ConnectionError),
    ];
    assertEquals(failures.map((error) => error.code), Array(4).fill(code));
  }
});

Deno.test("A ping gives its round trip, which counts as a heartbeat", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock });
  const connection = new Connection(socket, { clock, pingInterval: 0 });
  const ping = connection.ping();
  clock.tick(7);
  socket.receivePong(new Uint8Array([1, 2, 3]));
  assertEquals(connection.stats().heartbeats, 0);
  socket.receivePong();
  assertEquals(await ping, 7);
  assertEquals(await connection.heartbeats.take(), {
    at: clock.now(),
    latency: 7,
  });
  const { heartbeats, latency } = connection.stats();
  assertEquals([heartbeats, latency], [1, 7]);
  const unanswered = connection.ping();
  const cancelled = connection.ping({ signal: AbortSignal.abort("no") });
  await cancelled.catch((reason) => assertEquals(reason, "no"));
  await connection.close();
  const error = await assertRejects(() => unanswered, ConnectionError);
  assertEquals(error.code, "connection-closed");
});

Deno.test("Pings go out every pingInterval, a tenth earlier or later", async () => {
  const clock = new FakeClock();
  clock.setRandom([0, 1]);
  const socket = new MockSocket({ clock });
  const connection = new Connection(socket, {
    clock,
    pingInterval: 1_000,
  });
  const sentAfter: number[] = [];
  for (let ms = 0; ms < 2_100; ms += 100) {
    await clock.advance(100);
    while (sentAfter.length < socket.pings.length) sentAfter.push(ms + 100);
  }
  assertEquals(sentAfter, [900, 2_000]);
  await connection.close();
  assertEquals(clock.pending, 0);
});

Deno.test("A socket without control frames cannot ping, and says so", async () => {
  const socket = new MockSocket({ controlFrames: false });
  const connection = new Connection(socket, { pingInterval: 1 });
  const error = await assertRejects(() => connection.ping(), ConnectionError);
  assertEquals(error.code, "ping-unsupported");
  assertEquals([connection.controlFrames, socket.pings.length], [false, 0]);
  await connection.close();
});

Deno.test("onPing, onPong and onClose see control frames, and may throw", async () => {
  const socket = new MockSocket();
  const seen: unknown[] = [];
  const see = (...what: unknown[]) => {
    seen.push(what);
    throw new Error("a callback that throws hurts nobody");
  };
  const connection = new Connection(socket, {
    onPing: (payload) => see("ping", [...payload]),
    onPong: (payload) => see("pong", [...payload]),
    onClose: (code, reason) => see("close", code, reason),
  });
  socket.receivePing(new Uint8Array([1]));
  socket.receivePong(new Uint8Array([2]));
  socket.receiveClose(4_000, "bye");
  await connection.closed;
  assertEquals(seen, [["ping", [1]], ["pong", [2]], ["close", 4_000, "bye"]]);
});

for (const streaming of [true, false]) {
  Deno.test(`A stream is one message at the other side, ${streaming ? "in fragments without an empty one" : "gathered"}`, async () => {
    const sockets = socketPair({ streaming });
    const client = new Connection(sockets.client);
    const server = new Connection(sockets.server);
    const text = "é".repeat(50);
    await client.sendStream(ReadableStream.from([text, "", text]), {
      type: "text",
      chunkSize: 7,
    });
    client.trySend("behind");
    await expectIncoming(server, text + text);
    await expectIncoming(server, "behind");
    assertEquals(client.stats().sentMessages, 2);
    assertEquals(server.stats().receivedMessages, 2);
    await client.close();
  });
}

Deno.test("The last fragment of a stream has FIN, and other sends wait behind it", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const { readable, writable } = new TransformStream<string, string>();
  const writer = writable.getWriter();
  const streamed = connection.sendStream(readable, { chunkSize: 4 });
  await writer.write("abcdef");
  const other = connection.send("other");
  assertEquals(connection.trySend("now"), false);
  assertEquals(socket.written, []);
  await writer.close();
  await Promise.all([streamed, other]);
  assertEquals(
    socket.fragments.map(({ payload, first, last }) => [
      new TextDecoder().decode(payload),
      first,
      last,
    ]),
    [["abcd", true, false], ["ef", false, true]],
  );
  assertEquals(socket.written.at(-1), "other");
  await connection.close();
});

Deno.test("A stream that breaks off in the middle ends the connection; before its first fragment it does not", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const fails = async function* (chunks: string[]) {
    yield* chunks;
    await Promise.resolve();
    throw new Error("source failed");
  };
  await assertRejects(() => connection.sendStream(fails([])), Error, "source");
  assertEquals(connection.state, "connected");
  await assertRejects(
    () => connection.sendStream(fails(["a", "b"]), { chunkSize: 1 }),
    Error,
    "source",
  );
  assertEquals(socket.closes[0]?.code, 1011);
  const error = await connection.errors.take();
  assert(error?.cause instanceof ConnectionError);
  assertEquals(error.cause.code, "stream-aborted");
  assertEquals(connection.stats().failedSends, 2);
});

Deno.test("The signal closes the connection, and after the end it is left alone", async () => {
  const lifetime = new AbortController();
  const { signal } = lifetime;
  const listeners = countListeners(signal);
  const { client, server } = pair({ signal });
  assertEquals(listeners(), 1);
  await server.close();
  await client.closed;
  assertEquals(listeners(), 0);

  const other = pair({ signal });
  lifetime.abort();
  assertEquals((await other.client.closed).sent?.code, 1000);
});

Deno.test("1,000 cycles of connect and abort on shared signals leave no listener and no timer", async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const dialer = new MockDialer([], { otherwise: "never" });
  for (let i = 0; i < 1_000; i++) {
    const connection = new Connection(TARGET, {
      clock,
      signal,
      dialer: dialer.dial,
    });
    const attempt = new AbortController();
    const connected = connection.connect({ signal: attempt.signal });
    if (i % 2 === 0) attempt.abort();
    await connection.close();
    await assertRejects(() => connected);
  }
  await clock.settle();
  assertEquals([listeners(), clock.pending, dialer.inFlight], [0, 0, 0]);
});

Deno.test("Options and streams that cannot be used are refused by name, and the connection stays open", async () => {
  const { client, server } = pair();
  const dialling = new Connection(TARGET);
  const wrong: readonly (readonly [string, () => unknown])[] = [
    ...[null, 3].flatMap((
      options,
    ) =>
      [
        ["options", () => Reflect.apply(client.send, client, ["a", options])],
        ["options", () => Reflect.apply(client.ping, client, [options])],
        [
          "options",
          () => Reflect.apply(dialling.connect, dialling, [options]),
        ],
        [
          "options",
          () => Reflect.apply(client.sendStream, client, [["a"], options]),
        ],
        [
          "options",
          () => Reflect.apply(client.close, client, [1000, "", options]),
        ],
      ] as const
    ),
    ...[null, -1, NaN, "1"].flatMap((timeout) =>
      [
        [
          "timeout",
          () => Reflect.apply(client.send, client, ["a", { timeout }]),
        ],
        [
          "timeout",
          () => Reflect.apply(client.close, client, [1000, "", { timeout }]),
        ],
      ] as const
    ),
    ["signal", () => Reflect.apply(client.send, client, ["a", { signal: 1 }])],
    ["signal", () => Reflect.apply(client.ping, client, [{ signal: 1 }])],
    [
      "signal",
      () => Reflect.apply(dialling.connect, dialling, [{ signal: 1 }]),
    ],
    [
      "type",
      () => Reflect.apply(client.sendStream, client, [["a"], { type: "x" }]),
    ],
    ...[null, 5, {}, new ArrayBuffer(1), new Blob()].map((stream) =>
      [
        "stream",
        () => Reflect.apply(client.sendStream, client, [stream]),
      ] as const
    ),
  ];
  for (const [field, call] of wrong) {
    const error = await assertRejects(async () => await call(), ConfigError);
    assertEquals(error.field, field);
  }
  assertEquals(client.state, "connected");
  assertEquals(dialling.state, "disconnected");
  await client.send("alive", {});
  assertEquals(await server.incoming.take(), "alive");
  await client.close();
});

Deno.test("Headers, subprotocols and deliveries that cannot be used are refused at once", () => {
  for (
    const [field, value] of [
      ["headers", 3],
      ["headers", { "a b": "c" }],
      ["protocols", 3],
      ["protocols", [1]],
      ["binary", "borrow"],
    ] as const
  ) {
    const error = assertThrows(
      () => Reflect.construct(Connection, [TARGET, { [field]: value }]),
      ConfigError,
    );
    assertEquals(error.field, field);
  }
});

Deno.test("Dials that fail at once are never a hot loop, whatever the delays", async () => {
  for (const retry of [{ initialDelay: 0 }, () => 0, () => NaN]) {
    const clock = new FakeClock();
    let dials = 0;
    const connection = new Connection("ws://a.example", {
      clock,
      retry,
      dialer: () => {
        dials++;
        return Promise.reject(new Error("refused"));
      },
    });
    const connecting = connection.connect();
    await clock.advance(1_000);
    assertEquals(dials >= 2 && dials <= 12, true, `${dials} dials in a second`);
    await clock.advance(200_000);
    assertEquals(connection.state, "connecting");
    await connection.close();
    await assertRejects(() => connecting, ConnectionError);
  }
});

Deno.test("A meter counts what passes through: messages, fragments and heartbeats, of several connections", async () => {
  const counts = {
    received: 0,
    receivedBytes: 0,
    sent: 0,
    sentBytes: 0,
    beats: 0,
  };
  const meter = {
    received: (bytes: number) => {
      counts.received++;
      counts.receivedBytes += bytes;
    },
    sent: (messages: number, bytes: number) => {
      counts.sent += messages;
      counts.sentBytes += bytes;
    },
    heartbeat: () => counts.beats++,
  };
  for (let i = 0; i < 2; i++) {
    const socket = new MockSocket();
    await using connection = new Connection(socket, { meter });
    socket.receive("é");
    await connection.send("abc");
    connection.trySend(new Uint8Array(5));
    await connection.sendStream(ReadableStream.from(["12", "345"]), {
      type: "text",
      chunkSize: 2,
    });
    const ping = connection.ping();
    socket.receivePong();
    await ping;
  }
  assertEquals(counts, {
    received: 2,
    receivedBytes: 4,
    sent: 6,
    sentBytes: 26,
    beats: 2,
  });
});
