import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../transport/base/errors.ts";
import { next, recordEvents } from "./_support/events.ts";
import { HandServer } from "./_support/hand_server.ts";
import {
  parseCloseCode,
  parseCloseReason,
  parseProtocols,
  parseUrl,
} from "./arguments.ts";
import { resolveOptions } from "./options.ts";
import { WebSocket } from "./websocket.ts";

function assertSyntaxError(...args: readonly unknown[]): void {
  const error = assertThrows(
    () => Reflect.construct(WebSocket, args),
    DOMException,
    undefined,
    `new WebSocket(${JSON.stringify(args)})`,
  );
  assertEquals(error.name, "SyntaxError");
}

Deno.test("A URL that is invalid, has another scheme or a fragment is a SyntaxError", () => {
  const invalid = [
    "ws://foo bar.com/",
    "wss://foo bar.com/",
    "ws://web platform.test/echo",
    "ws://host:port/",
    "ws://",
    "ftp://localhost/",
    "mailto:example@example.org",
    "about:blank",
    "invalid:",
    "ws://localhost/#",
    "ws://localhost/#test",
    "https://localhost/#test",
  ];
  for (const url of invalid) assertSyntaxError(url);
});

Deno.test("A relative URL is a SyntaxError: there is no base outside of a browser", () => {
  for (
    const url of ["/echo", "test", "?", "#test", "//localhost/", "", null, 123]
  ) {
    assertSyntaxError(url);
  }
});

Deno.test("A WebSocket wants a URL", () => {
  assertThrows(() => Reflect.construct(WebSocket, []), TypeError);
});

Deno.test("http: and https: URLs stand for ws: and wss:", () => {
  assertEquals(parseUrl("http://host/path").href, "ws://host/path");
  assertEquals(parseUrl("https://host:444/?q").href, "wss://host:444/?q");
  assertEquals(parseUrl(new URL("http://host:80")).href, "ws://host/");
});

Deno.test("A URL is serialised without its default port, and with every other", () => {
  assertEquals(parseUrl("ws://Host:80/").href, "ws://host/");
  assertEquals(parseUrl("wss://host:443/x").href, "wss://host/x");
  assertEquals(parseUrl("ws://host:8080").href, "ws://host:8080/");
  assertEquals(parseUrl("wss://host:80/a/../b").href, "wss://host:80/b");
});

Deno.test("A subprotocol that is not a token is a SyntaxError", () => {
  const invalid = [
    "/echo",
    "\u0080echo",
    "ec ho",
    "echo\u0000",
    "",
    "a,b",
    '"a"',
  ];
  for (const protocol of invalid) {
    assertSyntaxError("ws://localhost/", protocol);
    assertSyntaxError("ws://localhost/", ["chat", protocol]);
    assertSyntaxError("ws://localhost/", { protocols: protocol });
  }
});

Deno.test("A subprotocol that occurs twice is a SyntaxError, in any case", () => {
  assertSyntaxError("ws://localhost/", ["echo", "echo"]);
  assertSyntaxError("ws://localhost/", ["echo", "eCho"]);
  assertSyntaxError("ws://localhost/", { protocols: ["a", "b", "A"] });
});

Deno.test("A third argument that is not an object is ignored", async () => {
  await using server = await HandServer.listen();
  for (const stray of ["Stray argument", 3, null, undefined]) {
    const socket: WebSocket = Reflect.construct(WebSocket, [
      server.url,
      [],
      stray,
    ]);
    const close = next(socket, "close");
    await next(socket, "open");
    (await server.accept()).cut();
    await close;
  }
});

