import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import { saying, serve, welcome } from "./_support/answering.ts";
import { dialRaw } from "./dial_raw.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { Schedule } from "../base/schedule.ts";
import { join, utf8 } from "../_support/bytes.ts";
import { HandPeer, TEXT, turns } from "../_support/raw.ts";

const HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";

for (
  const [status, code] of [
    ["401 Unauthorized", "refused"],
    ["503 Service Unavailable", "refused"],
    ["302 Found", "redirected"],
    ["200 OK", "refused"],
  ] as const
) {
  Deno.test(`dialRaw: an answer of ${status} carries its status and headers, and nothing is followed`, async () => {
    await using server = serve(
      saying(
        `HTTP/1.1 ${status}\r\nLocation: /elsewhere\r\nX-Why: because\r\n\r\n`,
      ),
    );
    const error = await assertRejects(
      () => dialRaw(server.url, {}),
      HandshakeError,
    );
    assertEquals([error.status, error.code], [parseInt(status), code]);
    assertEquals(error.headers?.get("x-why"), "because");
    assertEquals(server.heads.length, 1);
  });
}

for (
  const [location, leads] of [
    ["/elsewhere?token=secret", "; this one leads to /elsewhere."],
    [
      "https://user:secret@b.example/#a",
      "; this one leads to https://***@b.example/.",
    ],
    ["https://b.example", "; this one leads to https://b.example."],
    [undefined, "."],
  ] as const
) {
  Deno.test(`dialRaw: the message of a redirect to ${location} says where it leads, without secrets`, async () => {
    const line = location === undefined ? "" : `Location: ${location}\r\n`;
    await using server = serve(
      saying(`HTTP/1.1 302 Found\r\n${line}Content-Length: 0\r\n\r\n`),
    );
    const error = await assertRejects(
      () => dialRaw(server.url),
      HandshakeError,
    );
    assertEquals(
      error.message,
      `Cannot connect: the server answered 302 Found instead of 101. Redirects are not followed${leads}`,
    );
  });
}

Deno.test("dialRaw: an answer that is no HTTP is refused before it has ended", async () => {
  const conns: Deno.Conn[] = [];
  await using server = serve(async (conn) => {
    conns.push(conn);
    await conn.write(utf8("220 mail.example ESMTP\r\n"));
  });
  const error = await assertRejects(
    () => dialRaw(server.url, { handshakeTimeout: 0 }),
    HandshakeError,
  );
  assertEquals(error.code, "bad-response");
  for (const conn of conns) conn.close();
});

for (
  const [answer, message] of [
    ["", "before a response arrived."],
    ["HTTP/1.1 101 Switch", "before the response was complete."],
    [HINTS, "before the response was complete."],
  ] as const
) {
  Deno.test(`dialRaw: the message of a connection that ends after ${answer.length} bytes says how much arrived`, async () => {
    await using server = serve(saying(answer));
    const error = await assertRejects(
      () => dialRaw(server.url),
      HandshakeError,
      `Cannot complete the handshake: the connection was closed ${message}`,
    );
    assertEquals(error.code, "connection-lost");
  });
}

