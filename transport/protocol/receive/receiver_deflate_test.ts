import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { inflateRawSync } from "node:zlib";
import type { Inflater } from "../wire/compression.ts";
import type { Role } from "../wire/frame.ts";
import type { ReceiverOptions } from "./receiver.ts";
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
import { check as checkReceiver, head, SEED } from "../_support/receiver.ts";

/** Inflates each message separately, when it is complete. It checks no limit: the receiver must. */
class PlainInflater implements Inflater {
  #pieces: Uint8Array[] = [];

  inflate(piece: Uint8Array, last: boolean): Uint8Array {
    this.#pieces.push(piece.slice());
    if (!last) return new Uint8Array(0);
    const whole = join(...this.#pieces, hex("00 00 ff ff"));
    this.#pieces = [];
    return new Uint8Array(inflateRawSync(whole, {
      finishFlush: 2, // Z_SYNC_FLUSH: the stream is not ended.
    }));
  }

  close(): void {}
}

/** Gives the pieces back as they are, at once. */
class NoInflater implements Inflater {
  inflate(piece: Uint8Array): Uint8Array {
    return piece;
  }

  close(): void {}
}

function check(
  name: string,
  bytes: (from: Role) => Uint8Array,
  expected: readonly Event[] | ((from: Role) => readonly Event[]),
  options: Partial<ReceiverOptions> = {},
  inflater: new () => Inflater = PlainInflater,
): void {
  const all = () => ({ inflater: new inflater(), ...options });
  checkReceiver(`compressed: ${name}`, bytes, expected, all);
}

const HELLO = hex("f2 48 cd c9 c9 07 00");

Deno.test("receiver: compressed: the example of RFC 7692, section 7.2.3.1, literally", () => {
  for (
    const bytes of [
      "c1 07 f2 48 cd c9 c9 07 00",
      "41 03 f2 48 cd 80 04 c9 c9 07 00",
    ]
  ) {
    const got = feedAll(
      hex(bytes),
      () => ({ ...NO_LIMITS, role: "client", inflater: new PlainInflater() }),
      SEED,
    );
    assertEquals(got, [["text", "Hello"]]);
  }
});

check(
  "messages, plain ones between them, control frames within them",
  (from) =>
    join(
      frame(from, 0xc1, HELLO),
      frame(from, 0x81, "plain"),
      frame(from, 0x42, HELLO.subarray(0, 3)),
      frame(from, 0x89, "p"),
      frame(from, 0x00, ""),
      frame(from, 0x80, HELLO.subarray(3)),
      frame(from, 0x02, "pl"),
      frame(from, 0x80, "ain"),
      frame(from, 0x41, HELLO),
      frame(from, 0x80, ""),
    ),
  [
    ["text", "Hello"],
    ["text", "plain"],
    ["ping", "70"],
    ["binary", toHex(utf8("Hello"))],
    ["binary", toHex(utf8("plain"))],
    ["text", "Hello"],
  ],
);

for (const first of [0xc0, 0x40]) {
  check(
    `RSV1 in continuation ${first.toString(16)} fails`,
    (from) =>
      join(frame(from, 0x41, HELLO.subarray(0, 3)), frame(from, first, "x")),
    (from) => [["error", "reserved-bits", 1002, head(from) + 3]],
  );
}
for (const first of [0xc8, 0xc9, 0xca, 0xe1, 0xd1]) {
  check(
    `bits of frame ${first.toString(16)} fail though compression is on`,
    (from) => frame(from, first, ""),
    [["error", "reserved-bits", 1002, 0]],
  );
}

check(
  "bytes that cannot be inflated fail",
  (from) => frame(from, 0xc1, hex("ff ff ff ff")),
  (from) => [["error", "invalid-deflate-data", 1007, head(from) + 4]],
);
for (const inflater of [PlainInflater, NoInflater]) {
  check(
    `a message without a byte fails, ${inflater.name}`,
    (from) => join(frame(from, 0xc1, ""), frame(from, 0xc1, HELLO)),
    (from) => [["error", "invalid-deflate-data", 1007, head(from)]],
    {},
    inflater,
  );
  check(
    `fragments without a byte fail at the last one, ${inflater.name}`,
    (from) =>
      join(
        frame(from, 0x42, ""),
        frame(from, 0x89, "p"),
        frame(from, 0x00, ""),
        frame(from, 0x80, ""),
      ),
    (from) => [
      ["ping", "70"],
      ["error", "invalid-deflate-data", 1007, 4 * head(from) + 1],
    ],
    {},
    inflater,
  );
}
check(
  "a message that becomes too large fails",
  (from) => frame(from, 0xc1, HELLO),
  (from) => [["error", "message-too-large", 1009, head(from) + 7]],
  { maxMessageSize: 4 },
);
check(
  "a message that becomes as large as is allowed does not",
  (from) => frame(from, 0xc1, HELLO),
  [["text", "Hello"]],
  { maxMessageSize: 5 },
);
check(
  "the pieces of a message are counted together",
  (from) =>
    join(
      frame(from, 0x42, "abc"),
      frame(from, 0x00, "def"),
      frame(from, 0x80, "g"),
    ),
  (from) => [["error", "message-too-large", 1009, 3 * head(from) + 7]],
  { maxMessageSize: 6 },
  NoInflater,
);
check(
  "bad UTF-8 fails before the message is whole",
  (from) => join(frame(from, 0x41, "abc"), frame(from, 0x00, hex("61 f4 90"))),
  (from) => [["error", "invalid-utf8", 1007, 2 * head(from) + 6]],
  {},
  NoInflater,
);
check(
  "bad UTF-8 in a single frame fails",
  (from) => frame(from, 0xc1, hex("61 f4 90")),
  (from) => [["error", "invalid-utf8", 1007, head(from) + 3]],
  {},
  NoInflater,
);
check(
  "large messages in pieces",
  (from) =>
    join(
      frame(from, 0x41, "é€".repeat(30_000)),
      frame(from, 0x80, "😀".repeat(20_000)),
      frame(from, 0xc2, new Uint8Array(150_000).fill(7)),
    ),
  [
    ["text", "é€".repeat(30_000) + "😀".repeat(20_000)],
    ["binary", Buffer.alloc(150_000, 7).toString("hex")],
  ],
  {},
  NoInflater,
);
