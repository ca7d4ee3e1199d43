import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { acceptKey, createKey } from "./agreement.ts";

Deno.test("handshake: the accept key is the one of RFC 6455, section 1.3", () => {
  assertEquals(
    acceptKey("dGhlIHNhbXBsZSBub25jZQ=="),
    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  );
});

Deno.test("handshake: a key is 16 bytes in base64, and a new one each time", () => {
  const key = createKey();
  assertMatch(key, /^[+/0-9A-Za-z]{21}[AQgw]==$/);
  assertEquals(atob(key).length, 16);
  assertNotEquals(createKey(), key);
});
