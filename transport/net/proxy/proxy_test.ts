import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError } from "../../base/errors.ts";
import { chooseProxy, type Proxy } from "./proxy.ts";

const PLAIN = new URL("ws://far.example/");
const SECURE = new URL("wss://far.example/");

/** The variables that are read, none of which may be set from outside. */
const VARIABLES = [
  "ws_proxy",
  "wss_proxy",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
].flatMap((name) => [name, name.toUpperCase()]).concat("REQUEST_METHOD");

/** Chooses a proxy while some variables are set and no others. */
function choose(
  env: Readonly<Record<string, string>>,
  url = PLAIN,
): Proxy | undefined {
  const before = VARIABLES.map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const name of VARIABLES) Deno.env.delete(name);
    for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
    return chooseProxy(url, undefined);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

/** Host, port and credentials of a proxy, in short. */
function short(proxy: Proxy | undefined): string | undefined {
  if (proxy === undefined) return undefined;
  const { hostname, port, authorization } = proxy;
  const credentials = authorization?.replace(
    /^Basic (.*)$/,
    (_, encoded) => `${atob(encoded)}@`,
  );
  return `${credentials ?? ""}${hostname} ${port}`;
}

const FORMS: readonly (readonly [given: string, read: string])[] = [
  ["http://p.example:3128", "p.example 3128"],
  ["http://p.example:3128/", "p.example 3128"],
  ["http://p.example:3128/path?query#part", "p.example 3128"],
  ["HTTP://P.Example:3128", "p.example 3128"],
  ["p.example:3128", "p.example 3128"],
  ["localhost:3128", "localhost 3128"],
  [" p.example:3128 ", "p.example 3128"],
  ["p.example:3128/", "p.example 3128"],
  ["//p.example:3128", ""],
  ["127.0.0.1:3128", "127.0.0.1 3128"],
  ["[::1]:3128", "::1 3128"],
  ["http://[FD00::0:1]:3128", "fd00::1 3128"],
  ["b\u00fccher.example:1", "xn--bcher-kva.example 1"],
  // Without a port it is 1080, as in curl.
  ["p.example", "p.example 1080"],
  ["http://p.example", "p.example 1080"],
  ["http://p.example/", "p.example 1080"],
  ["p.example:", "p.example 1080"],
  ["p.example:80", "p.example 80"],
  ["user:pass@p.example:1", "user:pass@p.example 1"],
  ["http://user:pass@p.example:1", "user:pass@p.example 1"],
  ["http://user@p.example:1", "user:@p.example 1"],
  ["http://user:@p.example:1", "user:@p.example 1"],
  ["http://:pass@p.example:1", ":pass@p.example 1"],
  ["http://@p.example:1", "p.example 1"],
  ["http://:@p.example:1", "p.example 1"],
  ["http://u:a:b@p.example:1", "u:a:b@p.example 1"],
  ["http://u:a@b@p.example:1", "u:a@b@p.example 1"],
  ["http://u%3A%40:p%20%2f@p.example:1", "u:@:p /@p.example 1"],
  // A percent sign that no two digits follow stands for itself.
  ["http://user:100%@p.example:1", "user:100%@p.example 1"],
  ["http://u%:p%2@p.example:1", "u%:p%2@p.example 1"],
  ["http://u:%zz%41@p.example:1", "u:%zzA@p.example 1"],
  ["http://u:%c3%a4@p.example:1", "u:\xc3\xa4@p.example 1"],
  ["http://u:\u00e4@p.example:1", "u:\xc3\xa4@p.example 1"],
  ["http://u:%ff@p.example:1", "u:\xff@p.example 1"],
];

for (const [given, read] of FORMS) {
  if (read === "") continue;
  Deno.test(`proxy: ${JSON.stringify(given)} is read as ${read}`, () => {
    assertEquals(short(choose({ http_proxy: given })), read);
    assertEquals(short(choose({ HTTPS_PROXY: given }, SECURE)), read);
    assertEquals(short(chooseProxy(PLAIN, given)), read);
  });
}

Deno.test("proxy: a URL object is taken", () => {
  const url = new URL("http://u:p@p.example:3128");
  assertEquals(short(chooseProxy(PLAIN, url)), "u:p@p.example 3128");
});

