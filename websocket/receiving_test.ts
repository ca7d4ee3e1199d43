import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "@std/assert";
import { eventually } from "../testing/eventually.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { ConnectionError } from "../transport/base/errors.ts";
import { next, recordEvents } from "./_support/events.ts";
import {
  CLOSE,
  type HandPeer,
  HandServer,
  PING,
  switchProtocols,
  TEXT,
} from "./_support/hand_server.ts";
import { foreignServer, testEveryServer } from "./_support/servers.ts";
import type { ErrorEvent } from "./events.ts";
import { WebSocket } from "./websocket.ts";

/** A connection to a server whose frames the test writes. */
async function withPeer(
  run: (
    socket: WebSocket,
    peer: Awaited<ReturnType<HandServer["accept"]>>,
  ) => Promise<void>,
  options = {},
): Promise<void> {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url, options);
  const close = next(socket, "close");
  await next(socket, "open");
  const peer = await server.accept();
  await run(socket, peer);
  peer.cut();
  await close;
}

testEveryServer(
  "binaryType is blob, and says how the messages that follow are handed over",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    assertEquals(socket.binaryType, "blob");
    await next(socket, "open");
    assertEquals(socket.binaryType, "blob");
    const sent = Uint8Array.of(1, 2, 3);
    let answer = next(socket, "message");
    socket.send(sent);
    const { data } = await answer;
    assertInstanceOf(data, Blob);
    assertEquals(new Uint8Array(await data.arrayBuffer()), sent);
    socket.binaryType = "arraybuffer";
    answer = next(socket, "message");
    socket.send(sent);
    assertEquals((await answer).data, sent.buffer);
    const close = next(socket, "close");
    socket.close();
    await close;
  },
);

testEveryServer(
  "binaryType ignores what is neither blob nor arraybuffer",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    await next(socket, "open");
    for (const value of ["notBlobOrArrayBuffer", "", null, 3]) {
      Reflect.set(socket, "binaryType", value);
      assertEquals(socket.binaryType, "blob");
    }
    const close = next(socket, "close");
    socket.close();
    assertEquals((await close).wasClean, true);
  },
);

testEveryServer("A message event has the origin of the URL", async (server) => {
  const socket = new WebSocket(`${server.url}/path?query`, server.options);
  await next(socket, "open");
  const answer = next(socket, "message");
  socket.send("hello");
  const event = await answer;
  assertInstanceOf(event, MessageEvent);
  assertEquals([event.data, event.origin], ["hello", server.url]);
  const close = next(socket, "close");
  socket.close();
  await close;
});

testEveryServer(
  "Many messages with backpressure on the way come back, all and in order",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    await next(socket, "open");
    const sent = Array.from({ length: 50 }, (_, i) => String(i).repeat(32_768));
    const came: string[] = [];
    socket.onmessage = ({ data }) => came.push(data);
    for (const text of sent) socket.send(text);
    await eventually(() => came.length === sent.length);
    assertEquals(came, sent);
    const close = next(socket, "close");
    socket.close();
    await close;
  },
);

Deno.test("Every message is a task of its own: what a listener awaits ends before the next", async () => {
  await withPeer(async (socket, peer) => {
    const log: string[] = [];
    socket.onmessage = async ({ data }) => {
      for (let i = 0; i < 3; i++) {
        log.push(`${data}${i}`);
        await Promise.resolve();
      }
    };
    const frames = ["a", "b", "c"].map((text) =>
      Uint8Array.of(TEXT, 1, text.charCodeAt(0))
    );
    peer.stream.write(Uint8Array.from(frames.flatMap((bytes) => [...bytes])));
    await eventually(() => log.length === 9);
    assertEquals(log.join(), "a0,a1,a2,b0,b1,b2,c0,c1,c2");
  });
});

/** Frames of texts of one character each, and a close frame with 1000 behind them. */
function questionsAndClose(texts: string): Uint8Array {
  const frames = [...texts].flatMap((text) => [TEXT, 1, text.charCodeAt(0)]);
  return Uint8Array.of(...frames, CLOSE, 2, 1000 >> 8, 1000 & 255);
}

/** What the client has sent: texts, and codes of close frames. */
async function sentTo(peer: HandPeer, count: number): Promise<unknown[]> {
  const sent = [];
  while (sent.length < count) {
    const { first, payload } = await peer.frames.take() ?? {};
    sent.push(
      first === CLOSE && payload !== undefined
        ? new DataView(payload.buffer).getUint16(0)
        : new TextDecoder().decode(payload),
    );
  }
  return sent;
}

Deno.test("Answers to messages that come together with the server's close frame are sent", async () => {
  // With one message at a time, more messages than may wait, and all at once.
  for (const incomingBufferSize of [1, 2, 100]) {
    await using server = await HandServer.listen();
    const socket = new WebSocket(server.url, { incomingBufferSize });
    const events = recordEvents(socket);
    socket.onmessage = async ({ data }) => {
      for (let i = 0; i < 5; i++) await Promise.resolve();
      socket.send(`re ${data}`);
    };
    await next(socket, "open");
    const peer = await server.accept();
    const close = next(socket, "close");
    peer.stream.write(questionsAndClose("abcde"));
    const answers = [..."abcde"].map((text) => `re ${text}`);
    assertEquals(await sentTo(peer, 6), [...answers, 1000]);
    peer.stream.end();
    const { code, wasClean } = await close;
    assertEquals([code, wasClean, socket.bufferedAmount], [1000, true, 0]);
    assertEquals(events, [
      "open 1",
      ...answers.map(() => "message 1"),
      "close 3",
    ]);
  }
});

