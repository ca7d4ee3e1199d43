import { assert, assertEquals } from "@std/assert";
import { ConnectionError } from "../base/errors.ts";
import { MAX_CLOSE_EXTENSION } from "./close_deadline.ts";
import { CLOSE, closeBody, Rig, TEXT } from "./_support/endpoint.ts";

const TIMEOUT = 5_000;
const LINGER = 1_000;

for (const role of ["client", "server"] as const) {
  const test = (name: string, run: () => void) =>
    Deno.test(`endpoint, ${role}: ${name}`, run);

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
    assertEquals(rig.endpoint.deadline, undefined);
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

  test("the time is extended while the peer takes queued bytes, up to the documented factor", () => {
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

  test("a peer that has closed has all of closeTimeout to take what is queued, also if it has ended its side", () => {
    for (const ended of [false, true]) {
      const rig = new Rig(role);
      const { endpoint } = rig;
      for (let i = 0; i < 4; i++) endpoint.message(new Uint8Array(60_000));
      rig.receive(CLOSE, closeBody(1000));
      const due = rig.now + TIMEOUT;
      if (ended) endpoint.streamEnded(rig.now);
      endpoint.answersDone(rig.now);
      rig.now += 1_500;
      endpoint.take();
      endpoint.written(rig.now);
      assertEquals([endpoint.state, endpoint.deadline], ["finishing", due]);
      while (endpoint.take() !== undefined) endpoint.written(rig.now);
      if (ended) assertEquals(endpoint.end?.clean, true);
      else assertEquals(endpoint.deadline, rig.now + LINGER);
    }
  });

  test("the time is not extended for bytes that were written long ago", () => {
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

  test("after the answer to our close the peer has a second to end the stream", () => {
    const rig = new Rig(role);
    rig.endpoint.close(1000, "", TIMEOUT, rig.now);
    rig.write();
    rig.receive(CLOSE, closeBody(1000));
    assertEquals(rig.endpoint.deadline, rig.now + LINGER);
  });

  test("a close frame that is written late does not extend the wait for the end of the stream", () => {
    const rig = new Rig(role);
    rig.receive(CLOSE, closeBody(1000));
    rig.endpoint.answersDone(rig.now);
    const due = rig.now + TIMEOUT;
    rig.now = due - 500;
    rig.write();
    assertEquals(rig.endpoint.deadline, due);
    rig.deadline();
    assertEquals(rig.endpoint.end?.clean, true);
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
}