for (
  const [given, code] of [
    ["https://p.example:1", "unsupported"],
    ["socks5://p.example:1", "unsupported"],
    ["ftp://p.example", "unsupported"],
    ["http://", "invalid-option"],
    ["//p.example:1", "invalid-option"],
    ["http://user:secret@", "invalid-option"],
    ["p.example:port", "invalid-option"],
    ["p.example:65536", "invalid-option"],
    ["p.example:0", "invalid-option"],
    ["user:secret@p example", "invalid-option"],
    ["::1", "invalid-option"],
    ["[::1", "invalid-option"],
    [":3128", "invalid-option"],
  ] as const
) {
  Deno.test(`proxy: ${given} is refused, by the name of what set it`, () => {
    for (
      const [field, run] of [
        ["proxy", () => chooseProxy(PLAIN, given)],
        ["HTTP_PROXY", () => choose({ HTTP_PROXY: given })],
        ["https_proxy", () => choose({ https_proxy: given }, SECURE)],
      ] as const
    ) {
      const error = assertThrows(run, ConfigError);
      assertEquals([error.code, error.field], [code, field]);
      assertStringIncludes(error.message, field);
      assertEquals(error.message.includes("secret"), false);
    }
  });
}

const P = "p.example:1";
for (
  const [what, env, plain, secure] of [
    ["nothing", {}, undefined, undefined],
    ["http_proxy", { http_proxy: P }, "http_proxy", undefined],
    ["HTTP_PROXY", { HTTP_PROXY: P }, "HTTP_PROXY", undefined],
    ["https_proxy", { https_proxy: P }, undefined, "https_proxy"],
    ["HTTPS_PROXY", { HTTPS_PROXY: P }, undefined, "HTTPS_PROXY"],
    ["all_proxy", { all_proxy: P }, "all_proxy", "all_proxy"],
    ["ALL_PROXY", { ALL_PROXY: P }, "ALL_PROXY", "ALL_PROXY"],
    ["ws_proxy", { ws_proxy: P, http_proxy: P }, "ws_proxy", undefined],
    ["WSS_PROXY", { WSS_PROXY: P, https_proxy: P }, undefined, "WSS_PROXY"],
    [
      "both cases",
      { http_proxy: P, HTTP_PROXY: P, https_proxy: P, HTTPS_PROXY: P },
      "http_proxy",
      "https_proxy",
    ],
    [
      "its own before all_proxy",
      { HTTP_PROXY: P, HTTPS_PROXY: P, all_proxy: P },
      "HTTP_PROXY",
      "HTTPS_PROXY",
    ],
    [
      "an empty one",
      { http_proxy: "", https_proxy: "", ALL_PROXY: P },
      "ALL_PROXY",
      "ALL_PROXY",
    ],
    [
      "HTTP_PROXY in a CGI program, which is somebody's header",
      { HTTP_PROXY: P, HTTPS_PROXY: P, REQUEST_METHOD: "GET" },
      undefined,
      "HTTPS_PROXY",
    ],
    [
      "http_proxy in a CGI program",
      { http_proxy: P, REQUEST_METHOD: "GET" },
      "http_proxy",
      undefined,
    ],
    [
      "no_proxy",
      { all_proxy: P, no_proxy: "far.example" },
      undefined,
      undefined,
    ],
    ["NO_PROXY", { all_proxy: P, NO_PROXY: "*" }, undefined, undefined],
    [
      "no_proxy before NO_PROXY",
      { all_proxy: P, no_proxy: "near.example", NO_PROXY: "*" },
      "all_proxy",
      "all_proxy",
    ],
  ] as const
) {
  Deno.test(`proxy: the environment is read as curl reads it: ${what}`, () => {
    assertEquals(choose(env, PLAIN)?.source, plain);
    assertEquals(choose(env, SECURE)?.source, secure);
  });
}

Deno.test("proxy: loopback hosts use none of the environment", () => {
  for (
    const host of [
      "localhost",
      "localhost.",
      "a.localhost",
      "127.0.0.1",
      "127.9.9.9",
      "[::1]",
    ]
  ) {
    const url = new URL(`ws://${host}:80/`);
    assertEquals(choose({ all_proxy: P }, url), undefined);
    assertEquals(chooseProxy(url, P)?.source, "proxy");
  }
  for (
    const host of ["127.example", "localhost.example", "mylocalhost", "[::2]"]
  ) {
    const url = new URL(`ws://${host}/`);
    assertEquals(choose({ all_proxy: P }, url)?.source, "all_proxy");
  }
});

Deno.test("proxy: false is none, whatever the environment says", () => {
  assertEquals(chooseProxy(PLAIN, false), undefined);
});
