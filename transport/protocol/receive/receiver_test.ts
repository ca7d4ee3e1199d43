import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { ProtocolError } from "../wire/errors.ts";
import { describeFrame, type FrameHeader, type Role } from "../wire/frame.ts";
import { Receiver, type ReceiverOptions } from "./receiver.ts";
import {
  type Event,
  feed,
  feedAll,
  frame,
  hex,
  join,
  NO_LIMITS,
  peerOf,
  toHex,
  utf8,
} from "../../_support/bytes.ts";

const ROLES: readonly Role[] = ["client", "server"];
const SEED = Number(new Date());

/** What comes in, as seen from the role of its sender, and what must come of it. */
interface Case {
  readonly name: string;
  readonly bytes: (from: Role) => Uint8Array;
  readonly expected: (from: Role) => readonly Event[];
  readonly options?: Partial<ReceiverOptions>;
}

/** Bytes that would be empty messages, one behind the other. */
const LIKE_FRAMES = hex("8200".repeat(60));

function check(
  name: string,
  bytes: (from: Role) => Uint8Array,
  expected: readonly Event[] | ((from: Role) => readonly Event[]),
  options: Partial<ReceiverOptions> = {},
): void {
  const test: Case = {
    name,
    bytes,
    expected: typeof expected === "function" ? expected : () => expected,
    options,
  };
  Deno.test(`receiver: ${test.name}`, () => {
    for (const role of ROLES) {
      const from = peerOf(role);
      for (const binary of ["view", "copy", "borrow"] as const) {
        const all = { ...NO_LIMITS, role, binary, ...test.options };
        const got = feedAll(test.bytes(from), () => all, SEED);
        assertEquals(
          got,
          test.expected(from),
          `${role}, ${binary}, seed ${SEED}`,
        );
      }
    }
  });
}

/** The size of a short header in bytes. */
function head(from: Role): number {
  return from === "client" ? 6 : 2;
}

