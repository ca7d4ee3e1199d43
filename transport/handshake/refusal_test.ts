import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { HandshakeError } from "./errors.ts";
import { createRefusal, type Refusal } from "./refusal.ts";

function write(status: number, refusal?: Refusal): string {
  return new TextDecoder().decode(createRefusal(status, refusal));
}

Deno.test("refusal: it says how long it is, and that it is the last", () => {
  assertEquals(
    write(403, { body: "Nö", headers: [["X-Why", "because"]] }),
    "HTTP/1.1 403 Forbidden\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 3\r\n" +
      "X-Why: because\r\n" +
      "Connection: close\r\n\r\n" +
      "Nö",
  );
});

Deno.test("refusal: an empty one, with a status that has no name", () => {
  assertEquals(
    write(418),
    "HTTP/1.1 418 \r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 0\r\n" +
      "Connection: close\r\n\r\n",
  );
});

Deno.test("refusal: where it ends is not the user's to say", () => {
  const headers = new Headers({
    "Content-Length": "1",
    "Transfer-Encoding": "chunked",
    Connection: "keep-alive",
  });
  const text = write(400, { body: "ab", headers });
  assertStringIncludes(
    text,
    "Content-Length: 2\r\nConnection: close\r\n\r\nab",
  );
  assertEquals(text.toLowerCase().split("transfer-encoding").length, 1);
});

Deno.test("refusal: the type of the body may be another", () => {
  const text = write(401, {
    body: "{}",
    headers: [["content-type", "application/json"]],
  });
  assertEquals(text.match(/content-type: [^\r]*/gi), [
    "content-type: application/json",
  ]);
});

Deno.test("refusal: one that says Upgrade names it in Connection", () => {
  const text = write(426, { headers: new Headers({ Upgrade: "websocket" }) });
  assertStringIncludes(text, "HTTP/1.1 426 Upgrade Required\r\n");
  assertStringIncludes(
    text,
    "upgrade: websocket\r\nConnection: Upgrade, close",
  );
});

Deno.test("refusal: statuses that have no body have none", () => {
  for (const status of [204, 304]) {
    assertEquals(
      write(status, { body: "x" }),
      `HTTP/1.1 ${status} \r\nConnection: close\r\n\r\n`,
    );
  }
});

Deno.test("refusal: what is no response is not written", () => {
  for (
    const [status, headers] of [
      [101, []],
      [199, []],
      [600, []],
      [404.5, []],
      [NaN, []],
      [404, [["X", "a\r\nY: b"]]],
      [404, [["X\r\nY", "a"]]],
    ] as const
  ) {
    const error = assertThrows(
      () => createRefusal(status, { headers }),
      HandshakeError,
    );
    assertEquals(error.code, "bad-header");
  }
});
