// deno-lint-ignore-file no-console -- it prints its histograms
import { assert } from "@std/assert";
import type { Clock } from "../../transport/base/clock.ts";
import { seededRandom } from "../../testing/seeded_random.ts";
import { MockSocket } from "../../testing/mock_socket.ts";
import type { Dialer } from "../../transport/client/dialer.ts";
import { OutboundPool } from "../../outbound/pool.ts";

const CLIENTS = 10_000;
/** Seconds into the simulation at which the server goes away. */
const LOST_AT = 60;

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/**
 * A clock for a crowd: timers wait in a bucket for each tenth of a second, so that ten thousand pools
 * cost no more than their timers. Promises settle between the buckets.
 */
class CrowdClock implements Clock {
  static readonly STEP = 100;
  readonly #buckets = new Map<number, Set<Timer>>();
  readonly random: () => number;
  #now = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  now(): number {
    return this.#now;
  }

  date(): number {
    return this.#now;
  }

  timer(callback: () => void, delay: number): () => void {
    const timer: Timer = { due: this.#now + delay, callback };
    const key = Math.max(
      Math.ceil(timer.due / CrowdClock.STEP),
      this.#now / CrowdClock.STEP + 1,
    );
    const bucket = this.#buckets.get(key) ?? new Set();
    this.#buckets.set(key, bucket.add(timer));
    return () => bucket.delete(timer);
  }

  async runTo(seconds: number): Promise<void> {
    while (this.#now < seconds * 1_000) {
      this.#now += CrowdClock.STEP;
      const key = this.#now / CrowdClock.STEP;
      const bucket = this.#buckets.get(key);
      this.#buckets.delete(key);
      for (const { callback } of bucket ?? []) callback();
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
    }
  }
}

/** A server that may be away, and counts the dials of each second. */
class Server {
  readonly sockets = new Set<MockSocket>();
  readonly dials: number[] = [];
  up = true;
  inFlight = 0;
  maxInFlight = 0;

  constructor(readonly clock: Clock, readonly latency = 0) {}

  readonly dial: Dialer = async (url) => {
    const second = Math.floor(this.clock.now() / 1_000);
    this.dials[second] = (this.dials[second] ?? 0) + 1;
    this.maxInFlight = Math.max(this.maxInFlight, ++this.inFlight);
    if (this.latency > 0) {
      await new Promise<void>((resolve) =>
        this.clock.timer(resolve, this.latency)
      );
    }
    this.inFlight--;
    if (!this.up) throw new Error("Connection refused");
    // No pongs come here, so that keepalive would end what is healthy.
    const socket = new MockSocket({
      url,
      clock: this.clock,
      controlFrames: false,
    });
    this.sockets.add(socket);
    return socket;
  };

  loseAll(): void {
    for (const socket of this.sockets) socket.end({ code: 1006 });
    this.sockets.clear();
  }
}

function histogram(dials: readonly number[], from: number, to: number): string {
  const lines: string[] = [];
  for (let second = from; second < to; second++) {
    const count = dials[second] ?? 0;
    const share = count / CLIENTS;
    if (count > 0) {
      lines.push(
        `${String(second - LOST_AT).padStart(5)} s ${
          String(count).padStart(6)
        } ${"#".repeat(Math.ceil(share * 60))}`,
      );
    }
  }
  return lines.join("\n");
}

function most(dials: readonly number[], from: number, to: number): number {
  return Math.max(
    ...Array.from({ length: to - from }, (_, i) => dials[from + i] ?? 0),
  );
}

async function crowd(outage: number, until: number): Promise<Server> {
  const clock = new CrowdClock(2_026);
  const server = new Server(clock);
  const pools = Array.from({ length: CLIENTS }, (_, i) => {
    const pool = new OutboundPool(`client-${i}`, {
      clock,
      dialer: server.dial,
    });
    pool.connect("ws://server.example");
    return pool;
  });
  await clock.runTo(LOST_AT);
  server.up = outage === 0;
  server.loseAll();
  await clock.runTo(LOST_AT + outage);
  server.up = true;
  await clock.runTo(LOST_AT + until);
  assert(server.sockets.size === CLIENTS, `${server.sockets.size} are back`);
  await Promise.all(pools.map((pool) => pool.close()));
  return server;
}

Deno.test("After a blip no second sees more than 60% of 10,000 clients dial", async () => {
  const { dials } = await crowd(0, 10);
  console.log(histogram(dials, LOST_AT, LOST_AT + 10));
  const peak = most(dials, LOST_AT, LOST_AT + 10) / CLIENTS;
  assert(peak <= 0.6, `${peak * 100}% in one second`);
});

Deno.test("After an outage of a minute no second sees more than 10% of 10,000 clients dial", async () => {
  const { dials } = await crowd(60, 200);
  console.log(histogram(dials, LOST_AT, LOST_AT + 200));
  const peak = most(dials, LOST_AT + 60, LOST_AT + 200) / CLIENTS;
  assert(peak <= 0.1, `${peak * 100}% in one second`);
});

Deno.test("One pool that loses 10,000 peers never has more than maxConcurrentDials in flight", async () => {
  const clock = new CrowdClock(7);
  const server = new Server(clock, 100);
  const pool = new OutboundPool("client", { clock, dialer: server.dial });
  for (let i = 0; i < CLIENTS; i++) pool.connect(`ws://peer-${i}.example`);
  await clock.runTo(LOST_AT);
  assert(server.sockets.size === CLIENTS);
  server.loseAll();
  await clock.runTo(LOST_AT + 40);
  console.log(histogram(server.dials, LOST_AT, LOST_AT + 40));
  assert(server.sockets.size === CLIENTS, `${server.sockets.size} are back`);
  assert(server.maxInFlight === 64, `${server.maxInFlight} at once`);
  await pool.close();
});
