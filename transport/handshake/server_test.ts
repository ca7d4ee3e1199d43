import { assertEquals, assertThrows } from "@std/assert";
import { HandshakeError } from "./errors.ts";
import {
  checkUpgradeRequest,
  createUpgradeResponse,
  type UpgradePolicy,
  type UpgradeResponse,
} from "./server.ts";
import type { RequestHead } from "./head.ts";
import { HeaderLines } from "./headers.ts";

/** From RFC 6455, section 1.3. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

const GOOD: readonly (readonly [string, string])[] = [
  ["Host", "server.example.com"],
  ["Upgrade", "websocket"],
  ["Connection", "Upgrade"],
  ["Sec-WebSocket-Key", KEY],
  ["Sec-WebSocket-Version", "13"],
];

type Fields = Readonly<Record<string, string | readonly string[]>>;

/** A request with some headers in place of the good ones; a list makes several lines. */
function request(
  headers: Fields = {},
  rest: Partial<RequestHead> = {},
): RequestHead {
  const lines = Object.entries({ ...Object.fromEntries(GOOD), ...headers })
    .flatMap(([name, values]) =>
      [values].flat().map((value): [string, string] => [name, value])
    );
  return {
    method: "GET",
    target: "/chat",
    version: "HTTP/1.1",
    headers: new HeaderLines(lines),
    ...rest,
  };
}

