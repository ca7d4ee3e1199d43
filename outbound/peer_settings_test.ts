import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LogCapture, MockDialer, MockSocket } from "../testing/mod.ts";
import {
  CA,
  CLIENT_CERT,
  CLIENT_KEY,
} from "../transport/_support/certificates.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";
import type { Dialer, DialOptions } from "../transport/client/dialer.ts";
import { drain, setUp } from "./_support/set_up.ts";
import type { OutboundPoolOptions } from "./options.ts";
import type { ConnectOptions } from "./peer_settings.ts";
import { OutboundPool } from "./pool.ts";

const URL_A = "ws://a.example/path?key=secret";

Deno.test("With ids one URL is held several times", async () => {
  const { pool, clock, sockets, dialer } = setUp();
  assertEquals(pool.connect(URL_A, { id: "first" }), "first");
  assertEquals(pool.connect(URL_A, { id: "second" }), "second");
  assertEquals(pool.connect(URL_A), URL_A);
  await clock.advance(0);
  assertEquals(pool.peers, ["first", "second", URL_A]);
  assertEquals(dialer.attempts.map(({ url }) => url), [URL_A, URL_A, URL_A]);
  assertEquals(
    drain(pool).map(({ id, session }) => [id, session]),
    [["first", 1], ["second", 1], [URL_A, 1]],
  );
  pool.trySend("second", "to the second");
  assertEquals(sockets.map(({ written }) => written), [
    [],
    ["to the second"],
    [],
  ]);
  sockets[0]?.receive("from the first");
  assertEquals((await pool.inbox.take())?.id, "first");
  await pool.remove("first");
  assertEquals(pool.peers, ["second", URL_A]);
  await pool.close();
});

Deno.test("An id may be used once, and holds for another URL after the peer was removed", async () => {
  const { pool } = setUp();
  pool.connect("ws://a.example", { id: "x" });
  for (const url of ["ws://a.example", "ws://b.example"]) {
    const error = assertThrows(() => pool.connect(url, { id: "x" }), PoolError);
    assertEquals(error.code, "peer-exists");
  }
  await pool.remove("x");
  assertEquals(pool.connect("ws://b.example", { id: "x" }), "x");
  await pool.close();
});

Deno.test("Every method takes the id, or any form of the URL of a peer without an own id", async () => {
  const { pool, clock } = setUp();
  pool.connect("ws://a.example/");
  pool.connect("ws://b.example", { id: "b" });
  await clock.advance(0);
  const forms = [
    "ws://a.example",
    "WS://A.example:80/",
    new URL("ws://a.example/"),
  ];
  for (const id of [...forms, "b"]) {
    assertEquals(pool.has(id), true);
    assertEquals(pool.isConnected(id), true);
    assertEquals(pool.peerState(id).state, "connected");
    assertEquals(pool.trySend(id, "x"), true);
    await pool.send(id, "x");
    await pool.whenConnected(id);
    pool.peerStats(id);
    pool.reconnect(id);
    await clock.advance(100);
  }
  for (const id of ["ws://b.example", "c", "ws://c.example", "http://x", ""]) {
    assertEquals(pool.has(id), false);
    assertEquals(pool.isConnected(id), false);
    const calls: readonly (() => unknown)[] = [
      () => pool.peerState(id),
      () => pool.trySend(id, "x"),
      () => pool.peerStats(id),
      () => pool.reconnect(id),
    ];
    for (const call of calls) {
      assertEquals(assertThrows(call, PoolError).code, "peer-not-found");
    }
    const promises: readonly (() => Promise<unknown>)[] = [
      () => pool.send(id, "x"),
      () => pool.whenConnected(id),
      () => pool.remove(id),
    ];
    for (const call of promises) {
      assertEquals(
        (await assertRejects(call, PoolError)).code,
        "peer-not-found",
      );
    }
  }
  for (const id of [undefined, 3, null, {}]) {
    const has = () => Reflect.apply(pool.has, pool, [id]);
    assertEquals(assertThrows(has, ConfigError).field, "id");
    const send = () => Reflect.apply(pool.send, pool, [id, "x"]);
    await assertRejects(send, ConfigError);
  }
  await pool.remove(new URL("WS://a.EXAMPLE"));
  await pool.remove("b");
  assertEquals(pool.peers, []);
  await pool.close();
});

