import { assertEquals } from "@std/assert";
import type { Role } from "../wire/frame.ts";
import {
  type Event,
  feedAll,
  frame,
  hex,
  join,
  NO_LIMITS,
  toHex,
  utf8,
} from "../../_support/bytes.ts";
import { check, head, pattern, SEED } from "../_support/receiver.ts";

// RFC 6455, section 5.7, literally.

Deno.test("receiver: the examples of RFC 6455, section 5.7", () => {
  const client: [string, Event[]][] = [
    ["81 05 48 65 6c 6c 6f", [["text", "Hello"]]],
    ["01 03 48 65 6c 80 02 6c 6f", [["text", "Hello"]]],
    ["89 05 48 65 6c 6c 6f", [["ping", "48656c6c6f"]]],
    ["82 7e 01 00" + "5a".repeat(256), [["binary", "5a".repeat(256)]]],
    [
      "82 7f 00 00 00 00 00 01 00 00" + "a5".repeat(65_536),
      [["binary", "a5".repeat(65_536)]],
    ],
  ];
  const server: [string, Event[]][] = [
    ["81 85 37 fa 21 3d 7f 9f 4d 51 58", [["text", "Hello"]]],
    ["8a 85 37 fa 21 3d 7f 9f 4d 51 58", [["pong", "48656c6c6f"]]],
  ];
  for (
    const [role, cases] of [["client", client], ["server", server]] as const
  ) {
    for (const [bytes, expected] of cases) {
      const options = { ...NO_LIMITS, role };
      assertEquals(feedAll(hex(bytes), () => options, SEED), expected);
    }
  }
});

// Lengths (5.2).

for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) {
  check(
    `a binary message of ${size} bytes`,
    (from) => frame(from, 0x82, pattern(size)),
    [["binary", toHex(pattern(size))]],
  );
  check(
    `a text message of ${size} bytes`,
    (from) => frame(from, 0x81, "x".repeat(size)),
    [["text", "x".repeat(size)]],
  );
}

check(
  "many small messages of both kinds in one read",
  (from) =>
    join(
      ...Array.from({ length: 300 }, (_, i) =>
        i % 3 === 0
          ? frame(from, 0x81, `text ${i} é`)
          : frame(from, 0x82, pattern(i % 140))),
    ),
  Array.from(
    { length: 300 },
    (_, i): Event =>
      i % 3 === 0
        ? ["text", `text ${i} é`]
        : ["binary", toHex(pattern(i % 140))],
  ),
);

check(
  "messages of middling size share a read with small ones",
  (from) =>
    join(
      ...[40, 5000, 3, 33_000, 40_000, 2, 65_000, 1].map((size) =>
        frame(from, 0x82, pattern(size))
      ),
    ),
  [40, 5000, 3, 33_000, 40_000, 2, 65_000, 1].map((size): Event => [
    "binary",
    toHex(pattern(size)),
  ]),
);

const MASKED = "00 00 00 00";

for (
  const [name, digits] of [
    ["125 in 16 bits", "7e 00 7d"],
    ["0 in 16 bits", "7e 00 00"],
    ["65535 in 64 bits", "7f 00 00 00 00 00 00 ff ff"],
    ["125 in 64 bits", "7f 00 00 00 00 00 00 00 7d"],
  ] as const
) {
  check(
    `a length that is not minimal fails: ${name}`,
    (from) => withLength(from, digits),
    [["error", "length-not-minimal", 1002, 2]],
  );
}
check(
  "a length with its highest bit set fails",
  (from) => withLength(from, "7f 80 00 00 00 00 01 00 00"),
  [["error", "length-too-large", 1002, 2]],
);
check(
  "a length of 2^53 fails",
  (from) => withLength(from, "7f 00 20 00 00 00 00 00 00"),
  [["error", "length-too-large", 1009, 2]],
);
check(
  "a length of 2^53 - 1 is only a matter of the limit",
  (from) => withLength(from, "7f 00 1f ff ff ff ff ff ff"),
  [["error", "message-too-large", 1009, 1]],
  { maxMessageSize: 1000 },
);

/** A binary header with exactly this length field. */
function withLength(from: Role, digits: string): Uint8Array {
  const bytes = hex("82" + digits + (from === "client" ? MASKED : ""));
  if (from === "client") bytes[1] = (bytes[1] ?? 0) | 0x80;
  return bytes;
}

// Masking by role (5.1).

