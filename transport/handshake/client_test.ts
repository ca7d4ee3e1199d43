import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { NONSENSE } from "./_support/nonsense.ts";
import { HandshakeError } from "./errors.ts";
import {
  checkUpgradeResponse,
  createUpgradeRequest,
  type UpgradeRequest,
} from "./client.ts";
import { parseRequestHead, type ResponseHead } from "./head.ts";
import { HeaderLines } from "./headers.ts";
import type { HttpResponse } from "./response_reader.ts";

/** From RFC 6455, section 1.3. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const REQUEST: UpgradeRequest = {
  host: "server.example.com",
  target: "/chat",
  key: KEY,
};

function write(request: Partial<UpgradeRequest>): string {
  const bytes = createUpgradeRequest({ ...REQUEST, ...request });
  return String.fromCharCode(...bytes);
}

function codeOf(run: () => unknown): string {
  const error = assertThrows(run, HandshakeError);
  assertEquals(error.status, undefined, "no status came");
  return error.code;
}

Deno.test("client handshake: the request is as RFC 6455, section 4.1 has it", () => {
  assertEquals(
    write({ protocols: ["chat", "superchat"], compression: {} }),
    "GET /chat HTTP/1.1\r\n" +
      "Host: server.example.com\r\n" +
      "Connection: Upgrade\r\n" +
      "Upgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\n" +
      `Sec-WebSocket-Key: ${KEY}\r\n` +
      "Sec-WebSocket-Protocol: chat, superchat\r\n" +
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
      "\r\n",
  );
});

Deno.test("client handshake: headers that are not needed are left out", () => {
  assertEquals(
    write({ protocols: [] }),
    "GET /chat HTTP/1.1\r\n" +
      "Host: server.example.com\r\n" +
      "Connection: Upgrade\r\n" +
      "Upgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\n" +
      `Sec-WebSocket-Key: ${KEY}\r\n\r\n`,
  );
});

Deno.test("client handshake: another protocol is asked for without a word of WebSocket", () => {
  assertEquals(
    write({
      upgrade: "IRC/6.9",
      protocols: ["a"],
      compression: {},
      headers: [["Origin", "http://a"], ["X", "1"], ["x", "2"]],
    }),
    "GET /chat HTTP/1.1\r\n" +
      "Host: server.example.com\r\n" +
      "Connection: Upgrade\r\n" +
      "Upgrade: IRC/6.9\r\n" +
      "Origin: http://a\r\n" +
      "X: 1\r\n" +
      "x: 2\r\n\r\n",
  );
});

Deno.test("client handshake: a Host of the user's stands in place of the other", () => {
  const head = parseRequestHead(
    write({ host: "a", headers: [["x", "1"], ["hOsT", "b:80"]] }),
  );
  assertEquals(head.headers.all("host"), ["b:80"]);
});

/** What may not stand in a request. */
const BAD_REQUESTS: readonly (readonly [Partial<UpgradeRequest>, string])[] = [
  [{ target: "" }, "bad-header"],
  [{ target: "/ HTTP/1.1\r\nX: y" }, "bad-header"],
  [{ target: "/a b" }, "bad-header"],
  [{ target: "/a\t" }, "bad-header"],
  [{ target: "/a#b" }, "bad-header"],
  [{ target: "/\u010d\u010a" }, "bad-header"],
  [{ target: "/\xe9" }, "bad-header"],
  [{ host: "" }, "bad-host"],
  [{ host: "a\r\nX: y" }, "bad-host"],
  [{ host: "a b" }, "bad-host"],
  [{ host: "a/b" }, "bad-host"],
  [{ host: "a@b" }, "bad-host"],
  [{ host: "a:b" }, "bad-host"],
  [{ host: "a:65536" }, "bad-host"],
  [{ host: "[::1" }, "bad-host"],
  [{ upgrade: "" }, "bad-header"],
  [{ upgrade: "websocket, h2c" }, "bad-header"],
  [{ upgrade: "a\r\nX: y" }, "bad-header"],
  [{ key: undefined }, "bad-key"],
  [{ key: undefined, upgrade: "WebSocket" }, "bad-key"],
  [{ key: "a\r\nX: y" }, "bad-header"],
  [{ protocols: [""] }, "bad-protocol"],
  [{ protocols: ["a", "b\r\nX: y"] }, "bad-protocol"],
  [{ protocols: ["a b"] }, "bad-protocol"],
  [{ protocols: ["a,b"] }, "bad-protocol"],
  [{ protocols: ["\xe9"] }, "bad-protocol"],
  [{ protocols: ["a", "b", "a"] }, "bad-protocol"],
  [{ headers: [["X", "a\r\nY: b"]] }, "bad-header"],
  [{ headers: [["X: a\r\nY", "b"]] }, "bad-header"],
  [{ headers: [["X", "\u{1f41d}"]] }, "bad-header"],
  [{ headers: [["Host", "a"], ["host", "b"]] }, "bad-host"],
  [{ headers: [["Host", "a, b"]] }, "bad-host"],
];
for (
  const name of [
    "Connection",
    "UPGRADE",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
    "sec-websocket-extensions",
    "Sec-WebSocket-Accept",
    "Content-Length",
    "transfer-encoding",
  ]
) {
  Deno.test(`client handshake: ${name} is not the user's to set`, () => {
    const headers = [["X", "y"], [name, "1"]] as const;
    assertEquals(codeOf(() => write({ headers })), "bad-header");
  });
}
for (const [request, code] of BAD_REQUESTS) {
  Deno.test(`client handshake: ${JSON.stringify(request)} is refused as ${code}`, () => {
    assertEquals(codeOf(() => write(request)), code);
  });
}