Deno.test("An own id that looks like a URL stands for no other form of it", async () => {
  const { pool } = setUp();
  pool.connect("ws://a.example", { id: "ws://b.example" });
  assertEquals(pool.has("ws://b.example"), true);
  assertEquals(pool.has("WS://b.example/"), false);
  assertThrows(() => pool.connect("ws://b.example/"), PoolError, "already");
  await pool.close();
});

/** What the dialer gets for a peer. */
async function dialled(
  pool: OutboundPoolOptions,
  peer: ConnectOptions,
): Promise<MockDialer["attempts"][number]> {
  const { dialer, clock, ...rest } = setUp([], pool);
  rest.pool.connect("ws://a.example", peer);
  await clock.advance(0);
  await rest.pool.close();
  const [attempt] = dialer.attempts;
  if (attempt === undefined) throw new Error("It was not dialled.");
  return attempt;
}

Deno.test("The peer's options come before the pool's, the closest first", async () => {
  const headers = (value: string) => ({ headers: { x: value } });
  const cases: readonly [OutboundPoolOptions, ConnectOptions, string][] = [
    [{ connection: headers("pool connection") }, {}, "pool connection"],
    [headers("pool"), {}, "pool"],
    [
      { connection: headers("pool connection") },
      headers("peer"),
      "peer",
    ],
    [
      headers("pool"),
      { connection: headers("peer connection") },
      "peer connection",
    ],
    [headers("pool"), { headers: () => ({ x: "peer" }) }, "peer"],
    [headers("pool"), { headers: undefined }, "pool"],
  ];
  for (const [pool, peer, expected] of cases) {
    const { options } = await dialled(pool, peer);
    assertEquals(new Headers(options.headers).get("x"), expected);
  }
  const { options } = await dialled(
    { connection: { protocols: "a", maxMessageSize: 5, pingInterval: 7 } },
    {
      protocols: ["b", "c"],
      connection: { maxMessageSize: 6, pingInterval: undefined },
    },
  );
  assertEquals(
    [options.protocols, options.maxMessageSize, options.pingInterval],
    [["b", "c"], 6, 7],
  );
  const inherited = await dialled({ connection: { protocols: "a" } }, {});
  assertEquals(inherited.options.protocols, "a");
});

Deno.test("A peer may have a dialer, delays, a decision and limits of its own", async () => {
  const { pool, clock, dialer, sockets } = setUp([], {
    worker: { reconnectDelay: 1_000 },
    shouldReconnect: () => "stop",
  });
  clock.setRandom(() => 0);
  const own: MockSocket[] = [];
  pool.connect("ws://own.example", {
    dialer: new MockDialer([], {
      otherwise: () => {
        const socket = new MockSocket({ clock });
        own.push(socket);
        return socket;
      },
    }).dial,
    worker: { reconnectDelay: 500 },
    shouldReconnect: () => "reconnect",
  });
  pool.connect("ws://other.example");
  await clock.advance(0);
  assertEquals([own.length, dialer.attempts.length], [1, 1]);
  own[0]?.end({ code: 1006 });
  sockets[0]?.end({ code: 1006 });
  await clock.advance(499);
  assertEquals(own.length, 1);
  await clock.advance(1);
  assertEquals(own.length, 2);
  await clock.advance(10_000);
  assertEquals(dialer.attempts.length, 1);
  await pool.close();
});

