import { assertEquals, assertThrows } from "@std/assert";
import { HandshakeError } from "./errors.ts";
import { HeaderLines, type HeadersInput, toHeaders } from "./headers.ts";

Deno.test("head: header lines take a Headers", () => {
  const lines = new HeaderLines(new Headers({ Upgrade: "websocket" }));
  assertEquals(lines.all("upgrade"), ["websocket"]);
});

Deno.test("headers: a Headers, pairs, a map and an object are taken", () => {
  const expected = [["a", "1"], ["b", "2"]];
  const inputs: unknown[] = [
    new Headers({ A: "1", B: "2" }),
    [["A", "1"], ["B", "2"]],
    new Map([["A", "1"], ["B", "2"]]),
    { A: " 1", B: "2\t" },
  ];
  for (const input of inputs) {
    assertEquals([...toHeaders(input as HeadersInput)], expected);
  }
  assertEquals([...toHeaders(undefined)], []);
  assertEquals(
    toHeaders([["Set-Cookie", "a"], ["Set-Cookie", "b"]]).getSetCookie(),
    ["a", "b"],
  );
});

Deno.test("headers: invalid headers are refused, and named", () => {
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ "X-N": 5 }, "X-N"],
    [{ "X-U": undefined }, "X-U"],
    [{ "X-L": ["a", "b"] }, "X-L"],
    [{ "X Y": "a" }, "X Y"],
    [{ X: "a\r\nB: c" }, "X"],
    [{ X: "a\0" }, "X"],
    [{ X: "\u{1f41d}" }, "X"],
    [[["X"]], "X"],
    [[["X", "a", "b"]], "X"],
    ["X: a", "object"],
    [5, "object"],
  ];
  for (const [given, named] of wrong) {
    const error = assertThrows(
      () => toHeaders(given as HeadersInput),
      HandshakeError,
      named,
    );
    assertEquals([error.code, error.status], ["bad-header", undefined]);
  }
});
