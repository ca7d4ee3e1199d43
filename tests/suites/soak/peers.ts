// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * The peers of the soak, in a process of their own: dials `count` times, sends numbered texts,
 * checks that each comes back once and in order, and says `ready`; then for each line of the
 * standard input waits until all peers were lost and are back, and says how long that took and how many dials
 * were under way at most.
 *
 * @module
 */

import { dialNative, dialRaw, OutboundPool } from "../../../mod.ts";

const [kind, port = "", count = "", until = "", pause = ""] = Deno.args;
/** Milliseconds without a message after which no more are expected. */
const PATIENCE = 10_000;
/** Milliseconds within which all are connected again: for all together, and more for each. */
const RECOVERY = 60_000;
const RECOVERY_OF_EACH = 12;
/** Dials that are under way, and the most that were at one time. */
let dials = 0;
let mostDials = 0;
let lastLost = 0;
const dial = kind === "native" ? dialNative : dialRaw;
const pool = new OutboundPool("peers", {
  // All of them come and go at once.
  eventsBufferSize: 8 * Number(count) + 1_024,
  dialer: async (url, options) => {
    mostDials = Math.max(mostDials, ++dials);
    try {
      return await dial(url, options);
    } finally {
      dials--;
    }
  },
  worker: { reconnectDelay: 200, maxReconnectDelay: 1_000 },
  connection: { retry: { initialDelay: 100, maxDelay: 500 } },
});
const urls = Array.from(
  { length: Number(count) },
  (_, i) => pool.connect(`ws://127.0.0.1:${port}/${kind}-${i}`),
);
const sent = new Map<string, number>();
const received = new Map<string, number>();
let broken = 0;
let returned = 0;
const reading = (async () => {
  for await (const { id, data } of pool.inbox) {
    returned++;
    const number = Number(data);
    if (number !== (received.get(id) ?? 0) + 1) {
      broken++;
      console.error(
        `BROKEN ${id}: ${data} came after ${received.get(id) ?? 0}`,
      );
    }
    received.set(id, number);
  }
})();

await Promise.all(urls.map((url) => pool.whenConnected(url)));
console.log("ready");
const end = performance.now() + Number(until) * 1_000;
while (performance.now() < end) {
  for (const url of urls) {
    const number = (sent.get(url) ?? 0) + 1;
    try {
      await pool.send(url, String(number));
    } catch {
      // It has been lost, which the events report.
      continue;
    }
    sent.set(url, number);
  }
  await new Promise((resolve) => setTimeout(resolve, Number(pause)));
}
// What is under way has time as long as something comes back.
let seen = returned;
let deadline = performance.now() + PATIENCE;
const lost = () =>
  urls.reduce(
    (sum, url) => sum + (sent.get(url) ?? 0) - (received.get(url) ?? 0),
    0,
  );
while (lost() > 0 && performance.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, 20));
  if (returned > seen) deadline = performance.now() + PATIENCE;
  seen = returned;
}
// No connection was asked to end.
let ended = 0;
for (let event = pool.events.shift(); event; event = pool.events.shift()) {
  if (event.kind === "connected") continue;
  ended++;
  const { id, kind, closeCode, reason, error } = event;
  console.error(`BROKEN ${id} ${kind} ${closeCode} ${reason}`, error);
}
console.log(JSON.stringify({ returned, lost: lost(), broken, ended }));

const connected = new Set(urls);
for await (const _ of Deno.stdin.readable) {
  // The server has gone: the peers must notice, and come back, and their messages with them.
  const signal = AbortSignal.timeout(RECOVERY + RECOVERY_OF_EACH * urls.length);
  const gone = new Set<string>();
  mostDials = 0;
  while (gone.size < urls.length || connected.size < urls.length) {
    const event = await pool.events.take({ signal });
    if (event?.kind === "disconnected") {
      gone.add(event.id);
      connected.delete(event.id);
      if (gone.size === urls.length) lastLost = performance.now();
    } else if (event?.kind === "connected") connected.add(event.id);
  }
  const recovery = performance.now() - lastLost;
  received.clear();
  for (const url of urls) await pool.send(url, "1");
  while (received.size < urls.length) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  console.log(JSON.stringify({ recovery, mostDials, broken }));
}
await pool.close();
await reading;