Deno.test("A peer's closeTimeout bounds the wait for it, not the pool's", async () => {
  const { pool, clock, dialer } = setUp([], {
    connection: { closeTimeout: 100 },
  });
  dialer.otherwise = () =>
    new MockSocket({ clock, behaviour: { close: () => {} } });
  pool.connect(URL_A, { connection: { closeTimeout: 3_000 } });
  await clock.advance(0);
  let closed = false;
  void pool.close().then(() => closed = true);
  await clock.advance(2_999);
  assertEquals(closed, false);
  await clock.advance(1);
  assertEquals(closed, true);
});

Deno.test("Log levels are inherited from the pool, and may be set for worker, connection and peer", async () => {
  const levels = async (
    options: OutboundPoolOptions,
    peer: ConnectOptions = {},
  ): Promise<string[]> => {
    const logger = new LogCapture();
    const { pool, clock, sockets } = setUp([], { logger, ...options });
    pool.connect("ws://a.example", peer);
    await clock.advance(0);
    sockets[0]?.end({ code: 1006 });
    await clock.advance(0);
    await pool.close();
    return [
      ...new Set(
        logger.records.map(({ level, attributes }) =>
          `${attributes["component"]} ${level}`
        ),
      ),
    ].sort();
  };
  const all = await levels({});
  for (
    const record of [
      "connection info",
      "outbound_pool info",
      "outbound_worker debug",
    ]
  ) assertEquals(all.includes(record), true, record);
  assertEquals(await levels({ logLevel: "error" }), []);
  assertEquals(await levels({ loggingEnabled: false }), []);
  assertEquals(
    await levels({ logLevel: "error", worker: { logLevel: "debug" } }),
    ["outbound_worker debug"],
  );
  assertEquals(
    await levels({ logLevel: "error", connection: { logLevel: "info" } }),
    ["connection info"],
  );
  assertEquals(
    await levels({ logLevel: "error" }, { worker: { logLevel: "debug" } }),
    ["outbound_worker debug"],
  );
  assertEquals(
    await levels({
      logLevel: "info",
      worker: { loggingEnabled: false },
      connection: { loggingEnabled: false },
    }),
    ["outbound_pool info"],
  );
});

Deno.test("Options that have no effect in their place are refused, and the message says where they belong", async () => {
  const { pool } = setUp();
  const cases: readonly [unknown, string, string][] = [
    [{ retries: 3 }, "retries", "unknown-option"],
    [{ retry: false }, "retry", "misplaced-option"],
    [{ signal: new AbortController().signal }, "signal", "misplaced-option"],
    [
      { worker: { maxQueueSize: 3 } },
      "worker.maxQueueSize",
      "misplaced-option",
    ],
    [{ worker: { keepalive: 3 } }, "worker.keepalive", "unknown-option"],
    [{ maxDelay: 3 }, "maxDelay", "misplaced-option"],
    [{ worker: { maxDelay: 3 } }, "worker.maxDelay", "misplaced-option"],
    [
      { connection: { maxDelay: 3 } },
      "connection.maxDelay",
      "misplaced-option",
    ],
    [
      { connection: { onConnected: () => {} } },
      "connection.onConnected",
      "misplaced-option",
    ],
    [
      { worker: { messageTimeout: -1 } },
      "worker.messageTimeout",
      "invalid-option",
    ],
    [
      { connection: { incomingBufferSize: 3 } },
      "connection.incomingBufferSize",
      "misplaced-option",
    ],
    [
      { headers: {}, connection: { headers: {} } },
      "connection.headers",
      "misplaced-option",
    ],
    [
      { protocols: "a", connection: { protocols: "b" } },
      "connection.protocols",
      "misplaced-option",
    ],
    [{ protocols: 3 }, "connection.protocols", "invalid-option"],
    [
      { connection: { pingInterval: -1 } },
      "connection.pingInterval",
      "invalid-option",
    ],
    [{ dialer: 1 }, "dialer", "invalid-option"],
    [{ onConnected: 1 }, "onConnected", "invalid-option"],
    [{ shouldReconnect: 1 }, "shouldReconnect", "invalid-option"],
    [{ id: "" }, "id", "invalid-argument"],
    [{ id: 3 }, "id", "invalid-argument"],
  ];
  for (const [options, field, code] of cases) {
    const connect = () => Reflect.apply(pool.connect, pool, [URL_A, options]);
    const error = assertThrows(connect, ConfigError);
    assertEquals([error.field, error.code], [field, code]);
  }
  assertEquals(pool.peers, []);
  const poolCases: readonly [unknown, string][] = [
    [{ retry: false }, "retry"],
    [{ worker: { inactivityTimeout: 1 } }, "worker.inactivityTimeout"],
    [{ onConnected: "x" }, "onConnected"],
    [{ headers: {}, connection: { headers: {} } }, "connection.headers"],
  ];
  for (const [options, field] of poolCases) {
    const make = () => Reflect.construct(OutboundPool, ["pool", options]);
    assertEquals(assertThrows(make, ConfigError).field, field);
  }
  await pool.close();
});

