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
  ["ws://example.com/a/../b/./c", "ws://example.com/a/../b/./c"],
  ["ws://example.com/?a=1", "ws://example.com?a=1"],
  ["ws://example.com?a=1", "ws://example.com?a=1"],
  ["ws://example.com/p?A=%7e&b", "ws://example.com/p?A=%7e&b"],
  ["ws://example.com/ä b", "ws://example.com/%C3%A4%20b"],
  ["ws://[::1]:8080/", "ws://[::1]:8080"],
  ["ws://[0:0:0:0:0:0:0:1]", "ws://[::1]"],
  ["ws://BÜCHER.example", "ws://xn--bcher-kva.example"],
  ["  ws://example.com  ", "ws://example.com"],
];

for (const [given, normalised] of TABLE) {
  Deno.test(`${given} is known as ${normalised}`, () => {
    assertEquals(normalizeUrl(given), normalised);
    assertEquals(normalizeUrl(normalised), normalised);
  });
}

for (
  const given of [
    "http://example.com",
    "https://example.com",
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
    () => normalizeUrl("http://a.example/?token=1"),
    ConfigError,
  );
  assertEquals(error.message.includes("token"), false);
});
