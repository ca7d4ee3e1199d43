import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import {
  CA,
  CLIENT_KEY,
  SERVER_CERT,
  SERVER_KEY,
} from "../_support/certificates.ts";
import { ConfigError } from "../base/errors.ts";
import { dialRaw } from "../client/dial_raw.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  ask,
  HOST,
  listenHere,
  next,
  request,
  TLS,
} from "./_support/listening.ts";
import { NONSENSE } from "../handshake/_support/nonsense.ts";
import { listen } from "./listen.ts";

Deno.test("options that cannot be used throw", () => {
  for (
    const options of [
      { port: -1 },
      { hostname: "" },
      { port: 70_000 },
      { maxHeadSize: 0.5 },
      { maxPending: -1 },
      { handshakeTimeout: NaN },
      { errorsBufferSize: 0 },
      { path: "" },
      { path: "/tmp/x", tls: TLS, hostname: undefined },
      { path: "/tmp/x", port: 80, hostname: undefined },
      { path: "/tmp/x" },
    ]
  ) assertThrows(() => listen({ hostname: HOST, ...options }), ConfigError);
});

Deno.test("listen says where the options of a pool belong", () => {
  for (
    const [options, home] of [
      [{ maxPeers: 1 }, "an inbound pool"],
      [{ accept: () => true }, "serve() of an inbound pool"],
      [{ id: () => "a" }, "serve() of an inbound pool"],
      [{ onEvent: () => {} }, "an inbound pool"],
    ] as const
  ) {
    const error = assertThrows(
      () => Reflect.apply(listen, undefined, [options]),
      ConfigError,
      `belongs to ${home}.`,
    );
    assertEquals(error.code, "misplaced-option");
  }
});

Deno.test("A certificate that is none is described, and not shown", () => {
  const bytes = new TextEncoder().encode(SERVER_CERT);
  const path = " Give the content of the file, not its path.";
  const text = " Decode it as text.";
  for (
    const [tls, reason] of [
      [{ ...TLS, cert: "cert.pem" }, `another text.${path}`],
      [{ ...TLS, key: "key.pem" }, `another text.${path}`],
      [{ ...TLS, caCerts: ["ca.pem"] }, `an array with another text.${path}`],
      [{ ...TLS, caCerts: CA }, "a text."],
      [{ ...TLS, cert: bytes }, `a Uint8Array.${text}`],
      [{ ...TLS, key: bytes.buffer }, `an ArrayBuffer.${text}`],
      [{ ...TLS, caCerts: [bytes] }, `an array with a Uint8Array.${text}`],
      [{ ...TLS, cert: "" }, 'is "".'],
      [{ ...TLS, cert: {} }, "an object."],
    ] as const
  ) {
    const { message } = assertThrows(
      () => Reflect.apply(listen, undefined, [{ hostname: HOST, tls }]),
      ConfigError,
    );
    assert(message.endsWith(reason), message);
  }
});

Deno.test("listen refuses at once options with which no peer could be accepted", () => {
  const bad: readonly [field: string, options: object][] = [
    ["upgrade", { upgrade: "a b" }],
    ["upgrade", { upgrade: "" }],
    ["tls", { tls: null }],
    ["tls.cert", { tls: {} }],
    ["tls.key", { tls: { cert: SERVER_CERT } }],
    ["tls.caCerts", { tls: { ...TLS, caCerts: CA } }],
    ["tls.caCerts", { tls: { ...TLS, caCerts: ["nonsense"] } }],
    ["tls.cert", { tls: { ...TLS, cert: "nonsense" } }],
    ["tls.cert", { tls: { ...TLS, cert: SERVER_KEY } }],
    ["tls.key", { tls: { ...TLS, key: "nonsense" } }],
    ["tls.key", { tls: { ...TLS, key: SERVER_CERT } }],
    ["tls.key", { tls: { ...TLS, key: CLIENT_KEY } }],
    ["tls.ca", { tls: { ...TLS, ca: CA } }],
    ["upgrade", { upgrade: [] }],
    ["upgrade", { upgrade: ["a", "b c"] }],
    ["upgrade", { upgrade: 5 }],
    ["onRequest", { onRequest: "ok" }],
    ["logger", { logger: {} }],
    ["logLevel", { logLevel: "loud" }],
    ["hostName", { hostName: HOST }],
    ["pingInterval", { pingInterval: 1 }],
    ["inactivityTimeout", { inactivityTimeout: 1 }],
    ["protocols", { protocols: ["a b"] }],
    ["protocols", { protocols: ["a", "a"] }],
    ["origins", { origins: ["https://app.example/"] }],
    ["origins", { origins: ["app.example"] }],
    ["origins", { origins: ["*"] }],
    ["origins", { origins: ["https://app.example:443"] }],
    ["headers", { headers: { Upgrade: "x" } }],
    ["protocols", { protocols: "chat" }],
    ["origins", { origins: 3 }],
    ["headers", { headers: { "a b": "c" } }],
    ["compression", { compression: "yes" }],
    ["binary", { binary: "blob" }],
    ["maxMessageSize", { maxMessageSize: -1 }],
  ];
  for (const [field, options] of bad) {
    const error = assertThrows(() => listen(options), ConfigError);
    assertEquals(error.field, field);
  }
});

Deno.test("origins of every kind that browsers send can be listed", async () => {
  const origins = [
    "https://app.example",
    "http://localhost:8080",
    "http://[::1]",
    "chrome-extension://abcdef",
    "file://",
    "null",
  ];
  await using server = listenHere({ origins });
  for (const origin of origins) {
    const dialled = dialRaw(server.url, { headers: { origin } });
    const incoming = await next(server.incoming);
    for (const socket of [incoming.accept(), await dialled]) socket.terminate();
  }
});

Deno.test("an origin that browsers do not send is refused with what they send", () => {
  for (
    const [origin, sent] of [
      ["https://app.example/", "https://app.example"],
      ["https://app.example:443", "https://app.example"],
      ["https://m\u{fc}ller.example/a", "https://xn--mller-kva.example"],
      ["HTTP://LOCALHOST:5173", "http://localhost:5173"],
      ["file:///", "https://app.example"],
      ["localhost:5173", "https://app.example"],
      ["*", "https://app.example"],
    ]
  ) {
    assertThrows(
      () => listen({ origins: [`${origin}`] }),
      ConfigError,
      `such as ${sent} (left out to accept all), and is "${origin}".`,
    );
  }
});

for (
  const [what, origins] of Object.entries<() => unknown>({
    ...NONSENSE,
    "returns nothing": () => {},
    "returns text": () => "true",
  })
) {
  Deno.test(`an origins function that ${what} refuses every peer, and is reported`, async () => {
    await using server = listenHere({ origins: origins as () => boolean });
    for (const more of [[], ["Origin: https://a.example"]]) {
      const answer = await ask(server.port, request({}, ...more));
      assert(answer.startsWith("HTTP/1.1 403 "), answer);
      const error = server.listener.errors.shift()?.error;
      assertInstanceOf(error, HandshakeError);
      assertInstanceOf(error.cause, Error);
      // The cause is not the peer's business.
      assert(!answer.includes(error.cause.message), answer);
    }
  });
}
