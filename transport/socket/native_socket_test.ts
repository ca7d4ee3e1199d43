import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { ConnectionError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { ProtocolError } from "../protocol/wire/errors.ts";
import { NativeSocket, type NativeSocketOptions } from "./native_socket.ts";
import {
  BINARY,
  CLOSE,
  closeBody,
  frame,
  listenTcp,
  PING,
  PONG,
  Recorder,
  TEXT,
  urlOf,
  WirePeer,
} from "../_support/native.ts";
import type { SocketEnd } from "./socket.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

/** How a socket ended that nobody closed. */
const LOST: SocketEnd = {
  code: 1006,
  reason: "",
  clean: false,
  initiator: "peer",
  received: undefined,
  sent: undefined,
  error: undefined,
  inactive: false,
  dropped: 0,
};

/** A client socket that is connecting to a peer on bare TCP. */
async function withClient(
  body: (client: {
    readonly ws: WebSocket;
    readonly socket: NativeSocket;
    readonly listener: Deno.Listener;
  }) => Promise<void>,
  options?: NativeSocketOptions,
): Promise<void> {
  using listener = listenTcp();
  const ws = new WebSocket(urlOf(listener));
  const socket = new NativeSocket(ws, options);
  const gone = new Promise((resolve) => ws.addEventListener("close", resolve));
  await body({ ws, socket, listener });
  // The runtime's own part, which may outlive ours.
  socket.terminate();
  await gone;
}

/** A client socket that is open, read by a recorder. */
function withOpenClient(
  body: (client: {
    readonly ws: WebSocket;
    readonly socket: NativeSocket;
    readonly peer: WirePeer;
    readonly reader: Recorder;
  }) => Promise<void>,
  options?: NativeSocketOptions,
): Promise<void> {
  return withClient(async ({ ws, socket, listener }) => {
    const opened = once(ws, "open");
    using peer = await WirePeer.accept(listener);
    await opened;
    const reader = new Recorder();
    socket.start(reader);
    await body({ ws, socket, peer, reader });
  }, options);
}

function once(target: EventTarget, type: string): Promise<void> {
  return new Promise((resolve) =>
    target.addEventListener(type, () => resolve(), { once: true })
  );
}

/** Lets go what the runtime has for us already. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

Deno.test("a client exchanges texts and binary messages", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    await peer.send(TEXT, "hello");
    await peer.send(BINARY, bytes(1, 2, 3));
    await peer.send(BINARY, bytes(4));
    await reader.heard(3);
    assertEquals(reader.told, ["hello", bytes(1, 2, 3), bytes(4)]);
    const [, first, second] = reader.told;
    assertInstanceOf(first, Uint8Array);
    assertInstanceOf(second, Uint8Array);
    assert(first.buffer !== second.buffer);
    assertEquals(first.buffer.byteLength, 3);

    socket.write("grüße");
    const text = await peer.next();
    assertEquals(text?.opcode, TEXT);
    assertEquals(new TextDecoder().decode(text?.payload), "grüße");
  }));

Deno.test("the bytes of a message are the caller's again as soon as it is written", () =>
  withOpenClient(async ({ socket, peer }) => {
    const buffer = new Uint8Array(100_000).fill(1);
    socket.write(buffer.subarray(7, 99_999));
    buffer.fill(2);
    const sent = await peer.next();
    assertEquals(sent?.opcode, BINARY);
    assertEquals(sent?.payload.length, 99_992);
    assert(sent?.payload.every((byte) => byte === 1));
  }));

Deno.test("bytes in shared memory, which the runtime refuses, are sent all the same", () =>
  withOpenClient(async ({ ws, socket, peer }) => {
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set([1, 2, 3, 4]);
    assertThrows(() => Reflect.apply(ws.send, ws, [shared]), TypeError);
    socket.write(shared.subarray(1));
    assertEquals((await peer.next())?.payload, bytes(2, 3, 4));
  }));

Deno.test("what arrives before anybody reads is handed over first, in order", () =>
  withClient(async ({ ws, socket, listener }) => {
    using peer = await WirePeer.accept(listener);
    await peer.send(TEXT, "one");
    await peer.send(TEXT, "two");
    for (let seen = 0; seen < 2; seen++) await once(ws, "message");
    const reader = new Recorder();
    socket.start(reader);
    assertEquals(reader.told, ["one", "two"]);
    await peer.send(TEXT, "three");
    await reader.heard(3);
    assertEquals(reader.told, ["one", "two", "three"]);
  }));

Deno.test("what arrived before an end that nobody saw is still handed over, and then the end", () =>
  withClient(async ({ socket, listener }) => {
    using peer = await WirePeer.accept(listener);
    await peer.send(TEXT, "one");
    await peer.send(CLOSE, closeBody(1000));
    const end = await socket.closed;
    const reader = new Recorder();
    socket.start(reader);
    assertEquals(reader.told, ["one", end]);
  }));

Deno.test("a reader that ends the socket while it is given what was kept hears no more", () =>
  withClient(async ({ ws, socket, listener }) => {
    using peer = await WirePeer.accept(listener);
    await peer.send(TEXT, "one");
    await peer.send(TEXT, "two");
    for (let seen = 0; seen < 2; seen++) await once(ws, "message");
    const reader = new Recorder();
    reader.onMessage = () => socket.terminate();
    socket.start(reader);
    assertEquals(reader.told, ["one", await socket.closed]);
  }));

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
      assertEquals(reader.told, [end]);
      assertEquals(await socket.closed, { ...end, initiator: "peer" });
    }));
}

Deno.test("a stream that ends without a close frame reads as 1006, and is no error", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    peer[Symbol.dispose]();
    await socket.closed;
    assertEquals(reader.told, [LOST]);
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
    const told = [...reader.told];
    assertEquals(told.length, 1);
    ws.dispatchEvent(new MessageEvent("message", { data: "late" }));
    ws.dispatchEvent(new ErrorEvent("error", { message: "late" }));
    ws.dispatchEvent(new CloseEvent("close", { code: 1000, wasClean: true }));
    assertThrows(() => socket.write("late"), ConnectionError, "has ended");
    socket.close(1000);
    socket.terminate();
    assertEquals(reader.told, told);
    assertEquals(socket.sentBytes, 0);
    assertEquals(socket.bufferedAmount, 0);
    return Promise.resolve();
  }));

Deno.test("of two close events the first counts", () =>
  withOpenClient(async ({ ws, socket, reader }) => {
    ws.dispatchEvent(new CloseEvent("close", { code: 4001, wasClean: true }));
    ws.dispatchEvent(new CloseEvent("close", { code: 1005, wasClean: true }));
    assertEquals(reader.told.length, 1);
    assertEquals((await socket.closed).code, 4001);
  }));

Deno.test("a clean end names no error, even where the runtime told one before", () =>
  withOpenClient(async ({ ws, socket }) => {
    ws.dispatchEvent(new ErrorEvent("error", { message: "odd" }));
    ws.dispatchEvent(new CloseEvent("close", { code: 1000, wasClean: true }));
    assertEquals((await socket.closed).error, undefined);
  }));

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
    assertEquals(reader.told.length, 1);
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

Deno.test("the close frame goes out behind what was written, of which nothing is lost", () =>
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

Deno.test("what arrives after our close is delivered, and no answer is made up from it", () =>
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
    assertEquals(reader.told, ["late", end]);
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
    assertEquals(reader.told, ["a", end]);
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

Deno.test("a close that nobody answers ends after its timeout", () => {
  const clock = new FakeClock();
  return withOpenClient(async ({ ws, socket, peer, reader }) => {
    socket.close(1000, "", { timeout: 50 });
    await peer.next();
    clock.tick(49);
    assertEquals(reader.told, []);
    clock.tick(1);
    const end: SocketEnd = {
      ...LOST,
      initiator: "local",
      sent: { code: 1000, reason: "" },
    };
    assertEquals(reader.told, [end]);
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
    assertEquals(client.reader.told, []);
    clock.tick(1);
    assertEquals(client.reader.told.length, 1);
    return Promise.resolve();
  }, { clock });
  await withOpenClient((client) => {
    client.socket.close(1000, "", { timeout: 0 });
    assertEquals(clock.pending, 0);
    return Promise.resolve();
  }, { clock });
});

Deno.test("to terminate ends it at once, and tells the peer what the runtime lets it", () => {
  const clock = new FakeClock();
  return withOpenClient(async ({ socket, peer, reader }) => {
    const error = new Error("enough");
    socket.terminate(error);
    assertEquals(reader.told, [{ ...LOST, initiator: "local", error }]);
    assertEquals(clock.pending, 0);
    assertEquals((await peer.next())?.opcode, CLOSE);
  }, { clock });
});

Deno.test("a socket that is still connecting keeps what is written until it is open", () =>
  withClient(async ({ socket, listener }) => {
    const data = bytes(1, 2, 3);
    socket.write("four");
    socket.write(data);
    data.fill(9);
    assertEquals(socket.bufferedAmount, 7);
    using peer = await WirePeer.accept(listener);
    assertEquals((await peer.next())?.opcode, TEXT);
    assertEquals((await peer.next())?.payload, bytes(1, 2, 3));
    assertEquals(socket.sentBytes, 7);
  }));

Deno.test("a close while connecting ends the dial at once", () =>
  withClient(async ({ ws, socket }) => {
    const reader = new Recorder();
    socket.start(reader);
    socket.close(1000);
    assertEquals(reader.told, [{ ...LOST, initiator: "local" }]);
    await once(ws, "close");
  }));

Deno.test("a close while connecting goes out behind what was written before", () =>
  withClient(async ({ socket, listener }) => {
    socket.write("last words");
    socket.close(4000);
    using peer = await WirePeer.accept(listener);
    assertEquals((await peer.next())?.opcode, TEXT);
    assertEquals(
      (await peer.next())?.payload,
      closeBody(4000),
    );
    await peer.send(CLOSE, closeBody(4000));
    assert((await socket.closed).clean);
  }));

Deno.test("a handshake that nobody answers ends after its timeout", () => {
  const clock = new FakeClock();
  return withClient(async ({ socket, listener }) => {
    using _silent = await WirePeer.hear(listener);
    clock.tick(9_999);
    assertEquals(clock.pending, 1);
    clock.tick(1);
    const end = await socket.closed;
    assertInstanceOf(end.error, HandshakeError);
    assertEquals(end.error.code, "timeout");
    assertEquals(end.code, 1006);
    assertEquals(clock.pending, 0);
  }, { clock });
});

Deno.test("no timer is left once it is open", () => {
  const clock = new FakeClock();
  return withOpenClient(() => {
    assertEquals(clock.pending, 0);
    return Promise.resolve();
  }, { clock });
});

Deno.test("a handshake that is refused ends it with the status", () =>
  withClient(async ({ socket, listener }) => {
    using peer = await WirePeer.hear(listener);
    await peer.raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    const { error } = await socket.closed;
    assertInstanceOf(error, HandshakeError);
    assertEquals(error.status, 403);
  }));

Deno.test("a message over the limit ends it with an error, and tells the peer why", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    await peer.send(TEXT, "é".repeat(4));
    await peer.send(TEXT, "é".repeat(4) + "x");
    await peer.send(TEXT, "more");
    const end = await socket.closed;
    assertInstanceOf(end.error, ProtocolError);
    assertEquals(end.error.code, "message-too-large");
    assertEquals(end.error.closeCode, 1009);
    assertEquals(end.initiator, "local");
    // The code that went out, since the runtime's client cannot send 1009.
    assertEquals(end.sent, { code: 1000, reason: end.error.message });
    assertEquals(reader.told, ["é".repeat(4), end]);
    const answer = await peer.next();
    assertEquals(
      answer?.payload,
      closeBody(
        1000,
        "Cannot receive: the message has 9 bytes, more than maxMessageSize (8 bytes).",
      ),
    );
  }, { maxMessageSize: 8 }));

Deno.test("a limit of 0 is none", () =>
  withOpenClient(async ({ peer, reader }) => {
    await peer.send(BINARY, new Uint8Array(3 << 20));
    await reader.heard(1);
    assertInstanceOf(reader.told[0], Uint8Array);
  }, { maxMessageSize: 0 }));

Deno.test("bytes that wait are counted, and reported each time the peer takes some", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    const size = 1 << 23;
    socket.write(new Uint8Array(size));
    socket.write(new Uint8Array(size));
    assertEquals(socket.bufferedAmount, 2 * size);
    assertEquals([2 * size, 2 * size + 1].map((n) => socket.hasRoom(n)), [
      false,
      true,
    ]);
    await turn();
    assertEquals(socket.bufferedAmount, 2 * size);
    assertEquals(reader.told, []);
    await peer.next();
    await peer.next();
    while (socket.bufferedAmount > 0) {
      await reader.heard(reader.told.length + 1);
    }
    assertGreater(reader.told.length, 0);
    assert(reader.told.every((thing) => thing === "drain"));
  }));

Deno.test("nothing looks at an empty buffer", async () => {
  const clock = new FakeClock();
  await withOpenClient(async ({ socket, peer, reader }) => {
    socket.write("hello");
    assertEquals(clock.pending, 1);
    await peer.next();
    while (socket.bufferedAmount > 0) await turn();
    clock.tick(5);
    assertEquals(reader.told, ["drain"]);
    assertEquals(clock.pending, 0);
  }, { clock });
});

Deno.test("no look at the buffer outlives the socket", async () => {
  const clock = new FakeClock();
  await withOpenClient(({ socket }) => {
    socket.write(new Uint8Array(1 << 23));
    assertEquals(clock.pending, 1);
    socket.terminate();
    assertEquals(clock.pending, 0);
    return Promise.resolve();
  }, { clock });
});

Deno.test("it cannot ping, and says so", () =>
  withOpenClient(({ socket }) => {
    assertEquals(socket.controlFrames, false);
    assertEquals(socket.flowControl, false);
    const error = assertThrows(() => socket.ping(bytes()), ConnectionError);
    assertEquals(error.code, "ping-unsupported");
    return Promise.resolve();
  }));

Deno.test("the runtime answers a ping, and shows neither pings nor pongs", () =>
  withOpenClient(async ({ peer, reader }) => {
    await peer.send(PING, "are you there");
    const answer = await peer.next();
    assertEquals(answer?.opcode, PONG);
    assertEquals(new TextDecoder().decode(answer?.payload), "are you there");
    await peer.send(PONG, "unasked");
    await peer.send(TEXT, "after");
    await reader.heard(1);
    assertEquals(reader.told, ["after"]);
  }));

Deno.test("a reader that throws ends the socket and not the process", () =>
  withOpenClient(async ({ socket, peer, reader }) => {
    const error = new Error("of the reader");
    reader.onMessage = () => {
      throw error;
    };
    await peer.send(TEXT, "hello");
    assertEquals((await socket.closed).error, error);
  }));

Deno.test("a binary type that somebody has changed ends the socket instead of garbling it", () =>
  withOpenClient(async ({ ws, socket, peer, reader }) => {
    ws.binaryType = "blob";
    await peer.send(BINARY, bytes(1));
    const end = await socket.closed;
    assertInstanceOf(end.error, TypeError);
    assertEquals(reader.told, [end]);
  }));

Deno.test("a WebSocket that is closed already has ended, without an event to wait for", async () => {
  using listener = listenTcp();
  const ws = new WebSocket(urlOf(listener));
  ws.close();
  await once(ws, "close");
  const reader = new Recorder();
  new NativeSocket(ws).start(reader);
  assertEquals(reader.told, [LOST]);
});

Deno.test("a WebSocket that is closing already has as long as any", () => {
  const clock = new FakeClock();
  return withOpenClient(async ({ ws, peer }) => {
    ws.close();
    await peer.next();
    const socket = new NativeSocket(ws, { clock });
    clock.tick(5_000);
    assertEquals((await socket.closed).code, 1006);
  });
});

Deno.test("a WebSocket of one's own is known by its URL", () =>
  withOpenClient(({ ws, socket }) => {
    assertEquals(socket.url, ws.url);
    assertEquals(socket.remoteAddr, undefined);
    assertEquals(socket.protocol, "");
    assertEquals(socket.extensions, "");
    return Promise.resolve();
  }));