Deno.test("Subprotocols are taken from where they are given, and need not be strings", () => {
  assertEquals(parseProtocols("echo"), ["echo"]);
  assertEquals(parseProtocols(new Set(["b", "a"])), ["b", "a"]);
  assertEquals(parseProtocols(null), []);
  assertEquals(Reflect.apply(parseProtocols, undefined, [[1, true]]), [
    "1",
    "true",
  ]);
  assertEquals(Reflect.apply(parseProtocols, undefined, [7]), ["7"]);
  const url = new URL("ws://localhost");
  const offered = (...args: unknown[]) =>
    Reflect.apply(resolveOptions, undefined, [url, ...args]).connection
      .protocols;
  assertEquals(offered("a"), ["a"]);
  assertEquals(offered(["a"], {}), ["a"]);
  assertEquals(offered({ protocols: "a" }), ["a"]);
  assertEquals(offered([], { protocols: ["a", "b"] }), ["a", "b"]);
  assertEquals(offered(null), []);
  assertEquals(offered({}), []);
});

Deno.test("An option that a WebSocket sets itself, or that is given twice, is refused", () => {
  const cases: readonly [string, readonly unknown[]][] = [
    ["retry", [{ retry: false }]],
    ["onRetry", [{ onRetry: () => {} }]],
    ["binary", [[], { binary: "copy" }]],
    ["highWaterMark", [{ highWaterMark: 1 }]],
    ["protocols", ["echo", { protocols: "chat" }]],
    ["options", [{}, {}]],
    ["signal", [{ signal: {} }]],
    ["maxBufferedAmount", [{ maxBufferedAmount: -1 }]],
    ["maxBufferedAmount", [{ maxBufferedAmount: "1" }]],
    ["pingInterval", [{ pingInterval: -1 }]],
    ["headers", [{ headers: 3 }]],
  ];
  for (const [field, args] of cases) {
    const error = assertThrows(
      () => Reflect.construct(WebSocket, ["ws://localhost", ...args]),
      ConfigError,
    );
    assertEquals(error.field, field);
  }
});

Deno.test("Headers are checked at once where the URL has credentials too", () => {
  assertThrows(
    () => new WebSocket("ws://foo:bar@localhost", { headers: { "a b": "c" } }),
    ConfigError,
  );
});

Deno.test("A header function that throws fails the connection", async () => {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url.replace("//", "//foo@"), {
    headers: () => {
      throw new Error("no token");
    },
  });
  const events = recordEvents(socket);
  const failed = next(socket, "error");
  await next(socket, "close");
  assertEquals((await failed).message.endsWith("no token."), true);
  assertEquals(events, ["error 3", "close 3"]);
});

Deno.test("A close code is clamped as Web IDL asks", () => {
  assertEquals(parseCloseCode(undefined), undefined);
  assertEquals(parseCloseCode("1000"), 1000);
  assertEquals(parseCloseCode(2999.7), 3000);
  assertEquals(parseCloseCode(4999.4), 4999);
  // A code between two numbers is rounded to the even one.
  assertEquals(parseCloseCode(999.5), 1000);
  assertEquals(parseCloseCode(1000.5), 1000);
  assertEquals(parseCloseCode(3000.5), 3000);
  assertEquals(parseCloseCode(3001.5), 3002);
  assertThrows(() => parseCloseCode(4999.5), DOMException);
  for (const code of [NaN, null, -1, 70_000, 2 ** 16 + 1000, Infinity]) {
    assertThrows(() => parseCloseCode(code), DOMException);
  }
});

Deno.test("A symbol is a TypeError as a URL, a subprotocol and a reason", () => {
  for (
    const args of [[Symbol("x")], ["ws://host", Symbol("x")], ["ws://host", [
      Symbol("x"),
    ]]]
  ) {
    assertThrows(() => Reflect.construct(WebSocket, args), TypeError);
  }
  assertThrows(() => parseCloseReason(Symbol("x")), TypeError);
});

Deno.test("The error for an unknown option lists those of a WebSocket", () => {
  const args = ["ws://host", [], { pingIntervall: 1 }];
  const { message, code } = assertThrows(
    () => Reflect.construct(WebSocket, args),
    ConfigError,
  );
  assertEquals(code, "unknown-option");
  assert(message.includes("maxBufferedAmount"), message);
  assert(!message.includes("highWaterMark"), message);
});
