// deno-lint-ignore-file no-console -- it is one of the loggers that are tested
import { assertEquals, assertStringIncludes } from "@std/assert";
import * as log from "@std/log";
import { configure, getLogger, type LogRecord, reset } from "@logtape/logtape";
import type { InboundPoolOptions } from "../inbound/options.ts";
import { InboundPool } from "../inbound/pool.ts";
import { OutboundPool } from "../outbound/pool.ts";
import {
  assertAttribute,
  assertLogSequence,
  FakeClock,
  findLogRecord,
  LogCapture,
  MockDialer,
  MockSocket,
} from "../testing/mod.ts";
import { createLog, type Logger } from "../transport/base/logging.ts";

Deno.test("Every record says where it comes from", () => {
  const logger = new LogCapture();
  createLog({ logger }, { component: "inbound_pool", pool_id: "p" })?.info(
    "said",
    { more: 1 },
  );
  assertEquals(logger.records, [{
    level: "info",
    message: "said",
    attributes: {
      module: "honeybee",
      component: "inbound_pool",
      pool_id: "p",
      more: 1,
    },
  }]);
});

Deno.test("Without a logger, or if logging is off, nothing is logged", () => {
  assertEquals(createLog({}, {}), undefined);
  assertEquals(
    createLog({ logger: new LogCapture(), loggingEnabled: false }, {}),
    undefined,
  );
});

Deno.test("The level narrows a scope alone", () => {
  const levels = ["debug", "info", "warn", "error"] as const;
  for (const [least, logLevel] of levels.entries()) {
    const logger = new LogCapture();
    const scope = createLog({ logger, logLevel }, {});
    for (const level of levels) scope?.[level](level);
    assertEquals(logger.records.map(({ level }) => level), levels.slice(least));
  }
});

for (
  const [way, act] of Object.entries<() => unknown>({
    "throws": () => {
      throw new Error("disk full");
    },
    "rejects": () => Promise.reject(new Error("disk full")),
    "never settles": () => new Promise(() => {}),
    "returns NaN": () => NaN,
    "returns an object": () => ({ then: 5 }),
  })
) {
  Deno.test(`A logger that ${way} hurts nobody`, async () => {
    const logger: Logger = { debug: act, info: act, warn: act, error: act };
    await using pool = new InboundPool("pool", { logger });
    const socket = new MockSocket();
    pool.add("a", socket);
    socket.end({ code: 1000 });
    assertEquals((await pool.events.take())?.kind, "disconnected");
  });
}

Deno.test("A peer's life leaves a record of each thing that happens, with its attributes", async () => {
  const logger = new LogCapture();
  const pool = new OutboundPool("relays", {
    logger,
    dialer: new MockDialer([new Error("no")]).dial,
  });
  const url = pool.connect("ws://a.example/?token=secret");
  await pool.whenConnected(url);
  await pool.close();
  assertLogSequence(logger.records, [
    "Peer added",
    "Error",
    "Connected",
    "Peer connected",
    "Closing",
    "Closed",
  ]);
  const connected = findLogRecord(logger.records, "Connected");
  for (
    const [name, value] of Object.entries({
      module: "honeybee",
      component: "connection",
      pool_id: "relays",
      peer_id: "ws://a.example",
    })
  ) {
    assertAttribute(connected, name, value);
  }
  assertEquals(
    logger.records.filter(({ message }) => message === "Peer connected").length,
    1,
  );
  // A query may hold secrets.
  assertEquals(
    Deno.inspect(logger.records, { depth: 9 }).includes("secret"),
    false,
  );
});

Deno.test("Each scope is switched and narrowed separately", async () => {
  const logger = new LogCapture();
  const pool = new InboundPool("pool", {
    logger,
    logLevel: "error",
    connection: { loggingEnabled: false },
  });
  const socket = new MockSocket();
  pool.add("a", socket);
  socket.end({ code: 1006 });
  await pool.events.take();
  await pool.close();
  assertEquals(logger.records, []);
});

/** What a pool says to a logger in a short life. */
async function live(logger: Logger): Promise<void> {
  const pool = new InboundPool("pool", { logger });
  const socket = new MockSocket();
  pool.add("a", socket);
  socket.end({ code: 1000 });
  await pool.events.take();
  await pool.close();
}