const GOOD: readonly (readonly [string, string])[] = [
  ["Upgrade", "websocket"],
  ["Connection", "Upgrade"],
  ["Sec-WebSocket-Accept", ACCEPT],
];

type Fields = Readonly<Record<string, string | readonly string[]>>;

/** A response with some headers in place of the good ones; a list makes several lines, or none. */
function response(
  headers: Fields = {},
  rest: Partial<HttpResponse> = {},
): HttpResponse {
  const lines = Object.entries({ ...Object.fromEntries(GOOD), ...headers })
    .flatMap(([name, values]) =>
      [values].flat().map((value): [string, string] => [name, value])
    );
  return {
    version: "HTTP/1.1",
    status: 101,
    reason: "Switching Protocols",
    headers: new HeaderLines(lines),
    ...rest,
  };
}

Deno.test("client handshake: a good answer is taken, with its headers", () => {
  const { response: answer, ...agreement } = checkUpgradeResponse(
    response({ "X-Served-By": "a:1", "Set-Cookie": ["b=1", "c=2"], "X": "" }),
    REQUEST,
  );
  assertEquals(agreement, {
    upgrade: "websocket",
    protocol: "",
    extensions: "",
    deflate: undefined,
  });
  assertEquals(answer.status, 101);
  assertEquals(answer.headers.get("x-served-by"), "a:1");
  assertEquals(answer.headers.getSetCookie(), ["b=1", "c=2"]);
  assertEquals(answer.headers.get("x"), "");
  assertStrictEquals(answer.headers, answer.headers);
});

