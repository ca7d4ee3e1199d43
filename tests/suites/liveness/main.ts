// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Which peers are kept and which are disconnected: two processes with connections of every kind between them, of which
 * one is stopped (SIGSTOP) or blocks its event loop while the other continues to send; and slow transfers in both
 * directions.
 *
 * `deno task suite liveness [--full]`: the full form has the default timeouts, stops processes for longer than these, and
 * transfers at 64 KiB/s. It takes about twelve minutes.
 *
 * @module
 */

import { Connection, listen } from "../../../mod.ts";
import { meet, SETUPS } from "../../_support/setups.ts";
import { Program } from "../_support/program.ts";
import { SlowReader } from "./slow_reader.ts";
import { Crowd, type Manners, type Ports, type Report } from "./crowd.ts";

const FULL = Deno.args.includes("--full");
const KiB = 1_024;
const MiB = 1_024 * KiB;

// Through a proxy more is under way than the 4 MiB of one system: at 64 KiB/s, more than what a minute reads.

/** Has no deadlines for its peers. */
const PATIENT: Manners = {
  pingInterval: 0,
  pingTimeout: 0,
  writeTimeout: 0,
  silence: 0,
};
const QUICK: Manners = {
  pingInterval: 500,
  pingTimeout: 1_500,
  writeTimeout: 2_000,
  silence: 2_000,
};
const DEFAULT: Manners = {
  pingInterval: 20_000,
  pingTimeout: 20_000,
  writeTimeout: 30_000,
  silence: 60_000,
};

let passed = 0;
let failed = 0;

/** A crowd here and one in another process, connected both ways. */
async function crowds(here: Manners, there: Manners) {
  const crowd = new Crowd(here);
  const ports = await crowd.listen();
  const other = new Program<Report & Ports>("liveness/side.ts", [
    JSON.stringify(there),
    JSON.stringify(ports),
  ], ["--allow-read", "--allow-env"]);
  const { tcp, tls, node, native, pool } = await other.next();
  if (!tcp || !tls || !node || !native || !pool) throw new Error("No ports");
  await crowd.dial({ tcp, tls, node, native, pool });
  await other.next();
  return {
    crowd,
    other,
    async report(): Promise<Partial<Report>> {
      await other.tell();
      return await other.next();
    },
    async [Symbol.asyncDispose]() {
      await other.kill();
      await crowd[Symbol.asyncDispose]();
    },
  };
}

/** A process is away for a while: it must lose no peer and no message. */
async function away(
  how: "stopped" | "blocked",
  ms: number,
  manners: Manners,
): Promise<void> {
  await using pair = await crowds(PATIENT, manners);
  await pause(2_000);
  if (how === "stopped") {
    pair.other.signal("SIGSTOP");
    await pause(ms);
    pair.other.signal("SIGCONT");
  } else {
    await pair.other.tell(`block ${ms}`);
    await pair.other.next();
  }
  // Longer than any deadline that was wrongly set.
  await pause(Math.min(ms, 5_000) + 2_000);
  const there = await pair.report();
  const here = pair.crowd.report();
  const title = `${how} for ${ms} ms, ${name(manners)}`;
  console.log(
    `${title}: ${messages(there)} messages received there, ${
      messages(here)
    } here`,
  );
  checkAllWell(`${title}, there`, there, ms);
  checkAllWell(`${title}, here`, here, 0);
}

function checkAllWell(
  title: string,
  report: Partial<Report>,
  awayFor: number,
): void {
  const { standings = {} } = report;
  const names = Object.keys(standings);
  check(`${title}: everybody came`, names.length === 8);
  for (
    const [name, { connected, gaps, received, error }] of Object.entries(
      standings,
    )
  ) {
    check(
      `${title}: ${name} is kept${error && `, not ${error}`}`,
      connected,
    );
    check(
      `${title}: nothing is lost by ${name}`,
      gaps === 0 && received >= awayFor / 200,
    );
  }
  check(`${title}: no peer is evicted`, report.inboundEvents?.length === 0);
  check(`${title}: no peer is replaced`, report.replaced === 0);
  check(
    `${title}: all are in the pools`,
    report.inbound === 10 && report.outboundConnected === 10,
  );
  check(`${title}: nothing is lost by the pools`, report.poolGaps === 0);
}

/** The other process stands still for longer than our timeouts: its peers are cut in time, and come back. */
async function gone(ms: number): Promise<void> {
  await using pair = await crowds(QUICK, PATIENT);
  await pause(2_000);
  const stoppedAt = Date.now();
  pair.other.signal("SIGSTOP");
  await pause(ms);
  const { standings } = pair.crowd.report();
  pair.other.signal("SIGCONT");
  for (const [name, standing] of Object.entries(standings)) {
    if (name.startsWith("native")) {
      check(`a peer that stopped: ${name} cannot ask`, standing.connected);
      continue;
    }
    const took = standing.endedAt - stoppedAt;
    const most = QUICK.pingInterval * 1.1 + QUICK.pingTimeout + 1_500;
    console.log(
      `a peer that stopped: ${name} ended with ${standing.error} after ${took} ms`,
    );
    check(
      `a peer that stopped: ${name} is cut in time`,
      standing.error === "ping-timeout" && took > 1_000 && took < most,
    );
  }
  await pause(4_000);
  const { inboundEvents, outboundConnected, replaced } = pair.crowd.report();
  check("a peer that stopped: all are evicted", inboundEvents.length === 10);
  check(
    "a peer that stopped: all are connected again",
    outboundConnected === 10 && replaced >= 10,
  );
}

