import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { ConnectionError } from "../../base/errors.ts";
import type { Deflater } from "../wire/compression.ts";
import { ProtocolError } from "../wire/errors.ts";
import { describeFrame, type Role } from "../wire/frame.ts";
import { Sender, type SenderOptions } from "./sender.ts";
import { chance, frame, hex, join, toHex, utf8 } from "../../_support/bytes.ts";

const ROLES: readonly Role[] = ["client", "server"];

/** A sender whose masked frames have the key of RFC 6455, section 5.7. */
function make(role: Role, options: Partial<SenderOptions> = {}): Sender {
  return new Sender({ role, maskKey: () => 0x3d21fa37, ...options });
}

/** The pieces that wait, each as it was when it was taken. */
function pieces(sender: Sender): Uint8Array<ArrayBuffer>[] {
  const all: Uint8Array<ArrayBuffer>[] = [];
  let left = sender.size;
  for (let piece = sender.take(); piece; piece = sender.take()) {
    left -= piece.length;
    assertEquals(sender.size, left, "size counts what waits");
    assertStrictEquals(sender.take(), piece, "a piece stays until its release");
    all.push(piece.slice());
    sender.release();
  }
  assertEquals(sender.size, 0);
  return all;
}

function drain(sender: Sender): Uint8Array<ArrayBuffer> {
  return join(...pieces(sender));
}

function assertBytes(
  actual: Uint8Array,
  expected: Uint8Array,
  message?: string,
): void {
  if (toHex(actual) === toHex(expected)) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  throw new Error(
    `${
      message ?? "bytes"
    }: ${actual.length} instead of ${expected.length} bytes, ` +
      `different from byte ${at}: ${
        toHex(actual.subarray(at, at + 20))
      } instead of ` +
      toHex(expected.subarray(at, at + 20)),
  );
}

