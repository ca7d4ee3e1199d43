// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * `examples/scale_out.ts` with one, two and four processes and a Redis server, all on this machine, and what is lost when
 * one of two processes is killed. Prints the tables of docs/guides/scale-out.md.
 *
 * `deno run -A bench/scale_out.ts [PEERS]` (Linux, with `redis-server`)
 *
 * @module
 */

import { Connection } from "../mod.ts";

const PEERS = Number(Deno.args[0] ?? 64);
const SECONDS = 5;
const ROOT = new URL("../", import.meta.url).pathname;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}

const redisPort = freePort();
const redis = new Deno.Command("redis-server", {
  args: `--port ${redisPort} --bind 127.0.0.1 --save`.split(" ").concat(""),
  stdout: "null",
}).spawn();

/** Starts an instance of the example, and waits until it listens. */
async function start(port: number): Promise<Deno.ChildProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ..."run -A --no-check examples/scale_out.ts".split(" "),
      String(port),
      `redis://127.0.0.1:${redisPort}`,
    ],
    cwd: ROOT,
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  return child;
}

/** Milliseconds of processor time of a process (`/proc/PID/stat`, at 100 ticks a second). */
async function cpu(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** A peer that speaks again as soon as it hears itself, or at an interval, and notes what it hears. */
class Speaker {
  readonly connection: Connection;
  readonly delays: number[] = [];
  readonly heard = new Set<string>();
  received = 0;
  sent = 0;
  #sentAt = 0;

  constructor(readonly name: string, port: number, readonly chains: boolean) {
    this.connection = new Connection(`ws://127.0.0.1:${port}`, {
      retry: { initialDelay: 20, maxDelay: 50 },
    });
  }

  async listen(keep = false): Promise<void> {
    for await (const text of this.connection.incoming) {
      this.received++;
      const [, from, number] = String(text).split(" ");
      if (keep) this.heard.add(`${from} ${number}`);
      if (from !== this.name) continue;
      this.delays.push(performance.now() - this.#sentAt);
      if (this.chains) this.speak();
    }
  }

  speak(): void {
    this.#sentAt = performance.now();
    try {
      if (this.connection.trySend(`${this.name} ${this.sent}`)) this.sent++;
    } catch {
      // The connection has ended.
    }
  }
}

async function connectAll(port: number, chains: boolean): Promise<Speaker[]> {
  const speakers = Array.from(
    { length: PEERS },
    (_, i) => new Speaker(`peer-${i}`, port, chains),
  );
  await Promise.all(speakers.map(({ connection }) => connection.connect()));
  return speakers;
}

function quantile(values: number[], part: number): string {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)]
    ?.toFixed(1) ?? "";
}

async function measure(processes: number, interval: number): Promise<string[]> {
  const port = freePort();
  const children = [];
  for (let i = 0; i < processes; i++) children.push(await start(port));
  const speakers = await connectAll(port, interval === 0);
  const listening = speakers.map((speaker) => speaker.listen());
  const timers: ReturnType<typeof setInterval>[] = [];
  for (const [i, speaker] of speakers.entries()) {
    if (interval === 0) speaker.speak();
    else {
      setTimeout(() => {
        timers.push(setInterval(() => speaker.speak(), interval));
      }, i * interval / PEERS);
    }
  }
  await sleep(2_000);
  const pids = children.map(({ pid }) => pid);
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const take = async () => ({
    received: sum(speakers.map(({ received }) => received)),
    servers: sum(await Promise.all(pids.map(cpu))),
    redis: await cpu(redis.pid),
    load: await cpu(Deno.pid),
    at: performance.now(),
  });
  const before = await take();
  for (const { delays } of speakers) delays.length = 0;
  await sleep(SECONDS * 1_000);
  const after = await take();
  const delays = speakers.flatMap(({ delays }) => delays);
  for (const timer of timers) clearInterval(timer);
  await Promise.all(speakers.map(({ connection }) => connection.close()));
  await Promise.all(listening);
  for (const child of children) child.kill("SIGINT");
  await Promise.all(children.map(({ status }) => status));
  const seconds = (after.at - before.at) / 1_000;
  const deliveries = after.received - before.received;
  const share = (of: "servers" | "redis" | "load") =>
    ((after[of] - before[of]) / 1_000 / seconds).toFixed(2);
  return [
    String(processes),
    Math.round(deliveries / PEERS / seconds).toLocaleString("en"),
    Math.round(deliveries / seconds).toLocaleString("en"),
    quantile(delays, 0.5),
    quantile(delays, 0.99),
    share("servers"),
    share("redis"),
    share("load"),
    (1_000 * (after.servers - before.servers) / deliveries).toFixed(1),
  ];
}

/** Kills one of two processes while every peer speaks each 50 ms, and counts what was heard. */
async function kill(): Promise<void> {
  const port = freePort();
  const [victim, survivor] = [await start(port), await start(port)];
  const speakers = await connectAll(port, false);
  const listening = speakers.map((speaker) => speaker.listen(true));
  const timers = speakers.map((speaker) =>
    setInterval(() => speaker.speak(), 50)
  );
  await sleep(1_000);
  victim.kill("SIGKILL");
  await sleep(1_000);
  for (const timer of timers) clearInterval(timer);
  const total = () => speakers.reduce((sum, { received }) => sum + received, 0);
  // Until nothing has arrived for a second.
  for (let before = -1; before !== total(); await sleep(1_000)) {
    before = total();
  }
  const left = speakers.filter(({ connection }) =>
    connection.state === "connected"
  );
  const lost = speakers.filter((speaker) => !left.includes(speaker));
  const missing = (from: Speaker[]) =>
    from.reduce((sum, { name, sent }) => {
      const heard = Array.from(
        { length: sent },
        (_, i) => left.every((peer) => peer.heard.has(`${name} ${i}`)),
      );
      return sum + heard.filter((all) => !all).length;
    }, 0);
  const count = (from: Speaker[]) =>
    from.reduce((sum, { sent }) => sum + sent, 0);
  console.log(`\nkilled: ${lost.length} of ${PEERS} peers lost their process`);
  console.log(
    `of ${count(left)} messages of the others, ${
      missing(left)
    } did not reach all of the others`,
  );
  console.log(
    `of ${count(lost)} messages that these had sent, ${
      missing(lost)
    } did not reach all of the others`,
  );
  await Promise.all(left.map(({ connection }) => connection.close()));
  await Promise.all(listening);
  survivor.kill("SIGINT");
  await Promise.all([victim.status, survivor.status]);
}

console.log(`Deno ${Deno.version.deno}, ${PEERS} peers`);
for (const interval of [200, 0]) {
  console.log(
    `\n| processes | messages/s | deliveries/s | median ms | 99% ms | servers' cores | Redis' cores | load's cores | us/delivery |`,
  );
  console.log("| --: | --: | --: | --: | --: | --: | --: | --: | --: |");
  for (const processes of [1, 2, 4]) {
    console.log(`| ${(await measure(processes, interval)).join(" | ")} |`);
  }
}
await kill();
redis.kill();
await redis.status;
Deno.exit();
