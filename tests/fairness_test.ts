import { assert, assertEquals } from "@std/assert";
import { Connection } from "../mod.ts";
import { RecordingReader } from "../testing/mod.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import { listen } from "../transport/server/listen.ts";
import type { ByteStream } from "../transport/net/stream/byte_stream.ts";
import { RawSocket } from "../transport/socket/raw_socket.ts";
import type { Socket } from "../transport/socket/socket.ts";

/** More than twice as many as the runtime lets have their turn at once. */
const PEERS = 300;
const HOST = "127.0.0.1";
const BUSY_MS = 1_000;

/** Answers each message at once with the same. */
function echo(socket: Socket, onMessage: () => void): void {
  const reader = new RecordingReader();
  reader.message = (data) => {
    onMessage();
    socket.write(data);
    return true;
  };
  socket.start(reader);
}

Deno.test("among hundreds of busy sockets each has its turn", async () => {
  await using listener = listen({ hostname: HOST });
  await listener.ready;
  const { addr } = listener;
  assert(addr.transport === "tcp");
  const sockets: Socket[] = [];
  const accepting = (async () => {
    for await (const incoming of listener) {
      const socket = incoming.accept();
      sockets.push(socket);
      echo(socket, () => {});
    }
  })();
  const counts = new Array<number>(PEERS).fill(0);
  const peers: Socket[] = [];
  for (let i = 0; i < PEERS; i++) {
    const peer = await dialRaw(`ws://${HOST}:${addr.port}`);
    peers.push(peer);
    echo(peer, () => counts[i] = (counts[i] ?? 0) + 1);
  }
  for (const peer of peers) peer.write("round and round");
  await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
  const before = [...counts];
  await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
  const served = counts.filter((count, i) => count > (before[i] ?? 0));
  for (const socket of [...peers, ...sockets]) socket.terminate();
  await Promise.all([...peers, ...sockets].map((socket) => socket.closed));
  await listener.close();
  await accepting;
  assertEquals(served.length, PEERS);
});

/** A stream to a peer that takes whatever is sent, at once. */
class FastStream implements ByteStream {
  readonly writing = false;
  readonly writable = true;

  write(): boolean {
    return true;
  }

  attach(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

/** Ways to send as fast as the peer takes it, each until `isOver` says so. */
const LOOPS: Readonly<
  Record<string, (to: Connection, isOver: () => boolean) => Promise<void>>
> = {
  "send of small messages": async (to, isOver) => {
    const data = new Uint8Array(16);
    while (!isOver()) await to.send(data);
  },
  "send of texts": async (to, isOver) => {
    while (!isOver()) await to.send("as fast as possible");
  },
  "send of large messages": async (to, isOver) => {
    const data = new Uint8Array(1_000_000);
    while (!isOver()) await to.send(data);
  },
  "trySend, and send when the buffer is full": async (to, isOver) => {
    const data = new Uint8Array(125);
    while (!isOver()) {
      while (!isOver() && to.trySend(data));
      await to.send(data);
    }
  },
  "sendStream": async (to, isOver) => {
    const chunk = new Uint8Array(10_000);
    await to.sendStream((async function* () {
      while (!isOver()) yield await Promise.resolve(chunk);
    })());
  },
};

for (const [name, loop] of Object.entries(LOOPS)) {
  Deno.test(`a loop over ${name} leaves time for timers`, async () => {
    const socket = new RawSocket(new FastStream(), {
      role: "server",
      url: "ws://fast.test/",
    });
    const connection = new Connection(socket, { pingInterval: 0 });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const end = performance.now() + BUSY_MS;
    await loop(connection, () => ticks >= 3 || performance.now() > end);
    clearInterval(timer);
    assertEquals(ticks, 3);
    socket.terminate();
    await connection.closed;
  });
}