for (
  const [what, answer] of [
    ["is no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["ends before its end", "HTTP/1.1 101 Switch"],
    ["is nothing", ""],
    [
      "has the wrong accept key",
      "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    ],
    ["has no end", `HTTP/1.1 101 X\r\nX: ${"x".repeat(20_000)}`],
  ] as const
) {
  Deno.test(`dialRaw: an answer that ${what} is a HandshakeError`, async () => {
    await using server = serve(saying(answer));
    await assertRejects(() => dialRaw(server.url, {}), HandshakeError);
  });
}

for (
  const [what, interim] of [
    ["103", HINTS],
    ["100", "HTTP/1.1 100 Continue\r\n\r\n"],
    ["102, without a reason", "HTTP/1.1 102\r\n\r\n"],
    ["several", `${HINTS}HTTP/1.1 100 Continue\r\n\r\n${HINTS}`],
  ] as const
) {
  for (const separate of [false, true]) {
    Deno.test(`dialRaw skips interim responses before the 101: ${what}${separate ? ", in packets of their own" : ""}`, async () => {
      const conns: Deno.Conn[] = [];
      await using server = serve(async (conn, head) => {
        conns.push(conn);
        const peer = new HandPeer(conn, "server");
        const final = join(
          welcome(head, "X-Final: yes\r\n"),
          peer.frame(TEXT, "early"),
        );
        if (!separate) return await conn.write(join(utf8(interim), final));
        await conn.write(utf8(interim));
        await turns(20);
        await conn.write(final);
      });
      const socket = await dialRaw(server.url);
      assertEquals(socket.response?.status, 101);
      assertEquals(socket.response?.headers.get("x-final"), "yes");
      assertEquals(socket.response?.headers.get("link"), null);
      const reader = new RecordingReader();
      socket.start(reader);
      assertEquals(await reader.take(), "early");
      socket.terminate();
      for (const conn of conns) conn.close();
    });
  }
}

Deno.test("dialRaw gives up on endless interim responses", async () => {
  await using server = serve(saying(HINTS.repeat(100)));
  const error = await assertRejects(() => dialRaw(server.url), HandshakeError);
  assertEquals([error.code, error.status], ["bad-response", undefined]);
});

for (const empty of ["", " ", ","]) {
  Deno.test(`dialRaw takes empty headers in an answer for none: "${empty}"`, async () => {
    const conns: Deno.Conn[] = [];
    await using server = serve(async (conn, head) => {
      conns.push(conn);
      const lines = `Sec-WebSocket-Extensions:${empty}\r\n` +
        `Sec-WebSocket-Protocol:${empty.replace(",", "")}\r\n`;
      await conn.write(welcome(head, lines));
    });
    const socket = await dialRaw(server.url, {
      protocols: "a",
      compression: true,
    });
    assertEquals([socket.protocol, socket.extensions], ["", ""]);
    socket.terminate();
    for (const conn of conns) conn.close();
  });
}

for (
  const [what, header, body, kept] of [
    ["a length", "Content-Length: 4", "slow, and more", "slow"],
    ["chunks", "Transfer-Encoding: chunked", "4\r\nslow\r\n0\r\n\r\n", "slow"],
    ["no length", "X: y", "slow", "slow"],
    [
      "more than 4 KiB",
      "Content-Length: 9000",
      "x".repeat(9_000),
      "x".repeat(4_096),
    ],
  ] as const
) {
  Deno.test(`dialRaw: a refusal has its body, with ${what}`, async () => {
    await using server = serve(saying(
      `HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n${header}\r\n\r\n${body}`,
    ));
    const error = await assertRejects(
      () => dialRaw(server.url),
      HandshakeError,
    );
    assertEquals([error.code, error.status], ["refused", 429]);
    assertEquals(error.headers?.get("retry-after"), "7");
    assertEquals(error.body, kept);
  });
}

for (const ends of ["after a second", "with handshakeTimeout"]) {
  Deno.test(`dialRaw: the wait for the body of a refusal ends ${ends}`, async () => {
    const clock = new FakeClock();
    const conns: Deno.Conn[] = [];
    await using server = serve(async (conn) => {
      conns.push(conn);
      await conn.write(
        utf8("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nbusy"),
      );
    });
    const handshakeTimeout = ends === "after a second" ? 5_000 : 800;
    const dialled = dialRaw(server.url, { clock, handshakeTimeout });
    dialled.catch(() => {});
    // One task is that of the handshake, the other that of the body.
    while (Schedule.of(clock).size < 2) await turns(1);
    await clock.advance(ends === "after a second" ? 1_000 : 800);
    const error = await assertRejects(() => dialled, HandshakeError);
    assertEquals([error.code, error.status, error.body], [
      "refused",
      503,
      "busy",
    ]);
    assertEquals(clock.pending, 0);
    for (const conn of conns) conn.close();
  });
}

Deno.test("dialRaw: a signal ends the wait for the body of a refusal with its reason", async () => {
  const abort = new AbortController();
  const conns: Deno.Conn[] = [];
  await using server = serve(async (conn) => {
    conns.push(conn);
    await conn.write(utf8("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nbu"));
  });
  const dialled = dialRaw(server.url, { signal: abort.signal });
  dialled.catch(() => {});
  while (conns.length === 0) await turns(1);
  await turns(20);
  const reason = new Error("not wanted");
  abort.abort(reason);
  assertEquals(await dialled.catch((error) => error), reason);
  for (const conn of conns) conn.close();
});
