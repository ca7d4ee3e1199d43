import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "./errors.ts";
import { normalizeUrl, urlForLog } from "./url.ts";

const TABLE: readonly [given: string, normalised: string][] = [
  ["WS://Example.COM", "ws://example.com"],
  ["wss://example.com/", "wss://example.com"],
  ["ws://example.com:80/", "ws://example.com"],
  ["wss://example.com:443", "wss://example.com"],
  ["ws://example.com:443", "ws://example.com:443"],
  ["wss://example.com:80", "wss://example.com:80"],
  ["ws://example.com/Path/To", "ws://example.com/Path/To"],
  ["ws://example.com/path/", "ws://example.com/path/"],
  ["ws://example.com//", "ws://example.com//"],
  ["ws://example.com/a/../b/./c", "ws://example.com/b/c"],
  ["ws://example.com/%2e%2E/b", "ws://example.com/b"],
  ["ws://example.com/?a=1", "ws://example.com?a=1"],
  ["ws://example.com?a=1", "ws://example.com?a=1"],
  ["ws://example.com/p?A=%7e&b", "ws://example.com/p?A=%7e&b"],
  ["ws://example.com/ä b", "ws://example.com/%C3%A4%20b"],
  ["ws://[::1]:8080/", "ws://[::1]:8080"],
  ["ws://[0:0:0:0:0:0:0:1]", "ws://[::1]"],
  ["ws://BÜCHER.example", "ws://xn--bcher-kva.example"],
  ["  ws://example.com  ", "ws://example.com"],
  ["ws://exa\tmple.com/\na", "ws://example.com/a"],
  ["ws://h\\chat?room=1", "ws://h/chat?room=1"],
  ["ws:\\\\h\\chat\\a?b\\c", "ws://h/chat/a?b\\c"],
  ["ws://example.com?", "ws://example.com"],
  ["ws://example.com/a?", "ws://example.com/a"],
  ["ws://example.com/a%zz%", "ws://example.com/a%zz%"],
  ["ws://127.1/", "ws://127.0.0.1"],
  ["http://Example.com/a", "ws://example.com/a"],
  ["http://example.com:80", "ws://example.com"],
  ["http://example.com:443", "ws://example.com:443"],
  ["HTTPS://example.com:443/?a", "wss://example.com?a"],
  ["https://example.com:80", "wss://example.com:80"],
];

for (const [given, normalised] of TABLE) {
  Deno.test(`${given} is known as ${normalised}`, () => {
    assertEquals(normalizeUrl(given), normalised);
    assertEquals(normalizeUrl(normalised), normalised);
  });
}

/** Characters that are treated differently in paths, in queries, or by other parsers. */
const ODD = "\"<>\\^{}|`'[]@:;,!$&()*+=~\x7f\x01 \u00e4\u{1f41d}%41%";

Deno.test("Path and query are those of URL", () => {
  for (
    const rest of [
      ...Array.from(ODD, (odd) => `/a${odd}b`),
      ...Array.from(ODD, (odd) => `/?a${odd}b`),
      `/${ODD}?${ODD}`,
      "/a/./b/../c//d/..",
      "/a?b?c",
    ]
  ) {
    const { pathname, search } = new URL(`ws://h${rest}`);
    for (const scheme of ["ws", "wss", "http", "https"]) {
      const normalised = normalizeUrl(`${scheme}://h${rest}`);
      const parsed = new URL(normalised);
      assertEquals([parsed.pathname, parsed.search], [pathname, search]);
      assertEquals(normalizeUrl(normalised), normalised);
      const expected = `${pathname === "/" ? "" : pathname}${search}`;
      assertEquals(normalised.replace(/^wss?:\/\/h/, ""), expected);
    }
  }
});

for (
  const given of [
    "ftp://example.com",
    "blob:http://example.com/",
    "ws:example.com",
    "ws:/example.com",
    "ws://example.com/\ud800",
    "ws://example.com/?\udc00a",
    "ws://\ud800.example.com",
    "ws://user:pass/secret@example.com",
    "example.com",
    "//example.com",
    "ws:example.com/#",
    "ws://example.com#",
    "ws://example.com/#part",
    "ws://user@example.com",
    "ws://user:secret@example.com",
    "ws://:secret@example.com",
    "ws://",
    "ws:///path",
    "ws://a b",
    "",
  ]
) {
  Deno.test(`${JSON.stringify(given)} is no URL to connect to`, () => {
    const error = assertThrows(() => normalizeUrl(given), ConfigError);
    assertEquals([error.code, error.field], ["invalid-url", "url"]);
    assertEquals(error.message.includes("secret"), false);
  });
}

Deno.test("Queries are not logged", () => {
  assertEquals(urlForLog("ws://example.com/p?token=1"), "ws://example.com/p");
  const error = assertThrows(
    () => normalizeUrl("ftp://a.example/?token=1"),
    ConfigError,
  );
  assertEquals(error.message.includes("token"), false);
});