/** The other process stands still for less than our timeouts. */
async function paused(ms: number): Promise<void> {
  await using pair = await crowds(QUICK, PATIENT);
  await pause(2_000);
  pair.other.signal("SIGSTOP");
  await pause(ms);
  pair.other.signal("SIGCONT");
  await pause(4_000);
  checkAllWell(`a peer that paused for ${ms} ms`, pair.crowd.report(), 0);
}

/** A long message crosses slowly, in each direction, at each setup. */
async function slow(
  size: number,
  rate: number,
  manners: Manners,
): Promise<void> {
  const { silence: _, ...options } = manners;
  const { silence: __, ...patient } = PATIENT;
  const title = `${(size / MiB).toFixed(1)} MiB at ${
    (rate / KiB).toFixed()
  } KiB/s, ${name(manners)}`;
  await Promise.all(
    SETUPS.flatMap((setup) =>
      (["to us", "to the peer"] as const).map(async (way) => {
        await using met = await meet(setup);
        const ours = new Connection(met.ours, options);
        const other = new Connection(met.peer, patient);
        met.proxy.set(
          { throttle: rate },
          way === "to us" ? met.toUs : met.toPeer,
        );
        const [from, to] = way === "to us" ? [other, ours] : [ours, other];
        const start = performance.now();
        const sent = from.send(new Uint8Array(size)).catch(() => {});
        const received = await Promise.race([
          to.incoming.take(),
          ours.closed.then(() => undefined),
        ]);
        const took = ((performance.now() - start) / 1_000).toFixed(1);
        // Peers that read slowly have to answer now.
        await pause(500);
        check(
          `${title}, ${way}, ${setup}: kept and delivered${
            received ? "" : `, not ended after ${took} s`
          }`,
          received?.length === size && ours.state === "connected",
        );
        await Promise.all([ours.close(), other.close(), sent]);
      })
    ),
  );
  console.log(`${title}: done`);
}

/** A peer reads our message at a steady rate, and comes to our pings late. */
async function slowReader(
  size: number,
  rate: number,
  manners: Manners,
): Promise<void> {
  const { silence: _, ...options } = manners;
  const listener = listen({ hostname: "127.0.0.1" });
  const accepted = listener[Symbol.asyncIterator]().next();
  await listener.ready;
  const connecting = SlowReader.connect(listener.port, rate);
  const { value: incoming } = await accepted;
  if (incoming === undefined) throw new Error("Nobody came");
  const connection = new Connection(incoming.accept(), options);
  const reader = await connecting;
  const start = performance.now();
  const sent = connection.send(new Uint8Array(size)).catch(() => {});
  await reader.read(size);
  const took = ((performance.now() - start) / 1_000).toFixed(1);
  const title = `${(size / MiB).toFixed(1)} MiB read at ${
    (rate / KiB).toFixed()
  } KiB/s, ${name(manners)}`;
  console.log(
    `${title}: ${reader.received} bytes in ${took} s, ${reader.pings} pings`,
  );
  check(
    `${title}: kept and delivered`,
    reader.received === size && connection.state === "connected",
  );
  reader.close();
  await connection.close(1000, "", { timeout: 100 });
  await sent;
  await listener.close();
}

function messages({ standings = {} }: Partial<Report>): number {
  return Object.values(standings).reduce(
    (sum, { received }) => sum + received,
    0,
  );
}

function name(manners: Manners): string {
  return manners === DEFAULT ? "default timeouts" : "short timeouts";
}

function check(what: string, holds: boolean): void {
  if (holds) passed++;
  else {
    failed++;
    console.log(`FAILED: ${what}`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

await Promise.all([
  slow(900_000, 300_000, QUICK),
  slow(256 * KiB, 64 * KiB, QUICK),
  slowReader(900_000, 300_000, QUICK),
]);
await away("blocked", 3_000, QUICK);
await away("stopped", 4_000, QUICK);
await paused(700);
await gone(6_000);
if (FULL) {
  await away("stopped", 10_000, DEFAULT);
  await away("stopped", 65_000, DEFAULT);
  await away("blocked", 65_000, DEFAULT);
  await Promise.all([
    slow(2 * MiB, 64 * KiB, DEFAULT),
    slow(24 * MiB, 256 * KiB, DEFAULT),
    slowReader(8 * MiB, 64 * KiB, DEFAULT),
    slowReader(24 * MiB, 64 * KiB, DEFAULT),
  ]);
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) Deno.exitCode = 1;
