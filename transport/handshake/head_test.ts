import { assert, assertEquals, assertThrows } from "@std/assert";
import { toHex } from "../_support/bytes.ts";
import {
  EXAMPLE,
  latin1,
  readAll,
  refusal,
  request,
} from "./_support/heads.ts";
import { HandshakeError } from "./errors.ts";
import { formatHead, MAX_HEADERS, parseResponseHead } from "./head.ts";

Deno.test("head: the request of RFC 6455, section 1.2 is read", () => {
  const head = request(EXAMPLE);
  assertEquals(head.method, "GET");
  assertEquals(head.target, "/chat");
  assertEquals(head.version, "HTTP/1.1");
  assertEquals([...head.headers], [
    ["host", "server.example.com"],
    ["upgrade", "websocket"],
    ["connection", "Upgrade"],
    ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
    ["origin", "http://example.com"],
    ["sec-websocket-protocol", "chat, superchat"],
    ["sec-websocket-version", "13"],
  ]);
});

Deno.test("head: blanks around a value do not belong to it, those within it do", () => {
  const { headers } = request(
    "GET / HTTP/1.1\r\nA:1\r\nB: \t 2  3\t \r\nC:\r\nD: \t\r\nE: \xa0x\xa0\r\n\r\n",
  );
  assertEquals([...headers], [
    ["a", "1"],
    ["b", "2  3"],
    ["c", ""],
    ["d", ""],
    ["e", "\xa0x\xa0"],
  ]);
});

Deno.test("head: headers that stand twice are all kept, in order", () => {
  const { headers } = request(
    "GET / HTTP/1.1\r\nSet-Cookie: a\r\nX: 1\r\nset-cookie: b\r\nx: 2\r\n\r\n",
  );
  assertEquals(headers.all("x"), ["1", "2"]);
  assertEquals(headers.get("x"), "1, 2");
  assertEquals(headers.all("y"), []);
  assertEquals(headers.get("y"), undefined);
  assertEquals(headers.toHeaders().getSetCookie(), ["a", "b"]);
  assertEquals(headers.toHeaders().get("x"), "1, 2");
});

Deno.test("head: several lines of cookies are one list of cookies", () => {
  const { headers } = request(
    "GET / HTTP/1.1\r\nCookie: a=1\r\nX: y\r\ncookie: b=2; c=3\r\n\r\n",
  );
  assertEquals(headers.toHeaders().get("cookie"), "a=1; b=2; c=3");
});

Deno.test("head: bytes above ASCII are kept, a character for each", () => {
  const all = Array.from(
    { length: 0x80 },
    (_, i) => String.fromCharCode(0x80 + i),
  ).join("");
  assertEquals(
    request(`GET / HTTP/1.1\r\nX: ${all}|\r\n\r\n`).headers.get("x"),
    `${all}|`,
  );
});

Deno.test("head: other versions and methods are read, for the handshake to refuse", () => {
  for (
    const [line, method, target, version] of [
      ["POST /a?b=c HTTP/1.0", "POST", "/a?b=c", "HTTP/1.0"],
      ["GET * HTTP/2.0", "GET", "*", "HTTP/2.0"],
      ["M!#$ http://a/b HTTP/1.2", "M!#$", "http://a/b", "HTTP/1.2"],
    ] as const
  ) {
    const head = request(`${line}\r\n\r\n`);
    assertEquals(head.method, method);
    assertEquals(head.target, target);
    assertEquals(head.version, version);
  }
});

const BAD_REQUEST_LINES = [
  "GET",
  "GET /",
  "GET / ",
  "GET / HTTP/1.1 ",
  " GET / HTTP/1.1",
  "GET  / HTTP/1.1",
  "GET /  HTTP/1.1",
  "GET\t/ HTTP/1.1",
  "GET / HTTP/1.10",
  "GET / HTTP/11",
  "GET / http/1.1",
  "GET / HTTP/1,1",
  "GET / HTTPS/1.1",
  "GET /a b HTTP/1.1",
  "GET /\x80 HTTP/1.1",
  "GET /#a HTTP/1.1",
  "G(T / HTTP/1.1",
  "HTTP/1.1 101 Switching Protocols",
];

for (const line of BAD_REQUEST_LINES) {
  Deno.test(`head: the request line ${JSON.stringify(line)} is refused with 400`, () => {
    assertEquals(refusal(`${line}\r\nHost: a\r\n\r\n`, "request"), [
      "bad-request",
      400,
    ]);
  });
}

const BAD_STATUS_LINES = [
  "HTTP/1.1",
  "HTTP/1.1 ",
  "HTTP/1.1 10",
  "HTTP/1.1 1010",
  "HTTP/1.1 099 x",
  "HTTP/1.1  101 x",
  "HTTP/1.1 +10 x",
  "http/1.1 101 x",
  "HTTP/1 101 x",
  " HTTP/1.1 101 x",
  "SSH-2.0-OpenSSH_9.9",
];

for (const line of BAD_STATUS_LINES) {
  Deno.test(`head: the status line ${JSON.stringify(line)} is refused, and is no status`, () => {
    assertEquals(refusal(`${line}\r\n\r\n`, "response"), [
      "bad-response",
      undefined,
    ]);
  });
}

