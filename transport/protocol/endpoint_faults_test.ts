import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionError } from "../base/errors.ts";
import { join, utf8 } from "../_support/bytes.ts";
import type { Deflater } from "./wire/compression.ts";
import { ProtocolError } from "./wire/errors.ts";
import {
  BINARY,
  CLOSE,
  closeBody,
  PING,
  Rig,
  TEXT,
} from "./_support/endpoint.ts";

const TIMEOUT = 5_000;

for (const role of ["client", "server"] as const) {
  const test = (name: string, run: () => void) =>
    Deno.test(`endpoint, ${role}: ${name}`, run);

  for (
    const [name, first, payload, code, close] of [
      ["a reserved opcode", 0x83, "x", "reserved-opcode", 1002],
      ["bad UTF-8", TEXT, Uint8Array.of(0xff), "invalid-utf8", 1007],
      [
        "a message that is too large",
        BINARY,
        new Uint8Array(101),
        "message-too-large",
        1009,
      ],
      [
        "a close code that must not be sent",
        CLOSE,
        closeBody(1005),
        "invalid-close-code",
        1002,
      ],
    ] as const
  ) {
    test(`${name} is answered with ${close}, and bytes behind it are ignored`, () => {
      const rig = new Rig(role, { maxMessageSize: 100 });
      rig.receive(first, payload);
      assertEquals(rig.endpoint.state, "failing");
      rig.receive(TEXT, "ignored");
      rig.receive(CLOSE, closeBody(1000));
      assertEquals(rig.write(), [`close ${close}`]);
      assert(rig.endpoint.endsOurSide);
      rig.endpoint.streamEnded(rig.now);
      const { end } = rig.endpoint;
      assert(end?.error instanceof ProtocolError);
      assertEquals(end.error.code, code);
      assertEquals([end.code, end.clean, end.initiator, end.sent?.code], [
        1006,
        false,
        "local",
        close,
      ]);
      assertEquals(rig.events, []);
    });
  }

  test("a violation behind messages leaves time for their answers", () => {
    const rig = new Rig(role);
    rig.bytes(rig.frame(TEXT, "hello"), rig.frame(0x83), rig.frame(PING));
    assertEquals([rig.endpoint.state, rig.endpoint.awaitsAnswers], [
      "open",
      true,
    ]);
    rig.bytes(rig.frame(TEXT, "ignored"));
    rig.endpoint.streamEnded(rig.now);
    rig.endpoint.message("answer");
    rig.endpoint.answersDone(rig.now);
    assertEquals(rig.endpoint.state, "failing");
    assertEquals(rig.write(), ["text answer", "close 1002"]);
    assertEquals([rig.endpoint.state, rig.events], ["ended", ["text hello"]]);
  });

  test("the user's close does not hide a violation that waits for answers", () => {
    const rig = new Rig(role);
    rig.bytes(rig.frame(TEXT, "hello"), rig.frame(0x83));
    rig.endpoint.close(1000, "", TIMEOUT, rig.now);
    assertEquals(rig.endpoint.state, "failing");
    assertEquals(rig.write(), ["close 1002"]);
  });

  test("a handler that throws ends it with 1011 and the error", () => {
    const rig = new Rig(role);
    const error = new Error("handler");
    rig.onMessage = () => {
      throw error;
    };
    rig.receive(TEXT, "hello");
    rig.endpoint.answersDone(rig.now);
    assertEquals(rig.write(), ["close 1011"]);
    rig.endpoint.streamEnded(rig.now);
    assertEquals(rig.endpoint.end?.error, error);
  });

  test("a compressor that throws ends it with 1011: messages behind it could not be read", () => {
    const error = new Error("compressor");
    let calls = 0;
    const deflater: Deflater = {
      threshold: 0,
      deflate: (payload) => {
        if (++calls === 2) throw error;
        return payload;
      },
      close: () => {},
    };
    const rig = new Rig(role, { deflater });
    rig.endpoint.message("fine");
    assertThrows(() => rig.endpoint.message("broken"), Error, "compressor");
    assertThrows(() => rig.endpoint.message("behind"), Error, "compressor");
    assertEquals(calls, 2);
    assert(rig.endpoint.awaitsAnswers);
    rig.endpoint.answersDone(rig.now);
    assertEquals(rig.write(), ["c1 4", "close 1011"]);
    rig.endpoint.streamEnded(rig.now);
    assertEquals(rig.endpoint.end?.error, error);
  });

  test("a watcher of frames that throws ends it with 1011, at the end of a frame", () => {
    for (const size of [5, 300_000]) {
      const rig = new Rig(role);
      const error = new Error("watcher");
      rig.endpoint.watchFrames(() => {
        throw error;
      });
      rig.endpoint.message(new Uint8Array(size));
      rig.endpoint.answersDone(rig.now);
      assertEquals(rig.write(), [`82 ${size}`, "close 1011"]);
      rig.endpoint.streamEnded(rig.now);
      assertEquals(rig.endpoint.end?.error, error);
    }
  });

  test("a caller's mistake in sending changes nothing", () => {
    const rig = new Rig(role);
    rig.endpoint.fragment("text", utf8("a"), true, false);
    assertThrows(() => rig.endpoint.message("b"), ProtocolError);
    assertThrows(() => rig.endpoint.ping(new Uint8Array(126)), ProtocolError);
    assertEquals([rig.endpoint.state, rig.endpoint.awaitsAnswers], [
      "open",
      false,
    ]);
  });

  test("borrowed memory that is detached cuts the connection with an error", () => {
    const rig = new Rig(role);
    const data = new Uint8Array(700_000);
    const results: boolean[] = [];
    rig.endpoint.lend(data, (written) => void results.push(written));
    rig.endpoint.take();
    data.buffer.transfer();
    rig.endpoint.written(rig.now);
    for (let i = 0; i < 10 && rig.endpoint.end === undefined; i++) {
      if (rig.endpoint.take() !== undefined) rig.endpoint.written(rig.now);
    }
    const { end } = rig.endpoint;
    assert(end?.error instanceof ConnectionError);
    assertEquals([end.error.code, results], ["buffer-changed", [false]]);
    assertEquals(rig.endpoint.bufferedAmount, 0);
  });

  test("borrowed memory that is detached while it is being written counts as unsent, whatever the stream says", () => {
    // A client writes masked copies, which cannot vanish.
    const inPlace = role === "server";
    for (const fails of [false, true]) {
      const rig = new Rig(role);
      const data = new Uint8Array(67_000);
      const results: boolean[] = [];
      rig.endpoint.lend(data, (written) => void results.push(written));
      rig.endpoint.take();
      rig.endpoint.written(rig.now);
      // The last piece.
      rig.endpoint.take();
      data.buffer.transfer();
      if (fails) rig.endpoint.writeFailed(new Error("EFAULT"), rig.now);
      else rig.endpoint.written(rig.now);
      rig.endpoint.streamEnded(rig.now);
      const { end } = rig.endpoint;
      assertEquals(results, [!inPlace && !fails]);
      if (inPlace) {
        assert(end?.error instanceof ConnectionError);
        assertEquals(end.error.code, "buffer-changed");
      } else assertEquals(end?.error?.message, fails ? "EFAULT" : undefined);
    }
  });

  test("a handler that detaches a view, and takes no more, ends it with an error", () => {
    for (const binary of ["view", "borrow"] as const) {
      const rig = new Rig(role, { binary });
      rig.takes = false;
      const bytes = join(rig.frame(BINARY, "one"), rig.frame(BINARY, "two"));
      rig.onMessage = () => void bytes.buffer.transfer();
      rig.endpoint.receive(bytes, rig.now);
      rig.endpoint.resume(rig.now);
      rig.endpoint.answersDone(rig.now);
      assertEquals(rig.events.length, 1);
      assertEquals(rig.write(), ["close 1011"]);
      rig.endpoint.streamEnded(rig.now);
      const error = rig.endpoint.end?.error;
      assert(error instanceof ConnectionError);
      assertEquals(error.code, "buffer-changed");
    }
  });

  test("views of a buffer that was detached end it with an error, not with garbage", () => {
    for (const binary of ["view", "borrow"] as const) {
      const rig = new Rig(role, { binary });
      rig.takes = false;
      const bytes = join(rig.frame(BINARY, "one"), rig.frame(BINARY, "two"));
      rig.endpoint.receive(bytes, rig.now);
      // Only views share the buffer with what has not been parsed yet.
      if (binary === "view") bytes.buffer.transfer();
      rig.endpoint.resume(rig.now);
      rig.endpoint.answersDone(rig.now);
      assertEquals(rig.events.length, binary === "view" ? 1 : 2);
      if (binary === "borrow") continue;
      assertEquals(rig.write(), ["close 1011"]);
      rig.endpoint.streamEnded(rig.now);
      assert(rig.endpoint.end?.error?.message.includes("detached"));
    }
  });
}
