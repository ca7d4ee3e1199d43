import { assertEquals } from "@std/assert";
import { ConnectionError } from "../transport/base/errors.ts";
import { setUp } from "./_support/set_up.ts";

Deno.test("Figures of a peer and its pool never fall: not on reconnects, not when it stops, not when it leaves", async () => {
  const refusal = new ConnectionError("dial-failed", "nobody listens");
  const { pool, clock, sockets } = setUp([refusal], {
    connection: { pingInterval: 1_000, pingTimeout: 0 },
  });
  let decision: "reconnect" | "stop" = "reconnect";
  const id = pool.connect("ws://a.example", {
    shouldReconnect: () => decision,
  });
  const figures = () => {
    const { peerCount: _, ...counts } = pool.stats();
    return counts;
  };
  const seen = [figures()];
  const step = async (ms: number) => {
    await clock.advance(ms);
    seen.push(figures());
    while (pool.inbox.shift());
  };
  for (let round = 0; round < 3; round++) {
    await step(0);
    pool.trySend(id, "four");
    sockets.at(-1)?.receive("é");
    await step(1_100);
    sockets.at(-1)?.receivePong();
    await step(0);
    assertEquals(pool.peerStats(id).heartbeats, round + 1);
    if (round === 2) decision = "stop";
    sockets.at(-1)?.end({ code: 1006 });
    await step(60_000);
  }
  assertEquals(pool.peerState(id).state, "stopped");
  const { waitingMessages: _, connection: __, ...counts } = pool.peerStats(id);
  assertEquals(counts, {
    receivedMessages: 3,
    receivedBytes: 6,
    droppedMessages: 0,
    sentMessages: 3,
    sentBytes: 12,
    failedSends: 0,
    heartbeats: 3,
    connections: 3,
    lostConnections: 3,
    failedDials: 1,
  });
  pool.reconnect(id);
  await step(0);
  assertEquals(pool.peerStats(id).connections, 4);
  await pool.remove(id);
  await step(0);
  await pool.close();
  await step(0);
  const last = seen.at(-1);
  assertEquals(last?.heartbeats, 3);
  assertEquals([last?.connections, last?.failedDials], [4, 1]);
  for (const name of Object.keys(counts) as (keyof typeof counts)[]) {
    const values = seen.map((figure) => figure[name]);
    assertEquals(values, values.toSorted((a, b) => a - b), name);
  }
});