Deno.test("receiver: a server refuses an unmasked frame, a client a masked one", () => {
  for (
    const [role, code] of [["server", "mask-missing"], [
      "client",
      "mask-unexpected",
    ]] as const
  ) {
    for (const first of [0x81, 0x82, 0x88, 0x89, 0x8a]) {
      const bytes = frame(role, first, "");
      assertEquals(
        feedAll(bytes, () => ({ ...NO_LIMITS, role }), SEED),
        [["error", code, 1002, 1]],
      );
    }
  }
});

// Reserved bits and opcodes (5.2).

for (const bits of [0x40, 0x20, 0x10, 0x70]) {
  for (const first of [0x81, 0x82, 0x88, 0x89, 0x8a]) {
    check(
      `reserved bits ${bits.toString(16)} in frame ${first.toString(16)} fail`,
      (from) => frame(from, first | bits, ""),
      [["error", "reserved-bits", 1002, 0]],
    );
  }
}
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  check(
    `reserved opcode ${opcode} fails, also behind a message`,
    (from) => join(frame(from, 0x81, "ok"), frame(from, 0x80 | opcode, "")),
    (from) => [
      ["text", "ok"],
      ["error", "reserved-opcode", 1002, head(from) + 2],
    ],
  );
}

// Control frames (5.5).

for (const [name, first] of [["ping", 0x89], ["pong", 0x8a]] as const) {
  for (const size of [0, 1, 125]) {
    check(
      `a ${name} of ${size} bytes`,
      (from) => frame(from, first, pattern(size)),
      [[name, toHex(pattern(size))]],
    );
  }
}
for (const first of [0x88, 0x89, 0x8a]) {
  check(
    `control frame ${first.toString(16)} of 126 bytes fails`,
    (from) => frame(from, first, pattern(126)),
    [["error", "control-too-long", 1002, 1]],
  );
  check(
    `control frame ${first.toString(16)} without FIN fails`,
    (from) => frame(from, first & 0x7f, ""),
    [["error", "control-fragmented", 1002, 0]],
  );
}

// Fragmentation (5.4).

check(
  "control frames between fragments, and empty fragments",
  (from) =>
    join(
      frame(from, 0x01, "on"),
      frame(from, 0x89, "p1"),
      frame(from, 0x00, ""),
      frame(from, 0x8a, "p2"),
      frame(from, 0x00, "e"),
      frame(from, 0x80, ""),
      frame(from, 0x02, ""),
      frame(from, 0x00, ""),
      frame(from, 0x80, hex("01 02")),
      frame(from, 0x02, ""),
      frame(from, 0x80, ""),
      frame(from, 0x01, ""),
      frame(from, 0x80, ""),
    ),
  [
    ["ping", "7031"],
    ["pong", "7032"],
    ["text", "one"],
    ["binary", "0102"],
    ["binary", ""],
    ["text", ""],
  ],
);
check(
  "a thousand fragments",
  (from) =>
    join(
      frame(from, 0x02, pattern(3)),
      ...Array.from({ length: 998 }, () => frame(from, 0x00, pattern(3))),
      frame(from, 0x80, pattern(3)),
    ),
  [["binary", Array.from({ length: 1000 }, () => "00070e").join("")]],
);
check(
  "large fragments",
  (from) =>
    join(
      frame(from, 0x02, pattern(70_000)),
      frame(from, 0x89, "now"),
      frame(from, 0x00, pattern(140_001)),
      frame(from, 0x80, pattern(70_003)),
    ),
  [
    ["ping", "6e6f77"],
    [
      "binary",
      toHex(join(pattern(70_000), pattern(140_001), pattern(70_003))),
    ],
  ],
);
check(
  "a large text in one frame and in fragments",
  (from) => {
    const text = utf8("Grüße, €, 😀. ".repeat(12_000));
    return join(
      frame(from, 0x81, text),
      frame(from, 0x01, text.subarray(0, 100_001)),
      frame(from, 0x80, text.subarray(100_001)),
    );
  },
  [
    ["text", "Grüße, €, 😀. ".repeat(12_000)],
    ["text", "Grüße, €, 😀. ".repeat(12_000)],
  ],
);
check(
  "a continuation without a message fails",
  (from) => frame(from, 0x80, "x"),
  [["error", "unexpected-continuation", 1002, 0]],
);
check(
  "a continuation behind a whole message fails",
  (from) => join(frame(from, 0x81, "x"), frame(from, 0x00, "x")),
  (from) => [
    ["text", "x"],
    ["error", "unexpected-continuation", 1002, head(from) + 1],
  ],
);
for (const first of [0x81, 0x82, 0x01]) {
  check(
    `frame ${first.toString(16)} within an unfinished message fails`,
    (from) => join(frame(from, 0x01, "ab"), frame(from, first, "x")),
    (from) => [["error", "unfinished-message", 1002, head(from) + 2]],
  );
}
