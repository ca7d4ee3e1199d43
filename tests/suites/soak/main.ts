// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Many peers, and a server that is killed: raw and native peers in processes of their own send
 * numbered texts through a server in another one. Both processes are stopped for a while in the middle of the
 * traffic (SIGSTOP, SIGCONT). Nothing may be lost, the order must hold, and when the server has been killed and started
 * again all must come back.
 *
 * `deno task suite soak [--full] [--raw N] [--native N] [--seconds N] [--restarts N]`
 *
 * @module
 */

import { Program } from "../_support/program.ts";

const full = Deno.args.includes("--full");
const raw = argument("--raw", full ? 10_000 : 500);
const native = argument("--native", full ? 10_000 : 200);
const seconds = argument("--seconds", full ? 600 : 8);
const restarts = argument("--restarts", full ? 10 : 2);
/** How often both processes are stopped, and for how long, in milliseconds. */
const STOP_EVERY = full ? 60_000 : 2_000;
const STOP_FOR = full ? 10_000 : 3_000;
/** `maxConcurrentDials` of an outbound pool, as it is by default. */
const DIALS = 64;
/** What the second half of the traffic may add to the server's memory, as a factor. */
const GROWTH = 1.1;
/** How often the server's memory is looked at, as a part of the traffic. */
const SAMPLES = 10;
const broken: string[] = [];

for (const [kind, count] of [["raw", raw], ["native", native]] as const) {
  if (count === 0) continue;
  // Thousands of native sockets at full load starve in the runtime; see docs/RELIABILITY.md.
  const pause = kind === "native" && count > 1_000 ? 1_000 : 100;
  console.log(
    `${kind}: ${count} peers, ${seconds} s of traffic, ${pause} ms between rounds`,
  );
  let server = new Program<Report>("soak/server.ts", []);
  const { port = 0 } = await server.next();
  const { rss: bare = 0 } = await server.next();
  const started = performance.now();
  const peers = new Program<Report>("soak/peers.ts", [
    kind,
    String(port),
    String(count),
    String(seconds),
    String(pause),
  ]);
  await peers.line();
  console.log(`  all connected after ${ms(performance.now() - started)}`);
  const { rss: early = 0 } = await settled(server);
  const memory: number[] = [];
  const stopping = stopped([server, peers]);
  const result = await sampled(peers.next(), server, memory);
  console.log(
    `  both sides were stopped for ${STOP_FOR} ms: ${await stopping} times`,
  );
  const { rss: late = 0 } = await settled(server);
  console.log(
    `  ${result.returned} messages came back, ${result.lost} lost, ${result.broken} out of order`,
  );
  console.log(
    `  server: ${kib((early - bare) / count)} a peer at first, ${
      kib((late - bare) / count)
    } after the traffic`,
  );
  console.log(`  server over time, MiB: ${mib(memory)}`);
  // Whatever leaks does so all the time; the first half is for the heap to find its size.
  const half = memory.length >> 1;
  const before = Math.max(...memory.slice(0, half));
  const after = Math.max(...memory.slice(half));
  if (full && after > GROWTH * before) broken.push(`${kind}: memory grows`);
  if (result.lost !== 0) broken.push(`${kind}: ${result.lost} lost`);
  if (result.ended !== 0) {
    broken.push(`${kind}: ${result.ended} connections ended unexpectedly`);
  }
  if (result.broken !== 0) broken.push(`${kind}: order was not kept`);

  for (let restart = 1; restart <= restarts; restart++) {
    await peers.tell();
    await server.kill();
    server = new Program<Report>("soak/server.ts", [String(port)]);
    const { recovery, mostDials = Infinity } = await peers.next();
    if (recovery === undefined) {
      broken.push(`${kind}: not all came back`);
      break;
    }
    if (mostDials > DIALS) broken.push(`${kind}: ${mostDials} dials at once`);
    console.log(
      `  server killed and restarted (${restart}): all back, and traffic with them, ${
        ms(recovery)
      } after the last was lost, ${mostDials} dials at once at most`,
    );
  }
  await peers.finish();
  const status = await peers.ended();
  if (!status.success) broken.push(`${kind}: the peers ended with an error`);
  await server.kill();
}

for (const line of broken) console.log(`BROKEN ${line}`);
console.log(`${broken.length === 0 ? 1 : 0} passed, ${broken.length} failed`);
if (broken.length > 0) Deno.exitCode = 1;

/** A report of one of the programs. */
interface Report {
  readonly port?: number;
  readonly peers?: number;
  readonly rss?: number;
  readonly returned?: number;
  readonly lost?: number;
  readonly ended?: number;
  readonly broken?: number;
  readonly recovery?: number;
  readonly mostDials?: number;
}

/** The server reports twice a second, also while nobody reads: takes what has come, and the next. */
async function settled(server: Program<Report>): Promise<Partial<Report>> {
  const start = performance.now();
  let report: Partial<Report> = {};
  for (let i = 0; i < 2; i++) report = await server.next();
  while (performance.now() - start < 400) report = await server.next();
  return report;
}

/** Stops the programs again and again while the traffic lasts, and at most once in a short run. Gives how often. */
async function stopped(
  programs: readonly Program<Report>[],
): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  let count = 0;
  while (
    performance.now() + STOP_EVERY + STOP_FOR < end && (full || count === 0)
  ) {
    await wait(STOP_EVERY);
    for (const program of programs) program.signal("SIGSTOP");
    await wait(STOP_FOR);
    for (const program of programs) program.signal("SIGCONT");
    count++;
  }
  if (count === 0) broken.push("the run is too short to stop both sides");
  return count;
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Looks at the server's memory again and again until something has come. */
async function sampled<T>(
  result: Promise<T>,
  server: Program<Report>,
  memory: number[],
): Promise<T> {
  let done = false;
  const settle = () => {
    done = true;
  };
  result.then(settle, settle);
  const start = performance.now();
  while (!done) {
    const { rss } = await server.next();
    const due = (memory.length + 1) / SAMPLES * seconds * 1_000;
    if (rss !== undefined && performance.now() - start >= due) {
      memory.push(rss);
    }
  }
  return await result;
}

function mib(memory: readonly number[]): string {
  return memory.map((rss) => (rss / 2 ** 20).toFixed(0)).join(", ");
}

function argument(name: string, otherwise: number): number {
  const place = Deno.args.indexOf(name);
  return place < 0 ? otherwise : Number(Deno.args[place + 1]);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function kib(value: number): string {
  return `${(value / 1_024).toFixed(1)} KiB`;
}