Deno.test("@std/log takes the records", async () => {
  const lines: string[] = [];
  class Lines extends log.BaseHandler {
    override log(message: string): void {
      lines.push(message);
    }
  }
  const handler = new Lines("DEBUG", {
    formatter: ({ levelName, msg, args }) =>
      `${levelName} ${msg} ${JSON.stringify(args[0])}`,
  });
  log.setup({
    handlers: { lines: handler },
    loggers: { honeybee: { level: "DEBUG", handlers: ["lines"] } },
  });
  await live(log.getLogger("honeybee"));
  const line = lines.find((line) => line.startsWith("INFO Peer left"));
  assertStringIncludes(line ?? "", '"pool_id":"pool"');
});

Deno.test("LogTape takes the records, with their attributes as properties", async () => {
  const records: LogRecord[] = [];
  await configure({
    sinks: { memory: (record) => records.push(record) },
    loggers: [
      { category: "honeybee", lowestLevel: "debug", sinks: ["memory"] },
      {
        category: ["logtape", "meta"],
        lowestLevel: "error",
        sinks: ["memory"],
      },
    ],
  });
  try {
    await live(getLogger("honeybee"));
  } finally {
    await reset();
  }
  const record = records.find(({ rawMessage }) => rawMessage === "Peer left");
  assertEquals([record?.properties["pool_id"], record?.properties["peer_id"]], [
    "pool",
    "a",
  ]);
});

Deno.test("console takes the records", async () => {
  const said: unknown[][] = [];
  const { info } = console;
  console.info = (...args: unknown[]) => said.push(args);
  try {
    await live({ ...console, debug() {}, info: console.info });
  } finally {
    console.info = info;
  }
  assertEquals(said.some(([message]) => message === "Peer left"), true);
});

Deno.test("Taking a peer out leaves one record, without the query of its URL", async () => {
  const logger = new LogCapture();
  const pool = new OutboundPool("relays", {
    logger,
    dialer: new MockDialer([]).dial,
  });
  const url = pool.connect("ws://a.example/?token=secret");
  await pool.whenConnected(url);
  await pool.remove(url);
  await pool.close();
  const removed = logger.records.filter(({ message }) =>
    message === "Peer removed"
  );
  assertEquals(removed.map(({ level }) => level), ["debug"]);
  assertAttribute(
    findLogRecord(logger.records, "Peer removed"),
    "peer_id",
    "ws://a.example",
  );
});

Deno.test("The worker of an inbound peer logs what it decides, with the level of its pool unless it has its own", async () => {
  const run = async (
    options: Pick<InboundPoolOptions, "logLevel" | "worker" | "connection">,
  ) => {
    const logger = new LogCapture();
    const clock = new FakeClock();
    await using pool = new InboundPool("pool", {
      ...options,
      clock,
      logger,
      worker: { ...options.worker, inactivityTimeout: 1_000 },
    });
    pool.add("a", new MockSocket({ clock }));
    await clock.advance(2_000);
    await pool.close();
    const count = (component: string) =>
      logger.records.filter(({ attributes }) =>
        attributes["component"] === component
      ).map(({ level }) => level);
    return {
      worker: count("inbound_worker"),
      connection: count("connection"),
      messages: logger.records.map(({ message }) => message),
    };
  };
  const all = await run({});
  assertEquals(all.worker, ["debug", "info", "debug"]);
  assertEquals(all.messages.includes("Evicting a silent peer"), true);
  assertEquals(all.connection.length > 0, true);

  const quiet = await run({ logLevel: "info" });
  assertEquals(quiet.worker, ["info"]);
  assertEquals(quiet.connection.includes("debug"), false);

  const silent = await run({ logLevel: "error" });
  assertEquals([silent.worker, silent.connection], [[], []]);

  const own = await run({
    logLevel: "error",
    worker: { logLevel: "debug" },
    connection: { logLevel: "info" },
  });
  assertEquals(own.worker, ["debug", "info", "debug"]);
  assertEquals(own.connection.length > 0, true);
});
