import { assertEquals, assertThrows } from "@std/assert";
import { HandshakeError } from "./errors.ts";
import {
  type Extension,
  formatExtensions,
  parseExtensions,
} from "./extension.ts";

function extension(
  name: string,
  ...parameters: readonly (readonly [string, string?])[]
): Extension {
  return {
    name,
    parameters: parameters.map(([name, value]) => ({ name, value })),
  };
}

/** From RFC 6455, section 9.1, RFC 7692, section 7.1, and what the grammar allows besides. */
const GOOD: readonly (readonly [string, ...Extension[]])[] = [
  ["foo", extension("foo")],
  ["bar; baz=2", extension("bar", ["baz", "2"])],
  ["foo, bar; baz=2", extension("foo"), extension("bar", ["baz", "2"])],
  ["deflate-stream", extension("deflate-stream")],
  [
    'mux; max-channels="4"; flow-control, deflate-stream',
    extension("mux", ["max-channels", "4"], ["flow-control"]),
    extension("deflate-stream"),
  ],
  [
    "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
    extension(
      "permessage-deflate",
      ["client_max_window_bits"],
      ["server_max_window_bits", "10"],
    ),
    extension("permessage-deflate", ["client_max_window_bits"]),
  ],
  ["a;b;b=1", extension("a", ["b"], ["b", "1"])],
  [" \ta ;\tb = 1\t, c ", extension("a", ["b", "1"]), extension("c")],
  ['a;b="c"', extension("a", ["b", "c"])],
  ['a;b="\\c\\d"', extension("a", ["b", "cd"])],
  [", ,a,,b,", extension("a"), extension("b")],
  ["!#$%&'*+-.^_`|~0Az", extension("!#$%&'*+-.^_`|~0Az")],
  // Violations of the grammar that are tolerated: a list without any element.
  [""],
  [" "],
  [","],
  [" ,\t,"],
];

for (const [text, ...expected] of GOOD) {
  Deno.test(`extension: ${JSON.stringify(text)} is read`, () => {
    assertEquals(parseExtensions(text), expected);
    assertEquals(parseExtensions(formatExtensions(expected)), expected);
  });
}

const BAD = [
  ";",
  "a;",
  "a;;b",
  "a;b=",
  "a;b=,c",
  "a;=b",
  "a b",
  "a;b c",
  "a;b=c d",
  "a=b",
  '"a"',
  'a;"b"',
  'a;b="',
  'a;b="c',
  'a;b="c\\',
  'a;b="c\\"',
  'a;b=""',
  'a;b="c d"',
  'a;b="c;d"',
  'a;b="c"d',
  "a/b",
  "\xe9",
  "a\x0bb",
  "a;b=\xa0",
];

for (const text of BAD) {
  Deno.test(`extension: ${JSON.stringify(text)} is refused`, () => {
    const error = assertThrows(() => parseExtensions(text), HandshakeError);
    assertEquals(error.code, "bad-extension");
  });
}

Deno.test("extension: they are written as section 9.1 has them", () => {
  assertEquals(
    formatExtensions([
      extension("foo"),
      extension("bar", ["baz", "2"], ["qux"]),
    ]),
    "foo, bar; baz=2; qux",
  );
});
