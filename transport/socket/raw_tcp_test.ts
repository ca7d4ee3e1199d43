import { assert, assertEquals } from "@std/assert";
import { RecordingReader } from "../../testing/mod.ts";
import { closeBody, HandPeer, tcpPair, turns } from "../_support/raw.ts";
import { BINARY, CLOSE } from "../_support/raw.ts";
import { DenoStream } from "../net/deno/deno_stream.ts";
import { RawSocket } from "./raw_socket.ts";

const MIB = 1_048_576;

/** Waits until a value has not changed for some turns. */
async function settled(value: () => number): Promise<number> {
  for (let last = value(), still = 0;;) {
    await turns(1);
    const now = value();
    still = now === last ? still + 1 : 0;
    last = now;
    if (still === 200) return now;
  }
}

async function pair(): Promise<[RawSocket, RawSocket]> {
  const [one, other] = await tcpPair();
  return [
    new RawSocket(new DenoStream(one), {
      role: "client",
      url: "ws://tcp.test/",
    }),
    new RawSocket(new DenoStream(other), {
      role: "server",
      url: "ws://tcp.test/",
    }),
  ];
}

Deno.test("a reader that says stop closes the TCP window: the sender's buffer grows, and nothing is lost", async () => {
  const [from, to] = await pair();
  const drained = new RecordingReader();
  from.start(drained);
  const reader = new RecordingReader({ capacity: 1 });
  to.start(reader);
  const count = 300;
  const data = new Uint8Array(100_000);
  for (let i = 0; i < count; i++) {
    data[0] = i;
    from.write(data, true);
  }
  const waiting = await settled(() => from.bufferedAmount);
  // What the systems' buffers take is a few megabytes at most.
  assert(waiting > 15 * MIB, `${waiting}`);
  assertEquals(reader.messages.length, 1);
  for (let i = 0; i < count; i++) {
    const got = await reader.take();
    assert(got instanceof Uint8Array);
    assertEquals([got.length, got[0]], [100_000, i & 255]);
    to.resume();
  }
  assertEquals(await settled(() => from.bufferedAmount), 0);
  assert(drained.drains > 10);
  from.close(1000);
  await Promise.all([from.closed, to.closed]);
});

Deno.test("a sender's borrowed message stays unresolved while the peer takes nothing, and its cut rejects it", async () => {
  const [from, to] = await pair();
  from.start(new RecordingReader());
  const data = new Uint8Array(32 * MIB);
  let state = "waiting";
  const sent = from.write(data);
  sent?.then(() => state = "out", () => state = "lost");
  await settled(() => from.bufferedAmount);
  assertEquals(state, "waiting");
  from.terminate();
  await turns();
  assertEquals(state, "lost");
  to.terminate();
});

Deno.test("a peer that resets the connection ends it with the error", async () => {
  const [one, other] = await tcpPair();
  const socket = new RawSocket(new DenoStream(one), {
    role: "client",
    url: "ws://tcp.test/",
  });
  const reader = new RecordingReader();
  socket.start(reader);
  // A stream that is closed with bytes unread is reset.
  socket.write("never read");
  await turns(50);
  other.close();
  const end = await socket.closed;
  assertEquals([end.code, end.clean, end.initiator], [1006, false, "peer"]);
  assertEquals(reader.ends.length, 1);
});

Deno.test("a violation in the middle of a flood: the close frame gets through", async () => {
  const [one, other] = await tcpPair();
  const socket = new RawSocket(new DenoStream(one), {
    role: "server",
    url: "ws://tcp.test/",
    maxMessageSize: 1_000,
  });
  socket.start(new RecordingReader());
  using peer = new HandPeer(other, "client");
  await peer.send(BINARY, new Uint8Array(2 * MIB));
  assertEquals((await peer.nextClose())[0], 1009);
  other.close();
  assertEquals((await socket.closed).sent?.code, 1009);
});

Deno.test("a half-closed peer gets all that was buffered, and the answer to its close", async () => {
  const [one, other] = await tcpPair();
  const socket = new RawSocket(new DenoStream(one), {
    role: "server",
    url: "ws://tcp.test/",
  });
  socket.start(new RecordingReader());
  using peer = new HandPeer(other, "client");
  socket.write(new Uint8Array(4 * MIB), true);
  await peer.send(CLOSE, closeBody(1000));
  await other.closeWrite();
  assertEquals((await peer.next())?.payload.length, 4 * MIB);
  assertEquals(await peer.nextClose(), [1000, ""]);
  assertEquals((await socket.closed).clean, true);
});
