import { assert, assertEquals } from "@std/assert";
import { CLOSE, closeBody, Rig, TEXT } from "./_support/endpoint.ts";

const TIMEOUT = 5_000;
const LINGER = 1_000;

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

  test("the peer closes: its code is answered after the queued messages", () => {
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

  test("our close frame still goes out after answers that were written before it", () => {
    for (const ended of [false, true]) {
      const rig = new Rig(role);
      const { endpoint } = rig;
      rig.receive(CLOSE, closeBody(1000));
      if (ended) endpoint.streamEnded(rig.now);
      endpoint.message("answer");
      assertEquals(rig.write(), ["text answer"]);
      assertEquals(endpoint.state, "peer-closing");
      endpoint.answersDone(rig.now);
      assertEquals(rig.write(), ["close 1000"]);
      endpoint.streamEnded(rig.now);
      assertEquals(endpoint.end?.clean, true);
    }
  });

  test("a close frame behind pieces of which only the first was written is not sent", () => {
    const rig = new Rig(role);
    const { endpoint } = rig;
    for (let i = 0; i < 3; i++) endpoint.message(new Uint8Array(60_000));
    endpoint.close(1000, "", 5_000, rig.now);
    endpoint.take();
    endpoint.written(rig.now);
    endpoint.streamFailed(new Error("reset"), rig.now);
    assertEquals(endpoint.end?.sent, undefined);
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
}
