import { assertEquals } from "@std/assert";
import {
  feed,
  frame,
  hex,
  join,
  NO_LIMITS,
  peerOf,
  toHex,
  utf8,
} from "../../_support/bytes.ts";
import { check, head, pattern, ROLES } from "../_support/receiver.ts";

// UTF-8 (8.1).

for (
  const text of [
    "é",
    "€",
    "😀",
    "\u{10ffff}",
    "\ufeffx",
    "\ufffd",
    "κόσμε",
    "\0",
  ]
) {
  check(
    `text ${JSON.stringify(text)} whole, long, and a fragment for each byte`,
    (from) => {
      const bytes = utf8(text);
      return join(
        frame(from, 0x81, text),
        frame(from, 0x81, text.repeat(50)),
        frame(from, 0x01, ""),
        ...Array.from(
          bytes,
          (_, i) => frame(from, 0x00, bytes.subarray(i, i + 1)),
        ),
        frame(from, 0x80, ""),
      );
    },
    [["text", text], ["text", text.repeat(50)], ["text", text]],
  );
}

for (
  const [digits, at] of [
    ["80", 0],
    ["bf", 0],
    ["c0", 0],
    ["c1 80", 0],
    ["f5", 0],
    ["ff", 0],
    ["c3 28", 1],
    ["e0 80", 1],
    ["e0 9f", 1],
    ["ed a0", 1],
    ["f0 8f", 1],
    ["f4 90", 1],
    ["e2 82 28", 2],
    ["f0 9f 98 28", 3],
    ["ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80 65", 12],
  ] as const
) {
  // Long enough for every way of decoding.
  for (const lead of [0, 7, 30, 3000, 70_000]) {
    check(
      `text with ${digits} behind ${lead} bytes fails at the bad byte`,
      (from) => frame(from, 0x81, join(utf8("a".repeat(lead)), hex(digits))),
      (from) => [[
        "error",
        "invalid-utf8",
        1007,
        (lead + at > 65_520
          ? head(from) + 8
          : lead > 120
          ? head(from) + 2
          : head(from)) +
        lead + at,
      ]],
    );
  }
  Deno.test(`receiver: ${digits} fails as soon as the bad byte is there`, () => {
    for (const role of ROLES) {
      const from = peerOf(role);
      // The frame announces more, and the message is not finished.
      const bad = hex(digits);
      const body = join(bad, utf8("x".repeat(60)));
      const bytes = frame(from, 0x01, body);
      const upTo = head(from) + at;
      const options = { ...NO_LIMITS, role };
      const feeding = { sizes: () => 1, stops: false, direct: false };
      assertEquals(feed(bytes.subarray(0, upTo), options, feeding), []);
      assertEquals(feed(bytes.subarray(0, upTo + 1), options, feeding), [
        ["error", "invalid-utf8", 1007, upTo],
      ]);
    }
  });
}

for (const digits of ["c3", "e2 82", "f0 9f 98"]) {
  check(
    `text cut off within ${digits} fails at its end`,
    (from) => frame(from, 0x81, hex(digits)),
    (
      from,
    ) => [["error", "invalid-utf8", 1007, head(from) + hex(digits).length]],
  );
  check(
    `fragmented text cut off within ${digits} fails at its end`,
    (from) => join(frame(from, 0x01, hex(digits)), frame(from, 0x80, "")),
    (from) => [[
      "error",
      "invalid-utf8",
      1007,
      2 * head(from) + hex(digits).length,
    ]],
  );
}

// Close frames (5.5.1, 7.4).

check("a close without a body", (from) => frame(from, 0x88, ""), [[
  "close",
  1005,
  "",
]]);
check(
  "a close with a code and a reason, within a fragmented message",
  (from) =>
    join(
      frame(from, 0x01, "x"),
      frame(from, 0x88, join(hex("03e8"), utf8("schön"))),
    ),
  [["close", 1000, "schön"]],
);
check(
  "a close with the longest reason",
  (from) => frame(from, 0x88, join(hex("03e9"), utf8("r".repeat(123)))),
  [["close", 1001, "r".repeat(123)]],
);
for (
  const code of [
    1000,
    1001,
    1002,
    1003,
    1007,
    1008,
    1009,
    1010,
    1011,
    1012,
    1013,
    1014,
    3000,
    3999,
    4000,
    4999,
  ]
) {
  check(
    `close code ${code} is taken`,
    (from) => frame(from, 0x88, Uint8Array.of(code >> 8, code & 0xff)),
    [["close", code, ""]],
  );
}
for (
  const code of [
    0,
    1,
    999,
    1004,
    1005,
    1006,
    1015,
    1016,
    1100,
    2000,
    2999,
    5000,
    65_535,
  ]
) {
  check(
    `close code ${code} fails`,
    (from) => frame(from, 0x88, Uint8Array.of(code >> 8, code & 0xff)),
    (from) => [["error", "invalid-close-code", 1002, head(from)]],
  );
}
check(
  "a close with a body of one byte fails",
  (from) => frame(from, 0x88, hex("03")),
  (from) => [["error", "invalid-close-payload", 1002, head(from)]],
);
check(
  "a close reason that is not UTF-8 fails",
  (from) => frame(from, 0x88, hex("03e8 61 ce ba e1 bd f4")),
  (from) => [["error", "invalid-utf8", 1007, head(from) + 7]],
);
check(
  "what follows a close is ignored, even when it is wrong",
  (from) =>
    join(
      frame(from, 0x88, hex("03e8")),
      frame(from, 0x81, "late"),
      frame(from, 0xff, "wrong"),
    ),
  [["close", 1000, ""]],
);

Deno.test("receiver: the rest of a header is not taken for a frame", () => {
  // The length, 0x8200, is what the header of an empty message would be.
  const payload = pattern(0x8200);
  const got = feed(
    frame("server", 0x82, payload),
    { ...NO_LIMITS, role: "client" },
    { sizes: () => 2, stops: false, direct: false },
  );
  assertEquals(got.length, 1);
  assertEquals(got[0]?.[1], toHex(payload));
});
