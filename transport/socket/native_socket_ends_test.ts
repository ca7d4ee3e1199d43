import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { ConnectionError } from "../base/errors.ts";
import { CLOSE, closeBody, frame, TEXT } from "../_support/native.ts";
import {
  bytes,
  LOST,
  turn,
  withOpenClient,
} from "../_support/native_client.ts";

for (
  const { body, code, reason } of [
    { body: bytes(), code: 1005, reason: "" },
    { body: closeBody(1000), code: 1000, reason: "" },
    { body: closeBody(1000, "done"), code: 1000, reason: "done" },
    { body: closeBody(1001), code: 1001, reason: "" },
    { body: closeBody(1008, "no"), code: 1008, reason: "no" },
    { body: closeBody(4000, "mine"), code: 4000, reason: "mine" },
  ]
) {
  Deno.test(`a peer's close of ${code} ${reason} is a clean end with its code and reason`, () =>
    withOpenClient(async ({ socket, peer, reader }) => {
      await peer.send(CLOSE, body);
      const answer = await peer.next();
      assertEquals(answer?.opcode, CLOSE);
      await socket.closed;
      const end = {
        code,
        reason,
        clean: true,
        initiator: "peer",
        received: { code, reason },
        sent: { code, reason },
        error: undefined,
        inactive: false,
        dropped: 0,
      };
      assertEquals(reader.reports, [end]);
      assertEquals(await socket.closed, { ...end, initiator: "peer" });
    }));
}

Deno.test("a stream that ends without a close frame reads as 1006, and is no error", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    peer[Symbol.dispose]();
    await socket.closed;
    assertEquals(reader.reports, [LOST]);
  }));

for (
  const [rule, wire, message] of [
    ["a reserved opcode", frame(3), "Invalid value"],
    ["text that is not UTF-8", frame(TEXT, bytes(0xff)), "Invalid UTF-8"],
    ["a reserved bit", bytes(0xc1, 1, 65), "Reserved bits are not zero"],
    ["a close body of 1 byte", frame(CLOSE, bytes(3)), "Invalid close frame"],
  ] as const
) {
  Deno.test(`${rule} reads as 1006 with what the runtime says of it`, () =>
    withOpenClient(async ({ socket, peer }) => {
      await peer.raw(wire);
      const { error, ...end } = await socket.closed;
      const { error: _, ...lost } = LOST;
      assertEquals(end, lost);
      assertEquals(error?.message, message);
    }));
}

Deno.test("a reset connection reads as 1006 with the error of the system", () =>
  withOpenClient(async ({ ws, socket, peer }) => {
    // What is unread when it is closed makes the system send a reset.
    socket.write(new Uint8Array(1 << 22));
    await turn();
    peer[Symbol.dispose]();
    const end = await socket.closed;
    assertEquals(end.code, 1006);
    assert(!end.clean);
    assertEquals(ws.readyState, WebSocket.CLOSED);
    assertInstanceOf(end.error, Error);
  }));

Deno.test("nothing is reported after the end, and nothing is done", () =>
  withOpenClient(({ ws, socket, reader }) => {
    socket.terminate();
    const reports = [...reader.reports];
    assertEquals(reports.length, 1);
    ws.dispatchEvent(new MessageEvent("message", { data: "late" }));
    ws.dispatchEvent(new ErrorEvent("error", { message: "late" }));
    ws.dispatchEvent(new CloseEvent("close", { code: 1000, wasClean: true }));
    assertThrows(() => socket.write("late"), ConnectionError, "has ended");
    socket.close(1000);
    socket.terminate();
    assertEquals(reader.reports, reports);
    assertEquals(socket.sentBytes, 0);
    assertEquals(socket.bufferedAmount, 0);
    return Promise.resolve();
  }));

Deno.test("of two close events the first counts", () =>
  withOpenClient(async ({ ws, socket, reader }) => {
    ws.dispatchEvent(new CloseEvent("close", { code: 4001, wasClean: true }));
    ws.dispatchEvent(new CloseEvent("close", { code: 1005, wasClean: true }));
    assertEquals(reader.reports.length, 1);
    assertEquals((await socket.closed).code, 4001);
  }));

Deno.test("a clean end has no error, even if the runtime reported one before", () =>
  withOpenClient(async ({ ws, socket }) => {
    ws.dispatchEvent(new ErrorEvent("error", { message: "odd" }));
    ws.dispatchEvent(new CloseEvent("close", { code: 1000, wasClean: true }));
    assertEquals((await socket.closed).error, undefined);
  }));

Deno.test("a stream that ends before our close is answered is no clean end", () =>
  withOpenClient(async ({ socket, peer }) => {
    socket.close(3001);
    await peer.next();
    peer[Symbol.dispose]();
    assertEquals((await socket.closed).clean, false);
  }));

Deno.test("no close frame is claimed that waits behind output which the peer never takes", () => {
  const clock = new FakeClock();
  return withOpenClient(async ({ socket }) => {
    socket.write(new Uint8Array(1 << 23));
    socket.close(3001, "bye", { timeout: 50 });
    await turn();
    clock.tick(50);
    const end = await socket.closed;
    assertEquals([end.code, end.clean, end.sent], [1006, false, undefined]);
  }, { clock });
});

Deno.test("a close frame that the peer has answered was sent, whatever was written before", () =>
  withOpenClient(async ({ socket, peer }) => {
    socket.write(new Uint8Array(1 << 23));
    socket.close(3001, "bye");
    await peer.next();
    assertEquals((await peer.next())?.payload, closeBody(3001, "bye"));
    await peer.send(CLOSE, closeBody(3001));
    const end = await socket.closed;
    assertEquals([end.clean, end.sent], [true, { code: 3001, reason: "bye" }]);
  }));

Deno.test("a peer's close with 1014, which Deno does not know, is a clean end without its reason", () =>
  withOpenClient(async ({ socket, peer }) => {
    await peer.send(CLOSE, closeBody(1014, "gateway"));
    assertEquals((await peer.next())?.payload, closeBody(1002, "gateway"));
    assertEquals(await socket.closed, {
      code: 1014,
      reason: "",
      clean: true,
      initiator: "peer",
      received: { code: 1014, reason: "" },
      sent: { code: 1002, reason: "" },
      error: undefined,
      inactive: false,
      dropped: 0,
    });
  }));

Deno.test("1014 is the only code on the wire that Deno does not know", async () => {
  const unknown: number[] = [];
  const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012];
  for (const code of [...codes, 1013, 1014, 3000, 3999, 4000, 4999]) {
    await withOpenClient(async ({ ws, socket, peer }) => {
      ws.addEventListener("error", () => unknown.push(code));
      await peer.send(CLOSE, closeBody(code));
      assertEquals((await socket.closed).code, code);
    });
  }
  assertEquals(unknown, [1014]);
});
