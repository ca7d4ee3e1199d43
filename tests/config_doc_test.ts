import { assertEquals, assertThrows } from "@std/assert";
import {
  ConfigError,
  Connection,
  forEachMessage,
  InboundPool,
  listen,
  OutboundPool,
  upgrade,
} from "../mod.ts";
import { COMPRESSION_RULES } from "../transport/socket/compression_options.ts";
import * as config from "../transport/base/rules.ts";
import { WEBSOCKET_RULES } from "../websocket/options.ts";

type Rules = Readonly<Record<string, config.NumberRule>>;

/** Options of a connection that are not those of its socket too. */
const ofConnection: Rules = Object.fromEntries(
  Object.entries(config.CONNECTION_RULES).filter(([name]) =>
    !(name in config.SOCKET_RULES)
  ),
);

/** The sections of CONFIG.md that have options that are numbers. */
const SECTIONS: Readonly<Record<string, Rules>> = {
  "Pools": config.POOL_RULES,
  "Inbound pool": config.INBOUND_POOL_RULES,
  "Serve": config.SERVE_RULES,
  "Inbound worker": config.INBOUND_WORKER_RULES,
  "Outbound pool": config.OUTBOUND_POOL_RULES,
  "Outbound worker": config.OUTBOUND_WORKER_RULES,
  "Connection": ofConnection,
  "Sockets": config.SOCKET_RULES,
  "Compression": COMPRESSION_RULES,
  "Retry": config.RETRY_RULES,
  "Listen": config.LISTEN_RULES,
  "Upgrade": config.UPGRADE_RULES,
  "Handling messages": config.FOR_EACH_RULES,
  "WebSocket class": WEBSOCKET_RULES,
};

const text = await Deno.readTextFile(new URL("../CONFIG.md", import.meta.url));

const number = (cell: string) =>
  cell === "no limit" ? Infinity : Number(cell.replaceAll(",", ""));

/** What a section says of its numbers: the default and the range, in rows of five cells. */
function said(section: string): Record<string, unknown> {
  const rows = section.split("\n").map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
  return Object.fromEntries(
    rows.flatMap(([name = "", , , base, range, more]) =>
      !name.startsWith("`") || range === undefined || more !== undefined
        ? []
        : [[
          name.replaceAll("`", ""),
          [number(base ?? ""), ...range.split(" to ").map(number)],
        ]]
    ),
  );
}

function ruled(rules: Rules): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(rules).map((
      [name, rule],
    ) => [name, [rule.default, rule.min, rule.max]]),
  );
}

Deno.test("CONFIG.md gives the defaults and ranges of the code, all of them and no others", () => {
  const sections = text.split(/^## /m).slice(1);
  const documented = Object.fromEntries(
    sections.map((section): [string, Record<string, unknown>] => [
      section.split("\n", 1)[0] ?? "",
      said(section),
    ]).filter(([, options]) => Object.keys(options).length > 0),
  );
  assertEquals(
    documented,
    Object.fromEntries(
      Object.entries(SECTIONS).map(([name, rules]) => [name, ruled(rules)]),
    ),
  );
});

Deno.test("Every table of numbers of the code has a section in CONFIG.md", () => {
  const documented = new Set<unknown>(Object.values(SECTIONS));
  const missing = Object.entries(config).filter(([name, rules]) =>
    name.endsWith("_RULES") && name !== "CONNECTION_RULES" &&
    !documented.has(rules)
  ).map(([name]) => name);
  assertEquals(missing, []);
});

/**
 * The places where options are given. An option that does not exist is refused there, and the error lists those that
 * exist.
 */
const PLACES: Readonly<Record<string, (wrong: object) => unknown>> = {
  "Pools, Inbound pool": (wrong) => new InboundPool("pool", wrong),
  "Inbound worker": (worker) => new InboundPool("pool", { worker }),
  "Serve": (wrong) => new InboundPool("pool").serve(nothing(), wrong),
  "Pools, Outbound pool": (wrong) => new OutboundPool("pool", wrong),
  "Outbound worker": (worker) => new OutboundPool("pool", { worker }),
  "Connection, Sockets, Dial": (wrong) => new Connection("ws://test", wrong),
  "Compression": (compression) => listen({ compression }),
  "Retry": (retry) => new Connection("ws://test", { retry }),
  "Listen, Accept, Sockets": (wrong) => listen(wrong),
  "Upgrade": (wrong) => upgrade(new Request("http://test"), wrong),
  "Handling messages": (wrong) =>
    forEachMessage(new InboundPool("pool"), () => {}, wrong),
};

/** Options in a table that are for another call, and options that the text of a section names. */
const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  "Pools, Outbound pool": ["id", "protocols"], // Of `connect`.
  "Connection, Sockets, Dial": ["stream"], // Of `dialRaw` and `dialUpgrade`.
  "Listen, Accept, Sockets": [
    "clock",
    "logger",
    "loggingEnabled",
    "logLevel",
  ],
  "Upgrade": ["binary", "clock", "maxMessageSize"],
};

