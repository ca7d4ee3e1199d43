import { assertEquals } from "@std/assert";
import { utf8 } from "../_support/bytes.ts";
import { CLOSE, closeBody, Rig, TEXT } from "./_support/endpoint.ts";

const TIMEOUT = 5_000;
const LINGER = 1_000;
const IDLE = 250;

for (const role of ["client", "server"] as const) {
  const test = (name: string, run: () => void) =>
    Deno.test(`endpoint, ${role}: ${name}`, run);

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

  test("messages for which closeTimeout leaves no time after a write error are counted", () => {
    const rig = new Rig(role, { closeTimeout: 500 });
    const { endpoint } = rig;
    rig.takes = false;
    rig.bytes(rig.frame(TEXT, "a"), rig.frame(TEXT, "b"), rig.frame(TEXT, "c"));
    endpoint.writeFailed(new Error("EPIPE"), rig.now);
    assertEquals(endpoint.deadline, rig.now + 500);
    rig.deadline();
    assertEquals([rig.events, endpoint.end?.dropped], [["text a"], 2]);
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
}
