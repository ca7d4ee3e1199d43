/** What no dial could succeed with is an error of the call, and not of each attempt forever. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Connection,
  dialAuto,
  type Dialer,
  dialNative,
  dialRaw,
  listen,
  OutboundPool,
} from "../mod.ts";
import { MockDialer, MockSocket } from "../testing/mod.ts";
import {
  CA,
  CLIENT_CERT,
  CLIENT_KEY,
  SERVER_KEY,
} from "../transport/_support/certificates.ts";
import { ConfigError } from "../transport/base/errors.ts";
import { dialUpgrade } from "../transport/client/dial_upgrade.ts";

const PLAIN = "ws://127.0.0.1:9";
const SECURE = "wss://127.0.0.1:9";
const URLS = [
  "ws://127.0.0.1:0",
  "wss://127.0.0.1:0/path",
  "ws://[::1]:0",
  "ws://127.0.0.1:00",
  "http://127.0.0.1:0",
  "ws://127.0.0.1:65536",
  "ws://",
  "ws:///path",
  "ws://:80",
  "ws://a b",
];
const LONG = `/tmp/${"x".repeat(200)}`;

type Case = readonly [field: string, url: string, options: object];
const OPTIONS: readonly Case[] = [
  ["proxy", PLAIN, { proxy: "http://127.0.0.1:0" }],
  ["proxy", PLAIN, { proxy: new URL("http://127.0.0.1:0") }],
  ["proxy", PLAIN, { proxy: "" }],
  ["proxy", PLAIN, { proxy: "a b" }],
  ["proxy", PLAIN, { proxy: "https://127.0.0.1:9" }],
  ["proxy", PLAIN, { proxy: 5 }],
  ["proxy", PLAIN, { proxy: true }],
  ["proxy", PLAIN, { proxy: "http://127.0.0.1:9", unix: "/tmp/x" }],
  ["unix", PLAIN, { unix: "" }],
  ["unix", PLAIN, { unix: 5 }],
  ["unix", PLAIN, { unix: "/tmp/a\0b" }],
  ["unix", PLAIN, { unix: LONG }],
  ["unix", SECURE, { unix: "/tmp/x" }],
  ["caCerts", SECURE, { caCerts: "nonsense" }],
  ["caCerts", SECURE, { caCerts: ["nonsense"] }],
  ["caCerts", SECURE, { caCerts: [undefined] }],
  ["cert", SECURE, { cert: "nonsense", key: CLIENT_KEY }],
  ["cert", SECURE, { key: CLIENT_KEY }],
  ["cert", SECURE, { cert: 5, key: CLIENT_KEY }],
  ["key", SECURE, { cert: CLIENT_CERT }],
  ["key", SECURE, { cert: CLIENT_CERT, key: "" }],
  ["key", SECURE, { cert: CLIENT_CERT, key: SERVER_KEY }],
  ["cert", PLAIN, { cert: CLIENT_CERT, key: CLIENT_KEY }],
  ["caCerts", PLAIN, { caCerts: [CA] }],
  ["caCerts", PLAIN, { caCerts: [CA], unix: "/tmp/x" }],
];
/** What both kinds of sockets refuse in the same way. */
const EVERYWHERE: readonly Case[] = [
  ["headers", PLAIN, { headers: { a: "b\r\nc: d" } }],
  ["headers", PLAIN, { headers: { "a b": "c" } }],
  ["headers", PLAIN, { headers: { Upgrade: "x" } }],
  ["headers", PLAIN, { headers: [["host", "a"], ["host", "b"]] }],
  ["headers", PLAIN, { headers: { host: "a b" } }],
  ["protocols", PLAIN, { protocols: "a b" }],
  ["protocols", PLAIN, { protocols: "" }],
  ["protocols", PLAIN, { protocols: ["a", "a"] }],
  ["protocols", PLAIN, { protocols: ["a", 5] }],
];

