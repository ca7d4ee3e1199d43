import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Connection,
  forEachMessage,
  InboundPool,
  OutboundPool,
  pipe,
} from "../mod.ts";
import { MockDialer, MockSocket, socketPair } from "../testing/mod.ts";
import {
  CONNECTION_RULES,
  INBOUND_WORKER_RULES,
  type NumberRule,
  OUTBOUND_POOL_RULES,
  OUTBOUND_WORKER_RULES,
  POOL_RULES,
  RETRY_RULES,
} from "../transport/base/rules.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";

/** Values that no option that is a number takes. */
function badValues(rule: NumberRule): unknown[] {
  const values: unknown[] = [NaN, -Infinity, rule.min - 1, "1", null, {}];
  if (rule.default !== Infinity) values.push(Infinity);
  if (rule.unit === "bytes" || rule.unit === "items") values.push(1.5);
  return values;
}

/** Where an option stands, and what it must be. */
const SCOPES: readonly [
  prefix: string,
  rules: Readonly<Record<string, NumberRule>>,
  make: (options: object) => unknown,
][] = [
  ["", POOL_RULES, (options) => new InboundPool("pool", options)],
  ["", POOL_RULES, (options) => new OutboundPool("pool", options)],
  ["", OUTBOUND_POOL_RULES, (options) => new OutboundPool("pool", options)],
  [
    "worker.",
    INBOUND_WORKER_RULES,
    (worker) => new InboundPool("pool", { worker }),
  ],
  [
    "worker.",
    OUTBOUND_WORKER_RULES,
    (worker) => new OutboundPool("pool", { worker }),
  ],
  [
    "connection.",
    CONNECTION_RULES,
    (connection) => new OutboundPool("pool", { connection }),
  ],
  [
    "connection.retry.",
    RETRY_RULES,
    (retry) => new OutboundPool("pool", { connection: { retry } }),
  ],
  [
    "",
    CONNECTION_RULES,
    (options) => new Connection("ws://a.example", options),
  ],
];

Deno.test("Every option that is a number is refused out of its range, by its name", () => {
  for (const [prefix, rules, make] of SCOPES) {
    for (const [name, rule] of Object.entries(rules)) {
      make({ [name]: rule.default });
      make({ [name]: rule.min });
      for (const value of badValues(rule)) {
        const error = assertThrows(
          () => make({ [name]: value }),
          ConfigError,
          `${prefix}${name}: it must be`,
        );
        assertEquals(error.field, `${prefix}${name}`);
      }
    }
  }
});

Deno.test("Options that are no numbers are refused when they are of another kind", () => {
  const bad: readonly [field: string, options: object][] = [
    ["signal", { signal: {} }],
    ["clock", { clock: { now: () => 0 } }],
    ["logger", { logger: { info() {} } }],
    ["loggingEnabled", { loggingEnabled: "yes" }],
    ["logLevel", { logLevel: "loud" }],
    ["workerFactory", { workerFactory: {} }],
    ["worker", { worker: 1 }],
    ["connection", { connection: [] }],
    ["connection.binary", { connection: { binary: "lent" } }],
    ["connection.compression", { connection: { compression: "on" } }],
    ["connection.retry", { connection: { retry: "often" } }],
    ["connection.retry.maxretries", {
      connection: { retry: { maxretries: 1 } },
    }],
    ["connection.compression.lvl", { connection: { compression: { lvl: 1 } } }],
    ["connection.onPing", { connection: { onPing: true } }],
  ];
  for (const [field, options] of bad) {
    for (const Pool of [InboundPool, OutboundPool]) {
      const error = assertThrows(() => new Pool("pool", options), ConfigError);
      // An inbound pool refuses options of dials as a whole.
      const [scope, name] = field.split(".");
      assertEquals(
        error.field,
        Pool === OutboundPool || name === undefined
          ? field
          : `${scope}.${name}`,
      );
    }
  }
});

Deno.test("A pool needs a name", () => {
  for (const Pool of [InboundPool, OutboundPool]) {
    assertThrows(() => new Pool(""), ConfigError, "id must be");
  }
});