const BAD_LINES = {
  "without a colon": "abc",
  "without a name": ": x",
  "with a blank before the colon": "A : x",
  "with a blank before the name": " A: x",
  "with a quoted name": '"A": x',
  "with a name above ASCII": "\xc4: x",
  "with a NUL": "A: \0",
  "with an escape": "A: \x1b[0m",
  "with a DEL": "A: \x7f",
  "with a CR within": "A: x\ry",
  "with an LF within": "A: x\ny: z",
  "ended by an LF": "A: x\nB: y",
  "ended by CR CR LF": "A: x\r",
};

for (const [what, line] of Object.entries(BAD_LINES)) {
  Deno.test(`head: a header line ${what} is refused`, () => {
    const text = `${line}\r\nHost: a\r\n\r\n`;
    assertEquals(refusal(`GET / HTTP/1.1\r\n${text}`, "request"), [
      "bad-header",
      400,
    ]);
    assertEquals(refusal(`HTTP/1.1 101 Yes\r\n${text}`, "response"), [
      "bad-header",
      undefined,
    ]);
  });
}

for (const blanks of [" ", "\t", " \t  "]) {
  Deno.test(`head: a value folded with ${JSON.stringify(blanks)} is joined in a response, and refused in a request`, () => {
    const text = `A: x\r\n${blanks}y \r\n${blanks}z: 1\r\nB: 2\r\n\r\n`;
    const outcome = readAll(latin1(`HTTP/1.1 403 No\r\n${text}`), "response");
    assert(typeof outcome === "object" && "text" in outcome);
    assertEquals([...parseResponseHead(outcome.text).headers], [
      ["a", "x y z: 1"],
      ["b", "2"],
    ]);
    assertEquals(refusal(`GET / HTTP/1.1\r\n${text}`, "request"), [
      "bad-header",
      400,
    ]);
  });
}

Deno.test("head: a response whose first header line is folded is refused", () => {
  assertEquals(refusal("HTTP/1.1 403 No\r\n A: x\r\n\r\n", "response"), [
    "bad-header",
    undefined,
  ]);
});

Deno.test("head: responses are read, with a reason or without", () => {
  for (
    const [line, version, status, reason] of [
      [
        "HTTP/1.1 101 Switching Protocols",
        "HTTP/1.1",
        101,
        "Switching Protocols",
      ],
      [
        "HTTP/1.0 200 Connection established",
        "HTTP/1.0",
        200,
        "Connection established",
      ],
      ["HTTP/1.1 404 ", "HTTP/1.1", 404, ""],
      ["HTTP/1.1 404", "HTTP/1.1", 404, ""],
      ["HTTP/1.1 999 \xe9\t!", "HTTP/1.1", 999, "\xe9\t!"],
    ] as const
  ) {
    const outcome = readAll(latin1(`${line}\r\nA: b\r\n\r\n`), "response");
    assert(typeof outcome === "object" && "text" in outcome);
    const head = parseResponseHead(outcome.text);
    assertEquals([head.version, head.status, head.reason], [
      version,
      status,
      reason,
    ]);
    assertEquals([...head.headers], [["a", "b"]]);
  }
});

Deno.test("head: a hundred header lines are taken, one more is not", () => {
  const lines = (count: number) =>
    `GET / HTTP/1.1\r\n${"a:\r\n".repeat(count)}\r\n`;
  assertEquals([...request(lines(MAX_HEADERS)).headers].length, 100);
  assertEquals(refusal(lines(MAX_HEADERS + 1), "request"), [
    "head-too-large",
    431,
  ]);
});

Deno.test("head: one is written as it is read", () => {
  const written = formatHead("GET /chat HTTP/1.1", [
    ["Host", "server.example.com"],
    ["X", "\xe9\t"],
  ]);
  assertEquals(
    toHex(written),
    toHex(latin1(
      "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nX: \xe9\t\r\n\r\n",
    )),
  );
});

Deno.test("head: nothing can break out of a line that is written", () => {
  const bad: readonly [string, string, string][] = [
    ["GET / HTTP/1.1\r\nA: b", "X", "1"],
    ["GET /\0 HTTP/1.1", "X", "1"],
    ["GET /\u0100 HTTP/1.1", "X", "1"],
    ["GET / HTTP/1.1", "X", "1\r\nY: 2"],
    ["GET / HTTP/1.1", "X", "1\n"],
    ["GET / HTTP/1.1", "X", "1\r"],
    ["GET / HTTP/1.1", "X", "\0"],
    ["GET / HTTP/1.1", "X", "\x7f"],
    // Cut to a byte these two would be CR and LF.
    ["GET / HTTP/1.1", "X", "\u010d\u010a"],
    ["GET / HTTP/1.1", "X", "\u{1f600}"],
    ["GET / HTTP/1.1", "X: 1\r\nY", "2"],
    ["GET / HTTP/1.1", "X Y", "2"],
    ["GET / HTTP/1.1", "", "2"],
    ["GET / HTTP/1.1", "\xc4", "2"],
  ];
  for (const [first, name, value] of bad) {
    const error = assertThrows(
      () => formatHead(first, [["A", "b"], [name, value], ["C", "d"]]),
      HandshakeError,
    );
    assertEquals([error.code, error.status], ["bad-header", undefined]);
  }
});
