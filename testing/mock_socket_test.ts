import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionError } from "../transport/base/errors.ts";
import type { SocketReader } from "../transport/socket/socket.ts";
import { FakeClock } from "./fake_clock.ts";
import { MockSocket } from "./mock_socket.ts";
import { RecordingReader } from "./recording_reader.ts";

/** A reader that answers each message with what `more` says. */
class HoldingReader extends RecordingReader {
  more = false;

  override message(data: string | Uint8Array, size: number, at: number) {
    super.message(data, size, at);
    return this.more;
  }
}

Deno.test("a mock socket hands over nothing before it is started, and loses nothing by that", async () => {
  const socket = new MockSocket();
  const reader = new RecordingReader();
  socket.receive("a");
  socket.receivePing(new Uint8Array([1]));
  socket.receiveClose(1000, "bye");
  assertEquals([socket.started, socket.ended], [false, false]);
  socket.start(reader);
  assertEquals(reader.messages, ["a"]);
  assertEquals(reader.pings, [new Uint8Array([1])]);
  assertEquals((await socket.closed).reason, "bye");
  assertEquals(reader.ends.length, 1);
});

Deno.test("a message is handed over inside the call, with its size and time", () => {
  const clock = new FakeClock({ now: 5_000 });
  const socket = new MockSocket({ clock });
  const seen: unknown[] = [];
  const reader: SocketReader = {
    message: (...args) => seen.push(args) > 0,
    ping: () => {},
    pong: () => {},
    drain: () => {},
    end: () => {},
  };
  socket.start(reader);
  socket.receive("\u20ac");
  assertEquals(seen, [["\u20ac", 3, 5_000]]);
});

Deno.test("a reader that says no holds everything behind it back until resume, the end too", async () => {
  const socket = new MockSocket();
  const reader = new HoldingReader();
  socket.start(reader);
  socket.receive("a");
  socket.receive("b");
  socket.receivePing();
  socket.receiveClose();
  assertEquals(reader.messages, ["a"]);
  assertEquals(socket.paused, true);
  socket.resume();
  assertEquals(reader.messages, ["a", "b"]);
  assertEquals([reader.pings.length, reader.ends.length], [0, 0]);
  socket.resume();
  assertEquals((await socket.closed).clean, true);
  assertEquals([reader.pings.length, reader.ends.length], [1, 1]);
  assertEquals(socket.resumed, 2);
});

Deno.test("without flow control reading cannot be paused", () => {
  const socket = new MockSocket({ flowControl: false });
  const reader = new HoldingReader();
  socket.start(reader);
  socket.receive("a");
  socket.receive("b");
  assertEquals(reader.messages, ["a", "b"]);
});

Deno.test("writes are noted as they were at that time", async () => {
  const socket = new MockSocket();
  const bytes = new Uint8Array([1, 2]);
  assertEquals(socket.write(bytes), undefined);
  bytes.fill(0);
  socket.write("x");
  assertEquals(socket.written, [new Uint8Array([1, 2]), "x"]);
  assertEquals(socket.sentBytes, 3);
  assertEquals(socket.bufferedAmount, 0);
  assertEquals(await socket.takeWritten(), new Uint8Array([1, 2]));
  assertEquals(await socket.takeWritten(), "x");
});

Deno.test("fragments are noted one by one, and as a message", () => {
  const socket = new MockSocket();
  const payload = new Uint8Array([97]);
  socket.writeFragment({ type: "text", payload, first: true, last: false });
  assertEquals(socket.written, []);
  socket.writeFragment({ type: "text", payload, first: false, last: true });
  assertEquals(socket.written, ["aa"]);
  assertEquals(socket.fragments.length, 2);
});

Deno.test("a buffering mock socket keeps what is written until the test drains it", () => {
  const socket = new MockSocket({ buffering: true });
  const reader = new RecordingReader();
  socket.start(reader);
  socket.write("abcd");
  assertEquals(socket.bufferedAmount, 4);
  socket.drain(1);
  assertEquals([socket.bufferedAmount, reader.drains], [1, 1]);
  socket.drain();
  assertEquals([socket.bufferedAmount, reader.drains], [0, 2]);
});

Deno.test("pings are noted, and a pong answers the last one", () => {
  const socket = new MockSocket();
  const reader = new RecordingReader();
  socket.start(reader);
  socket.ping(new Uint8Array([7]));
  socket.receivePong();
  socket.receivePong(new Uint8Array([8]));
  socket.receivePing(new Uint8Array([9]));
  assertEquals(socket.pings, [new Uint8Array([7])]);
  assertEquals(reader.pongs, [new Uint8Array([7]), new Uint8Array([8])]);
  assertEquals(socket.pongs, [new Uint8Array([9])]);
});