interface RefusalOf {
  readonly code: string;
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

function refusalOf(head: RequestHead, policy: UpgradePolicy = {}): RefusalOf {
  const error = assertThrows(
    () => checkUpgradeRequest(head, policy),
    HandshakeError,
  );
  const { code, status, headers = [] } = error;
  return { code, status, headers: Object.fromEntries(headers) };
}

Deno.test("server handshake: a good request is taken", () => {
  assertEquals(checkUpgradeRequest(request()), {
    upgrade: "websocket",
    key: KEY,
    protocol: "",
    extensions: "",
    deflate: undefined,
  });
});

const GOOD_REQUESTS: Readonly<Record<string, [Fields, Partial<RequestHead>?]>> =
  {
    "Upgrade in another case": [{ Upgrade: "WebSocket" }],
    "Upgrade as a list": [{ Upgrade: "h2c , websocket" }],
    "Upgrade in two lines": [{ Upgrade: ["h2c", "websocket"] }],
    "Connection in another case": [{ Connection: "upgrade" }],
    "Connection as Firefox sends it": [{ Connection: "keep-alive, Upgrade" }],
    "Connection in two lines": [{ Connection: ["close", ",UPGRADE"] }],
    "a key whose last bits are not 0": [{
      "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAB==",
    }],
    "no body": [{ "Content-Length": "0" }],
    "no body, said twice": [{ "Content-Length": ["0", "0"] }],
    "no body, said twice in a line": [{ "Content-Length": "0,\t00" }],
    "an empty Sec-WebSocket-Extensions": [{ "Sec-WebSocket-Extensions": "" }],
    "Sec-WebSocket-Extensions without an element": [{
      "Sec-WebSocket-Extensions": [" ", ","],
    }],
    "an empty Sec-WebSocket-Protocol": [{ "Sec-WebSocket-Protocol": "" }],
    "empty elements in Upgrade": [{ Upgrade: ",, websocket ," }],
    "a port": [{ Host: "server.example.com:8080" }],
    "an IPv4 address": [{ Host: "127.0.0.1:80" }],
    "an IPv6 address": [{ Host: "[::1]:65535" }],
    "an underscore": [{ Host: "my_server" }],
    "a URL for a target": [{}, { target: "http://a.example:80/b?c" }],
    "a ws: URL for a target": [{}, { target: "WS://a.example/" }],
  };
for (const [what, [headers, rest]] of Object.entries(GOOD_REQUESTS)) {
  Deno.test(`server handshake: ${what} is taken`, () => {
    assertEquals(checkUpgradeRequest(request(headers, rest)).protocol, "");
  });
}

/** What is refused with 400, and as what. */
const BAD: readonly (readonly [string, Fields])[] = [
  ["bad-host", { Host: [] }],
  ["bad-host", { Host: "" }],
  ["bad-host", { Host: ["a", "b"] }],
  ["bad-host", { Host: ["a", "a"] }],
  ["bad-host", { Host: "a, b" }],
  ["bad-host", { Host: "a b" }],
  ["bad-host", { Host: "a/b" }],
  ["bad-host", { Host: "a?b" }],
  ["bad-host", { Host: "a#b" }],
  ["bad-host", { Host: "user@a" }],
  ["bad-host", { Host: "a:b" }],
  ["bad-host", { Host: "a:99999" }],
  ["bad-host", { Host: "::1" }],
  ["bad-host", { Host: "[::1" }],
  ["bad-host", { Host: "[:::]" }],
  ["bad-host", { Host: "999.1.1.1" }],
  ["bad-host", { Host: "\xe9" }],
  ["bad-connection", { Connection: [] }],
  ["bad-connection", { Connection: "keep-alive" }],
  ["bad-connection", { Connection: "upgraded" }],
  ["bad-connection", { Connection: "up grade" }],
  ["bad-request", { "Content-Length": "1" }],
  ["bad-request", { "Content-Length": ["0", "5"] }],
  ["bad-request", { "Content-Length": "0, 5" }],
  ["bad-request", { "Content-Length": "" }],
  ["bad-request", { "Content-Length": "-0" }],
  ["bad-request", { "Content-Length": "0x0" }],
  ["bad-request", { "Transfer-Encoding": "chunked", "Content-Length": "0" }],
  ["bad-request", { "Transfer-Encoding": "chunked" }],
  ["bad-request", { "Transfer-Encoding": "" }],
  ["bad-key", { "Sec-WebSocket-Key": [] }],
  ["bad-key", { "Sec-WebSocket-Key": "" }],
  ["bad-key", { "Sec-WebSocket-Key": [KEY, KEY] }],
  ["bad-key", { "Sec-WebSocket-Key": KEY.slice(0, -1) }],
  ["bad-key", { "Sec-WebSocket-Key": KEY.slice(0, -4) }],
  ["bad-key", { "Sec-WebSocket-Key": `A${KEY}` }],
  ["bad-key", { "Sec-WebSocket-Key": `AAAA${KEY}` }],
  ["bad-key", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQAA" }],
  ["bad-key", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ-_=" }],
  ["bad-key", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j Q==" }],
  ["bad-protocol", { "Sec-WebSocket-Protocol": "a b" }],
  ["bad-protocol", { "Sec-WebSocket-Protocol": "a, b/c" }],
  ["bad-protocol", { "Sec-WebSocket-Protocol": "a, b, a" }],
  ["bad-protocol", { "Sec-WebSocket-Protocol": ["a", "a"] }],
  ["bad-protocol", { "Sec-WebSocket-Protocol": '"a"' }],
  ["bad-extension", { "Sec-WebSocket-Extensions": "a;" }],
  ["bad-extension", { "Sec-WebSocket-Extensions": ["a", 'b;c="'] }],
];
for (const [code, headers] of BAD) {
  Deno.test(`server handshake: ${JSON.stringify(headers)} is refused with 400 as ${code}`, () => {
    for (const policy of [{}, { compression: {}, protocols: ["a"] }]) {
      assertEquals(refusalOf(request(headers), policy), {
        code,
        status: 400,
        headers: {},
      });
    }
  });
}

for (
  const target of [
    "*",
    "a.example:80",
    "chat",
    "ftp://a/b",
    "http://",
    "http:///p",
    "ws:////p",
    "http://\\p",
    "http://u@a/",
    "http://:p@a/",
  ]
) {
  Deno.test(`server handshake: the target ${target} is refused with 400`, () => {
    const { code, status } = refusalOf(request({}, { target }));
    assertEquals([code, status], ["bad-request", 400]);
  });
}

for (const version of ["HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0"]) {
  Deno.test(`server handshake: ${version} is refused with 505`, () => {
    assertEquals(refusalOf(request({}, { version })), {
      code: "bad-http-version",
      status: 505,
      headers: {},
    });
  });
}

for (const method of ["POST", "HEAD", "OPTIONS", "CONNECT", "get"]) {
  Deno.test(`server handshake: the method ${method} is refused with 405`, () => {
    assertEquals(refusalOf(request({}, { method })), {
      code: "bad-method",
      status: 405,
      headers: { allow: "GET" },
    });
  });
}

const REQUIRED = { upgrade: "websocket", connection: "Upgrade" };

for (
  const Upgrade of [[], "", "h2c", "websockets", "websocket/13", "web socket"]
) {
  Deno.test(`server handshake: Upgrade ${JSON.stringify(Upgrade)} is refused with 426`, () => {
    assertEquals(refusalOf(request({ Upgrade })), {
      code: "bad-upgrade",
      status: 426,
      headers: REQUIRED,
    });
  });
}

for (
  const version of [[], "", "8", "12", "14", "013", "13.0", "8, 13", [
    "13",
    "13",
  ]]
) {
  Deno.test(`server handshake: version ${JSON.stringify(version)} is refused with 426, and the answer has the right one`, () => {
    const head = request({ "Sec-WebSocket-Version": version });
    assertEquals(refusalOf(head), {
      code: "bad-version",
      status: 426,
      headers: { ...REQUIRED, "sec-websocket-version": "13" },
    });
  });
}

Deno.test("server handshake: an ordinary request gets 426", () => {
  const headers = new HeaderLines([["Host", "a"]]);
  for (const method of ["GET", "POST"]) {
    assertEquals(refusalOf(request({}, { method, headers })).status, 426);
  }
});

const ORIGIN = { Origin: "https://app.example" };

Deno.test("server handshake: the subprotocols of all lines are offered", () => {
  const head = request({
    "Sec-WebSocket-Protocol": ["chat,superchat", " v2 "],
  });
  const seen: unknown[] = [];
  const protocols = (offered: readonly string[]) => {
    seen.push(offered);
    return offered[2];
  };
  assertEquals(checkUpgradeRequest(head, { protocols }).protocol, "v2");
  assertEquals(checkUpgradeRequest(request(), { protocols }).protocol, "");
  assertEquals(seen, [["chat", "superchat", "v2"], []]);
});

Deno.test("server handshake: an origin in two lines is none of a list", () => {
  const origins = ["https://app.example", "https://b.example"];
  checkUpgradeRequest(request(ORIGIN), { origins });
  const Origin = [...origins];
  assertEquals(refusalOf(request({ Origin }), { origins }), {
    code: "origin-refused",
    status: 403,
    headers: {},
  });
});

Deno.test("server handshake: the origin of a request that is not a handshake is not checked", () => {
  const origins = () => {
    throw new Error("it was asked");
  };
  assertEquals(refusalOf(request({ Upgrade: [] }), { origins }).status, 426);
});

Deno.test("server handshake: compression is agreed on where it is wanted", () => {
  const head = request({
    "Sec-WebSocket-Extensions": [
      "x",
      "permessage-deflate; client_max_window_bits",
    ],
  });
  const compression = { clientMaxWindowBits: 10 };
  const { extensions, deflate } = checkUpgradeRequest(head, { compression });
  assertEquals(extensions, "permessage-deflate; client_max_window_bits=10");
  assertEquals(deflate?.clientMaxWindowBits, 10);
  const plain = checkUpgradeRequest(head);
  assertEquals([plain.extensions, plain.deflate], ["", undefined]);
});

Deno.test("server handshake: another protocol needs no key, and negotiates nothing", () => {
  const head = request({
    Upgrade: "Hive/1",
    "Sec-WebSocket-Key": [],
    "Sec-WebSocket-Version": [],
    "Sec-WebSocket-Protocol": "a",
    "Sec-WebSocket-Extensions": "permessage-deflate",
  });
  const policy = { upgrade: "hive/1", protocols: ["a"], compression: {} };
  assertEquals(checkUpgradeRequest(head, policy), {
    upgrade: "hive/1",
    key: "",
    protocol: "",
    extensions: "",
    deflate: undefined,
  });
  assertEquals(refusalOf(request(), policy).headers.upgrade, "hive/1");
  // The name of our own in another case is still our own.
  assertEquals(
    refusalOf(request({ "Sec-WebSocket-Key": [] }), {
      upgrade: "WebSocket",
    }).code,
    "bad-key",
  );
});

Deno.test("server handshake: of several protocols the first that the client names is chosen", () => {
  const upgrade = ["websocket", "hive/1", "hive/2"];
  const chosen = (Upgrade: string | string[]) =>
    checkUpgradeRequest(request({ Upgrade }), { upgrade }).upgrade;
  assertEquals(chosen("websocket"), "websocket");
  assertEquals(chosen("h2c, HIVE/2, hive/1"), "hive/2");
  assertEquals(chosen(["hive/1", "websocket"]), "hive/1");
  assertEquals(refusalOf(request({ Upgrade: "h2c" }), { upgrade }), {
    code: "bad-upgrade",
    status: 426,
    headers: {
      upgrade: "websocket, hive/1, hive/2",
      connection: "Upgrade",
    },
  });
});

Deno.test("server handshake: a Request of the runtime's may be checked", () => {
  const { method, url, headers } = new Request("http://a.example/chat", {
    headers: GOOD.map(([name, value]) => [name, value]),
  });
  const { key } = checkUpgradeRequest({
    method,
    target: url,
    version: "HTTP/1.1",
    headers: new HeaderLines(headers),
  });
  assertEquals(key, KEY);
});

function write(response: UpgradeResponse): string {
  return String.fromCharCode(...createUpgradeResponse(response));
}

Deno.test("server handshake: the answer is the one of RFC 6455, section 1.3", () => {
  assertEquals(
    write({ key: KEY, protocol: "chat" }),
    "HTTP/1.1 101 Switching Protocols\r\n" +
      "Upgrade: websocket\r\n" +
      "Connection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
      "Sec-WebSocket-Protocol: chat\r\n\r\n",
  );
});

Deno.test("server handshake: the answer has what was agreed on and the user's headers", () => {
  assertEquals(
    write({
      upgrade: "hive/1",
      protocol: "",
      extensions: "permessage-deflate",
      headers: [["Set-Cookie", "a=b"], ["set-cookie", "c=d"]],
    }),
    "HTTP/1.1 101 Switching Protocols\r\n" +
      "Upgrade: hive/1\r\n" +
      "Connection: Upgrade\r\n" +
      "Sec-WebSocket-Extensions: permessage-deflate\r\n" +
      "Set-Cookie: a=b\r\n" +
      "set-cookie: c=d\r\n\r\n",
  );
});

const BAD_ANSWERS: readonly UpgradeResponse[] = [
  { upgrade: "a\r\nX: y" },
  { upgrade: "a b" },
  { protocol: "a\r\nX: y" },
  { protocol: "a, b" },
  { extensions: "a\r\nX: y" },
  { headers: [["X", "a\nY: b"]] },
  { headers: [["X\r\nY", "a"]] },
  { headers: [["X", "\u{1f41d}"]] },
  { headers: [["connection", "close"]] },
  { headers: [["Upgrade", "h2c"]] },
  { headers: [["SEC-WEBSOCKET-ACCEPT", "x"]] },
  { headers: [["Sec-WebSocket-Protocol", "x"]] },
  { headers: [["Sec-WebSocket-Extensions", "x"]] },
  { headers: [["Content-Length", "5"]] },
  { headers: [["Transfer-Encoding", "chunked"]] },
];
for (const response of BAD_ANSWERS) {
  Deno.test(`server handshake: an answer with ${JSON.stringify(response)} is not written`, () => {
    const error = assertThrows(() => write(response), HandshakeError);
    // The peer did nothing wrong.
    assertEquals(error.status, 500);
  });
}