function pattern(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

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

  for (const fragmentSize of [0, 1000, 65_522, 100_000]) {
    Deno.test(`sender: a message by reference in frames of ${fragmentSize}, as ${role}`, () => {
      for (const size of [0, 100, 65_535, 65_536, 100_000, 100_001, 300_001]) {
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
          : size < 65_536
          ? fragmentSize
          : Math.min(fragmentSize, 65_522);
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

Deno.test("sender: pieces have at most 64 KiB, except in the caller's own memory", () => {
  const sender = make("client");
  for (let i = 0; i < 3000; i++) sender.message(pattern(125));
  sender.message("€".repeat(100_000));
  sender.lend(pattern(500_000), () => {});
  const sizes = pieces(sender).map((piece) => piece.length);
  assert(Math.max(...sizes) <= 65_536);
  assert(
    sizes.length <= Math.ceil((3000 * 131 + 300_014 + 500_014) / 65_536) + 3,
    `${sizes}`,
  );

  const server = make("server");
  const data = pattern(500_000);
  server.lend(data, () => {});
  const [first, second] = [
    server.take()?.slice(),
    (server.release(), server.take()),
  ];
  assert(first !== undefined && first.length < 65_536);
  assertStrictEquals(second?.buffer, data.buffer);
});

Deno.test("sender: what is taken does not change while more is appended", () => {
  const sender = make("server");
  sender.message("one");
  const piece = sender.take();
  const before = piece?.slice();
  for (let i = 0; i < 3000; i++) sender.message(`more ${i}`);
  assertEquals(piece, before);
  sender.release();
});

Deno.test("sender: done is called when the last piece has been written, not before", () => {
  for (const role of ROLES) {
    const sender = make(role);
    const data = pattern(150_000);
    let done = 0;
    sender.lend(data, () => done++);
    while (sender.size > 0) {
      assertEquals(done, 0);
      sender.take();
      assertEquals(done, 0);
      sender.release();
    }
    assertEquals(done, 1);
  }
});

Deno.test("sender: clear drops everything and calls every done once, also of what is being written", () => {
  for (const taken of [0, 1, 2]) {
    const sender = make("server");
    const done: string[] = [];
    const note = (what: string) => (written: boolean) =>
      void done.push(`${what} ${written}`);
    sender.lend(pattern(100_000), note("first"));
    sender.lend(pattern(100_000), note("second"));
    sender.message("third");
    sender.ping(utf8("p"));
    for (let i = 0; i < taken; i++) {
      sender.take();
      if (i < taken - 1) sender.release();
    }
    sender.clear();
    assertEquals(done, ["first false", "second false"]);
    assertEquals([sender.size, sender.take(), sender.closed], [
      0,
      undefined,
      true,
    ]);
    sender.release();
    sender.clear();
    assertEquals(done, ["first false", "second false"]);
  }
});

Deno.test("sender: borrowed memory that is detached is an error of take, not a loop", () => {
  for (const role of ROLES) {
    for (const fragmentSize of [0, 10_000]) {
      for (const before of [0, 1, 2]) {
        const sender = make(role, { fragmentSize });
        const data = pattern(900_000);
        const results: boolean[] = [];
        sender.lend(data, (written) => void results.push(written));
        for (let i = 0; i < before; i++) {
          sender.take();
          sender.release();
        }
        data.buffer.transfer();
        let error: unknown;
        for (let i = 0; i < 100 && error === undefined; i++) {
          try {
            if (sender.take() === undefined) break;
            sender.release();
          } catch (thrown) {
            error = thrown;
          }
        }
        assert(error instanceof ConnectionError);
        assertEquals(error.code, "buffer-changed");
        sender.clear();
        assertEquals(results, [false]);
      }
    }
  }
});

Deno.test("sender: memory that can change its size is copied at once", () => {
  for (const role of ROLES) {
    for (const size of [1_000, 200_000]) {
      const resizable = new ArrayBuffer(size, { maxByteLength: 500_000 });
      const shared = new SharedArrayBuffer(size);
      for (const buffer of [resizable, shared]) {
        const sender = make(role);
        const data = new Uint8Array(buffer);
        data.set(pattern(size));
        let done = 0;
        sender.lend(data, () => done++);
        assertEquals(done, 1);
        data.fill(0);
        if (buffer === resizable) resizable.resize(500_000);
        if (buffer === resizable) resizable.resize(10);
        assertBytes(drain(sender), frame(role, 0x82, pattern(size)));
      }
    }
  }
});

Deno.test("sender: a borrowed message is written in pieces of at most 256 KiB", () => {
  const sender = make("server");
  sender.lend(pattern(1_000_000), () => {});
  const sizes = pieces(sender).map(({ length }) => length);
  assert(sizes.every((size) => size <= 262_144), `${sizes}`);
  assert(sizes.length < 6, `${sizes}`);
});

Deno.test("sender: control frames that wait in the middle of a frame still go before the close frame", () => {
  for (const role of ROLES) {
    const sender = make(role);
    sender.message(pattern(100_000));
    const begun = sender.take()?.slice() ?? hex("");
    sender.release();
    sender.ping(utf8("p"));
    sender.pong(utf8("q"));
    sender.close(1000);
    assertBytes(
      join(begun, drain(sender)),
      join(
        frame(role, 0x82, pattern(100_000)),
        frame(role, 0x89, "p"),
        frame(role, 0x8a, "q"),
        frame(role, 0x88, hex("03e8")),
      ),
    );
  }
});

Deno.test("sender: a buffer that is still being written is not reused when cleared", () => {
  const sender = make("server");
  sender.message("mine");
  const piece = sender.take();
  sender.clear();
  const others = Array.from({ length: 300 }, () => make("server"));
  for (const other of others) {
    other.message("theirs");
    other.take();
  }
  assertEquals(toHex(piece ?? hex("")), "8104" + toHex(utf8("mine")));
  sender.release();
  for (const other of others) other.release();
});

Deno.test("sender: a streamed message is not broken into", () => {
  const sender = make("server");
  const unfinished = () => sender.message("x");
  assertThrows(
    () => sender.fragment("text", utf8("x"), false, true),
    ProtocolError,
    "no message is under way",
  );
  sender.fragment("text", utf8("a"), true, false);
  assert(sender.streaming);
  assertEquals(
    assertThrows(unfinished, ProtocolError).code,
    "unfinished-message",
  );
  assertThrows(
    () => sender.lend(pattern(100_000), () => {}),
    ProtocolError,
  );
  assertThrows(
    () => sender.fragment("text", utf8("x"), true, true),
    ProtocolError,
  );
  sender.fragment("text", utf8(""), false, true);
  assert(!sender.streaming);
  unfinished();
  assertBytes(drain(sender), hex("01 01 61 80 00 81 01 78"));
});

Deno.test("sender: a control frame of more than 125 bytes is refused", () => {
  const sender = make("server");
  assertThrows(
    () => sender.ping(pattern(126)),
    ProtocolError,
    "At most 125",
  );
  assertThrows(
    () => sender.pong(pattern(126)),
    ProtocolError,
    "At most 125",
  );
  sender.ping(pattern(125));
  assertBytes(drain(sender), frame("server", 0x89, pattern(125)));
});

/** Turns every byte over, so that one sees what went through it; keeps pieces of 1 byte back. */
class FakeDeflater implements Deflater {
  readonly threshold = 5;
  #kept = new Uint8Array(0);

  deflate(payload: Uint8Array, last: boolean): Uint8Array {
    const all = join(this.#kept, payload.map((byte) => byte ^ 0xff));
    const keep = payload.length === 1 && !last;
    this.#kept = keep ? all : new Uint8Array(0);
    return keep ? new Uint8Array(0) : all;
  }

  close(): void {}
}

function over(text: string): Uint8Array {
  return utf8(text).map((byte) => byte ^ 0xff);
}

for (const role of ROLES) {
  Deno.test(`sender: compresses what is long enough, as ${role}`, () => {
    const sender = make(role, { deflater: new FakeDeflater() });
    let done = 0;
    sender.message("1234");
    sender.message("12345");
    sender.message("éé");
    sender.message("ééé");
    sender.message(utf8("1234"));
    sender.message(utf8("12345"));
    sender.lend(utf8("x".repeat(70_000)), () => done++);
    assertEquals(done, 1);
    assertBytes(
      drain(sender),
      join(
        frame(role, 0x81, "1234"),
        frame(role, 0xc1, over("12345")),
        frame(role, 0x81, "éé"),
        frame(role, 0xc1, over("ééé")),
        frame(role, 0x82, "1234"),
        frame(role, 0xc2, over("12345")),
        frame(role, 0xc2, over("x".repeat(70_000))),
      ),
    );
  });

  Deno.test(`sender: fragments what was compressed, with RSV1 in the first frame alone, as ${role}`, () => {
    const sender = make(role, {
      deflater: new FakeDeflater(),
      fragmentSize: 6,
    });
    sender.message("1234567");
    sender.fragment("text", utf8("a"), true, false);
    sender.fragment("text", utf8("b"), false, false);
    sender.fragment("text", utf8("cd"), false, false);
    sender.fragment("text", utf8("e"), false, true);
    assertBytes(
      drain(sender),
      join(
        frame(role, 0x41, over("123456")),
        frame(role, 0x80, over("7")),
        frame(role, 0x41, over("abcd")),
        frame(role, 0x80, over("e")),
      ),
    );
  });
}

Deno.test("sender: every frame that goes out can be watched", () => {
  const seen: string[] = [];
  const sender = make("client", {
    fragmentSize: 1000,
    onFrame: (header) => seen.push(describeFrame(header)),
  });
  sender.message("é");
  sender.message(pattern(1500));
  sender.ping(hex(""));
  sender.lend(pattern(65_536), () => {});
  sender.close(1000);
  drain(sender);
  assertEquals(seen.slice(0, 5), [
    "text fin masked 2 B",
    "binary masked 1000 B",
    "continuation fin masked 500 B",
    "ping fin masked 0 B",
    "close fin masked 2 B",
  ]);
  assertEquals(seen.at(-1), "continuation fin masked 536 B");
});

Deno.test("sender: masking keys are drawn anew for each frame", () => {
  const sender = new Sender({ role: "client" });
  for (let i = 0; i < 2000; i++) sender.message(hex("00"));
  const bytes = drain(sender);
  const keys = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    keys.add(toHex(bytes.subarray(7 * i + 2, 7 * i + 6)));
  }
  assert(keys.size > 1990);
});
