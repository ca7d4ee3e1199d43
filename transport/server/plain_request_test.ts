import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "@std/assert";
import { FakeClock } from "../../testing/mod.ts";
import { utf8 } from "../_support/bytes.ts";
import { CA } from "../_support/certificates.ts";
import { turns } from "../_support/raw.ts";
import { dialRaw } from "../client/dial_raw.ts";
import { NONSENSE } from "../handshake/_support/nonsense.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  ask,
  HOST,
  listenHere,
  next,
  request,
  TLS,
} from "./_support/listening.ts";
import type { RequestAnswer, RequestInfo } from "./plain_request.ts";

const GET = "GET /health?full HTTP/1.1\r\nHost: a.example:80\r\nX: y\r\n\r\n";

/** Returns head and body of the answer to a request. */
async function answerTo(
  answer: () => RequestAnswer | Promise<RequestAnswer>,
  text = GET,
): Promise<[head: string, body: string]> {
  await using server = listenHere({ onRequest: answer });
  const whole = await ask(server.port, text);
  const end = whole.indexOf("\r\n\r\n");
  return [whole.slice(0, end + 2), whole.slice(end + 4)];
}

Deno.test("a plain request is seen as it came", async () => {
  const seen: [Request, RequestInfo][] = [];
  await using server = listenHere({
    onRequest(request, info) {
      seen.push([request, info]);
      return {};
    },
  });
  assert((await ask(server.port, GET)).startsWith("HTTP/1.1 200 OK\r\n"));
  const [[request, info] = []] = seen;
  assertEquals(request?.url, "http://a.example/health?full");
  assertEquals(request?.method, "GET");
  assertEquals(request?.headers.get("x"), "y");
  assertEquals(info?.remoteAddr?.transport, "tcp");
  assertEquals(server.listener.errors.size, 0);
});

Deno.test("a plain request is answered with status, headers and a text", async () => {
  const [head, body] = await answerTo(() => ({
    status: 201,
    headers: { "X-Up": "yes" },
    body: "healthy",
  }));
  assert(head.startsWith("HTTP/1.1 201 Created\r\n"), head);
  assert(/^x-up: yes\r$/mi.test(head), head);
  assert(/^content-type: text\/plain; charset=utf-8\r$/mi.test(head), head);
  assert(/^content-length: 7\r$/mi.test(head), head);
  assert(/^connection: close\r$/mi.test(head), head);
  assertEquals(body, "healthy");
});

Deno.test("every answer has the date, by the clock of the listener", async () => {
  const clock = new FakeClock();
  await using server = listenHere({
    clock,
    onRequest: ({ url }) => {
      if (url.endsWith("/fault")) throw new Error("x");
      return url.endsWith("/health") ? {} : undefined;
    },
  });
  const date = `\r\nDate: ${new Date(clock.date()).toUTCString()}\r\n`;
  for (const path of ["/health", "/fault", "/none"]) {
    const text = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    assertStringIncludes(await ask(server.port, text), date);
  }
  const rejected = ask(server.port, request());
  await (await next(server.incoming)).reject(503);
  assertStringIncludes(await rejected, date);
});

Deno.test("a plain request is answered with bytes", async () => {
  const [head, body] = await answerTo(() => ({
    body: new TextEncoder().encode("bytes"),
  }));
  assert(!/content-type/i.test(head), head);
  assertEquals(body, "bytes");
});

Deno.test("a plain request is answered with a Response, also later", async () => {
  const html = async () => {
    await turns();
    return new Response("<p>", {
      status: 404,
      headers: { "Content-Type": "text/html" },
    });
  };
  const [head, body] = await answerTo(html);
  assert(head.startsWith("HTTP/1.1 404 Not Found\r\n"), head);
  assert(/^content-type: text\/html\r$/mi.test(head), head);
  assertEquals(body, "<p>");
  const [bare, nothing] = await answerTo(() =>
    new Response(null, { status: 204 })
  );
  assert(bare.startsWith("HTTP/1.1 204 No Content\r\n"), bare);
  assertEquals(nothing, "");
});

Deno.test("a plain request that the handler does not answer gets 426", async () => {
  for (const nothing of [() => undefined, () => Promise.resolve(undefined)]) {
    const [head, body] = await answerTo(nothing);
    assert(head.startsWith("HTTP/1.1 426 Upgrade Required\r\n"), head);
    assert(/^upgrade: websocket\r$/mi.test(head), head);
    assertEquals(JSON.parse(body).status, 426);
  }
});

Deno.test("a HEAD request gets no body but its length", async () => {
  const [head, body] = await answerTo(
    () => ({ body: "abc" }),
    GET.replace("GET", "HEAD"),
  );
  assert(/^content-length: 3\r$/mi.test(head), head);
  assertEquals(body, "");
});

