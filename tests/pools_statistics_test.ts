import { assertEquals } from "@std/assert";
import { Connection, InboundPool, listen, OutboundPool } from "../mod.ts";
import { messageSize } from "../transport/base/message.ts";
import { eventually, seededRandom } from "../testing/mod.ts";

const PEERS = 8;
const MESSAGES = 2_000;

/** What a test has counted itself. */
interface Count {
  messages: number;
  bytes: number;
}

function makeMessage(random: () => number): string | Uint8Array {
  const size = Math.floor(random() * random() * 3_000);
  return random() < 0.5
    ? "ä🐝x".repeat(size / 4)
    : new Uint8Array(size).fill(random() * 256);
}

for (const compression of [false, true]) {
  Deno.test(`Statistics agree with what was counted on the other side${compression ? ", compressed" : ""}`, async () => {
    const random = seededRandom(42);
    const server = new InboundPool("server");
    const listener = listen({ hostname: "127.0.0.1", compression });
    await listener.ready;
    const { addr } = listener;
    const port = addr.transport === "tcp" ? addr.port : 0;
    // The path identifies the peer.
    const accepting = (async () => {
      for await (const incoming of listener) {
        server.add(new URL(incoming.request.url).pathname, incoming.accept());
      }
    })();
    const client = new OutboundPool("client", { connection: { compression } });
    const urls = Array.from(
      { length: PEERS },
      (_, i) => client.connect(`ws://127.0.0.1:${port}/${i}`),
    );
    await Promise.all(urls.map((url) => client.whenConnected(url)));

    const up = new Map<string, Count>();
    const down = new Map<string, Count>();
    const add = (
      counts: Map<string, Count>,
      id: string,
      message: string | Uint8Array,
    ) => {
      const count = counts.get(id) ?? { messages: 0, bytes: 0 };
      count.messages++;
      count.bytes += messageSize(message);
      counts.set(id, count);
    };
    const reading = [
      (async () => {
        for await (const { id, data } of server.inbox) {
          add(up, id, data);
          void server.send(id, data);
        }
      })(),
      (async () => {
        for await (const { id, data } of client.inbox) {
          add(down, new URL(id).pathname, data);
        }
      })(),
    ];
    for (let i = 0; i < MESSAGES; i++) {
      await client.send(urls[i % PEERS] ?? "", makeMessage(random));
    }
    await eventually(() => client.stats().receivedMessages === MESSAGES);

    for (const url of urls) {
      const path = new URL(url).pathname;
      const here = client.peerStats(url);
      const there = server.peerStats(path);
      const { messages, bytes } = up.get(path) ?? { messages: 0, bytes: 0 };
      assertEquals(down.get(path), { messages, bytes });
      for (const stats of [here, there]) {
        assertEquals([
          stats.sentMessages,
          stats.receivedMessages,
          stats.droppedMessages,
          stats.waitingMessages,
        ], [messages, messages, 0, 0]);
        assertEquals(stats.connection?.sentMessages, messages);
        assertEquals(stats.connection?.receivedMessages, messages);
        assertEquals(stats.connection?.sentBytes, bytes);
        assertEquals(stats.connection?.receivedBytes, bytes);
        assertEquals(stats.connection?.bufferedBytes, 0);
      }
    }
    assertEquals(server.stats().receivedMessages, MESSAGES);
    // Peers that have left go on counting in the totals.
    await Promise.all(urls.map((url) => client.remove(url)));
    await eventually(() => server.peers.length === 0);
    for (const pool of [server, client]) {
      const { peerCount, sentMessages, receivedMessages, failedSends } = pool
        .stats();
      assertEquals([peerCount, sentMessages, receivedMessages, failedSends], [
        0,
        MESSAGES,
        MESSAGES,
        0,
      ]);
    }
    await Promise.all([server.close(), client.close(), listener.close()]);
    await Promise.all([...reading, accepting]);
  });
}

Deno.test("Statistics equal what peers counted themselves, over replacements, removals, leavings and close", async () => {
  const random = seededRandom(7);
  const server = new InboundPool("server", {
    connection: { pingInterval: 20 },
  });
  const listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  const serving = server.serve(listener, {
    id: ({ request }) => new URL(request.url).pathname,
    replace: true,
  });
  void (async () => {
    for await (const _ of server.inbox);
  })();
  const expected = {
    receivedMessages: 0,
    receivedBytes: 0,
    sentMessages: 0,
    sentBytes: 0,
    connections: 0,
    lostConnections: 0,
  };
  const peers = new Map<string, Connection>();
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 4; i++) {
      const path = `/${i}`;
      const peer = new Connection(`ws://127.0.0.1:${listener.port}${path}`);
      await peer.connect();
      expected.connections++;
      // The first message shows that it has taken the place of its predecessor.
      const count = 1 + Math.floor(random() * 20);
      for (let n = 0; n < count; n++) {
        const message = makeMessage(random);
        await peer.send(message);
        expected.receivedMessages++;
        expected.receivedBytes += messageSize(message);
      }
      peers.set(path, peer);
    }
    await eventually(() =>
      server.stats().receivedMessages === expected.receivedMessages
    );
    for (const [path, peer] of peers) {
      const message = makeMessage(random);
      await server.send(path, message);
      assertEquals(await peer.incoming.take(), message);
      expected.sentMessages++;
      expected.sentBytes += messageSize(message);
      const dice = random();
      if (dice < 0.3) {
        await peer.close();
        expected.lostConnections++;
        await eventually(() => !server.has(path));
        peers.delete(path);
      } else if (dice < 0.6) {
        await server.remove(path);
        peers.delete(path);
      }
    }
  }
  await eventually(() => peers.size === 0 || server.stats().heartbeats > 0);
  await server.close();
  const stats = server.stats();
  for (const [name, count] of Object.entries(expected)) {
    assertEquals(Reflect.get(stats, name), count, name);
  }
  assertEquals(stats.droppedMessages, 0);
  await listener.close();
  await serving;
  for (const peer of peers.values()) await peer.close();
});
