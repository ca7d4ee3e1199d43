import { assertEquals, assertInstanceOf } from "@std/assert";
import type { HeadersSource } from "../transport/connection/options.ts";
import { authorize } from "./credentials.ts";

async function authorization(
  url: string,
  given?: HeadersSource,
): Promise<string | null> {
  const source = authorize(given, new URL(url));
  assertInstanceOf(source, Function);
  return new Headers(await source()).get("authorization");
}

Deno.test("A URL without credentials leaves the headers alone", () => {
  const headers = { a: "b" };
  assertEquals(authorize(headers, new URL("ws://host")), headers);
});

Deno.test("Credentials are decoded, and encoded as UTF-8", async () => {
  const basic = (text: string) =>
    `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
  assertEquals(await authorization("ws://foo:bar@host"), basic("foo:bar"));
  assertEquals(await authorization("ws://foo@host"), basic("foo:"));
  assertEquals(await authorization("ws://:bar@host"), basic(":bar"));
  assertEquals(await authorization("ws://f%40o:b%3Ar@host"), basic("f@o:b:r"));
  assertEquals(await authorization("ws://fü:b%zz@host"), basic("fü:b%zz"));
});

Deno.test("Headers that are given keep their own authorization, and all others", async () => {
  const url = "ws://foo:bar@host";
  const own = { authorization: "Bearer token" };
  assertEquals(await authorization(url, own), "Bearer token");
  assertEquals(await authorization(url, () => own), "Bearer token");
  const source = authorize(() => Promise.resolve({ a: "b" }), new URL(url));
  assertInstanceOf(source, Function);
  assertEquals([...new Headers(await source())], [
    ["a", "b"],
    ["authorization", `Basic ${btoa("foo:bar")}`],
  ]);
});