Deno.test("Messages never show the query of a URL, nor its credentials", async () => {
  const { pool } = setUp();
  pool.connect(URL_A);
  const errors = [
    assertThrows(() => pool.connect(URL_A), PoolError),
    assertThrows(
      () => pool.peerState("ws://user:pass@b.example?x=secret"),
      PoolError,
    ),
  ];
  for (const { message } of errors) {
    assertEquals(/secret|pass/.test(message), false, message);
  }
  await pool.close();
});

Deno.test("Options that cannot be used are refused when they are given", async () => {
  const { pool } = setUp();
  for (const options of [null, 5, "junk"]) {
    const connect = () => Reflect.apply(pool.connect, pool, [URL_A, options]);
    assertEquals(assertThrows(connect, ConfigError).field, "options");
  }
  for (const headers of [3, null, { "a b": "c" }, [["a"]]]) {
    const wrong = { headers };
    for (
      const use of [
        () => Reflect.apply(pool.connect, pool, [URL_A, wrong]),
        () => Reflect.construct(OutboundPool, ["pool", wrong]),
      ]
    ) assertEquals(assertThrows(use, ConfigError).field, "headers");
  }
  assertEquals(pool.peers, []);
  pool.connect(URL_A, { headers: new Map([["a", "b"]]) });
  const waiting = await assertRejects(
    () => Reflect.apply(pool.whenConnected, pool, [URL_A, { signal: 1 }]),
    ConfigError,
  );
  assertEquals(waiting.field, "signal");
  await pool.close();
});

Deno.test("The options of TLS of a pool hold for its wss: peers", async () => {
  const tls = { caCerts: [CA], cert: CLIENT_CERT, key: CLIENT_KEY };
  const seen = new Map<string, Partial<DialOptions>>();
  const dialer: Dialer = (url, { caCerts, cert, key }) => {
    seen.set(url, { caCerts, cert, key });
    return Promise.resolve(new MockSocket());
  };
  const urls = ["ws://a.example", "wss://b.example"];
  const pool = new OutboundPool("tls", { dialer, connection: tls });
  for (const url of urls) {
    pool.connect(url);
    pool.connect(url, { id: `${url}#`, connection: { pingInterval: 1_000 } });
    await pool.whenConnected(url);
    await pool.whenConnected(`${url}#`);
    const none = { caCerts: undefined, cert: undefined, key: undefined };
    assertEquals(seen.get(url), url === urls[0] ? none : tls);
    seen.delete(url);
  }
  await pool.close();
  // The library's own dialers refuse them for ws: URLs.
  const own = new OutboundPool("own", { connection: tls });
  own.connect("ws://127.0.0.1:9/");
  assertEquals(
    assertThrows(
      () => own.connect("ws://127.0.0.1:9/x", { connection: tls }),
      ConfigError,
    ).code,
    "unsupported",
  );
  await own.close();
});
