import { assert, assertEquals } from "@std/assert";
import { chance, frame, hex, join, utf8 } from "../../_support/bytes.ts";
import {
  assertBytes,
  drain,
  make,
  pattern,
  ROLES,
} from "../_support/sender.ts";

Deno.test("sender: the examples of RFC 6455, section 5.7, literally", () => {
  const server = make("server");
  server.message("Hello");
  server.message(new Uint8Array(256).fill(0x5a));
  server.message(new Uint8Array(65_536).fill(0xa5));
  server.fragment("text", utf8("Hel"), true, false);
  server.fragment("text", utf8("lo"), false, true);
  assertBytes(
    drain(server),
    hex(
      "81 05 48 65 6c 6c 6f" +
        "82 7e 01 00" + "5a".repeat(256) +
        "82 7f 00 00 00 00 00 01 00 00" + "a5".repeat(65_536) +
        "01 03 48 65 6c 80 02 6c 6f",
    ),
  );
  server.ping(utf8("Hello"));
  assertBytes(drain(server), hex("89 05 48 65 6c 6c 6f"));

  const client = make("client");
  client.message("Hello");
  assertBytes(drain(client), hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"));
  client.pong(utf8("Hello"));
  assertBytes(drain(client), hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"));
});

const SIZES = [
  0,
  1,
  23,
  24,
  25,
  48,
  49,
  124,
  125,
  126,
  127,
  128,
  1000,
  1360,
  1361,
];
const LARGE_SIZES = [
  4000,
  4082,
  4083,
  5000,
  16_383,
  30_000,
  65_500,
  65_535,
  65_536,
  65_537,
  70_000,
  200_001,
];

for (const role of ROLES) {
  Deno.test(`sender: binary messages of all sizes, alone and in a row, as ${role}`, () => {
    const sizes = [...SIZES, ...LARGE_SIZES];
    for (const size of sizes) {
      const sender = make(role);
      sender.message(pattern(size));
      assertBytes(drain(sender), frame(role, 0x82, pattern(size)), `${size}`);
    }
    const sender = make(role);
    for (const size of sizes) sender.message(pattern(size));
    assertBytes(
      drain(sender),
      join(...sizes.map((size) => frame(role, 0x82, pattern(size)))),
    );
  });

  Deno.test(`sender: texts of all sizes and kinds, alone and in a row, as ${role}`, () => {
    const expected: Uint8Array[] = [];
    const row = make(role);
    for (const unit of ["a", "é", "€", "😀", "ab€", "x".repeat(120) + "é"]) {
      for (const size of [...SIZES, ...LARGE_SIZES]) {
        const text = unit.repeat(Math.ceil(size / unit.length));
        const sender = make(role);
        sender.message(text);
        assertBytes(drain(sender), frame(role, 0x81, text), `${unit} ${size}`);
        row.message(text);
        expected.push(frame(role, 0x81, text));
      }
    }
    assertBytes(drain(row), join(...expected));
  });

  Deno.test(`sender: text whose UTF-8 needs another header than its length says, as ${role}`, () => {
    for (let length = 40; length < 130; length++) {
      for (
        const text of [
          "é".repeat(length),
          "a".repeat(length) + "é",
          "a".repeat(length) + "€€",
        ]
      ) {
        const sender = make(role);
        sender.message("before");
        sender.message(text);
        sender.message("after");
        assertBytes(
          drain(sender),
          join(
            frame(role, 0x81, "before"),
            frame(role, 0x81, text),
            frame(role, 0x81, "after"),
          ),
        );
      }
    }
  });

  Deno.test(`sender: lone surrogates become U+FFFD, pairs stay whole wherever they are cut, as ${role}`, () => {
    for (
      const lead of [
        "",
        "a".repeat(60),
        "a".repeat(1500),
        "a".repeat(16_383),
        "a".repeat(32_767),
        "a".repeat(65_530),
      ]
    ) {
      for (
        const text of [
          "\ud800",
          "\udc00",
          "\ud83d\ude00",
          "\udc00\ud800x",
          "\ud800\ud83d\ude00",
        ]
      ) {
        const whole = lead + text + "b".repeat(lead.length);
        const sender = make(role);
        sender.message(whole);
        assertBytes(
          drain(sender),
          frame(role, 0x81, utf8(whole)),
          `${lead.length}`,
        );
      }
    }
  });

  Deno.test(`sender: random messages and fragments in a row, as ${role}`, () => {
    const seed = Number(new Date());
    const next = chance(seed);
    const sender = make(role);
    const expected: Uint8Array[] = [];
    for (let i = 0; i < 600; i++) {
      const size = next(next(20) === 0 ? 90_000 : 2000);
      const kind = next(4);
      if (kind === 0) {
        const text = String.fromCodePoint(next(2) === 0 ? 0x61 : 0x20ac).repeat(
          size,
        );
        sender.message(text);
        expected.push(frame(role, 0x81, text));
      } else if (kind === 1) {
        sender.fragment("binary", pattern(size), true, false);
        sender.fragment("binary", pattern(3), false, true);
        expected.push(
          frame(role, 0x02, pattern(size)),
          frame(role, 0x80, pattern(3)),
        );
      } else if (kind === 2) {
        sender.lend(pattern(size), () => {});
        expected.push(frame(role, 0x82, pattern(size)));
      } else {
        sender.message(pattern(size));
        expected.push(frame(role, 0x82, pattern(size)));
      }
      if (next(30) === 0) {
        assertBytes(drain(sender), join(...expected.splice(0)), `seed ${seed}`);
      }
    }
    assertBytes(drain(sender), join(...expected), `seed ${seed}`);
  });

  Deno.test(`sender: long messages go out in frames of fragmentSize, as ${role}`, () => {
    const sender = make(role, { fragmentSize: 10 });
    sender.message(pattern(10));
    sender.message(pattern(25));
    sender.message("é".repeat(7));
    sender.message("short");
    sender.fragment("text", utf8("0123456789ab"), true, false);
    sender.fragment("text", utf8("c"), false, true);
    assertBytes(
      drain(sender),
      join(
        frame(role, 0x82, pattern(10)),
        frame(role, 0x02, pattern(25).subarray(0, 10)),
        frame(role, 0x00, pattern(25).subarray(10, 20)),
        frame(role, 0x80, pattern(25).subarray(20)),
        frame(role, 0x01, "é".repeat(5)),
        frame(role, 0x80, "é".repeat(2)),
        frame(role, 0x81, "short"),
        frame(role, 0x01, "0123456789"),
        frame(role, 0x00, "ab"),
        frame(role, 0x80, "c"),
      ),
    );
  });

  for (const fragmentSize of [0, 1000, 65_535, 100_000]) {
    Deno.test(`sender: a message by reference in frames of ${fragmentSize}, as ${role}`, () => {
      for (
        const size of [
          0,
          100,
          65_536,
          66_559,
          66_560,
          100_000,
          100_001,
          300_001,
        ]
      ) {
        const sender = make(role, { fragmentSize });
        const data = pattern(size);
        let done = 0;
        sender.message("before");
        sender.lend(data, () => done++);
        sender.message("after");
        const got = drain(sender);
        assertEquals(done, 1);
        assertEquals(
          data,
          pattern(size),
          "the caller's bytes are as they were",
        );
        const most = fragmentSize === 0 || size <= fragmentSize
          ? Math.max(size, 1)
          : size < 66_560
          ? fragmentSize
          : Math.min(fragmentSize, 65_535);
        const frames: Uint8Array[] = [];
        for (let from = 0; from === 0 || from < size; from += most) {
          const opcode = from === 0 ? 0x02 : 0x00;
          const fin = from + most >= size ? 0x80 : 0;
          frames.push(
            frame(role, fin | opcode, data.subarray(from, from + most)),
          );
        }
        assertBytes(
          got,
          join(
            frame(role, 0x81, "before"),
            ...frames,
            frame(role, 0x81, "after"),
          ),
          `${size}`,
        );
      }
    });
  }

  Deno.test(`sender: pings and pongs go ahead at the end of a frame, as ${role}`, () => {
    const sender = make(role);
    const data = pattern(200_000);
    sender.message("first");
    sender.lend(data, () => {});
    sender.message("last");
    const before = sender.take()?.slice() ?? new Uint8Array(0);
    sender.release();
    sender.ping(utf8("1"));
    sender.ping(utf8("2"));
    sender.pong(utf8("3"));
    sender.pong(utf8("4"));
    assertBytes(
      join(before, drain(sender)),
      join(
        frame(role, 0x81, "first"),
        frame(role, 0x82, data),
        frame(role, 0x89, "1"),
        frame(role, 0x89, "2"),
        frame(role, 0x8a, "3"),
        frame(role, 0x8a, "4"),
        frame(role, 0x81, "last"),
      ),
    );
  });

  Deno.test(`sender: of a flood of pongs the newest are kept, as ${role}`, () => {
    const sender = make(role);
    for (let i = 1; i <= 33; i++) sender.pong(utf8(String(i)));
    assertBytes(drain(sender), frame(role, 0x8a, "33"));
    assertEquals(sender.size, 0);
  });

  Deno.test(`sender: pongs that are being written stay as they are while more are queued, as ${role}`, () => {
    const [sender, other] = [make(role), make(role)];
    sender.pong(pattern(125));
    const piece = sender.take() ?? new Uint8Array(0);
    for (let i = 0; i < 20; i++) sender.pong(utf8("next"));
    other.pong(utf8("of another connection"));
    assertBytes(piece, frame(role, 0x8a, pattern(125)));
    sender.release();
    assertBytes(
      drain(sender),
      join(...Array.from({ length: 4 }, () => frame(role, 0x8a, "next"))),
    );
    assertBytes(drain(other), frame(role, 0x8a, "of another connection"));
  });

  Deno.test(`sender: pings go between the fragments of a message by reference, as ${role}`, () => {
    const sender = make(role, { fragmentSize: 60_000 });
    const data = pattern(120_000);
    sender.lend(data, () => {});
    const before = sender.take()?.slice() ?? new Uint8Array(0);
    sender.release();
    sender.ping(utf8("now"));
    assertBytes(
      join(before, drain(sender)),
      join(
        frame(role, 0x02, data.subarray(0, 60_000)),
        frame(role, 0x89, "now"),
        frame(role, 0x80, data.subarray(60_000)),
      ),
    );
  });

  Deno.test(`sender: the close frame comes last, and nothing after it, as ${role}`, () => {
    const sender = make(role);
    sender.message("data");
    sender.ping(utf8("p"));
    sender.close(1001, "gone");
    assert(sender.closed);
    sender.message("late");
    sender.ping(utf8("late"));
    sender.pong(utf8("late"));
    sender.fragment("text", utf8("late"), true, true);
    sender.close(1000);
    let done = 0;
    sender.lend(pattern(100_000), () => done++);
    assertEquals(done, 1);
    assertBytes(
      drain(sender),
      join(
        frame(role, 0x89, "p"),
        frame(role, 0x81, "data"),
        frame(role, 0x88, join(hex("03 e9"), utf8("gone"))),
      ),
    );
    const plain = make(role);
    plain.close();
    assertBytes(drain(plain), frame(role, 0x88, ""));
  });
}