const GOOD_ANSWERS: Readonly<Record<string, Fields>> = {
  "Upgrade in another case": { Upgrade: "WebSocket" },
  "Connection in another case": { Connection: "upgrade" },
  "Connection as a list": { Connection: "keep-alive,\tUPGRADE ," },
  "Upgrade with empty elements": { Upgrade: ", websocket ," },
  "Upgrade twice": { Upgrade: ["websocket", "WebSocket"] },
  "Connection twice": { Connection: ["Upgrade", "upgrade"] },
  "an empty Sec-WebSocket-Extensions": { "Sec-WebSocket-Extensions": " " },
  "Sec-WebSocket-Extensions without an element": {
    "Sec-WebSocket-Extensions": ", ,",
  },
  "an empty Sec-WebSocket-Protocol": { "Sec-WebSocket-Protocol": "" },
  "a blank Sec-WebSocket-Protocol": { "Sec-WebSocket-Protocol": " \t" },
  "a length, which a 101 cannot have": { "Content-Length": "0" },
};
for (const [what, headers] of Object.entries(GOOD_ANSWERS)) {
  Deno.test(`client handshake: ${what} is taken`, () => {
    const agreement = checkUpgradeResponse(response(headers), REQUEST);
    assertEquals([agreement.protocol, agreement.extensions], ["", ""]);
  });
}

Deno.test("client handshake: the subprotocol is one of those offered, or none", () => {
  const request = { ...REQUEST, protocols: ["chat", "superchat"] };
  const protocol = (value: string) =>
    checkUpgradeResponse(response({ "Sec-WebSocket-Protocol": value }), request)
      .protocol;
  assertEquals(protocol("superchat"), "superchat");
  assertEquals(protocol("chat"), "chat");
  assertEquals(protocol(""), "");
  for (const value of ["Chat", "x", "chat, superchat", "chat,", " ,"]) {
    assertEquals(codeOf(() => protocol(value)), "bad-protocol");
  }
  assertEquals(
    codeOf(() =>
      checkUpgradeResponse(
        response({ "Sec-WebSocket-Protocol": "chat" }),
        REQUEST,
      )
    ),
    "bad-protocol",
  );
});

Deno.test("client handshake: the extensions contain the agreement", () => {
  const extensions = "permessage-deflate; server_no_context_takeover";
  const head = response({ "Sec-WebSocket-Extensions": extensions });
  const agreement = checkUpgradeResponse(head, { ...REQUEST, compression: {} });
  assertEquals(agreement.extensions, extensions);
  assertEquals(agreement.deflate?.serverNoContextTakeover, true);
  assertEquals(
    codeOf(() => checkUpgradeResponse(head, REQUEST)),
    "bad-extension",
  );
});

const BAD_ANSWERS: readonly (readonly [Fields, string])[] = [
  [{ Upgrade: [] }, "bad-upgrade"],
  [{ Upgrade: "" }, "bad-upgrade"],
  [{ Upgrade: "," }, "bad-upgrade"],
  [{ Upgrade: "websockets" }, "bad-upgrade"],
  [{ Upgrade: "websocket, h2c" }, "bad-upgrade"],
  [{ Upgrade: ["websocket", "h2c"] }, "bad-upgrade"],
  [{ Connection: [] }, "bad-connection"],
  [{ Connection: "" }, "bad-connection"],
  [{ Connection: "keep-alive" }, "bad-connection"],
  [{ Connection: "upgraded" }, "bad-connection"],
  [{ "Sec-WebSocket-Accept": [] }, "bad-accept"],
  [{ "Sec-WebSocket-Accept": "" }, "bad-accept"],
  [{ "Sec-WebSocket-Accept": ACCEPT.toLowerCase() }, "bad-accept"],
  [{ "Sec-WebSocket-Accept": KEY }, "bad-accept"],
  [{ "Sec-WebSocket-Accept": `${ACCEPT}, ${ACCEPT}` }, "bad-accept"],
  [{ "Sec-WebSocket-Extensions": "permessage-deflate" }, "bad-extension"],
  [{ "Sec-WebSocket-Extensions": "x;" }, "bad-extension"],
];
for (const [headers, code] of BAD_ANSWERS) {
  Deno.test(`client handshake: an answer with ${JSON.stringify(headers)} fails as ${code}`, () => {
    assertEquals(
      codeOf(() => checkUpgradeResponse(response(headers), REQUEST)),
      code,
    );
  });
}

