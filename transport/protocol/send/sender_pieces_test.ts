import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { ConnectionError } from "../../base/errors.ts";
import { ProtocolError } from "../wire/errors.ts";
import { describeFrame } from "../wire/frame.ts";
import { Sender } from "./sender.ts";
import { frame, hex, join, toHex, utf8 } from "../../_support/bytes.ts";
import {
  assertBytes,
  drain,
  make,
  pattern,
  pieces,
  ROLES,
} from "../_support/sender.ts";

Deno.test("sender: pieces have at most 66,560 bytes, except in the caller's own memory", () => {
  const sender = make("client");
  for (let i = 0; i < 3000; i++) sender.message(pattern(125));
  sender.message("€".repeat(100_000));
  sender.lend(pattern(500_000), () => {});
  const sizes = pieces(sender).map((piece) => piece.length);
  assert(Math.max(...sizes) <= 66_560);
  assert(
    sizes.length <= Math.ceil((3000 * 131 + 300_014 + 500_014) / 66_560) + 3,
    `${sizes}`,
  );

  const server = make("server");
  const data = pattern(500_000);
  server.lend(data, () => {});
  const [first, second] = [
    server.take()?.slice(),
    (server.release(), server.take()),
  ];
  assert(first !== undefined && first.length <= 66_560);
  assertStrictEquals(second?.buffer, data.buffer);
});

Deno.test("sender: bytes that were taken do not change while more are appended", () => {
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
Deno.test("sender: every frame that goes out can be watched", () => {
  const seen: string[] = [];
  const sender = make("client", {
    fragmentSize: 1000,
    onFrame: (header) => seen.push(describeFrame(header)),
  });
  sender.message("é");
  sender.message(pattern(1500));
  sender.ping(hex(""));
  sender.lend(pattern(67_536), () => {});
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
