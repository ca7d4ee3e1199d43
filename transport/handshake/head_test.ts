import { assert, assertEquals, assertThrows } from "@std/assert";
import { HandshakeError } from "./errors.ts";
import {
  formatHead,
  HeaderLines,
  type HeadKind,
  HeadReader,
  MAX_HEAD_SIZE,
  MAX_HEADERS,
  parseRequestHead,
  parseResponseHead,
} from "./head.ts";
import { chance, join, toHex, utf8 } from "../_support/bytes.ts";

const SEED = Number(new Date()) >>> 0;

/** Bytes of a text whose characters are bytes. */
function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** What came of a head: its text and the bytes behind it, or what was wrong. */
type Outcome =
  | { readonly text: string; readonly early: string }
  | { readonly code: string; readonly status: number | undefined }
  | "unfinished";

function read(
  bytes: Uint8Array,
  kind: HeadKind,
  limit: number | undefined,
  step: () => number,
): Outcome {
  const reader = new HeadReader(kind, limit);
  let at = 0;
  try {
    while (at < bytes.length) {
      const piece = bytes.slice(at, at + step());
      const taken = reader.push(piece);
      at += taken;
      if (reader.done) {
        return { text: reader.text, early: toHex(bytes.slice(at)) };
      }
      assertEquals(taken, piece.length);
      piece.fill(0);
    }
    return "unfinished";
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
    return { code: error.code, status: error.status };
  }
}

/** Reads a head whole, byte by byte and split at random, and wants the same of all. */
function readAll(
  bytes: Uint8Array,
  kind: HeadKind = "request",
  limit?: number,
): Outcome {
  const next = chance(SEED);
  const whole = read(bytes, kind, limit, () => bytes.length);
  const steps = { "byte by byte": () => 1, "at random": () => 1 + next(40) };
  for (const [name, step] of Object.entries(steps)) {
    assertEquals(
      read(bytes, kind, limit, step),
      whole,
      `${name}, seed ${SEED}`,
    );
  }
  return whole;
}

function request(text: string): ReturnType<typeof parseRequestHead> {
  const outcome = readAll(latin1(text));
  assert(typeof outcome === "object" && "text" in outcome, "it was refused");
  return parseRequestHead(outcome.text);
}

/** The code and the status with which a head is refused. */
function refusal(
  text: string,
  kind: HeadKind,
): [string, number | undefined] {
  const outcome = readAll(latin1(text), kind);
  if (outcome === "unfinished") throw new Error("it was waited for");
  if ("code" in outcome) return [outcome.code, outcome.status];
  const parse = kind === "request" ? parseRequestHead : parseResponseHead;
  const error = assertThrows(() => parse(outcome.text), HandshakeError);
  return [error.code, error.status];
}

/** The request of RFC 6455, section 1.2. */
const EXAMPLE = "GET /chat HTTP/1.1\r\n" +
  "Host: server.example.com\r\n" +
  "Upgrade: websocket\r\n" +
  "Connection: Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
  "Origin: http://example.com\r\n" +
  "Sec-WebSocket-Protocol: chat, superchat\r\n" +
  "Sec-WebSocket-Version: 13\r\n\r\n";

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

Deno.test("head: what comes behind it is left, and no byte of it is lost", () => {
  for (const early of ["", "00", "0d0a0d0a", "8105", "474554"]) {
    const bytes = join(
      latin1(EXAMPLE),
      Uint8Array.from(early.match(/../g) ?? [], (two) => parseInt(two, 16)),
    );
    assertEquals(readAll(bytes), { text: EXAMPLE, early });
  }
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

Deno.test("head: header lines take a Headers", () => {
  const lines = new HeaderLines(new Headers({ Upgrade: "websocket" }));
  assertEquals(lines.all("upgrade"), ["websocket"]);
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
  "",
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
    const host = line === "" ? "" : "Host: a\r\n";
    assertEquals(refusal(`${line}\r\n${host}\r\n`, "request"), [
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
  "folded (RFC 9112, section 5.2)": "A: x\r\n y",
  "folded with a tab": "A: x\r\n\ty",
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

Deno.test("head: who speaks another protocol is refused at once", () => {
  // Lines that end in LF alone, TLS, RFC 6455 itself, and HTTP/2.
  for (
    const [bytes, most] of [
      [utf8("GET / HTTP/1.1\nHost: a\n\n"), 15],
      [Uint8Array.of(0x16, 3, 1, 2, 0), 1],
      [Uint8Array.of(0x81, 0x05), 2],
      [utf8("\n"), 1],
    ] as const
  ) {
    const reader = new HeadReader("request");
    const error = assertThrows(
      () => reader.push(bytes.subarray(0, most)),
      HandshakeError,
    );
    assertEquals([error.code, error.status], ["bad-header", 400]);
  }
  assertEquals(
    refusal("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".slice(0, 20), "response"),
    [
      "bad-response",
      undefined,
    ],
  );
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

Deno.test("head: one of exactly the limit is taken, one of a byte more is not", () => {
  const start = "GET / HTTP/1.1\r\nX: ";
  for (
    const [limit, given] of [[MAX_HEAD_SIZE, undefined], [64, 64]] as const
  ) {
    const pad = "x".repeat(limit - start.length - 4);
    const fits = readAll(latin1(`${start}${pad}\r\n\r\nyz`), "request", given);
    assert(typeof fits === "object" && "early" in fits);
    assertEquals(fits.early, "797a");
    const large = latin1(`${start}${pad}x\r\n\r\n`);
    assertEquals(readAll(large, "request", given), {
      code: "head-too-large",
      status: 431,
    });
    assertEquals(readAll(large, "response", given), {
      code: "head-too-large",
      status: undefined,
    });
  }
});

Deno.test("head: an endless one is refused at the limit", () => {
  const reader = new HeadReader("request");
  const piece = new Uint8Array(1_000).fill(0x61);
  let taken = 0;
  assertThrows(() => {
    for (;;) taken += reader.push(piece);
  }, HandshakeError);
  assertEquals(taken, 16_000);
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

Deno.test("head: an unfinished one is waited for", () => {
  for (let size = 0; size < EXAMPLE.length; size++) {
    assertEquals(
      read(latin1(EXAMPLE.slice(0, size)), "request", undefined, () => 7),
      "unfinished",
    );
  }
});

Deno.test("head: bytes one at a time take linear time", () => {
  const feed = (size: number) => {
    const reader = new HeadReader("request", 2 * size);
    const one = Uint8Array.of(0x61);
    const start = performance.now();
    for (let i = 0; i < size; i++) reader.push(one);
    return performance.now() - start;
  };
  const best = (size: number) => Math.min(feed(size), feed(size), feed(size));
  // Sixteen times as many would take 256 times as long if it were quadratic.
  assert(best(320_000) < 100 * Math.max(best(20_000), 1));
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