for (
  const [what, text, url, method] of [
    [
      "HTTP/1.0 without a Host",
      "OPTIONS / HTTP/1.0\r\n\r\n",
      "http://localhost/",
      "OPTIONS",
    ],
    [
      "HTTP/1.0 with a Host",
      "GET /a HTTP/1.0\r\nHost: b\r\n\r\n",
      "http://b/a",
      "GET",
    ],
    [
      "a POST, without its body",
      "POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhi",
      "http://b/a",
      "POST",
    ],
    [
      "a whole URL as target",
      "GET http://c/d HTTP/1.1\r\nHost: b\r\n\r\n",
      "http://c/d",
      "GET",
    ],
    [
      "another upgrade",
      "GET /a HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
      "http://b/a",
      "GET",
    ],
  ] as const
) {
  Deno.test(`the handler answers ${what}`, async () => {
    const seen: string[] = [];
    await using server = listenHere({
      onRequest(request) {
        seen.push(`${request.method} ${request.url}`);
        return { body: "ok" };
      },
    });
    assert((await ask(server.port, text)).endsWith("\r\n\r\nok"));
    assertEquals(seen, [`${method} ${url}`]);
  });
}

for (
  const [what, text, status] of [
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400],
    ["HTTP/2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505],
    [
      "a method that a Request cannot have",
      "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
      400,
    ],
    ["an upgrade without a key", request({ key: "" }), 400],
    [
      "an upgrade of another version",
      request({ version: "Sec-WebSocket-Version: 8" }),
      426,
    ],
    ["nonsense", "nonsense\r\n\r\n", 400],
  ] as const
) {
  Deno.test(`the handler is not asked about a request with ${what}`, async () => {
    await using server = listenHere({
      onRequest() {
        throw new Error("it was asked");
      },
    });
    const answer = await ask(server.port, text);
    assert(answer.startsWith(`HTTP/1.1 ${status} `), answer);
  });
}

const { "never settles": hangs, ...WRONG } = NONSENSE;
for (
  const [what, handler] of Object.entries<() => unknown>({
    ...WRONG,
    "returns a status that is none": () => ({ status: 99 }),
    "returns a status that is a text": () => ({ status: "200" }),
    "returns a body that is a number": () => ({ body: 5 }),
    "returns an unknown field": () => ({ body: "ok", code: 404 }),
    "returns headers that HTTP does not allow": () => ({
      headers: { "a b": "c" },
    }),
    "returns an error response": () => Response.error(),
    "returns a used response": async () => {
      const response = new Response("x");
      await response.text();
      return response;
    },
  })
) {
  // An empty object is an answer, with status 200.
  if (what === "returns an object" || what === "returns a thenable") continue;
  Deno.test(`a handler that ${what} answers 500, and is reported`, async () => {
    await using server = listenHere({
      onRequest: handler as () => RequestAnswer,
    });
    const answer = await ask(server.port, GET);
    assert(answer.startsWith("HTTP/1.1 500 "), answer);
    assert(!answer.includes("detail"), answer);
    const error = server.listener.errors.shift()?.error;
    assertInstanceOf(error, HandshakeError);
    assertEquals(error.status, 500);
    assertInstanceOf(error.cause, Error);
    // The listener goes on.
    const dialled = dialRaw(server.url);
    (await next(server.incoming)).accept().terminate();
    (await dialled).terminate();
  });
}

Deno.test("a handler that never settles is bounded by handshakeTimeout", async () => {
  const clock = new FakeClock();
  await using server = listenHere({
    clock,
    handshakeTimeout: 300,
    maxPending: 1,
    onRequest: hangs as () => Promise<RequestAnswer>,
  });
  const answer = ask(server.port, GET);
  while (clock.pending === 0) await turns(1);
  await turns(10);
  await clock.advance(300);
  assertEquals(await answer, "");
  const error = server.listener.errors.shift()?.error;
  assertInstanceOf(error, HandshakeError);
  assertEquals(error.code, "timeout");
});

Deno.test("a page and WebSockets share a TLS port", async () => {
  await using server = listenHere({
    tls: TLS,
    onRequest: () => ({ body: "ok" }),
  });
  await server.listener.ready;
  const client = Deno.createHttpClient({ caCerts: [CA] });
  const page = await fetch(server.url.replace("wss", "https"), { client });
  assertEquals([page.status, await page.text()], [200, "ok"]);
  client.close();
  const dialled = dialRaw(server.url, { caCerts: [CA] });
  (await next(server.incoming)).accept().terminate();
  (await dialled).terminate();
});

/** Sends a request, and reads the answer in parts of 1 MiB, between which the clock advances. */
async function readSlowly(
  clock: FakeClock,
  port: number,
  pause: number,
): Promise<number> {
  using conn = await Deno.connect({ hostname: HOST, port });
  await conn.write(utf8(GET));
  const buffer = new Uint8Array(65_536);
  let received = 0;
  for (let part = 1;; part++) {
    while (received < part * 1_048_576) {
      const count = await conn.read(buffer).catch(() => null);
      if (count === null) return received;
      received += count;
    }
    await clock.advance(pause);
  }
}

Deno.test("a large answer reaches a peer that reads it slowly", async () => {
  const clock = new FakeClock();
  const body = new Uint8Array(12 * 1_048_576);
  await using server = listenHere({ clock, onRequest: () => ({ body }) });
  const received = await readSlowly(clock, server.port, 500);
  assert(received > body.length, `${received}`);
});

Deno.test("a large answer does not wait for a peer that does not read it", async () => {
  const clock = new FakeClock();
  const body = new Uint8Array(64 * 1_048_576);
  await using server = listenHere({ clock, onRequest: () => ({ body }) });
  const received = await readSlowly(clock, server.port, 60_000);
  assert(received < body.length, `${received}`);
});
