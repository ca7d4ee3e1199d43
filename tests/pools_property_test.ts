import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import type { InboundEvent } from "../inbound/plugin.ts";
import type { OutboundEvent } from "../outbound/plugin.ts";
import { seededRandom } from "../testing/seeded_random.ts";
import type { PoolStats, TrafficStats } from "../transport/pool/statistics.ts";
import type { Report } from "./_support/pools_model.ts";
import { World } from "./_support/pools_world.ts";

const SCHEDULES = 400;
const STEPS = 30;

/** Within a session, only numbers whose send failed are missing, and neither sessions nor numbers go back. */
function checkOrder(
  { messages }: Report<unknown>,
  sender: string,
  { numbers, dropsOldest }: World,
): void {
  const last = new Map<string, { session: number; number: number }>();
  for (const { id, session, data } of messages) {
    const before = last.get(id);
    const number = Number(data);
    last.set(id, { session, number });
    if (before === undefined) continue;
    const name = `${id}, session ${session}: ${number} after ${before.number}`;
    assert(session >= before.session, `${name} of session ${before.session}`);
    assert(number > before.number, name);
    if (session !== before.session || dropsOldest) continue;
    for (let missing = before.number + 1; missing < number; missing++) {
      assert(numbers.failed(`${sender} ${id}`, missing), name);
    }
  }
}

/** `connected` and `disconnected` alternate. A removal gives no event: what comes after it starts again. */
function checkAlternation(
  events: readonly OutboundEvent[],
  removals: ReadonlyMap<string, number>,
): void {
  const latest = new Map<string, OutboundEvent>();
  const left = new Map(removals);
  for (const event of events) {
    const { id, kind, session } = event;
    const before = latest.get(id);
    if (kind === "stopped") continue;
    latest.set(id, event);
    if (event.missed !== undefined) continue;
    const name = `${id}: ${kind} ${session} after ${before?.kind} ` +
      `${before?.session}`;
    if (kind === "disconnected") {
      assertEquals(
        [before?.kind, before?.session],
        ["connected", session],
        name,
      );
    } else if (before !== undefined) {
      assert(session > before.session, name);
      if (before.kind === "disconnected") continue;
      const removed = left.get(id) ?? 0;
      assert(removed > 0, name);
      left.set(id, removed - 1);
    }
  }
}

/** `forEachMessage` hands over each event after the messages of its connection and before those of the next. */
function checkHandled<E extends InboundEvent | OutboundEvent>(
  { handled }: Report<E>,
): void {
  const ended = new Set<string>();
  const latest = new Map<string, number>();
  for (const item of handled) {
    const { id, session } = item;
    const name = `${id}, session ${session}`;
    if ("data" in item) {
      assert(!ended.has(name), `${name} after its end`);
      latest.set(id, session);
    } else {
      assert(session >= (latest.get(id) ?? 0), `${name}: ${item.kind} late`);
      // Messages may come before `connected` while `onConnected` runs.
      if (item.kind !== "connected") ended.add(name);
    }
  }
}

/** Each inbound connection that was lost gives an event, as soon as its messages have been read. */
async function checkStays(world: World): Promise<void> {
  const lost = world.stays.all.filter(({ cut }) => cut);
  for (let i = 0; i < 5; i++) {
    world.read(Infinity);
    await world.clock.advance(200);
  }
  for (const { id, session, end } of lost) {
    assert(end !== undefined, `${id} ${session} left without event`);
  }
}

/** What was counted is what was seen. */
function checkTotals(stats: PoolStats, report: Report<object>): void {
  assertEquals(
    stats.receivedMessages + report.unread,
    report.messages.length + stats.droppedMessages,
    "each message that arrived was read or counted as dropped",
  );
  assertEquals(
    report.events.length + stats.missedEvents,
    report.seen.length,
    "each event was read or counted as missed",
  );
  assertEquals([stats.inboxDepth, stats.waitingMessages, stats.peerCount], [
    0,
    0,
    0,
  ]);
}

const COUNTERS: readonly (keyof TrafficStats)[] = [
  "receivedMessages",
  "receivedBytes",
  "droppedMessages",
  "sentMessages",
  "sentBytes",
  "failedSends",
  "heartbeats",
  "connections",
  "lostConnections",
  "failedDials",
];

/** What holds at every moment. Returns a function that checks it once more. */
function watch(world: World): () => void {
  const pools = [world.inbound, world.outbound];
  let before: readonly PoolStats[] = [];
  return () => {
    const now = pools.map((pool) => pool.stats());
    for (const [i, stats] of now.entries()) {
      const earlier = before[i] ?? stats;
      for (const name of COUNTERS) assert(stats[name] >= earlier[name], name);
      const pool = pools[i] ?? world.inbound;
      assertEquals(stats.peerCount, pool.peers.length);
      if (!world.closing) assert(stats.inboxDepth <= world.inboxBufferSize);
      for (const name of COUNTERS) {
        const sum = pool.peers.reduce(
          (sum, id) => sum + pool.peerStats(id)[name],
          0,
        );
        assert(sum <= stats[name], name);
      }
    }
    before = now;
    for (const id of world.outbound.peers) {
      assertEquals(
        world.outbound.isConnected(id),
        world.outbound.peerState(id).state === "connected",
      );
    }
    for (const fault of world.faults) throw fault;
  };
}

async function run(world: World): Promise<void> {
  const check = watch(world);
  for (let i = 0; i < STEPS && !world.closing; i++) {
    await world.step();
    check();
  }
  if (!world.closing) {
    await checkStays(world);
  }
  world.close();
  await world.clock.advance(20_000);
  check();
  world.read(Infinity);
  checkOrder(world.in, "out", world);
  checkOrder(world.out, "in", world);
  checkHandled(world.in);
  checkHandled(world.out);
  checkAlternation(world.out.seen, world.removals);
  checkTotals(world.inbound.stats(), world.in);
  checkTotals(world.outbound.stats(), world.out);
  for (const { id, session, end } of world.stays.all) {
    assert(end !== undefined, `${id} ${session} left without event`);
  }
  assertEquals(world.pending.size, 0, "promises that have not settled");
  assertEquals(world.open.size, 0, "sockets that have not ended");
  assertEquals(world.clock.pending, 0, "timers");
  assertEquals(world.listeners, 0, "listeners on the caller's signals");
}

Deno.test("Whatever happens in whatever order, nothing is lost, doubled or swapped, events alternate, and nothing stays behind", async () => {
  const seed = Math.floor(Math.random() * 1e9);
  // deno-lint-ignore no-console -- a failure can be repeated with the seed
  console.log(`seed ${seed}`);
  const warnings: unknown[] = [];
  const note = (warning: unknown) => void warnings.push(warning);
  process.on("warning", note);
  const random = seededRandom(seed);
  let messages = 0;
  for (let schedule = 0; schedule < SCHEDULES; schedule++) {
    const first = Math.floor(random() * 2 ** 32);
    const world = new World(seededRandom(first));
    try {
      await run(world);
      assertEquals(warnings, []);
    } catch (error) {
      throw new Error(`schedule ${first}`, { cause: error });
    }
    messages += world.in.messages.length + world.out.messages.length;
  }
  process.off("warning", note);
  assert(messages > SCHEDULES);
});