Deno.test("without control frames pings are answered but not shown, and cannot be sent", () => {
  const socket = new MockSocket({ controlFrames: false });
  const reader = new RecordingReader();
  socket.start(reader);
  socket.receivePing(new Uint8Array([9]));
  socket.receivePong();
  assertEquals([reader.pings.length, reader.pongs.length], [0, 0]);
  assertEquals(socket.pongs.length, 1);
  assertThrows(() => socket.ping(new Uint8Array(0)), ConnectionError);
});

Deno.test("a close is answered in a microtask, and nothing goes out any more", async () => {
  const socket = new MockSocket();
  const reader = new RecordingReader();
  socket.start(reader);
  socket.close(3000, "done", { timeout: 7 });
  assertEquals(
    assertThrows(() => socket.write("late"), ConnectionError).code,
    "connection-closed",
  );
  socket.receive("not late");
  assertEquals(socket.ended, false);
  socket.close();
  const end = await socket.closed;
  assertEquals(end, {
    code: 3000,
    reason: "done",
    clean: true,
    initiator: "local",
    received: { code: 3000, reason: "done" },
    sent: { code: 3000, reason: "done" },
    error: undefined,
    inactive: false,
    dropped: 0,
  });
  assertEquals(reader.ends, [end]);
  assertEquals([reader.messages, socket.written], [["not late"], []]);
  assertEquals(socket.closes.map((close) => close.code), [3000, undefined]);
  assertEquals(socket.closes[0]?.options.timeout, 7);
});

Deno.test("a cut ends it inside the call with 1006 and the error", async () => {
  const socket = new MockSocket();
  const reader = new RecordingReader();
  socket.start(reader);
  const error = new Error("silent");
  socket.terminate(error);
  assertEquals(reader.ends.length, 1);
  socket.terminate();
  const end = await socket.closed;
  assertEquals([end.code, end.clean, end.initiator], [1006, false, "local"]);
  assertEquals(end.error, error);
  assertEquals(reader.ends.length, 1);
  assertEquals(socket.terminations, [error, undefined]);
  assertEquals(await socket.takeWritten(), undefined);
});

Deno.test("a socket that ended before it was started reports its end to the reader", () => {
  const socket = new MockSocket();
  socket.terminate();
  const reader = new RecordingReader();
  socket.start(reader);
  assertEquals(reader.ends.length, 1);
});

Deno.test("the test can end it in any way", async () => {
  const cut = new MockSocket();
  cut.start(new RecordingReader());
  cut.end();
  assertEquals(
    [(await cut.closed).code, (await cut.closed).initiator],
    [1006, "peer"],
  );
  const idle = new MockSocket();
  idle.start(new RecordingReader());
  idle.end({ code: 1001, inactive: true });
  idle.end({ code: 1000 });
  const end = await idle.closed;
  assertEquals([end.code, end.inactive], [1001, true]);
});

Deno.test("each method's doing can be replaced, and is noted all the same", async () => {
  const did: unknown[] = [];
  const note = (name: string) => (...args: unknown[]) => {
    did.push([name, ...args]);
  };
  const out = Promise.resolve();
  const socket = new MockSocket({
    behaviour: {
      start: note("start"),
      resume: note("resume"),
      write: (data, copy) => {
        did.push(["write", data, copy]);
        return out;
      },
      writeFragment: note("writeFragment"),
      close: note("close"),
    },
  });
  socket.behaviour.ping = (payload) => socket.receivePong(payload);
  socket.behaviour.terminate = note("terminate");
  const reader = new RecordingReader();
  const payload = new Uint8Array(0);
  const fragment = {
    type: "binary",
    payload,
    first: true,
    last: true,
  } as const;
  socket.start(reader);
  socket.receive("kept");
  socket.resume();
  assert(socket.write("a", true) === out);
  socket.writeFragment(fragment);
  socket.close(1000, "x");
  socket.terminate();
  assertEquals(did, [
    ["start", reader],
    ["resume"],
    ["write", "a", true],
    ["writeFragment", fragment],
    ["close", 1000, "x", {}],
    ["terminate", undefined],
  ]);
  assertEquals([socket.ended, reader.messages.length], [false, 0]);
  socket.end({ code: 1000 });
  assertEquals((await socket.closed).initiator, "local");

  const answering = new MockSocket();
  answering.behaviour.ping = (payload) => answering.receivePong(payload);
  answering.start(reader);
  answering.ping(new Uint8Array([1]));
  assertEquals(reader.pongs, [new Uint8Array([1])]);
});

Deno.test("what the peer sends while a message is delivered comes once, and after it", () => {
  const socket = new MockSocket();
  class AnsweredReader extends RecordingReader {
    override message(data: string | Uint8Array, size: number, at: number) {
      super.message(data, size, at);
      if (this.messages.length === 1) socket.receive("b");
      return true;
    }
  }
  const reader = new AnsweredReader();
  socket.start(reader);
  socket.receive("a");
  assertEquals(reader.messages, ["a", "b"]);
  socket.terminate();
});
