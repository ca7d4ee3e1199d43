import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionError } from "../base/errors.ts";
import { chance, join, utf8 } from "../_support/bytes.ts";
import type { Deflater } from "./wire/compression.ts";
import { MAX_CLOSE_EXTENSION } from "./close_deadline.ts";
import { ProtocolError } from "./wire/errors.ts";
import {
  BINARY,
  CLOSE,
  closeBody,
  PING,
  PONG,
  Rig,
  TEXT,
} from "./_support/endpoint.ts";

const TIMEOUT = 5_000;
const LINGER = 1_000;
const IDLE = 250;

for (const role of ["client", "server"] as const) {
  const test = (name: string, run: () => void) =>
    Deno.test(`endpoint, ${role}: ${name}`, run);
  const serves = role === "server";

  // How it ends.

  test("we close, the peer answers: clean, and the peer's code", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    endpoint.message("before");
    endpoint.close(1001, "going", TIMEOUT, rig.now);
    assertEquals(rig.write(), ["text before", "close 1001"]);
    assert(!endpoint.endsOurSide);
    rig.receive(CLOSE, closeBody(4001, "bye"));
    assertEquals([endpoint.state, endpoint.endsOurSide], ["finishing", serves]);
    endpoint.streamEnded(rig.now);
    assertEquals(endpoint.end, {
      code: 4001,
      reason: "bye",
      clean: true,
      initiator: "local",
      received: { code: 4001, reason: "bye" },
      sent: { code: 1001, reason: "going" },
      error: undefined,
      dropped: 0,
    });
  });

  test("the peer closes: its code goes back behind what was queued", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    endpoint.message("before");
    rig.receive(CLOSE, closeBody(4001, "enough"));
    assert(endpoint.awaitsAnswers);
    endpoint.message("answer");
    endpoint.answersDone(rig.now);
    assert(!endpoint.awaitsAnswers);
    assertEquals(rig.write(), ["text before", "text answer", "close 4001"]);
    assertEquals(endpoint.endsOurSide, serves);
    endpoint.streamEnded(rig.now);
    const { end } = endpoint;
    assertEquals([end?.clean, end?.initiator, end?.sent], [
      true,
      "peer",
      { code: 4001, reason: "enough" },
    ]);
  });

  test("the peer closes, and the user's close sets the code of the answer", () => {
    const rig = new Rig(role);
    rig.receive(CLOSE, closeBody(1000));
    rig.endpoint.close(4010, "mine", TIMEOUT, rig.now);
    rig.endpoint.answersDone(rig.now);
    assertEquals(rig.write(), ["close 4010"]);
    rig.endpoint.streamEnded(rig.now);
    assertEquals(rig.endpoint.end?.sent, { code: 4010, reason: "mine" });
    assertEquals(rig.endpoint.end?.initiator, "peer");
  });

  test("a close frame without a code, in both directions", () => {
    const rig = new Rig(role);
    rig.endpoint.close(undefined, "ignored", TIMEOUT, rig.now);
    assertEquals(rig.write(), ["close"]);
    rig.receive(CLOSE);
    rig.endpoint.streamEnded(rig.now);
    const { end } = rig.endpoint;
    assertEquals([end?.code, end?.sent, end?.received], [
      1005,
      { code: 1005, reason: "" },
      { code: 1005, reason: "" },
    ]);
    const answering = new Rig(role);
    answering.receive(CLOSE);
    answering.endpoint.answersDone(answering.now);
    assertEquals(answering.write(), ["close"]);
  });

  test("both close at once: one close frame each", () => {
    const rig = new Rig(role);
    rig.endpoint.close(1000, "", TIMEOUT, rig.now);
    rig.receive(CLOSE, closeBody(1001));
    assertEquals(rig.endpoint.state, "finishing");
    assertEquals(rig.write(), ["close 1000"]);
    rig.endpoint.streamEnded(rig.now);
    assertEquals([rig.endpoint.end?.clean, rig.endpoint.end?.initiator], [
      true,
      "local",
    ]);
  });

  test("a close frame that is queued and not written is not sent", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    rig.receive(CLOSE, closeBody(1000));
    endpoint.answersDone(rig.now);
    endpoint.take();
    endpoint.terminate();
    const { end } = endpoint;
    assertEquals([end?.clean, end?.sent, end?.code], [false, undefined, 1000]);
  });

  test("the sent reason is the one on the wire: at most 123 bytes, whole characters", () => {
    const rig = new Rig(role);
    rig.endpoint.close(1000, "é".repeat(100), TIMEOUT, rig.now);
    rig.write();
    rig.endpoint.terminate();
    assertEquals(rig.endpoint.end?.sent?.reason, "é".repeat(61));
  });

  test("the end of the stream without a close frame is 1006 by the peer", () => {
    const rig = new Rig(role);
    rig.endpoint.streamEnded(rig.now);
    const { end } = rig.endpoint;
    assertEquals([end?.code, end?.initiator, end?.error], [
      1006,
      "peer",
      undefined,
    ]);
  });

  test("the end of the stream behind a close frame leaves time for the answer", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    endpoint.message("queued");
    rig.receive(CLOSE, closeBody(1000));
    endpoint.streamEnded(rig.now);
    assertEquals(endpoint.state, "peer-closing");
    endpoint.answersDone(rig.now);
    endpoint.streamEnded(rig.now);
    assertEquals(rig.write(), ["text queued", "close 1000"]);
    assertEquals(endpoint.end?.clean, true);
  });

  test("the end of the stream behind messages that are held comes after them", () => {
    const rig = new Rig(role);
    rig.takes = false;
    rig.bytes(rig.frame(TEXT, "a"), rig.frame(TEXT, "b"));
    rig.endpoint.streamEnded(rig.now);
    assertEquals([rig.endpoint.state, rig.events], ["open", ["text a"]]);
    rig.endpoint.resume(rig.now);
    assertEquals([rig.endpoint.state, rig.events], ["ended", [
      "text a",
      "text b",
    ]]);
  });

  test("a stream error behind messages that are held comes after them", () => {
    for (const closes of [false, true]) {
      const rig = new Rig(role);
      const reset = new Error("reset");
      rig.takes = false;
      rig.bytes(
        rig.frame(TEXT, "a"),
        rig.frame(TEXT, "b"),
        ...(closes ? [rig.frame(CLOSE, closeBody(4000))] : []),
      );
      rig.endpoint.streamFailed(reset, rig.now);
      assertEquals(rig.endpoint.state, "draining");
      assertEquals(rig.endpoint.deadline, rig.now + LINGER);
      rig.takes = true;
      rig.endpoint.resume(rig.now);
      assertEquals(rig.events, ["text a", "text b"]);
      const { end } = rig.endpoint;
      assertEquals([end?.code, end?.error], [
        closes ? 4000 : 1006,
        closes ? undefined : reset,
      ]);
    }
  });

  test("a stream error is the error, unless the peer has closed", () => {
    const reset = new Error("reset");
    const open = new Rig(role);
    open.endpoint.streamFailed(reset, open.now);
    assertEquals(open.endpoint.end?.error, reset);
    const closed = new Rig(role);
    closed.receive(CLOSE, closeBody(1000));
    closed.endpoint.streamFailed(reset, closed.now);
    const { end } = closed.endpoint;
    assertEquals([end?.code, end?.clean, end?.error], [1000, false, undefined]);
  });

  test("nothing that happens behind a complete handshake is an error", () => {
    const rig = new Rig(role);
    rig.receive(CLOSE, closeBody(1000));
    rig.endpoint.answersDone(rig.now);
    rig.write();
    rig.endpoint.terminate(new Error("too late"));
    assertEquals([rig.endpoint.end?.clean, rig.endpoint.end?.error], [
      true,
      undefined,
    ]);
  });

  test("a cut carries its error, and the first end stays", () => {
    const rig = new Rig(role);
    const error = new Error("enough");
    rig.endpoint.terminate(error);
    const { end } = rig.endpoint;
    rig.endpoint.terminate(new Error("again"));
    rig.endpoint.streamFailed(new Error("again"), rig.now);
    assertEquals(rig.endpoint.end, end);
    assertEquals([end?.error, end?.initiator], [error, "local"]);
  });

  // Violations.

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
      const data = new Uint8Array(66_000);
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

  // Messages while closing.

  test("messages that arrive after our close are delivered while they are taken, then all are dropped and counted", () => {
    const rig = new Rig(role);
    rig.endpoint.close(1000, "", TIMEOUT, rig.now);
    rig.takes = false;
    rig.receive(TEXT, "a");
    rig.endpoint.resume(rig.now);
    rig.bytes(...["b", "c", "d"].map((text) => rig.frame(TEXT, text)));
    assert(rig.endpoint.reading);
    rig.takes = true;
    rig.endpoint.resume(rig.now);
    rig.receive(TEXT, "behind a message that was dropped");
    rig.receive(CLOSE, closeBody(1000));
    rig.write();
    rig.endpoint.streamEnded(rig.now);
    assertEquals(rig.events, ["text a", "text b"]);
    assertEquals([rig.endpoint.end?.dropped, rig.endpoint.end?.clean], [
      3,
      true,
    ]);
  });

  test("a close while messages are held finds the peer's close frame behind them", () => {
    const rig = new Rig(role);
    rig.takes = false;
    rig.bytes(
      ...["a", "b", "c"].map((text) => rig.frame(TEXT, text)),
      rig.frame(CLOSE, closeBody(1000)),
    );
    assert(!rig.endpoint.reading);
    rig.endpoint.close(1001, "", TIMEOUT, rig.now);
    assertEquals([rig.endpoint.state, rig.endpoint.reading], [
      "finishing",
      true,
    ]);
    assertEquals(rig.write(), ["close 1001"]);
    rig.endpoint.streamEnded(rig.now);
    assertEquals([rig.endpoint.end?.dropped, rig.events], [2, ["text a"]]);
  });

  test("a handler that closes in a message and takes no more still sees a clean end", () => {
    const rig = new Rig(role);
    rig.takes = false;
    rig.onMessage = () => rig.endpoint.close(1000, "", TIMEOUT, rig.now);
    rig.bytes(
      rig.frame(TEXT, "a"),
      rig.frame(TEXT, "b"),
      rig.frame(CLOSE, closeBody(1000)),
    );
    assertEquals([rig.endpoint.state, rig.events], ["finishing", ["text a"]]);
    assertEquals(rig.write(), ["close 1000"]);
  });

  test("a handler that terminates in a message hears of nothing more", () => {
    const rig = new Rig(role);
    rig.onMessage = () => rig.endpoint.terminate();
    rig.bytes(
      rig.frame(TEXT, "a"),
      rig.frame(PING),
      rig.frame(TEXT, "b"),
      rig.frame(0x83),
    );
    assertEquals([rig.endpoint.state, rig.events], ["ended", ["text a"]]);
    assertEquals(rig.endpoint.end?.error, undefined);
  });

  test("a handler that resumes before it returns false is not forgotten", () => {
    const rig = new Rig(role);
    rig.takes = false;
    rig.onMessage = () => rig.endpoint.resume(rig.now);
    rig.bytes(rig.frame(TEXT, "a"), rig.frame(TEXT, "b"));
    assertEquals(rig.events, ["text a", "text b"]);
    assert(rig.endpoint.reading);
  });

  test("bytes that wait are copied, unless the endpoint keeps its input", () => {
    for (const binary of ["copy", "borrow", "view"] as const) {
      const rig = new Rig(role, { binary });
      rig.takes = false;
      const bytes = join(rig.frame(TEXT, "a"), rig.frame(TEXT, "b"));
      rig.endpoint.receive(bytes, rig.now);
      assertEquals(rig.endpoint.keepsInput, binary === "view");
      if (binary !== "view") bytes.fill(0);
      rig.endpoint.resume(rig.now);
      assertEquals(rig.events, ["text a", "text b"]);
    }
  });

  test("bytes that come although reading is paused are kept in order", () => {
    const rig = new Rig(role);
    rig.takes = false;
    rig.bytes(rig.frame(TEXT, "a"), rig.frame(TEXT, "b"));
    rig.bytes(rig.frame(TEXT, "c"));
    rig.takes = true;
    rig.endpoint.resume(rig.now);
    rig.receive(TEXT, "d");
    assertEquals(rig.events, ["text a", "text b", "text c", "text d"]);
  });

  // Sending while closing.

  test("a streamed message that the peer's close interrupts ends all sending", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    endpoint.fragment("binary", utf8("part"), true, false);
    rig.receive(CLOSE, closeBody(1000));
    assert(!endpoint.canSend);
    for (
      const send of [
        () => endpoint.fragment("binary", utf8("more"), false, true),
        () => endpoint.message("whole"),
        () => endpoint.ping(utf8("p")),
      ]
    ) {
      assertEquals(
        assertThrows(send, ConnectionError).code,
        "connection-closed",
      );
    }
    endpoint.answersDone(rig.now);
    assertEquals(rig.write(), ["2 4", "close 1000"]);
  });

  test("nothing follows our close frame, pongs included, wherever it is queued", () => {
    for (const taken of [0, 1, 2, 3]) {
      const rig = new Rig(role);
      const { endpoint } = rig;
      endpoint.lend(new Uint8Array(300_000), () => {});
      endpoint.message("x".repeat(100_000));
      const parts: string[] = [];
      for (let i = 0; i < taken; i++) {
        endpoint.take();
        endpoint.written(rig.now);
      }
      if (taken > 0) {
        // Only the tail is looked at: the frames before were begun unseen.
        rig.receive(PING, "p");
        endpoint.close(1000, "", TIMEOUT, rig.now);
        rig.receive(PING, "q");
        let tail = new Uint8Array(0);
        for (let piece = endpoint.take(); piece; piece = endpoint.take()) {
          tail = join(tail.slice(-10), piece);
          endpoint.written(rig.now);
        }
        assertEquals(tail.at(role === "client" ? -8 : -4), CLOSE);
        continue;
      }
      rig.receive(PING, "p");
      endpoint.close(1000, "", TIMEOUT, rig.now);
      rig.receive(PING, "q");
      parts.push(...rig.write().map((text) => text.slice(0, 10)));
      assertEquals(parts.at(-1), "close 1000");
      assertEquals(parts.filter((text) => text.startsWith("pong")), ["pong p"]);
    }
  });

  // Broken writing.

  test("after a write error what the peer had sent is delivered, and its close code known", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    endpoint.ping(utf8("lost"));
    endpoint.take();
    endpoint.writeFailed(new Error("EPIPE"), rig.now);
    assertEquals([endpoint.canSend, endpoint.take(), endpoint.bufferedAmount], [
      false,
      undefined,
      0,
    ]);
    for (let i = 0; i < 100; i++) {
      rig.receive(TEXT, `${i}`);
      rig.now += 10;
    }
    assertEquals(endpoint.deadline, rig.now - 10 + IDLE);
    rig.receive(CLOSE, closeBody(1000, "done"));
    const { end } = endpoint;
    assertEquals([end?.code, end?.clean, end?.sent, end?.error], [
      1000,
      false,
      undefined,
      undefined,
    ]);
    assertEquals(rig.events.length, 100);
  });

  test("after a write error the end comes with 250 ms of silence, and the error is reported", () => {
    const rig = new Rig(role);
    const error = new Error("EPIPE");
    rig.endpoint.writeFailed(error, rig.now);
    rig.now += IDLE - 1;
    rig.endpoint.deadlineReached(rig.now);
    assertEquals(rig.endpoint.state, "draining");
    rig.deadline();
    assertEquals([rig.endpoint.end?.error, rig.endpoint.end?.code], [
      error,
      1006,
    ]);
  });

  test("after a write error the handler has a second to take messages, then they are dropped", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    rig.takes = false;
    rig.bytes(
      ...["a", "b", "c", "d"].map((text) => rig.frame(TEXT, text)),
      rig.frame(CLOSE, closeBody(4000)),
    );
    endpoint.writeFailed(new Error("EPIPE"), rig.now);
    for (let i = 0; i < 2; i++) {
      assertEquals(endpoint.deadline, rig.now + LINGER);
      rig.now += LINGER - 1;
      endpoint.deadlineReached(rig.now);
      endpoint.resume(rig.now);
    }
    assertEquals(rig.events, ["text a", "text b", "text c"]);
    rig.deadline();
    assertEquals(rig.events.length, 3);
    assertEquals([endpoint.end?.dropped, endpoint.end?.code], [1, 4000]);
  });

  test("after a write error closeTimeout bounds all reading", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    endpoint.writeFailed(new Error("EPIPE"), rig.now);
    const begun = rig.now;
    for (let i = 0; i < 50 && endpoint.end === undefined; i++) {
      rig.now += 200;
      rig.receive(TEXT, "more");
      endpoint.deadlineReached(rig.now);
    }
    assertEquals(rig.now - begun, TIMEOUT);
  });

  test("a close after a write error needs no close frame", () => {
    const rig = new Rig(role);
    rig.endpoint.writeFailed(new Error("EPIPE"), rig.now);
    rig.endpoint.close(1000, "", 100, rig.now);
    assertEquals(rig.endpoint.deadline, rig.now + 100);
    rig.deadline();
    assertEquals(rig.endpoint.end?.sent, undefined);
  });

  test("messages that were borrowed are given back when writing breaks", () => {
    const rig = new Rig(role);
    const results: string[] = [];
    for (const name of ["first", "second"]) {
      rig.endpoint.lend(
        new Uint8Array(300_000),
        (written) => void results.push(`${name} ${written}`),
      );
    }
    rig.endpoint.take();
    rig.endpoint.writeFailed(new Error("EPIPE"), rig.now);
    assertEquals(results, ["first false", "second false"]);
  });

  // Deadlines.

  test("closeTimeout bounds a handshake that we begin, exactly", () => {
    const rig = new Rig(role);
    rig.endpoint.close(1000, "", 700, rig.now);
    rig.write();
    assertEquals(rig.endpoint.deadline, rig.now + 700);
    rig.deadline();
    const { end } = rig.endpoint;
    assert(end?.error instanceof ConnectionError);
    assertEquals([end.error.code, end.code, end.sent?.code], [
      "close-timeout",
      1006,
      1000,
    ]);
  });

  test("closeTimeout bounds a handshake that the peer begins, also while nothing is taken", () => {
    const rig = new Rig(role, { closeTimeout: 100 });
    rig.endpoint.message("stuck");
    rig.endpoint.take();
    rig.receive(CLOSE, closeBody(1000));
    rig.endpoint.answersDone(rig.now);
    assertEquals(rig.endpoint.deadline, rig.now + 100);
    rig.deadline();
    const { end } = rig.endpoint;
    assertEquals([end?.clean, end?.sent, end?.code], [false, undefined, 1000]);
    assert(end?.error instanceof ConnectionError);
    assertEquals(end.error.code, "close-timeout");
    assert(end.error.message.includes("100 ms"), end.error.message);
  });

  test("a timeout of 0 is no limit, and a change of closeTimeout holds for later handshakes", () => {
    const rig = new Rig(role);
    rig.endpoint.close(1000, "", 0, rig.now);
    assertEquals(rig.endpoint.deadline, Infinity);
    rig.endpoint.close(1000, "", 50, rig.now);
    assertEquals(rig.endpoint.deadline, rig.now + 50);
    const other = new Rig(role);
    other.endpoint.closeTimeout = 33;
    other.receive(CLOSE);
    assertEquals(other.endpoint.deadline, other.now + 33);
  });

  test("a second close can only shorten the time", () => {
    const rig = new Rig(role);
    rig.endpoint.close(1000, "", 1_000, rig.now);
    rig.endpoint.close(1000, "", 3_000, rig.now);
    assertEquals(rig.endpoint.deadline, rig.now + 1_000);
    rig.now += 100;
    rig.endpoint.close(1000, "", 200, rig.now);
    assertEquals(rig.endpoint.deadline, rig.now + 200);
    assertEquals(rig.write(), ["close 1000"]);
  });

  test("the time is extended while the peer takes what is queued, up to the documented factor", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    for (let i = 0; i < 100; i++) endpoint.message(new Uint8Array(60_000));
    endpoint.close(1000, "", 1_000, rig.now);
    const begun = rig.now;
    let extensions = 0;
    for (;;) {
      rig.now += 900;
      assert(endpoint.take() !== undefined);
      endpoint.written(rig.now);
      rig.deadline();
      if (endpoint.end !== undefined) break;
      extensions++;
    }
    assertEquals(extensions, MAX_CLOSE_EXTENSION - 1);
    assertEquals(rig.now - begun, MAX_CLOSE_EXTENSION * 1_000);
  });

  test("the time is not extended for what was written long ago", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    for (let i = 0; i < 4; i++) endpoint.message(new Uint8Array(60_000));
    endpoint.close(1000, "", 1_000, rig.now);
    rig.now += 600;
    endpoint.take();
    endpoint.written(rig.now);
    rig.deadline();
    assertEquals(endpoint.state, "closing");
    rig.now += 400;
    endpoint.take();
    endpoint.written(rig.now);
    rig.deadline();
    assertEquals(endpoint.state, "ended");
  });

  test("the peer has a second to end the stream, less if closeTimeout is over before", () => {
    for (
      const [timeout, expected] of [[TIMEOUT, LINGER], [300, 300]] as const
    ) {
      const rig = new Rig(role, { closeTimeout: timeout });
      rig.receive(CLOSE, closeBody(1000));
      rig.endpoint.answersDone(rig.now);
      rig.write();
      assertEquals(rig.endpoint.deadline, rig.now + expected);
      rig.deadline();
      assertEquals([rig.endpoint.end?.clean, rig.endpoint.end?.error], [
        true,
        undefined,
      ]);
    }
  });

  test("a peer that goes on after its violation is cut after a second", () => {
    const rig = new Rig(role);
    rig.receive(0x83);
    rig.now += 500;
    rig.receive(TEXT, "more");
    rig.write();
    assertEquals(rig.endpoint.deadline, rig.now + 500);
    rig.deadline();
    assertEquals(rig.endpoint.state, "ended");
  });

  test("answers that never end do not keep our close frame back", () => {
    const rig = new Rig(role);
    rig.receive(CLOSE, closeBody(4000));
    rig.deadline();
    assertEquals(rig.endpoint.state, "finishing");
    assertEquals(rig.endpoint.deadline, rig.now + LINGER);
    assertEquals(rig.write(), ["close 4000"]);
  });

  // Floods.

  test("a flood of pings is taken in parts with pauses, and only the newest that waits is answered", () => {
    for (const binary of ["copy", "view"] as const) {
      const rig = new Rig(role, { binary });
      const flood = Array.from(
        { length: 1_000 },
        (_, i) => rig.frame(PING, `${i}`),
      );
      const bytes = join(...flood, rig.frame(TEXT, "behind"));
      rig.endpoint.receive(bytes, rig.now);
      if (binary === "copy") bytes.fill(0);
      for (let part = 1; part < 8; part++) {
        assertEquals(rig.events.length, part * 128);
        assertEquals([rig.endpoint.reading, rig.endpoint.deadline], [
          false,
          rig.now + 2,
        ]);
        // Messages are taken: that does not shorten the pause.
        rig.endpoint.resume(rig.now);
        assertEquals(rig.events.length, part * 128);
        const answers = rig.write();
        assert(answers.length <= 16, `${answers.length} answers`);
        assertEquals(answers.at(-1), `pong ${part * 128 - 1}`);
        rig.deadline();
      }
      assertEquals(rig.events.length, 1_001);
      assertEquals(rig.events.at(-1), "text behind");
      rig.deadline();
      assertEquals([rig.endpoint.reading, rig.endpoint.deadline], [
        true,
        Infinity,
      ]);
    }
  });

  test("a close, an end of the stream and a hold in the middle of a flood", () => {
    const flood = (rig: Rig) =>
      rig.bytes(
        ...Array.from({ length: 200 }, () => rig.frame(PONG)),
        rig.frame(TEXT, "a"),
        rig.frame(TEXT, "b"),
        rig.frame(CLOSE, closeBody(4000)),
      );
    const closing = new Rig(role);
    flood(closing);
    closing.endpoint.close(1000, "", TIMEOUT, closing.now);
    assertEquals(closing.endpoint.state, "finishing");
    assertEquals(closing.events.slice(-2), ["text a", "text b"]);
    const ended = new Rig(role);
    flood(ended);
    ended.endpoint.streamEnded(ended.now);
    assertEquals(ended.endpoint.state, "open");
    ended.deadline();
    assertEquals(ended.endpoint.state, "peer-closing");
    const held = new Rig(role);
    held.takes = false;
    flood(held);
    held.deadline();
    assertEquals(held.events.at(-1), "text a");
    held.deadline();
    assertEquals([held.events.at(-1), held.endpoint.reading], [
      "text a",
      false,
    ]);
    held.endpoint.resume(held.now);
    held.endpoint.resume(held.now);
    assertEquals([held.events.at(-1), held.endpoint.state], [
      "text b",
      "peer-closing",
    ]);
  });

  test("a few pings among messages are no flood, and a close ends one", () => {
    const rig = new Rig(role);
    rig.bytes(...Array.from({ length: 16 }, () => rig.frame(PING, "p")));
    assert(rig.endpoint.reading);
    assertEquals(rig.write().length, 16);
    rig.bytes(...Array.from({ length: 17 }, () => rig.frame(PONG)));
    assert(!rig.endpoint.reading);
    rig.endpoint.close(1000, "", TIMEOUT, rig.now);
    assert(rig.endpoint.reading);
    assertEquals(rig.endpoint.deadline, rig.now + TIMEOUT);
  });

  // Output and counters.

  test("the handshake response goes out before everything", () => {
    const rig = new Rig(role, { handshakeResponse: utf8("HTTP/1.1 101\r\n") });
    rig.endpoint.message("first");
    const size = rig.endpoint.bufferedAmount;
    const piece = rig.endpoint.take();
    assertEquals(new TextDecoder().decode(piece), "HTTP/1.1 101\r\n");
    assertEquals(rig.endpoint.take(), undefined);
    assertEquals(rig.endpoint.bufferedAmount, size);
    rig.endpoint.written(rig.now);
    assertEquals(rig.write(), ["text first"]);
    assertEquals(rig.endpoint.activity.writtenBytes, size);
  });

  test("activity counts the bytes of the wire and notes when they passed", () => {
    const rig = new Rig(role);
    const { activity } = rig.endpoint;
    assertEquals([activity.receivedAt, activity.wroteAt], [1_000, 1_000]);
    const bytes = rig.frame(TEXT, "hello");
    rig.now = 1_010;
    rig.bytes(bytes);
    rig.endpoint.message("hello");
    const size = rig.endpoint.bufferedAmount;
    rig.endpoint.take();
    rig.now = 1_020;
    rig.endpoint.written(rig.now);
    assertEquals({ ...activity }, {
      receivedAt: 1_010,
      receivedBytes: bytes.length,
      wroteAt: 1_020,
      writtenBytes: size,
    });
    assertEquals([rig.endpoint.sentBytes, rig.endpoint.bufferedAmount], [5, 0]);
  });

  test("a large message can be read straight to its place, unless reading is paused or bytes are ignored", () => {
    const rig = new Rig(role);
    const bytes = rig.frame(BINARY, new Uint8Array(300_000).fill(7));
    rig.bytes(bytes.subarray(0, 100_000));
    let at = 100_000;
    for (;;) {
      const target = rig.endpoint.target();
      if (target === undefined) break;
      const count = Math.min(target.length, 50_000);
      target.set(bytes.subarray(at, at + count));
      rig.endpoint.filled(count, rig.now);
      at += count;
    }
    rig.bytes(bytes.subarray(at));
    assertEquals(rig.events, [`binary ${"07".repeat(300_000)}`]);
    assertEquals(rig.endpoint.activity.receivedBytes, bytes.length);
    rig.endpoint.terminate();
    assertEquals(rig.endpoint.target(), undefined);
    rig.endpoint.filled(0, rig.now);
  });

  test("frames of both directions can be watched", () => {
    const seen: string[] = [];
    const rig = new Rig(role);
    rig.endpoint.watchFrames((direction, { opcode, length }) =>
      void seen.push(`${direction} ${opcode} ${length}`)
    );
    rig.receive(PING, "p");
    rig.receive(TEXT, "hello");
    rig.endpoint.message("answer");
    rig.endpoint.close(1000, "", TIMEOUT, rig.now);
    assertEquals(seen, [
      "received 9 1",
      "sent 10 1",
      "received 1 5",
      "sent 1 6",
      "sent 8 2",
    ]);
  });

  // The same, however the input is divided.

  test("what comes of a stream does not depend on how it is divided", () => {
    const seed = Number(new Date());
    const next = chance(seed);
    for (let round = 0; round < 300; round++) {
      const parts: Uint8Array[] = [];
      const probe = new Rig(role);
      for (let i = next(8); i >= 0; i--) {
        const kind = next(9);
        parts.push(
          kind < 3
            ? probe.frame(TEXT, `text ${i}`)
            : kind < 5
            ? probe.frame(BINARY, new Uint8Array(next(600)))
            : kind === 5
            ? probe.frame(PING, `${i}`)
            : kind === 6
            ? join(probe.frame(0x01, "a"), probe.frame(0x80, "b"))
            : next(4) > 0
            ? probe.frame(PONG)
            : next(2) === 0
            ? probe.frame(CLOSE, closeBody(4000 + i))
            : probe.frame(0x80 | next(16), "x"),
        );
      }
      const bytes = join(...parts);
      const closes = next(3) === 0;
      const holds = next(2) === 0;
      const run = (size: () => number) => {
        const rig = new Rig(role);
        if (closes) rig.endpoint.close(1000, "", TIMEOUT, rig.now);
        rig.takes = !holds;
        for (let at = 0; at < bytes.length;) {
          const step = Math.min(size(), bytes.length - at);
          rig.endpoint.receive(bytes.slice(at, at + step), rig.now);
          at += step;
          for (let i = 0; i < 10 && holds && !closes; i++) {
            rig.endpoint.resume(rig.now);
          }
        }
        rig.endpoint.streamEnded(rig.now);
        rig.endpoint.answersDone(rig.now);
        const written = rig.write();
        const { end, state } = rig.endpoint;
        return {
          state,
          written,
          events: rig.events,
          end: { ...end, error: String(end?.error) },
        };
      };
      const whole = run(() => bytes.length);
      assertEquals(run(() => 1), whole, `byte by byte, seed ${seed}`);
      assertEquals(run(() => 1 + next(40)), whole, `random, seed ${seed}`);
    }
  });
}
