import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { answerTo, serve, serveBare } from "./_support/serving.ts";
import { ConfigError, type ConfigErrorCode } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { requestHead, WirePeer } from "../_support/native.ts";
import { NONSENSE } from "../handshake/_support/nonsense.ts";
import { refusal, upgrade, type UpgradeOptions } from "./upgrade.ts";

Deno.test("the server prefers, and finds its subprotocol with and without blanks", async () => {
  const options = { protocols: ["b", "a"] };
  for (const offer of ["a, b", "a,b", "a\t,  b"]) {
    await using server = serve(options);
    using peer = await WirePeer.connect(
      server.port,
      `Sec-WebSocket-Protocol: ${offer}\r\n`,
    );
    assert(/\r\nsec-websocket-protocol: b\r\n/i.test(peer.head), peer.head);
    assertEquals((await server.socket).protocol, "b");
  }
});

Deno.test("a peer without a subprotocol that the server speaks is accepted without one", async () => {
  await using server = serve({ protocols: ["b"] });
  using peer = await WirePeer.connect(
    server.port,
    "Sec-WebSocket-Protocol: a\r\n",
  );
  assert(!/sec-websocket-protocol/i.test(peer.head));
  assertEquals((await server.socket).protocol, "");
});

Deno.test("a function may choose the subprotocol, among the offered ones", async () => {
  const head = requestHead("Sec-WebSocket-Protocol: a, b\r\n");
  const seen: unknown[] = [];
  const chosen = await answerTo(head, {
    protocols: (offered) => {
      seen.push(offered);
      return offered.at(-1);
    },
  });
  assertEquals(seen, [["a", "b"]]);
  assert(/\r\nsec-websocket-protocol: b\r\n/i.test(chosen));
  const wrong = await answerTo(head, { protocols: () => "c" });
  assertEquals(wrong.split(" ")[1], "500");
});

for (
  const [rule, head, status] of [
    [
      "another method",
      requestHead().replace("GET", "POST"),
      405,
    ],
    ["an older version", requestHead().replace("13", "8"), 426],
    ["a missing Upgrade", requestHead().replace(/Upgrade: .*\r\n/, ""), 426],
    ["a missing Connection", requestHead().replace(/Conn.*\r\n/, ""), 400],
    ["a key that is too short", requestHead().replace(/dGhl/, ""), 400],
  ] as const
) {
  Deno.test(`${rule} is refused with ${status}`, async () => {
    assertEquals((await answerTo(head)).split(" ")[1], String(status));
  });
}

Deno.test("a refusal says which version is spoken", async () => {
  const answer = await answerTo(requestHead().replace("13", "8"));
  assert(/\r\nsec-websocket-version: 13\r\n/i.test(answer), answer);
});

Deno.test("a list of origins lets in its own, and those that are no browsers", async () => {
  const options = { origins: ["https://app.example"] };
  const status = async (origin: string) =>
    (await answerTo(requestHead(origin), options)).split(" ")[1];
  assertEquals(await status("Origin: https://app.example\r\n"), "101");
  assertEquals(await status(""), "101");
  assertEquals(await status("Origin: https://evil.example\r\n"), "403");
});

Deno.test("a predicate decides on every origin, and on none", async () => {
  const asked: unknown[] = [];
  const options: UpgradeOptions = {
    origins: (origin) => {
      asked.push(origin);
      return origin !== undefined;
    },
  };
  const status = async (origin: string) =>
    (await answerTo(requestHead(origin), options)).split(" ")[1];
  assertEquals(await status("Origin: https://app.example\r\n"), "101");
  assertEquals(await status(""), "403");
  assertEquals(asked, ["https://app.example", undefined]);
});

for (
  const [what, origins] of Object.entries<() => unknown>({
    ...NONSENSE,
    "returns nothing": () => {},
  })
) {
  Deno.test(`an origins function that ${what} refuses every peer`, async () => {
    const options = { origins: origins as () => boolean };
    for (const origin of ["", "Origin: https://app.example\r\n"]) {
      const answer = await answerTo(requestHead(origin), options);
      assertEquals(answer.split(" ")[1], "403");
    }
  });
}

Deno.test("a refusal describes the problem", async () => {
  const error = new HandshakeError("bad-key", "No key.", {
    status: 400,
    headers: new Headers({ "X-More": "yes" }),
  });
  const response = refusal(error);
  assertEquals(response.status, 400);
  assertEquals(response.headers.get("x-more"), "yes");
  assertEquals(
    response.headers.get("content-type"),
    "application/problem+json",
  );
  assertEquals(await response.json(), {
    type: "about:blank",
    title: "Bad Request",
    status: 400,
    detail: "No key.",
  });
});