function pattern(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

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

// Limits.

check(
  "a message of the size that is allowed",
  (from) =>
    join(frame(from, 0x02, pattern(60)), frame(from, 0x80, pattern(40))),
  [["binary", toHex(join(pattern(60), pattern(40)))]],
  { maxMessageSize: 100, maxFrameSize: 60, maxFragments: 2 },
);
check(
  "a frame too large fails at its header",
  (from) => frame(from, 0x82, pattern(61)).subarray(0, head(from)),
  [["error", "frame-too-large", 1009, 1]],
  { maxFrameSize: 60 },
);
check(
  "a message too large fails at the header that makes it so",
  (from) =>
    join(
      frame(from, 0x02, pattern(60)),
      frame(from, 0x00, pattern(41)).subarray(0, head(from)),
    ),
  (from) => [["error", "message-too-large", 1009, head(from) + 61]],
  { maxMessageSize: 100 },
);
check(
  "one frame too large for a message fails at its header",
  (from) => frame(from, 0x81, pattern(101)).subarray(0, head(from)),
  [["error", "message-too-large", 1009, 1]],
  { maxMessageSize: 100 },
);
check(
  "a whole frame of the size that is allowed",
  (from) => frame(from, 0x82, pattern(130)),
  [["binary", toHex(pattern(130))]],
  { maxMessageSize: 130, maxFrameSize: 130 },
);
check(
  "a whole frame too large fails",
  (from) => frame(from, 0x82, pattern(131)),
  [["error", "frame-too-large", 1009, 1]],
  { maxFrameSize: 130 },
);
check(
  "a whole message too large fails",
  (from) => frame(from, 0x81, "a".repeat(101)),
  [["error", "message-too-large", 1009, 1]],
  { maxMessageSize: 100 },
);
check(
  "a payload that looks like frames",
  (from) =>
    join(frame(from, 0x89, LIKE_FRAMES), frame(from, 0x82, LIKE_FRAMES)),
  [["ping", toHex(LIKE_FRAMES)], ["binary", toHex(LIKE_FRAMES)]],
);
check(
  "too many fragments fail, empty ones included",
  (from) =>
    join(
      frame(from, 0x02, ""),
      frame(from, 0x00, ""),
      frame(from, 0x89, ""),
      frame(from, 0x00, ""),
      frame(from, 0x00, ""),
    ),
  (from) => [
    ["ping", ""],
    ["error", "too-many-fragments", 1009, 4 * head(from)],
  ],
  { maxFragments: 3 },
);
check(
  "the fragments of each message are counted anew",
  (from) =>
    join(
      frame(from, 0x02, "a"),
      frame(from, 0x80, "b"),
      frame(from, 0x02, "c"),
      frame(from, 0x80, "d"),
    ),
  [["binary", "6162"], ["binary", "6364"]],
  { maxFragments: 2 },
);

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

// How it is driven.

function quiet(
  message: (data: string | Uint8Array) => boolean,
  close: () => void = () => {},
) {
  return { message, ping: () => {}, pong: () => {}, close };
}

Deno.test("receiver: push says how far it came when told to stop, and leaves the rest as it was", () => {
  for (const binary of ["view", "copy", "borrow"] as const) {
    const seen: string[] = [];
    const receiver = new Receiver(
      quiet((data) => {
        seen.push(
          typeof data === "string" ? data : new TextDecoder().decode(data),
        );
        return false;
      }),
      { ...NO_LIMITS, role: "server", binary },
    );
    const one = frame("client", 0x82, "one");
    const two = frame("client", 0x81, "two");
    const three = frame("client", 0x82, "three");
    const bytes = join(one, two, three, hex("82"));
    assertEquals(receiver.push(bytes), one.length);
    const rest = bytes.slice(one.length);
    assertEquals(rest, join(two, three, hex("82")));
    // The rest may come from elsewhere.
    assertEquals(receiver.push(rest), two.length);
    assertEquals(receiver.push(rest.subarray(two.length)), three.length);
    assertEquals(receiver.push(hex("82")), 1);
    assertEquals(seen, ["one", "two", "three"]);
  }
});

Deno.test("receiver: push says where the close frame ends, and swallows what comes later", () => {
  const receiver = new Receiver(quiet(() => true), {
    ...NO_LIMITS,
    role: "client",
  });
  assertEquals(receiver.push(hex("88 00 81 00")), 2);
  assertEquals(receiver.state, "closed");
  assertEquals(receiver.push(hex("81 00")), 2);
});

Deno.test("receiver: after a violation it throws the same error again", () => {
  const receiver = new Receiver(quiet(() => true), {
    ...NO_LIMITS,
    role: "client",
  });
  const error = assertThrows(() => receiver.push(hex("83 00")), ProtocolError);
  assertEquals(receiver.state, "failed");
  assertStrictEquals(assertThrows(() => receiver.push(hex("81 00"))), error);
  assertEquals(
    error.message,
    "Cannot receive: opcode 3 is reserved (at byte 0 of the stream).",
  );
});

Deno.test("receiver: views and borrowed messages lie in the bytes that were pushed, copies do not", () => {
  for (const binary of ["view", "borrow", "copy"] as const) {
    const got: Uint8Array[] = [];
    const receiver = new Receiver(
      quiet((data) => {
        if (typeof data !== "string") got.push(data);
        return true;
      }),
      { ...NO_LIMITS, role: "client", binary },
    );
    const bytes = hex("82 01 61 82 01 62 82 01 63");
    receiver.push(bytes);
    assertEquals(got.map((data) => toHex(data)), ["61", "62", "63"]);
    for (const data of got) {
      assertEquals(data.buffer === bytes.buffer, binary !== "copy");
      if (binary === "copy") assertEquals(data.buffer.byteLength, 1);
    }
  }
});

Deno.test("receiver: a copied message has a buffer of exactly its size, also in fragments", () => {
  const got: Uint8Array[] = [];
  const receiver = new Receiver(
    quiet((data) => {
      if (typeof data !== "string") got.push(data);
      return true;
    }),
    { ...NO_LIMITS, role: "client", binary: "copy" },
  );
  receiver.push(hex("02 03 616263 00 01 64 80 01 65"));
  assertEquals(got[0]?.buffer.byteLength, 5);
});

Deno.test("receiver: a buffer that its receiver detaches is an error of ours if there is more in it", () => {
  for (const binary of ["view", "borrow"] as const) {
    for (const more of ["", "82", "8203 616263", "0100 8003 616263"]) {
      let messages = 0;
      const receiver = new Receiver(
        quiet((data) => {
          messages++;
          const { buffer } = typeof data === "string" ? hex("") : data;
          if (buffer instanceof ArrayBuffer) buffer.transfer();
          return true;
        }),
        { ...NO_LIMITS, role: "client", binary },
      );
      const push = () => receiver.push(hex(`8201 61 ${more}`));
      if (more === "") push();
      else {
        const error = assertThrows(push, Error, "detached");
        assert(!(error instanceof ProtocolError));
      }
      assertEquals(messages, 1);
    }
  }
});

Deno.test("receiver: the error of a limit names its option and value", () => {
  const cases: [string, string, Partial<ReceiverOptions>][] = [
    ["8205", "maxMessageSize (4 bytes)", { maxMessageSize: 4 }],
    ["0203 616161 0003", "maxMessageSize (4 bytes)", { maxMessageSize: 4 }],
    ["8205", "maxFrameSize (4 bytes)", { maxFrameSize: 4 }],
    ["0200 0000 0000", "maxFragments (2)", { maxFragments: 2 }],
  ];
  for (const [bytes, text, limit] of cases) {
    const receiver = new Receiver(quiet(() => true), {
      ...NO_LIMITS,
      ...limit,
      role: "client",
    });
    assertThrows(() => receiver.push(hex(bytes)), ProtocolError, text);
  }
});

Deno.test("receiver: a header alone earns no memory, 64 KiB earn the message's own buffer", () => {
  let got: Uint8Array | undefined;
  const receiver = new Receiver(
    quiet((data) => {
      if (typeof data !== "string") got = data;
      return true;
    }),
    { ...NO_LIMITS, role: "server" },
  );
  const payload = pattern(1_000_000);
  const bytes = frame("client", 0x82, payload);
  receiver.push(bytes.slice(0, 14));
  assertEquals(receiver.target(), undefined);
  receiver.push(bytes.slice(14, 14 + 65_535));
  assertEquals(receiver.target(), undefined);
  receiver.push(bytes.slice(14 + 65_535, 14 + 65_536));
  const target = receiver.target();
  assertEquals(target?.length, 1_000_000 - 65_536);
  assertEquals(target?.buffer.byteLength, 1_000_000);
  target?.set(bytes.subarray(14 + 65_536, bytes.length - 10));
  receiver.filled(1_000_000 - 65_536 - 10);
  assertEquals(receiver.target(), undefined);
  receiver.push(bytes.slice(-10));
  assertEquals(got, payload);
  assertStrictEquals(got?.buffer, target?.buffer);
});

Deno.test("receiver: a frame of terabytes gets room for 32 times what has come", () => {
  const receiver = new Receiver(quiet(() => true), {
    ...NO_LIMITS,
    role: "client",
  });
  receiver.push(hex("82 7f 00 00 10 00 00 00 00 00"));
  receiver.push(new Uint8Array(65_536));
  assertEquals(receiver.target()?.buffer.byteLength, 32 * 65_536);
});

Deno.test("receiver: every frame that comes in can be watched", () => {
  const frames: FrameHeader[] = [];
  const bytes = join(
    frame("client", 0x01, "ab"),
    frame("client", 0x89, ""),
    frame("client", 0x80, pattern(200)),
  );
  feed(
    bytes,
    { ...NO_LIMITS, role: "server", maxMessageSize: 300 },
    { sizes: () => 2, stops: false, direct: false, watched: true },
    frames,
  );
  assertEquals(frames.map(describeFrame), [
    "text masked 2 B",
    "ping fin masked 0 B",
    "continuation fin masked 200 B",
  ]);
});

Deno.test("receiver: what a handler throws comes out, and nothing goes on", () => {
  const receiver = new Receiver(
    quiet(() => {
      throw new Error("mine");
    }),
    { ...NO_LIMITS, role: "client" },
  );
  assertThrows(() => receiver.push(hex("81 01 61")), Error, "mine");
  assertEquals(receiver.state, "failed");
});
