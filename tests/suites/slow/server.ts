// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * The server of the slow consumers, in a process of its own, so that its memory can be weighed. Prints its
 * ports; obeys commands on the third one: `/report`, `/read`, `/flood`, `/close`.
 *
 * @module
 */

import { InboundPool, listen } from "../../../mod.ts";

/** How long a send may wait, in milliseconds, and how long nothing may be taken. */
const SEND_TIMEOUT = 300;
const WRITE_TIMEOUT = 1_500;
const CLOSE_TIMEOUT = 500;
const MESSAGE = new Uint8Array(16_384);

const pool = new InboundPool("slow", {
  connection: { writeTimeout: WRITE_TIMEOUT, closeTimeout: CLOSE_TIMEOUT },
});
const raw = listen({ hostname: "127.0.0.1" });
const native = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  (request) => {
    return pool.upgrade(request, { id: new URL(request.url).pathname });
  },
);
void pool.serve(raw, {
  id: ({ request }) => new URL(request.url).pathname,
});

/** The last number of each peer. */
const last = new Map<string, number>();
let received = 0;
let swapped = 0;
let reading: Promise<void> | undefined;
const ends: Record<string, number> = {};
const sends: Record<string, number> = {};
void (async () => {
  for await (const { kind, error } of pool.events) {
    // If a connection ended for another reason, the cause says why.
    const cause = error?.cause ?? error;
    const word = String(cause instanceof Error && Reflect.get(cause, "code"));
    ends[`${kind}, ${word}`] = (ends[`${kind}, ${word}`] ?? 0) + 1;
  }
})();

const control = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  async (request) => {
    const { pathname } = new URL(request.url);
    const gc: unknown = Reflect.get(globalThis, "gc");
    if (pathname === "/report" && typeof gc === "function") gc();
    if (pathname === "/read") reading ??= read();
    if (pathname === "/flood") {
      for (const id of pool.peers) if (id.startsWith("/deaf")) void flood(id);
    }
    const start = performance.now();
    if (pathname === "/close") await pool.close();
    const { inboxDepth, waitingMessages, peerCount } = pool.stats();
    const waiting = inboxDepth + waitingMessages;
    return Response.json({
      ms: performance.now() - start,
      rss: Deno.memoryUsage().rss,
      ...{ received, swapped, waiting, inboxDepth, peerCount, ends, sends },
    });
  },
);

const { addr } = raw;
const ports = [
  addr.transport === "tcp" ? addr.port : 0,
  native.addr.port,
  control.addr.port,
];
console.log(JSON.stringify({ ports }));

/** Checks the order of what is numbered, and sends back the rest. */
async function read(): Promise<void> {
  for await (const { id, data } of pool.inbox) {
    received++;
    if (id.startsWith("/healthy")) {
      pool.send(id, data).catch(() => {});
      continue;
    }
    const number = Number.parseInt(String(data));
    if (number !== (last.get(id) ?? 0) + 1) swapped++;
    last.set(id, number);
  }
}

/** Sends to a peer for as long as it is there. */
async function flood(id: string): Promise<void> {
  while (pool.has(id)) {
    try {
      await pool.send(id, MESSAGE, { timeout: SEND_TIMEOUT });
    } catch (error) {
      const code = String(error instanceof Error && Reflect.get(error, "code"));
      sends[code] = (sends[code] ?? 0) + 1;
    }
  }
}