Deno.test("An outbound pool refuses URLs that it cannot keep connected, and goes on", async () => {
  const { dial } = new MockDialer();
  await using pool = new OutboundPool("pool", { dialer: dial });
  const bad = [
    "ftp://a.example",
    "a.example",
    "ws://a.example/\ud800",
    "ws://a.example/#part",
    "ws://user:secret@a.example",
    "ws://",
    "",
  ];
  for (const url of bad) {
    const error = assertThrows(() => pool.connect(url), ConfigError);
    assertEquals([error.code, error.field], ["invalid-url", "url"]);
    assertEquals(error.message.includes("secret"), false);
    assertEquals(pool.has(url), false);
    for (const call of [() => pool.send(url, "x"), () => pool.remove(url)]) {
      const error = await assertRejects(call, PoolError);
      assertEquals(error.code, "peer-not-found");
      assertEquals(error.message.includes("secret"), false);
    }
  }
  const url = pool.connect("WS://A.Example:80/");
  assertEquals(url, "ws://a.example");
  const error = assertThrows(() => pool.connect("ws://a.example"), PoolError);
  assertEquals(error.code, "peer-exists");
  await pool.whenConnected(url);
  await pool.send(url, "goes on");
});

Deno.test("An inbound pool refuses calls that it cannot do, and keeps working", async () => {
  await using pool = new InboundPool("pool");
  const code = (action: () => unknown, Class: typeof PoolError) =>
    assertThrows(action, Class).code;
  assertThrows(() => pool.add("", new MockSocket()), ConfigError, "id must be");
  assertThrows(
    () => Reflect.apply(pool.add, pool, ["a", new Map()]),
    ConfigError,
    "socket must be a Socket or a WebSocket of the runtime, and is an object (Map)",
  );
  assertEquals(
    code(() => pool.replace("a", new MockSocket()), PoolError),
    "peer-not-found",
  );
  assertEquals(code(() => pool.trySend("a", "x"), PoolError), "peer-not-found");
  assertEquals(code(() => pool.peerStats("a"), PoolError), "peer-not-found");
  assertEquals(
    (await assertRejects(() => pool.send("a", "x"), PoolError)).code,
    "peer-not-found",
  );
  assertEquals(
    (await assertRejects(() => pool.remove("a"), PoolError)).code,
    "peer-not-found",
  );
  const { client, server } = socketPair();
  pool.add("a", server);
  assertEquals(
    code(() => pool.add("a", new MockSocket()), PoolError),
    "peer-exists",
  );
  await assertRejects(
    () => Reflect.apply(pool.send, pool, ["a", 42]),
    ConfigError,
    "data must be a string or a Uint8Array",
  );
  await pool.send("a", "goes on");
  const connection = new Connection(client);
  assertEquals(await connection.incoming.take(), "goes on");
});

Deno.test("After close a pool says that it is closed, and nothing else", async () => {
  const inbound = new InboundPool("in");
  const outbound = new OutboundPool("out");
  await Promise.all([inbound.close(), outbound.close()]);
  await Promise.all([inbound.close(), outbound.close()]);
  for (
    const action of [
      () => inbound.add("a", new MockSocket()),
      () => inbound.replace("a", new MockSocket()),
      () => inbound.trySend("a", "x"),
      () => outbound.connect("ws://a.example"),
      () => outbound.trySend("ws://a.example", "x"),
    ]
  ) assertEquals(assertThrows(action, PoolError).code, "pool-closed");
  for (
    const action of [
      () => inbound.send("a", "x"),
      () => inbound.remove("a"),
      () => outbound.send("ws://a.example", "x"),
      () => outbound.remove("ws://a.example"),
      () => outbound.whenConnected("ws://a.example"),
    ]
  ) assertEquals((await assertRejects(action, PoolError)).code, "pool-closed");
  assertEquals(await inbound.inbox.take(), undefined);
  assertEquals(await outbound.events.take(), undefined);
});