async function* nothing() {}

function namesOf(section: string): string[] {
  const body = text.split(`\n## ${section}\n`)[1]?.split("\n## ")[0] ?? "";
  return [...body.matchAll(/^\| `(\w+)` /gm)].map(([, name = ""]) => name);
}

for (const [place, use] of Object.entries(PLACES)) {
  Deno.test(`CONFIG.md names every option of the code, and no others: ${place}`, () => {
    const { message } = assertThrows(() => use({ nonsense: 1 }), ConfigError);
    const known = /The options are (.+)\.$/.exec(message)?.[1]?.split(", ") ??
      [];
    const exceptions = EXCEPTIONS[place] ?? [];
    const documented = place.split(", ").flatMap(namesOf);
    const sorted = (names: readonly string[]) =>
      [...new Set(names)].filter((name) => !exceptions.includes(name)).sort();
    assertEquals(sorted(documented), sorted(known));
  });
}

const { handshakeTimeout, ...ofOpenConnection } = ofConnection;

/** The interfaces of options, with the table of their numbers. */
const INTERFACES: readonly (readonly [path: string, rules: Rules])[] = [
  ["transport/pool/options.ts", config.POOL_RULES],
  ["inbound/options.ts", config.INBOUND_POOL_RULES],
  ["inbound/serve.ts", config.SERVE_RULES],
  ["inbound/worker_options.ts", config.INBOUND_WORKER_RULES],
  ["outbound/options.ts", config.OUTBOUND_POOL_RULES],
  ["outbound/worker_options.ts", config.OUTBOUND_WORKER_RULES],
  ["transport/connection/options.ts", ofOpenConnection],
  ["transport/client/dialer.ts", handshakeTimeout ? { handshakeTimeout } : {}],
  ["transport/socket/socket.ts", config.SOCKET_RULES],
  ["transport/handshake/negotiation.ts", COMPRESSION_RULES],
  ["transport/base/retry_policy.ts", config.RETRY_RULES],
  ["transport/server/listen_options.ts", config.LISTEN_RULES],
  ["transport/server/upgrade.ts", config.UPGRADE_RULES],
  ["transport/pool/for_each.ts", config.FOR_EACH_RULES],
  ["websocket/options.ts", WEBSOCKET_RULES],
];

for (const [path, rules] of INTERFACES) {
  Deno.test(`The doc comments of ${path} give the defaults of the code`, async () => {
    const source = await Deno.readTextFile(
      new URL(`../${path}`, import.meta.url),
    );
    const tags = source.matchAll(
      /@default \{([^}]*)\}\s*\*\/\s*readonly (\w+)\?/g,
    );
    const said = new Map(
      [...tags].map(([, value = "", name = ""]) => [name, value]),
    );
    for (const [name, rule] of Object.entries(rules)) {
      const value = rule.default === Infinity ? "no limit" : `${rule.default}`;
      assertEquals([name, said.get(name)?.split(" for ")[0]], [name, value]);
    }
  });
}
