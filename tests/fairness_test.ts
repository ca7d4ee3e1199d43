import { assert, assertEquals } from "@std/assert";
import { RecordingReader } from "../testing/mod.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import { listen } from "../transport/server/listen.ts";
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