Deno.test("Answers are sent even if the messages and the close frame come with the handshake", async () => {
  await using server = await HandServer.listen((key) =>
    switchProtocols(key) +
    String.fromCharCode(...questionsAndClose("abc"))
  );
  const socket = new WebSocket(server.url);
  socket.onmessage = ({ data }) => socket.send(data);
  const close = next(socket, "close");
  const peer = await server.accept();
  assertEquals(await sentTo(peer, 4), ["a", "b", "c", 1000]);
  peer.stream.end();
  assertEquals((await close).wasClean, true);
});

Deno.test("A listener of open finds an open connection and can send, even if the close frame comes with the handshake", async () => {
  await using server = await HandServer.listen((key) =>
    switchProtocols(key) + String.fromCharCode(...questionsAndClose(""))
  );
  const socket = new WebSocket(server.url);
  const events = recordEvents(socket);
  socket.onopen = () => socket.send("hello");
  const close = next(socket, "close");
  const peer = await server.accept();
  assertEquals(await sentTo(peer, 2), ["hello", 1000]);
  peer.stream.end();
  assertEquals((await close).wasClean, true);
  assertEquals(events, ["open 1", "close 3"]);
});

Deno.test("Timers and other connections get their turn while messages flood in", async () => {
  await withPeer(async (socket, peer) => {
    const count = 50_000;
    let came = 0;
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    socket.onmessage = () => came++;
    const frame = [TEXT, 4, 102, 108, 111, 119];
    peer.stream.write(
      Uint8Array.from({ length: count * 6 }, (_, i) => frame[i % 6] ?? 0),
    );
    await eventually(() => came === count);
    clearInterval(timer);
    assert(ticks > 5, `${ticks}`);
  });
});

Deno.test("A slow listener pauses reading", async () => {
  await withPeer(async (socket, peer) => {
    const megabyte = new Uint8Array(1 << 20);
    const header = Uint8Array.of(0x82, 127, 0, 0, 0, 0, 0, 16, 0, 0);
    let open = false;
    let came = 0;
    socket.onmessage = () => {
      came++;
      // The event loop stands still, so that all that was under way has arrived when it goes on.
      const until = performance.now() + 5;
      while (!open && performance.now() < until);
    };
    for (let i = 0; i < 64; i++) {
      peer.stream.write(header);
      peer.stream.write(megabyte);
    }
    await eventually(() => came >= 4);
    // Not more than two buffers of 4 MiB, what the system holds and what is being read have been taken.
    const taken = (64 << 20) - peer.stream.writableLength;
    assert(taken < (came << 20) + (24 << 20), `${taken} after ${came}`);
    open = true;
    await eventually(() => came === 64);
  });
});

Deno.test("A message that is larger than maxMessageSize fails the connection", async () => {
  await using server = await foreignServer();
  const socket = new WebSocket(server.url, { maxMessageSize: 10 });
  await next(socket, "open");
  const failed = next(socket, "error");
  const close = next(socket, "close");
  socket.send("12345678901");
  assertStringIncludes((await failed).message, "10");
  await close;
  assertEquals((await server.closes.take())?.code, 1009);
});

Deno.test("Pings are sent automatically, and those of the server are answered", async () => {
  const pings: number[] = [];
  await withPeer(async (_, peer) => {
    assertEquals((await peer.frames.take())?.first, PING);
    peer.send(PING, "hi");
    let frame = await peer.frames.take();
    while (frame?.first === PING) frame = await peer.frames.take();
    assertEquals([frame?.first, frame?.payload.length], [0x8a, 2]);
    assertEquals(pings, [2]);
  }, {
    pingInterval: 20,
    onPing: ({ length }: Uint8Array) => pings.push(length),
  });
});

Deno.test("A peer that reads nothing for writeTimeout is disconnected", async () => {
  await using server = await HandServer.listen();
  const clock = new FakeClock();
  const socket = new WebSocket(server.url, {
    clock,
    pingInterval: 0,
    writeTimeout: 1_000,
  });
  let error: unknown;
  socket.onerror = (event: ErrorEvent) => error = event.error;
  await next(socket, "open");
  const close = next(socket, "close");
  (await server.accept()).stream.pause();
  socket.send(new Uint8Array(32 << 20));
  // How long it takes depends on what the system has taken.
  await eventually(() => error !== undefined, {
    clock,
    timeout: 120_000,
    interval: 500,
  });
  assertInstanceOf(error, ConnectionError);
  assertStringIncludes(error.message, "1000 ms");
  assertEquals((await close).code, 1006);
});

Deno.test("A peer that answers no ping is disconnected after pingTimeout", async () => {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url, {
    pingInterval: 20,
    pingTimeout: 60,
  });
  const failed = next(socket, "error");
  const close = next(socket, "close");
  const peer = await server.accept();
  assertEquals((await peer.frames.take())?.first, PING);
  const { error } = await failed;
  assertInstanceOf(error, ConnectionError);
  assertEquals(error.code, "ping-timeout");
  const { code, wasClean } = await close;
  assertEquals([code, wasClean], [1006, false]);
});
