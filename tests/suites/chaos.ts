// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Faults at random, through proxies on loopback: delays, throttling, stalls, cuts in the
 * middle of a frame or a handshake, corruption, refused connections. The guarantees of the
 * library are checked during the run, and at the end that every peer is connected again.
 *
 * `deno task suite chaos [--seconds N] [--seed N] [--peers N]`
 *
 * @module
 */

import { listen } from "../../mod.ts";
import { type FaultProxy, seededRandom } from "../../testing/mod.ts";
import {
  proxyOf,
  QUICK,
  TrafficClient,
  TrafficServer,
  UNTRUSTED,
} from "./_support/traffic.ts";

const seconds = argument("--seconds", 15);
const seed = argument("--seed", Date.now() % 1_000_000);
const peers = argument("--peers", 20);
const random = seededRandom(seed);
const broken: string[] = [];
console.log(`chaos: ${peers} peers, ${seconds} s, --seed ${seed}`);

const listener = listen({ hostname: "127.0.0.1", handshakeTimeout: 1_000 });
const server = new TrafficServer(listener, 1_500);
const proxies = await Promise.all(
  Array.from({ length: peers }, () => proxyOf(listener)),
);
// On a tenth of the lines bytes are changed, which no checksum of RFC 6455 would show.
const corrupted = new Set(proxies.slice(0, Math.ceil(peers / 10)));
const client = new TrafficClient(
  proxies.map((proxy) => proxy.url(corrupted.has(proxy) ? UNTRUSTED : "/")),
  QUICK,
);
const trusted = proxies.filter((proxy) => !corrupted.has(proxy));

const swallowing = new Set<FaultProxy>();
const faults: Record<string, (proxy: FaultProxy) => void> = {
  delay: (proxy) => proxy.set({ delay: 20 + 100 * random() }),
  throttle: (proxy) =>
    proxy.set({ throttle: 200 + Math.floor(2_000 * random()) }),
  stall: (proxy) => proxy.stall("hold"),
  "one-way stall": (proxy) => {
    swallowing.add(proxy);
    proxy.stall("swallow", random() < 0.5 ? "up" : "down");
  },
  reset: (proxy) => proxy.cut({ how: "reset" }),
  "cut in a frame": (proxy) =>
    proxy.cut({ how: "reset", after: Math.ceil(40 * random()) }),
  "end of stream": (proxy) => proxy.cut({ how: "end" }),
  "cut in the handshake": (proxy) => {
    proxy.set({ cutAt: Math.ceil(120 * random()) });
    proxy.cut({ how: "reset" });
  },
  refuse: (proxy) => {
    proxy.setAccepting("refuse");
    proxy.cut({ how: "reset" });
  },
  "silent host": (proxy) => {
    proxy.setAccepting("stall");
    proxy.cut({ how: "reset" });
  },
};
const done: Record<string, number> = {};
const until = performance.now() + seconds * 1_000;
while (performance.now() < until) {
  const names = Object.keys(faults);
  const name = names[Math.floor(random() * names.length)] ?? "";
  const proxy = trusted[Math.floor(random() * trusted.length)];
  if (proxy !== undefined) {
    faults[name]?.(proxy);
    done[name] = (done[name] ?? 0) + 1;
    setTimeout(() => heal(proxy), 1_500 * random());
  }
  for (const proxy of corrupted) {
    proxy.set({ corruption: random() < 0.5 ? 0.001 : 0 });
  }
  await pause(40 + 80 * random());
}

await pause(1_600);
for (const proxy of proxies) heal(proxy);
const recovery = await client.recovered(10_000).catch(() => undefined);
if (recovery === undefined) {
  broken.push(`without a connection at the end: ${client.missing.join(", ")}`);
}
const before = client.sequences.count;
await pause(500);
if (client.sequences.count === before) {
  broken.push("nothing comes back any more");
}

await client.close();
await server.close();
await Promise.all(proxies.map((proxy) => proxy.close()));

broken.push(...client.broken, ...client.sequences.broken);
broken.push(...server.broken, ...server.sequences.broken);
if (server.sequences.count === 0) broken.push("the server got nothing");
console.log("faults:", JSON.stringify(done));
console.log(
  `${client.sequences.count} messages came back, ${client.reconnects} connections made, ` +
    `all back ${recovery?.toFixed(0)} ms after the last fault`,
);
for (const line of broken.slice(0, 20)) console.log(`BROKEN ${line}`);
console.log(`${broken.length === 0 ? 1 : 0} passed, ${broken.length} failed`);
if (broken.length > 0) Deno.exitCode = 1;

function heal(proxy: FaultProxy): void {
  // What was swallowed is lost: a stream with a hole in it must not go on.
  if (swallowing.delete(proxy)) proxy.cut({ how: "reset" });
  proxy.set({ delay: 0, throttle: 0, stall: false, corruption: 0 });
  proxy.setAccepting("open");
  if (!corrupted.has(proxy)) proxy.set({ cutAt: Infinity });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function argument(name: string, otherwise: number): number {
  const place = Deno.args.indexOf(name);
  return place < 0 ? otherwise : Number(Deno.args[place + 1]);
}