Deno.test("A close code that may not be sent, and a reason of over 123 bytes, are refused", async () => {
  const { client, server } = socketPair();
  const one = new Connection(client);
  const other = new Connection(server);
  for (
    const code of [0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 1.5, NaN]
  ) {
    const error = assertThrows(() => one.close(code), ConfigError);
    assertEquals(error.field, "code");
  }
  const error = assertThrows(
    () => one.close(1000, "ä".repeat(62)),
    ConfigError,
  );
  assertEquals(error.field, "reason");
  assertEquals(one.state, "connected");
  const end = await one.close(3000, "ä".repeat(61));
  assertEquals([end.code, end.clean], [3000, true]);
  assertEquals((await other.closed).reason, "ä".repeat(61));
});

Deno.test("A connection to a value that is neither a URL nor a socket is refused", () => {
  for (const target of [undefined, null, 5, {}]) {
    const error = assertThrows(
      () => Reflect.construct(Connection, [target]),
      ConfigError,
      "must be a URL or a Socket",
    );
    assertEquals(error.code, "invalid-argument");
  }
});

Deno.test("An option of an outbound pool in the wrong place is refused, and the error says where it belongs", async () => {
  await using pool = new OutboundPool("pool", {
    dialer: new MockDialer().dial,
  });
  const url = "ws://a.example";
  const cases: readonly [field: string, home: string, call: () => unknown][] = [
    [
      "pingInterval",
      "connection",
      () => new OutboundPool("p", { pingInterval: 1 } as object),
    ],
    [
      "messageTimeout",
      "worker",
      () => new OutboundPool("p", { messageTimeout: 1 } as object),
    ],
    [
      "maxPeers",
      "inbound pool",
      () => new OutboundPool("p", { maxPeers: 1 } as object),
    ],
    [
      "connection.messageTimeout",
      "worker",
      () =>
        new OutboundPool("p", { connection: { messageTimeout: 1 } as object }),
    ],
    [
      "worker.pingInterval",
      "connection",
      () => new OutboundPool("p", { worker: { pingInterval: 1 } as object }),
    ],
    [
      "pingInterval",
      "connection",
      () => pool.connect(url, { pingInterval: 1 } as object),
    ],
    [
      "stableAfter",
      "worker",
      () => pool.connect(url, { stableAfter: 1 } as object),
    ],
    [
      "onEvent",
      "the pool",
      () => pool.connect(url, { onEvent: () => {} } as object),
    ],
    [
      "worker.maxQueueSize",
      "the pool",
      () => pool.connect(url, { worker: { maxQueueSize: 1 } as object }),
    ],
  ];
  for (const [field, home, call] of cases) {
    const error = assertThrows(call, ConfigError, home);
    assertEquals([error.code, error.field], ["misplaced-option", field]);
  }
  assertEquals(pool.peers, []);
});

Deno.test("A misspelt option of a call is refused, in place of waiting without it", async () => {
  const { client, server } = socketPair();
  const one = new Connection(client);
  const other = new Connection(server);
  const socket = new MockSocket();
  await using pool = new OutboundPool("pool", {
    dialer: new MockDialer([socket]).dial,
  });
  const id = pool.connect("ws://a.example");
  await pool.whenConnected(id);
  // What a program in JavaScript may give.
  const wrong: object = { sginal: AbortSignal.timeout(1) };
  for (
    const call of [
      () => one.send("x", wrong),
      () => one.sendStream(new ReadableStream(), wrong),
      () => one.ping(wrong),
      () => one.incoming.take(wrong),
      () => new Connection("ws://a.example").connect(wrong),
      () => pool.send(id, "x", wrong),
      () => pool.whenConnected(id, wrong),
      () => pool.inbox.take(wrong),
      () => pipe(one, other, wrong),
    ]
  ) {
    const error = await assertRejects(async () => await call(), ConfigError);
    assertEquals([error.code, error.field], ["unknown-option", "sginal"]);
  }
  assertThrows(() => one.close(1000, "", wrong), ConfigError, "sginal");
  socket.receiveClose(1000);
  await one.close();
  await other.close();
});

Deno.test("forEachMessage refuses at once a value that is not a pool", () => {
  for (const pool of [undefined, null, {}, { inbox: [], errors: [] }, "pool"]) {
    assertThrows(
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      () => void forEachMessage(pool as any, () => {}),
      ConfigError,
      "pool must be",
    );
  }
});
