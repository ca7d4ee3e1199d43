import { assert, assertEquals } from "@std/assert";
import type { InboundEvent } from "../inbound/plugin.ts";
import { InboundPool } from "../inbound/pool.ts";
import type { OutboundEvent } from "../outbound/plugin.ts";
import { OutboundPool } from "../outbound/pool.ts";
import type { InboxMessage } from "../transport/pool/worker.ts";
import type { Socket } from "../transport/socket/socket.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { seededRandom } from "../testing/seeded_random.ts";
import { socketPair } from "../testing/socket_pair.ts";

const SCHEDULES = 2_000;
const STEPS = 15;
const PEERS = 3;

/** Both pools on one fake clock, joined by in-memory sockets, and everything that they report. */
class World {
  readonly clock: FakeClock;
  readonly inbound: InboundPool;
  readonly outbound: OutboundPool;
  readonly cuts = new Map<string, Socket>();
  readonly received = { in: [] as InboxMessage[], out: [] as InboxMessage[] };
  readonly events = { in: [] as InboundEvent[], out: [] as OutboundEvent[] };
  /** Numbers that were sent to a peer, and to which of its sessions. */
  readonly sent = new Map<string, number>();
  /** How often a peer was taken out of the outbound pool, which gives no event. */
  readonly removals = new Map<string, number>();
  #dials = 0;

  constructor(
    readonly random: () => number,
    readonly inboxBufferSize: number,
  ) {
    this.clock = new FakeClock({ seed: Math.floor(random() * 1e6) });
    const options = {
      clock: this.clock,
      inboxBufferSize,
      connection: { incomingBufferSize: 2 },
    };
    this.inbound = new InboundPool("in", options);
    this.outbound = new OutboundPool("out", {
      ...options,
      dialer: (url) => this.#dial(url),
      worker: { reconnectDelay: 10, maxReconnectDelay: 100 },
    });
  }

  /** Every third dial fails; the others end in the inbound pool, under the peer's URL. */
  #dial(url: string): Promise<Socket> {
    if (this.#dials++ % 3 === 2) return Promise.reject(new Error("no"));
    const { client, server } = socketPair({ url, clock: this.clock });
    if (this.inbound.has(url)) this.inbound.replace(url, server);
    else this.inbound.add(url, server);
    this.cuts.set(url, this.random() < 0.5 ? client : server);
    return Promise.resolve(client);
  }

  /** Sends the next number, if that can be done now. */
  send(pool: InboundPool | OutboundPool, name: string, id: string): void {
    const key = `${name} ${id}`;
    const next = (this.sent.get(key) ?? 0) + 1;
    try {
      if (pool.trySend(id, String(next))) this.sent.set(key, next);
    } catch {
      // There is no such peer, or no connection, at present.
    }
  }

  /** Reads up to `most` messages and all events. */
  read(most: number): void {
    for (const name of ["in", "out"] as const) {
      const pool = name === "in" ? this.inbound : this.outbound;
      for (let i = 0; i < most && pool.inbox.size > 0; i++) {
        const message = pool.inbox.shift();
        if (message !== undefined) this.received[name].push(message);
      }
    }
    for (
      let event = this.inbound.events.shift();
      event;
      event = this.inbound.events.shift()
    ) {
      // When it is seen, the peer of that session is gone from the registry.
      this.events.in.push(event);
    }
    for (
      let event = this.outbound.events.shift();
      event;
      event = this.outbound.events.shift()
    ) {
      this.events.out.push(event);
    }
  }

  async step(): Promise<void> {
    const url = `ws://peer-${Math.floor(this.random() * PEERS)}.example`;
    const dice = this.random();
    if (dice < 0.25) {
      for (let i = 0; i < 5; i++) this.send(this.outbound, "out", url);
    } else if (dice < 0.5) {
      for (let i = 0; i < 5; i++) this.send(this.inbound, "in", url);
    } else if (dice < 0.6) this.cuts.get(url)?.terminate();
    else if (dice < 0.65) {
      this.cuts.get(url)?.close(4_000 + Math.floor(this.random() * 3));
    } else if (dice < 0.7) this.inbound.remove(url).catch(() => {});
    else if (dice < 0.75) {
      this.removals.set(url, (this.removals.get(url) ?? 0) + 1);
      this.outbound.remove(url).catch(() => {});
    } else if (dice < 0.9) this.read(Math.floor(this.random() * 10));
    if (!this.outbound.has(url)) this.outbound.connect(url);
    await this.clock.advance(Math.floor(this.random() * 30));
    for (const { inbox } of [this.inbound, this.outbound]) {
      assert(inbox.size <= this.inboxBufferSize);
    }
  }
}

/** Within a session numbers go up one by one, and sessions never go back. */
function checkOrder(messages: readonly InboxMessage[]): void {
  const last = new Map<string, { session: number; number: number }>();
  for (const { id, session, data } of messages) {
    const before = last.get(id);
    const number = Number(data);
    if (before !== undefined) {
      assert(
        session >= before.session,
        `${id}: session ${session} after ${before.session}`,
      );
      assert(
        number > before.number,
        `${id}: ${number} came after ${before.number}`,
      );
      if (session === before.session) {
        assertEquals(
          number,
          before.number + 1,
          `${id}: something is missing in session ${session}`,
        );
      }
    }
    last.set(id, { session, number });
  }
}

function checkEvents({ in: ends, out }: World["events"]): void {
  const stays = ends.map(({ id, session }) => `${id} ${session}`);
  assertEquals(new Set(stays).size, stays.length, "a stay has ended twice");
  const present = new Map<string, OutboundEvent>();
  for (const event of out) {
    const before = present.get(event.id);
    assertEquals(event.missed, undefined);
    if (event.kind === "disconnected") {
      assertEquals([before?.kind, before?.session], [
        "connected",
        event.session,
      ]);
    } else {
      assertEquals(event.kind, "connected");
      if (before !== undefined) assert(event.session > before.session);
    }
    present.set(event.id, event);
  }
}

Deno.test("Whatever happens in whatever order, nothing is lost, doubled or swapped, and events alternate", async () => {
  const seed = Math.floor(Math.random() * 1e9);
  // deno-lint-ignore no-console -- a failure can be repeated with the seed
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  let messages = 0;
  for (let schedule = 0; schedule < SCHEDULES; schedule++) {
    const world = new World(random, 1 + Math.floor(random() * 8));
    try {
      for (let i = 0; i < STEPS; i++) await world.step();
      const closing = [world.inbound.close(), world.outbound.close()];
      await world.clock.advance(10_000);
      await Promise.all(closing);
      world.read(Infinity);
      checkOrder(world.received.in);
      checkOrder(world.received.out);
      checkEvents(withoutRemovals(world));
      assertEquals(world.clock.pending, 0);
      messages += world.received.in.length + world.received.out.length;
    } catch (error) {
      throw new Error(`seed ${seed}, schedule ${schedule}`, { cause: error });
    }
  }
  assert(messages > SCHEDULES);
});

/** A removal gives no event: what comes after it starts again. */
function withoutRemovals({ events, removals }: World): World["events"] {
  const out: OutboundEvent[] = [];
  const open = new Map<string, OutboundEvent>();
  const left = new Map(removals);
  for (const event of events.out) {
    const before = open.get(event.id);
    const removed = left.get(event.id) ?? 0;
    if (
      event.kind === "connected" && before?.kind === "connected" && removed > 0
    ) {
      left.set(event.id, removed - 1);
      out.push({ ...before, kind: "disconnected" });
    }
    out.push(event);
    open.set(event.id, event);
  }
  return { in: events.in, out };
}
