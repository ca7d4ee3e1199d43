import { assert, assertEquals, assertThrows } from "@std/assert";
import { chance } from "../_support/bytes.ts";
import { latin1 } from "./_support/heads.ts";
import { HandshakeError } from "./errors.ts";
import {
  type HttpResponse,
  MAX_INTERIM_RESPONSES,
  ResponseReader,
} from "./response_reader.ts";

const SEED = Number(new Date()) >>> 0;

/** What came of an answer. */
interface Reading {
  readonly response: HttpResponse | undefined;
  readonly done: boolean;
  /** The bytes that were not taken. */
  readonly rest: string;
}

function readBy(text: string, step: () => number): Reading {
  const reader = new ResponseReader((status) => status === 101);
  const bytes = latin1(text);
  let at = 0;
  while (at < bytes.length && !reader.done) {
    at += reader.push(bytes.subarray(at, at + step()));
  }
  return {
    response: reader.response,
    done: reader.done,
    rest: text.slice(at),
  };
}

/** Reads an answer whole, byte by byte and split at random, and wants the same of all. */
function read(text: string): Reading {
  const next = chance(SEED);
  const whole = readBy(text, () => text.length);
  for (const step of [() => 1, () => 1 + next(40)]) {
    const other = readBy(text, step);
    assertEquals(other.done, whole.done, `seed ${SEED}`);
    assertEquals(other.rest, whole.rest, `seed ${SEED}`);
    assertEquals(other.response?.status, whole.response?.status);
    assertEquals(other.response?.body, whole.response?.body, `seed ${SEED}`);
  }
  return whole;
}

/** Returns the status and the body of a complete answer. */
function answer(text: string): [number, string | undefined] {
  const { response, done } = read(text);
  assert(done, "more was waited for");
  assert(response !== undefined);
  return [response.status, response.body];
}

const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n";
const HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

Deno.test("response: bytes after a 101 are left", () => {
  const { response, done, rest } = read(`${SWITCHING}\x81\x01a`);
  assertEquals([done, rest], [true, "\x81\x01a"]);
  assertEquals(response?.status, 101);
  assertEquals(response?.headers.get("upgrade"), "a");
  assertEquals(response?.body, undefined);
});

Deno.test("answer: interim responses are skipped, each with its headers", () => {
  const interim = [
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 102\r\nX: 1\r\n\r\n",
    HINTS,
    HINTS,
    "HTTP/1.1 199 Whatever\r\nContent-Length: 0\r\n\r\n",
  ].join("");
  const { response, rest } = read(`${interim}${SWITCHING}x`);
  assertEquals([response?.status, rest], [101, "x"]);
  assertEquals(response?.headers.get("link"), undefined);
  assertEquals(
    answer(`${interim}HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno`),
    [
      403,
      "no",
    ],
  );
});

Deno.test("answer: the number of interim responses is bounded", () => {
  assertEquals(answer(HINTS.repeat(MAX_INTERIM_RESPONSES) + SWITCHING)[0], 101);
  const error = assertThrows(
    () => read(HINTS.repeat(MAX_INTERIM_RESPONSES + 1)),
    HandshakeError,
  );
  assertEquals([error.code, error.status], ["bad-response", undefined]);
});

Deno.test("answer: one that is not complete is waited for", () => {
  const text = HINTS + SWITCHING;
  for (let size = 0; size < text.length; size++) {
    const { response, done } = readBy(text.slice(0, size), () => 7);
    assertEquals([response, done], [undefined, false]);
  }
});

Deno.test("answer: the body of a refusal ends where its length says", () => {
  const head = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\n";
  assertEquals(answer(`${head}busyHTTP`), [503, "busy"]);
  assertEquals(read(`${head}bu`).done, false);
  assertEquals(read(`${head}bu`).response?.body, "bu");
  const same = head.replace("4", "4, 4");
  assertEquals(answer(`${same}busyHTTP`), [503, "busy"]);
});

Deno.test("answer: the body of a refusal may come in chunks", () => {
  const head = "HTTP/1.1 403 No\r\nTransfer-Encoding: Chunked\r\n\r\n";
  assertEquals(
    answer(`${head}3\r\nnot\r\n8;x="y"\r\n allowed\r\n0\r\n\r\n`),
    [403, "not allowed"],
  );
  assertEquals(answer(`${head}0\r\n\r\n`), [403, ""]);
  assertEquals(answer(`${head}A\r\n0123456789\r\n000\r\n`), [
    403,
    "0123456789",
  ]);
  // A length beside the chunks does not count (RFC 9112, section 6.3).
  const both = head.replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\n");
  assertEquals(answer(`${both}3\r\nnot\r\n0\r\n\r\n`), [403, "not"]);
  assertEquals(read(`${head}5\r\nnot`).done, false);
});

Deno.test("answer: a malformed chunk ends the body", () => {
  const head = "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n";
  assertEquals(answer(`${head}3\r\nnot\r\nzz\r\n`), [403, "not"]);
  assertEquals(answer(`${head}-3\r\nnot`), [403, ""]);
  assertEquals(answer(`${head}${"1".repeat(300)}`), [403, ""]);
});

Deno.test("answer: a body without a length goes on to the end of the stream", () => {
  for (
    const header of ["X: y", "Content-Length: x", "Content-Length: 1, 2"]
  ) {
    const { response, done } = read(`HTTP/1.1 400 No\r\n${header}\r\n\r\nabc`);
    assertEquals([done, response?.body], [false, "abc"]);
  }
});

Deno.test("answer: 4 KiB of a body are kept", () => {
  for (
    const [header, body] of [
      ["Content-Length: 5000", "x".repeat(5_000)],
      ["X: y", "x".repeat(5_000)],
      ["Transfer-Encoding: chunked", `1388\r\n${"x".repeat(5_000)}\r\n0\r\n`],
    ]
  ) {
    const [status, kept] = answer(
      `HTTP/1.1 500 No\r\n${header}\r\n\r\n${body}`,
    );
    assertEquals([status, kept], [500, "x".repeat(4_096)]);
  }
});

Deno.test("answer: a body is text in UTF-8, and a cut character is left out", () => {
  const head = "HTTP/1.1 400 No\r\n\r\n";
  assertEquals(read(`${head}\xc3\xa4`).response?.body, "\xe4");
  assertEquals(read(`${head}a\xc3`).response?.body, "a");
  assertEquals(read(`${head}a\xffb`).response?.body, "a\ufffdb");
  const [, cut] = answer(`${head}${"x".repeat(4_095)}\xc3\xa4`);
  assertEquals(cut, "x".repeat(4_095));
});

Deno.test("answer: a compressed body is not shown", () => {
  const head =
    "HTTP/1.1 400 No\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n";
  assertEquals(answer(`${head}\x1f\x8b\x08`), [400, undefined]);
});

Deno.test("answer: statuses that have no body are complete with their head", () => {
  for (const status of [204, 304]) {
    assertEquals(answer(`HTTP/1.1 ${status} X\r\nX: y\r\n\r\n`), [status, ""]);
  }
});