Deno.test("the answer has the headers that it is given", async () => {
  const head = await answerTo(requestHead(), {
    headers: [["Set-Cookie", "a=b"], ["Set-Cookie", "c=d"], ["X-More", "yes"]],
  });
  assertEquals(head.split(" ")[1], "101");
  assert(/\r\nx-more: yes\r\n/i.test(head), head);
  assertEquals(head.match(/\r\nset-cookie: \w=\w/gi)?.length, 2);
});

Deno.test("empty and repeated headers of a request are tolerated", async () => {
  const more = "Sec-WebSocket-Extensions: \r\nSec-WebSocket-Extensions: ,\r\n" +
    "Sec-WebSocket-Protocol: ,\r\n";
  const head = await answerTo(requestHead(more), { protocols: ["a"] });
  assertEquals(head.split(" ")[1], "101");
});

Deno.test("an error that is not a refusal is thrown on", () => {
  const error = new Error("of somebody else");
  assertStrictEquals(assertThrows(() => refusal(error)), error);
});

Deno.test("a refusal without a status is a bad request", () => {
  const response = refusal(new HandshakeError("bad-request", "what?"));
  assertEquals(response.status, 400);
});

/** A good request that Deno.serve has never seen. */
function foreignRequest(): Request {
  return new Request("http://example/", {
    headers: {
      host: "example",
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
}

Deno.test("a request that has been upgraded already is the caller's mistake", async () => {
  const thrown = Promise.withResolvers<unknown>();
  await using server = serveBare((request) => {
    const { response } = upgrade(request);
    try {
      upgrade(request);
    } catch (error) {
      thrown.resolve(error);
    }
    return response;
  });
  using _peer = await WirePeer.connect(server.port);
  const error = await thrown.promise;
  assertInstanceOf(error, ConfigError);
  assertEquals(error.code, "invalid-argument");
  assertEquals(error.field, "request");
});

for (
  const [what, copy] of [
    ["a copy", (request: Request) => new Request(request)],
    ["a clone", (request: Request) => request.clone()],
    [
      "one of the same headers",
      ({ url, headers }: Request) => new Request(url, { headers }),
    ],
  ] as const
) {
  Deno.test(`${what} of the request, whose socket would never open, is the caller's mistake`, async () => {
    const thrown = Promise.withResolvers<unknown>();
    await using server = serveBare((request) => {
      try {
        return upgrade(copy(request)).response;
      } catch (error) {
        thrown.resolve(error);
        // The request itself can still be upgraded.
        return upgrade(request).response;
      }
    });
    using _peer = await WirePeer.connect(server.port);
    const error = await thrown.promise;
    assertInstanceOf(error, ConfigError);
    assertEquals([error.code, error.field], ["invalid-argument", "request"]);
  });
}

const REFUSED: readonly (readonly [string, unknown, ConfigErrorCode])[] = [
  ["inactivityTimeout", -1, "invalid-option"],
  ["inactivityTimeout", NaN, "invalid-option"],
  ["inactivityTimeout", "30s", "invalid-option"],
  ["handshakeTimeout", -1, "invalid-option"],
  ["maxMessageSize", 0.5, "invalid-option"],
  ["protocols", "a", "invalid-option"],
  ["origins", [1], "invalid-option"],
  ["clock", {}, "invalid-option"],
  ["remoteAddr", null, "invalid-option"],
  ["remoteAddr", "127.0.0.1", "invalid-option"],
  ["compression", true, "unsupported"],
  ["compression", {}, "unsupported"],
  ["fragmentSize", 1024, "unsupported"],
  ["maxFrameSize", 1024, "unsupported"],
  ["maxFragments", 1, "unsupported"],
  ["pingInterval", 1, "misplaced-option"],
  ["inactivityTimeuot", 1, "unknown-option"],
  ["headers", { Upgrade: "x" }, "invalid-option"],
  ["headers", { a: 5 }, "invalid-option"],
  ["origins", ["https://app.example/"], "invalid-option"],
  ["protocols", ["a", "a"], "invalid-option"],
  ["binary", "blob", "invalid-option"],
];

for (const [field, value, code] of REFUSED) {
  Deno.test(`the option ${field} is refused where it is ${Deno.inspect(value)}`, () => {
    const error = assertThrows(
      () => upgrade(foreignRequest(), { [field]: value }),
      ConfigError,
    );
    assertEquals(error.field, field);
    assertEquals(error.code, code);
  });
}

Deno.test("values that are not a Request or options are refused by name", () => {
  for (const wrong of [undefined, null, 5, {}]) {
    const error = assertThrows(
      () => Reflect.apply(upgrade, undefined, [wrong]),
      ConfigError,
    );
    assertEquals(error.field, "request");
  }
  const error = assertThrows(
    () => Reflect.apply(upgrade, undefined, [foreignRequest(), null]),
    ConfigError,
  );
  assertEquals(error.field, "options");
});
