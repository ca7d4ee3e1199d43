import { assert, assertEquals, assertThrows } from "@std/assert";
import { join, utf8 } from "../_support/bytes.ts";
import { EXAMPLE, latin1, read, readAll, refusal } from "./_support/heads.ts";
import { HandshakeError } from "./errors.ts";
import { HeadReader, MAX_EMPTY_LINES, MAX_HEAD_SIZE } from "./head_reader.ts";

Deno.test("head: bytes after it are left, and none is lost", () => {
  for (const early of ["", "00", "0d0a0d0a", "8105", "474554"]) {
    const bytes = join(
      latin1(EXAMPLE),
      Uint8Array.from(early.match(/../g) ?? [], (two) => parseInt(two, 16)),
    );
    assertEquals(readAll(bytes), { text: EXAMPLE, early });
  }
});

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
    const answer = latin1(`HTTP/1.1 101 ${"x".repeat(limit)}`);
    assertEquals(readAll(answer, "response", given), {
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

Deno.test("head: empty lines before a request line are skipped, a few of them", () => {
  for (const count of [1, 2, MAX_EMPTY_LINES]) {
    assertEquals(readAll(latin1("\r\n".repeat(count) + EXAMPLE + "x")), {
      text: EXAMPLE,
      early: "78",
    });
  }
  assertEquals(
    readAll(latin1("\r\n".repeat(MAX_EMPTY_LINES + 1))),
    { code: "bad-request", status: 400 },
  );
  assertEquals(readAll(latin1("\r\n")), "unfinished");
  assertEquals(readAll(latin1("\r\n\n")), { code: "bad-header", status: 400 });
});

Deno.test("head: empty lines do not count towards the limit of the head", () => {
  const text = `GET / HTTP/1.1\r\nX: ${"x".repeat(41)}\r\n\r\n`;
  assertEquals(text.length, 64);
  assertEquals(readAll(latin1(`\r\n\r\n${text}`), "request", 64), {
    text,
    early: "",
  });
});

Deno.test("head: an empty line before a status line is not skipped", () => {
  assertEquals(refusal("\r\nHTTP/1.1 101 Yes\r\n\r\n", "response"), [
    "bad-response",
    undefined,
  ]);
});

Deno.test("A response that does not begin as HTTP is refused at its first byte that differs", () => {
  for (
    const [text, most] of [
      ["SSH-2.0-OpenSSH_9.0\r\n", 1],
      ["<html>", 1],
      ["HTTPS", 5],
      ["http/1.1 101 Yes\r\n", 1],
    ] as const
  ) {
    const reader = new HeadReader("response");
    reader.push(latin1(text.slice(0, most - 1)));
    const error = assertThrows(
      () => reader.push(latin1(text.slice(most - 1, most))),
      HandshakeError,
      'the response is not HTTP/1.1: it does not begin with "HTTP/". The server on this port speaks another protocol.',
    );
    assertEquals([error.code, error.status], ["bad-response", undefined]);
  }
});

for (const [kind, type] of [["request", 0x16], ["response", 0x15]] as const) {
  Deno.test(`A ${kind} that begins as TLS is named so`, () => {
    const reader = new HeadReader(kind);
    const error = assertThrows(
      () => reader.push(Uint8Array.of(type, 3, 3, 0, 2)),
      HandshakeError,
      `the ${kind} is not HTTP/1.1: it begins as TLS does. One side speaks TLS, and the other does not.`,
    );
    assertEquals(error.code, "bad-header");
    const later = new HeadReader(kind);
    assertThrows(
      () => later.push(Uint8Array.of(0x48, type)),
      HandshakeError,
      "control character",
    );
  });
}
