import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionError } from "../base/errors.ts";
import { join, utf8 } from "../_support/bytes.ts";
import { CLOSE, closeBody, PING, Rig, TEXT } from "./_support/endpoint.ts";

const TIMEOUT = 5_000;

for (const role of ["client", "server"] as const) {
  const test = (name: string, run: () => void) =>
    Deno.test(`endpoint, ${role}: ${name}`, run);

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

  test("bytes that wait are copied, unless messages are views of them", () => {
    for (const binary of ["copy", "borrow", "view"] as const) {
      for (const borrowed of [false, true]) {
        const rig = new Rig(role, { binary });
        rig.takes = false;
        const bytes = join(rig.frame(TEXT, "a"), rig.frame(TEXT, "b"));
        rig.endpoint.receive(bytes, rig.now, borrowed);
        if (borrowed || binary !== "view") bytes.fill(0);
        rig.endpoint.resume(rig.now);
        assertEquals(rig.events, ["text a", "text b"]);
      }
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
}
