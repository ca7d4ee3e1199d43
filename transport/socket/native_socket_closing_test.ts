import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { ConnectionError } from "../base/errors.ts";
import { CLOSE, closeBody, PING, TEXT, WirePeer } from "../_support/native.ts";
import type { SocketEnd } from "./socket.ts";
import {
  LOST,
  once,
  withClient,
  withOpenClient,
} from "../_support/native_client.ts";

Deno.test("a close that the peer answers is a clean end that we began", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    socket.close(4001, "bye");
    const frame = await peer.next();
    assertEquals(frame?.opcode, CLOSE);
    assertEquals(frame?.payload, closeBody(4001, "bye"));
    await peer.send(CLOSE, closeBody(4001));
    assertEquals(await socket.closed, {
      code: 4001,
      reason: "",
      clean: true,
      initiator: "local",
      received: { code: 4001, reason: "" },
      sent: { code: 4001, reason: "bye" },
      error: undefined,
      inactive: false,
      dropped: 0,
    });
    assertEquals(reader.reports.length, 1);
  }));

Deno.test("await using closes it with 1000 and waits for the end", () =>
  withOpenClient(async ({ socket, peer }) => {
    let isOver = false;
    const disposing = socket[Symbol.asyncDispose]()
      .then(() => void (isOver = true));
    assertEquals((await peer.next())?.payload, closeBody(1000));
    assertEquals(isOver, false);
    await peer.send(CLOSE, closeBody(1000));
    await disposing;
    assert((await socket.closed).clean);
  }));

Deno.test("a close without a code has an empty frame, and so may its answer", () =>
  withOpenClient(async ({ socket, peer }) => {
    socket.close();
    assertEquals((await peer.next())?.payload.length, 0);
    await peer.send(CLOSE);
    const end = await socket.closed;
    assertEquals(end.received, { code: 1005, reason: "" });
    assertEquals(end.sent, { code: 1005, reason: "" });
    assert(end.clean);
  }));

Deno.test("a client sends 1000 in place of a code that the runtime refuses, with the reason", () =>
  withOpenClient(async ({ ws, socket, peer }) => {
    assertThrows(() => ws.close(1001), DOMException);
    socket.close(1001, "going");
    assertEquals(
      (await peer.next())?.payload,
      closeBody(1000, "going"),
    );
    await peer.send(CLOSE, closeBody(1000));
    assertEquals((await socket.closed).sent, { code: 1000, reason: "going" });
  }));

Deno.test("a reason that is too long is cut behind a whole character", () =>
  withOpenClient(async ({ ws, socket, peer }) => {
    assertThrows(() => ws.close(1000, "x".repeat(124)), DOMException);
    socket.close(1000, "é".repeat(62));
    assertEquals(
      (await peer.next())?.payload,
      closeBody(1000, "é".repeat(61)),
    );
  }));

Deno.test("the close frame is sent after all messages, and none of them is lost", () =>
  withOpenClient(async ({ socket, peer }) => {
    const size = 1 << 22;
    for (let i = 0; i < 4; i++) socket.write(new Uint8Array(size));
    socket.close(1000);
    assertThrows(() => socket.write("too late"), ConnectionError, "closing");
    for (let i = 0; i < 4; i++) {
      assertEquals((await peer.next())?.payload.length, size);
    }
    assertEquals((await peer.next())?.opcode, CLOSE);
    assertEquals(socket.sentBytes, 4 * size);
  }));

Deno.test("messages that arrive after our close are delivered, and no answer is made up from them", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    socket.close(3001);
    await peer.next();
    await peer.send(TEXT, "late");
    // The runtime takes this for a clean 1005.
    await peer.send(PING);
    const end = await socket.closed;
    assertEquals(end.code, 1006);
    assertEquals(end.received, undefined);
    assertEquals(end.sent, { code: 3001, reason: "" });
    assertEquals(end.initiator, "local");
    assert(!end.clean);
    assertEquals(reader.reports, ["late", end]);
  }));

Deno.test("after our close messages that the reader does not take are dropped and counted", () =>
  withOpenClient(async ({ ws, socket, reader }) => {
    let takes = false;
    const { message } = reader;
    reader.message = (...args) => message.apply(reader, args) && takes;
    socket.close(1000);
    for (const data of ["a", "b", "c"]) {
      ws.dispatchEvent(new MessageEvent("message", { data }));
    }
    takes = true;
    socket.resume();
    ws.dispatchEvent(new MessageEvent("message", { data: "d" }));
    ws.dispatchEvent(new CloseEvent("close", { code: 1000, wasClean: true }));
    const end = await socket.closed;
    assertEquals(reader.reports, ["a", end]);
    assertEquals(end.dropped, 3);
  }));

for (
  const [what, count, size] of [["messages", 1_025, 0], [
    "bytes",
    5,
    1_000_000,
  ]] as const
) {
  Deno.test(`too many ${what} before the start end it with 1009`, () =>
    withClient(async ({ ws, socket, listener }) => {
      const opened = once(ws, "open");
      using _peer = await WirePeer.accept(listener);
      await opened;
      for (let i = 0; i < count; i++) {
        ws.dispatchEvent(
          new MessageEvent("message", { data: new ArrayBuffer(size) }),
        );
      }
      const { error } = await socket.closed;
      assert(error instanceof ConnectionError);
      assertEquals(error.code, "unread-overflow");
    }));
}

Deno.test("a close that nobody answers ends after its timeout", () => {
  const clock = new FakeClock();
  return withOpenClient(async ({ ws, socket, peer, reader }) => {
    socket.close(1000, "", { timeout: 50 });
    await peer.next();
    clock.tick(49);
    assertEquals(reader.reports, []);
    clock.tick(1);
    const end: SocketEnd = {
      ...LOST,
      initiator: "local",
      sent: { code: 1000, reason: "" },
      error: (await socket.closed).error,
    };
    assertInstanceOf(end.error, ConnectionError);
    assertEquals(end.error.code, "close-timeout");
    assertEquals(reader.reports, [end]);
    assertEquals(clock.pending, 0);
    // The runtime itself waits on. Only the end of the TCP connection frees it.
    assertEquals(ws.readyState, WebSocket.CLOSING);
  }, { clock });
});

Deno.test("a close waits 5 s when nobody says otherwise, and for ever with 0", async () => {
  const clock = new FakeClock();
  await withOpenClient((client) => {
    client.socket.close();
    clock.tick(4_999);
    assertEquals(client.reader.reports, []);
    clock.tick(1);
    assertEquals(client.reader.reports.length, 1);
    return Promise.resolve();
  }, { clock });
  await withOpenClient((client) => {
    client.socket.close(1000, "", { timeout: 0 });
    assertEquals(clock.pending, 0);
    return Promise.resolve();
  }, { clock });
});

Deno.test("terminate ends it at once, and closes the peer as far as the runtime allows", () => {
  const clock = new FakeClock();
  return withOpenClient(async ({ socket, peer, reader }) => {
    const error = new Error("enough");
    socket.terminate(error);
    assertEquals(reader.reports, [{ ...LOST, initiator: "local", error }]);
    assertEquals(clock.pending, 0);
    assertEquals((await peer.next())?.opcode, CLOSE);
  }, { clock });
});
