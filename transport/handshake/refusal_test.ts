import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { HandshakeError, type HandshakeErrorOptions } from "./errors.ts";
import {
  createRefusal,
  createResponse,
  describeRefusal,
  type ResponseParts,
} from "./refusal.ts";

function write(status: number, parts?: ResponseParts): string {
  return new TextDecoder().decode(createResponse(status, parts));
}

Deno.test("response: it says how long it is, and that it is the last", () => {
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

Deno.test("response: an empty one, with a status that has no name", () => {
  assertEquals(
    write(418),
    "HTTP/1.1 418 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
  );
});

Deno.test("response: bytes go out as they are, without a type of ours", () => {
  assertEquals(
    String.fromCharCode(
      ...createResponse(200, { body: Uint8Array.of(0xff, 0, 0x41) }),
    ),
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n\xff\0A",
  );
});

Deno.test("response: it has the date, unless a header gives another", () => {
  assertStringIncludes(
    write(200, { date: 784_111_777_000 }),
    "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
  );
  const headers = [["date", "Mon, 07 Nov 1994 08:49:37 GMT"]] as const;
  const text = write(200, { date: 784_111_777_000, headers });
  assertEquals(text.match(/^date: .*$/gim), [
    "date: Mon, 07 Nov 1994 08:49:37 GMT",
  ]);
});

Deno.test("response: how it is framed is not the user's to say", () => {
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

Deno.test("response: the type of the body may be another", () => {
  const text = write(401, {
    body: "{}",
    headers: [["content-type", "application/json"]],
  });
  assertEquals(text.match(/content-type: [^\r]*/gi), [
    "content-type: application/json",
  ]);
});

Deno.test("response: one that says Upgrade names it in Connection", () => {
  const text = write(426, { headers: new Headers({ Upgrade: "websocket" }) });
  assertStringIncludes(text, "HTTP/1.1 426 Upgrade Required\r\n");
  assertStringIncludes(
    text,
    "upgrade: websocket\r\nConnection: Upgrade, close",
  );
});

Deno.test("response: statuses that have no body have none", () => {
  for (const [status, reason] of [[204, "No Content"], [304, "Not Modified"]]) {
    assertEquals(
      write(Number(status), { body: "x" }).replace(/^Content-Type.*\r\n/m, ""),
      `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\n\r\n`,
    );
  }
});

Deno.test("response: one to HEAD has the length of the body, and no body", () => {
  assertEquals(
    write(200, { body: "abc", isHead: true }),
    "HTTP/1.1 200 OK\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 3\r\n" +
      "Connection: close\r\n\r\n",
  );
});

Deno.test("response: an invalid response is not written", () => {
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
      () => createResponse(status, { headers }),
      HandshakeError,
    );
    assertEquals(error.code, "bad-header");
  }
});

function describe(message: string, options: HandshakeErrorOptions) {
  const { status, headers, body } = describeRefusal(
    new HandshakeError("refused", message, options),
  );
  return [status, Object.fromEntries(headers), JSON.parse(body)];
}

Deno.test("refusal: the body describes the problem (RFC 9457)", () => {
  const headers = new Headers({ "Retry-After": "5", "Content-Type": "x/y" });
  assertEquals(describe("Too busy.", { status: 503, headers }), [
    503,
    { "retry-after": "5", "content-type": "application/problem+json" },
    {
      type: "about:blank",
      title: "Service Unavailable",
      status: 503,
      detail: "Too busy.",
    },
  ]);
  assertEquals(headers.get("content-type"), "x/y", "the error is unchanged");
});

Deno.test("refusal: without a status it is the client's fault", () => {
  assertEquals(describe("No.", {})[0], 400);
});

Deno.test("refusal: a fault of the server is not described", () => {
  assertEquals(describe("secret", { status: 500 })[2], {
    type: "about:blank",
    title: "Internal Server Error",
    status: 500,
  });
});

Deno.test("refusal: it is a whole response", () => {
  const error = new HandshakeError("bad-key", "No key.", { status: 400 });
  const text = new TextDecoder().decode(createRefusal(error));
  const [head = "", body = ""] = text.split("\r\n\r\n");
  assertStringIncludes(head, "HTTP/1.1 400 Bad Request\r\n");
  assertStringIncludes(head, "content-type: application/problem+json");
  assertStringIncludes(head, `Content-Length: ${body.length}`);
  assertEquals(JSON.parse(body).detail, "No key.");
  const toHead = new TextDecoder().decode(createRefusal(error, true));
  assertEquals(toHead, `${head}\r\n\r\n`);
});
