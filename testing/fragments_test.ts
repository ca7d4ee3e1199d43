import { assertEquals, assertThrows } from "@std/assert";
import type { Fragment } from "../transport/socket/socket.ts";
import { Fragments } from "./fragments.ts";

function fragment(
  type: Fragment["type"],
  bytes: number[],
  place: "first" | "middle" | "last" | "only",
): Fragment {
  return {
    type,
    payload: new Uint8Array(bytes),
    first: place === "first" || place === "only",
    last: place === "last" || place === "only",
  };
}

Deno.test("fragments become a message with the last one", () => {
  const fragments = new Fragments();
  assertEquals(fragments.add(fragment("binary", [1], "first")), undefined);
  assertEquals(fragments.add(fragment("binary", [], "middle")), undefined);
  assertEquals(
    fragments.add(fragment("binary", [2, 3], "last")),
    new Uint8Array([1, 2, 3]),
  );
  assertEquals(
    fragments.add(fragment("binary", [], "only")),
    new Uint8Array(0),
  );
});

Deno.test("a text may be broken off inside a character, but must be whole at the end", () => {
  const fragments = new Fragments();
  fragments.add(fragment("text", [0xe2, 0x82], "first"));
  assertEquals(fragments.add(fragment("text", [0xac], "last")), "\u20ac");
  assertThrows(
    () => fragments.add(fragment("text", [0xe2], "only")),
    TypeError,
  );
});

Deno.test("what a sender does with his bytes afterwards changes nothing", () => {
  const fragments = new Fragments();
  const first = fragment("binary", [1], "first");
  fragments.add(first);
  first.payload.fill(9);
  assertEquals(
    fragments.add(fragment("binary", [2], "last")),
    new Uint8Array([1, 2]),
  );
});