for (const url of URLS) {
  Deno.test(`no call dials ${url}`, async () => {
    await using pool = new OutboundPool("pool");
    const parsed = URL.parse(url);
    for (const given of parsed?.port === "0" ? [url, parsed] : [url]) {
      const calls = [
        () => new Connection(given),
        () => pool.connect(given),
        () => pool.connect(given, { id: "x", dialer: dialNative }),
      ];
      for (const call of calls) {
        assertEquals(assertThrows(call, ConfigError).code, "invalid-url");
      }
    }
    for (const dial of [dialRaw, dialNative, dialAuto]) {
      const error = await assertRejects(() => dial(url, {}), ConfigError);
      assertEquals(error.code, "invalid-url");
    }
    const error = await assertRejects(
      () => dialUpgrade(url, { upgrade: "x" }),
      ConfigError,
    );
    assertEquals(error.code, "invalid-url");
    assertEquals(pool.peers, []);
  });
}

/** Checks that every call refuses an option by its name. */
async function refusedBy(
  [field, url, options]: Case,
  dialers: readonly (Dialer | undefined)[],
): Promise<void> {
  await using pool = new OutboundPool("pool");
  for (const dialer of dialers) {
    const dialling = dialer && { dialer };
    const { headers, ...connection } = { headers: undefined, ...options };
    const given = { ...options, ...dialling };
    const calls: [() => unknown, string][] = [
      [() => new Connection(url, given), field],
      [
        () => pool.connect(url, { headers, connection, ...dialling }),
        field === "headers" ? field : `connection.${field}`,
      ],
    ];
    const ofPool = () => {
      const of = new OutboundPool("of", { headers, connection, ...dialling });
      try {
        of.connect(url);
      } finally {
        void of.close();
      }
    };
    // The options of TLS of a pool apply to its `wss:` peers.
    const isUnused = url === PLAIN && ["cert", "caCerts"].includes(field);
    if (isUnused) ofPool();
    else {calls.push([
        ofPool,
        field === "headers" ? field : `connection.${field}`,
      ]);}
    for (const [call, name] of calls) {
      assertEquals(assertThrows(call, ConfigError).field, name);
    }
    const dial = dialer ?? dialAuto;
    const error = await assertRejects(() => dial(url, options), ConfigError);
    assertEquals(error.field, field);
  }
  assertEquals(pool.peers, []);
}

for (const given of OPTIONS) {
  Deno.test(`no call dials ${given[1]} with ${Deno.inspect(given[2]).slice(0, 70)}`, async () => {
    await refusedBy(given, [undefined, dialRaw]);
    const [field, url, options] = given;
    const error = await assertRejects(
      () => dialUpgrade(url, { upgrade: "x", ...options }),
      ConfigError,
    );
    assertEquals(error.field, field);
  });
}

for (const given of EVERYWHERE) {
  Deno.test(`no call dials ${given[1]} with ${Deno.inspect(given[2])}`, async () => {
    await refusedBy(given, [undefined, dialRaw, dialNative]);
  });
}

Deno.test("options that dialNative does not support are refused before it dials", () => {
  assertThrows(
    () => new Connection(PLAIN, { dialer: dialNative, unix: "/tmp/x" }),
    ConfigError,
    "dialRaw",
  );
});

Deno.test("a dialer of the caller may have other rules for URL and options together", async () => {
  const socket = new MockSocket();
  await using connection = new Connection(SECURE, {
    unix: "/tmp/x",
    dialer: new MockDialer([socket]).dial,
  });
  await connection.connect();
  socket.receiveClose(1000);
});

Deno.test("a Unix socket without a usable path is not listened on", () => {
  for (const path of [LONG, "", "/tmp/a\0b", 5]) {
    const error = assertThrows(
      () => Reflect.apply(listen, undefined, [{ path }]),
      ConfigError,
    );
    assertEquals(error.field, "path");
  }
});
