import {
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { MockDialer, MockSocket, socketPair } from "../../testing/mod.ts";
import { ConfigError } from "../base/errors.ts";
import { connectionPair, TARGET } from "./_support/pair.ts";
import { Connection } from "./connection.ts";

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

Deno.test("The response of the opening handshake is that of the socket", async () => {
  const socket = new MockSocket();
  const response = { status: 101, headers: new Headers({ a: "b" }) };
  Object.defineProperty(socket, "response", { value: response });
  const connection = new Connection("ws://a.test", {
    dialer: new MockDialer([socket]).dial,
  });
  assertEquals(connection.response, undefined);
  await connection.connect();
  assertStrictEquals(connection.response, response);
  await connection.close();
});

Deno.test("Options of a pool and of the retry policy are refused, and the message says where they belong", () => {
  for (
    const [name, home] of [
      ["reconnectDelay", "worker of an outbound pool"],
      ["messageTimeout", "worker of an outbound pool"],
      ["inactivityTimeout", "worker of an inbound pool"],
      ["maxQueueSize", "worker of a pool"],
      ["maxPeers", "an inbound pool"],
      ["maxConcurrentDials", "an outbound pool"],
      ["shouldReconnect", "an outbound pool"],
      ["onConnected", "an outbound pool"],
      ["inboxBufferSize", "a pool"],
      ["maxDelay", "the option retry"],
      ["maxRetries", "the option retry"],
    ] as const
  ) {
    const error = assertThrows(
      () => Reflect.construct(Connection, ["ws://a.test", { [name]: 1 }]),
      ConfigError,
      `belongs to ${home}.`.replace("to worker", "to the option worker"),
    );
    assertEquals([error.code, error.field], ["misplaced-option", name]);
  }
});

Deno.test("Options without effect on an open socket are refused, and so are unknown ones", async () => {
  const socket = new MockSocket();
  for (
    const [name, value, code] of [
      ["maxMessageSize", 10, "misplaced-option"],
      ["compression", true, "misplaced-option"],
      ["protocols", ["a"], "misplaced-option"],
      ["binary", "copy", "misplaced-option"],
      ["retry", false, "misplaced-option"],
      ["headers", {}, "misplaced-option"],
      ["pingIntervall", 10, "unknown-option"],
    ] as const
  ) {
    const error = assertThrows(
      () => Reflect.construct(Connection, [socket, { [name]: value }]),
      ConfigError,
      name,
    );
    assertEquals([error.code, error.field], [code, name]);
  }
  assertEquals(socket.started, false);
  const error = assertThrows(
    () => Reflect.construct(Connection, ["ws://a.test", { closeTimeOut: 1 }]),
    ConfigError,
  );
  assertEquals(error.code, "unknown-option");
  // @ts-expect-error: the types refuse it too.
  assertThrows(() => new Connection(socket, { maxMessageSize: 10 }));
  await new Connection(socket, { pingTimeout: 5 }).close();
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

Deno.test("Options and streams that cannot be used are refused by name, and the connection stays open", async () => {
  const { client, server } = connectionPair();
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

Deno.test("A socket has one connection, and a second one does it no harm", async () => {
  const sockets = socketPair();
  const connection = new Connection(sockets.client);
  const error = assertThrows(
    () => new Connection(sockets.client),
    ConfigError,
  );
  assertEquals([error.code, error.field], ["invalid-argument", "socket"]);
  const peer = new Connection(sockets.server);
  peer.trySend("hello");
  assertEquals(await connection.incoming.take(), "hello");
  await peer.close();
  await connection.closed;
});

Deno.test("A socket whose options were refused can still be used", async () => {
  const socket = new MockSocket();
  const options = { pingInterval: -1 };
  assertThrows(() => new Connection(socket, options), ConfigError);
  const connection = new Connection(socket);
  connection.terminate();
  await connection.closed;
});
