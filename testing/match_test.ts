import { assert, assertEquals } from "@std/assert";
import { type Expected, json, matches, sameBytes, show } from "./match.ts";

interface Item {
  readonly id: string;
  readonly data: string | Uint8Array;
  readonly at: number;
}

const item: Item = { id: "a", data: new Uint8Array([1, 2]), at: 7 };

function fits(expected: Expected<Item>): boolean {
  return matches(item, expected);
}

Deno.test("a text matches itself and a pattern, also one with the g flag twice", () => {
  assert(matches("hello", "hello"));
  assert(!matches("hello", "hell"));
  const pattern = /l+o/g;
  assert(matches("hello", pattern));
  assert(matches("hello", pattern));
  assert(!matches(7, /7/));
});

Deno.test("bytes match by content, whatever class holds them", () => {
  class Bytes extends Uint8Array {}
  assert(matches(new Uint8Array([1, 2]), new Bytes([1, 2])));
  assert(!matches(new Uint8Array([1, 2]), new Uint8Array([1, 3])));
  assert(!matches(new Uint8Array([1, 2]), new Uint8Array([1])));
  assert(!matches("\x01\x02", new Uint8Array([1, 2])));
  assert(sameBytes(new Uint8Array(0), new Uint8Array(0)));
});

Deno.test("an object matches some of its fields, deeply", () => {
  assert(fits({ id: "a" }));
  assert(fits({ id: /^a$/, data: new Uint8Array([1, 2]) }));
  assert(!fits({ id: "a", at: 8 }));
  assert(fits((value) => value.at === 7));
  assert(!fits((value) => value.at === 8));
  assert(matches({ a: { b: 1, c: 2 } }, { a: { b: 1 } }));
  assert(!matches(undefined, { a: 1 }));
  assert(matches(new Date(5), new Date(5)));
  assert(!matches([1, 2, 3], [1, 2]));
});

Deno.test("json compares the content of a text message", () => {
  const text = JSON.stringify({ type: "join", rooms: ["a", "b"], at: 7 });
  assert(matches(text, json({ type: "join" })));
  assert(matches(text, json({ type: /^jo/, rooms: ["a", "b"] })));
  assert(!matches(text, json({ type: "join", rooms: ["a"] })));
  assert(!matches(new Uint8Array(2), json({})));
  assert(matches({ id: "x", data: "[1]" }, { data: json([1]) }));
  assertEquals(show(json({ type: "join" })), "json({ type: 'join' })");
});

Deno.test("a long value is shown short", () => {
  assertEquals(show("a\n"), '"a\\n"');
  assert(show("x".repeat(10_000)).length < 500);
  assert(show(new Uint8Array(100_000)).length < 500);
});
