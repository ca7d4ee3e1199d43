import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { ConnectionError } from "../../base/errors.ts";
import { ProtocolError } from "../wire/errors.ts";
import { describeFrame, type FrameHeader } from "../wire/frame.ts";
import { Receiver, type ReceiverOptions } from "./receiver.ts";
import {
  feed,
  frame,
  hex,
  join,
  NO_LIMITS,
  toHex,
} from "../../_support/bytes.ts";
import { pattern } from "../_support/receiver.ts";

// How it is driven.

function quiet(
  message: (data: string | Uint8Array) => boolean,
  close: () => void = () => {},
) {
  return { message, ping: () => {}, pong: () => {}, close };
}

Deno.test("receiver: push returns how far it came when it has to stop, and does not change the rest", () => {
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

Deno.test("receiver: payloads of control frames are lent, and to detach one that has more behind it is an error of ours", () => {
  for (const role of ["server", "client"] as const) {
    const from = role === "server" ? "client" : "server";
    const seen: Uint8Array[] = [];
    const receiver = new Receiver(
      {
        ...quiet(() => true),
        ping: (payload) => void seen.push(payload),
        pong: (payload) => void seen.push(payload),
      },
      { ...NO_LIMITS, role, binary: "copy" },
    );
    const bytes = join(frame(from, 0x89, "ping"), frame(from, 0x8a, "pong"));
    receiver.push(bytes);
    assertEquals(seen.map((payload) => new TextDecoder().decode(payload)), [
      "ping",
      "pong",
    ]);
    for (const payload of seen) {
      assertStrictEquals(payload.buffer, bytes.buffer);
    }
  }
  const greedy = new Receiver(
    {
      ...quiet(() => true),
      ping: (payload) =>
        void (payload.buffer instanceof ArrayBuffer &&
          payload.buffer.transfer()),
    },
    { ...NO_LIMITS, role: "client", binary: "copy" },
  );
  const two = join(frame("server", 0x89, "one"), frame("server", 0x89, "two"));
  const error = assertThrows(() => greedy.push(two), ConnectionError);
  assertEquals(error.code, "buffer-changed");
});

Deno.test("receiver: push returns where the close frame ends, and ignores later bytes", () => {
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

Deno.test("receiver: views of borrowed bytes stay as they are, and keep no more than one push in memory", () => {
  for (const role of ["server", "client"] as const) {
    const from = role === "server" ? "client" : "server";
    const seen: (string | Uint8Array)[] = [];
    const receiver = new Receiver(quiet((data) => seen.push(data) > 0), {
      ...NO_LIMITS,
      role,
      binary: "view",
    });
    const expected: (string | Uint8Array)[] = [];
    const memory = new Uint8Array(80_000);
    // Small and large messages, text, and nothing but text, in every order.
    const mixes = [[125, 3], [5_000], [20_000, 18_000], [7], ["é", 40, 20_000]];
    for (const a of mixes) {
      for (const b of [...mixes, ["a", "b"]]) {
        const frames = [...a, ...b].map((item) => {
          const data = typeof item === "string" ? item : pattern(item);
          expected.push(data);
          return frame(from, typeof data === "string" ? 0x81 : 0x82, data);
        });
        const bytes = join(...frames);
        // In two pushes, so that a frame is torn.
        const middle = bytes.length - 5;
        for (const part of [bytes.slice(0, middle), bytes.slice(middle)]) {
          memory.set(part);
          receiver.push(memory.subarray(0, part.length), true);
          memory.fill(0);
        }
      }
    }
    assertEquals(seen, expected);
    for (const data of seen) {
      if (typeof data === "string") continue;
      assert(data.buffer !== memory.buffer);
      assert(data.buffer.byteLength <= memory.length);
    }
  }
});

Deno.test("receiver: small views of one push share memory, large ones have their own", () => {
  for (const [size, shared] of [[100, true], [40_000, false]] as const) {
    const seen: Uint8Array[] = [];
    const receiver = new Receiver(
      quiet((data) => {
        assert(typeof data !== "string");
        return seen.push(data) > 0;
      }),
      { ...NO_LIMITS, role: "server", binary: "view" },
    );
    const bytes = join(
      frame("client", 0x82, pattern(size)),
      frame("client", 0x82, pattern(size)),
    );
    // The first push shows how large the messages are.
    receiver.push(bytes.slice(), true);
    receiver.push(bytes.slice(), true);
    const [, , third, fourth] = seen;
    assertEquals(third, pattern(size));
    assertEquals(fourth, pattern(size));
    assertEquals(third?.buffer === fourth?.buffer, shared);
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

Deno.test("receiver: a buffer that is detached by the watcher of frames is an error, and gives no wrong text", () => {
  const got: unknown[] = [];
  const bytes = hex("8103 616263");
  const receiver = new Receiver(
    {
      ...quiet((data) => got.push(data) > 0),
      frame: () => void bytes.buffer.transfer(),
    },
    { ...NO_LIMITS, role: "client", binary: "view" },
  );
  assertThrows(() => receiver.push(bytes), ConnectionError, "detached");
  assertEquals(got, []);
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

Deno.test("receiver: a frame of terabytes gets memory for 32 times the bytes that have come", () => {
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