Deno.test("client handshake: a 101 must be HTTP/1.1", () => {
  assertEquals(
    codeOf(() =>
      checkUpgradeResponse(response({}, { version: "HTTP/1.0" }), REQUEST)
    ),
    "bad-http-version",
  );
});

for (
  const [status, code] of [
    [100, "refused"],
    [200, "refused"],
    [301, "redirected"],
    [307, "redirected"],
    [401, "refused"],
    [426, "refused"],
    [503, "refused"],
  ] as const
) {
  Deno.test(`client handshake: status ${status} fails as ${code}, with status and headers`, () => {
    const head = response({ "Retry-After": "5", Location: "/there" }, {
      status,
      reason: "Because",
    });
    const error = assertThrows(
      () => checkUpgradeResponse(head, REQUEST),
      HandshakeError,
    );
    assertEquals([error.code, error.status], [code, status]);
    assertEquals(error.headers?.get("retry-after"), "5");
    assertEquals(error.headers?.get("location"), "/there");
    assert(error.message.includes(`${status} Because`));
  });
}

Deno.test("client handshake: a refusal keeps the start of the body", () => {
  const error = assertThrows(
    () =>
      checkUpgradeResponse(
        response({}, { status: 429, body: "slow" }),
        REQUEST,
      ),
    HandshakeError,
  );
  assertEquals(error.body, "slow");
});

const HIVE: UpgradeRequest = { host: "a", target: "/", upgrade: "hive/1" };

Deno.test("client handshake: another protocol has no key, and its own check", () => {
  const seen: ResponseHead[] = [];
  const request = (decision: boolean): UpgradeRequest => ({
    ...HIVE,
    check(head) {
      seen.push(head);
      return decision;
    },
  });
  const head = response({ Upgrade: "HIVE/1", "X-Hive": "7" });
  const agreed = checkUpgradeResponse(head, request(true));
  assertEquals(agreed.upgrade, "hive/1");
  assertEquals(agreed.response.headers.get("x-hive"), "7");
  assertEquals(
    codeOf(() => checkUpgradeResponse(head, request(false))),
    "bad-response",
  );
  assertEquals(seen, [head, head]);
  // It is asked last.
  codeOf(() => checkUpgradeResponse(response(), request(true)));
  assertEquals(seen.length, 2);
});

for (
  const [what, check] of Object.entries<() => unknown>({
    ...NONSENSE,
    "returns nothing": () => {},
  })
) {
  Deno.test(`client handshake: a check that ${what} refuses the answer`, async () => {
    const error = assertThrows(
      () =>
        checkUpgradeResponse(response({ Upgrade: "hive/1" }), {
          ...HIVE,
          check: check as () => boolean,
        }),
      HandshakeError,
    );
    assertEquals(error.code, "bad-response");
    assertInstanceOf(error.cause, Error);
    await Promise.resolve();
  });
}

Deno.test("client handshake: of several protocols the server chooses one", () => {
  const request = { ...REQUEST, upgrade: ["hive/2", "websocket"] };
  const { headers } = parseRequestHead(write(request));
  assertEquals(headers.get("upgrade"), "hive/2, websocket");
  assertEquals(headers.get("sec-websocket-key"), KEY);
  const chosen = (Upgrade: string) =>
    checkUpgradeResponse(response({ Upgrade }), request).upgrade;
  assertEquals(chosen("Hive/2"), "hive/2");
  assertEquals(chosen("WebSocket"), "websocket");
  assertEquals(codeOf(() => chosen("hive/1")), "bad-upgrade");
  assertEquals(codeOf(() => chosen("hive/2, websocket")), "bad-upgrade");
  // The rules of RFC 6455 hold if the server chooses it.
  assertEquals(
    codeOf(() =>
      checkUpgradeResponse(response({ "Sec-WebSocket-Accept": [] }), request)
    ),
    "bad-accept",
  );
  assertEquals(codeOf(() => write({ upgrade: [] })), "bad-header");
  assertEquals(codeOf(() => write({ upgrade: ["a", "b c"] })), "bad-header");
});
