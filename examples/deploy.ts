// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Made for Deno Deploy: peers come in through `Deno.serve`, a relay is reached over TLS, and SIGINT
 * drains within the 5 seconds that there are. Nothing here listens on a port of its own,
 * needs a flag, or dials plain TCP where TLS will do.
 *
 * `deno run --allow-net --allow-env examples/deploy.ts`
 *
 * Set `UPSTREAM` to the URL to stay connected to.
 *
 * @module
 */

import { InboundPool, type Message, OutboundPool } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted } from "./interrupted.ts";

/** What is left of the 5 seconds after SIGINT is for the rest of the program. */
const closeTimeout = CLOSE_TIMEOUT;
const signal = interrupted();
const peers = new InboundPool("peers", {
  signal,
  connection: { closeTimeout },
});
const upstream = new OutboundPool("upstream", {
  signal,
  connection: { closeTimeout },
});
const url = Deno.env.get("UPSTREAM");
const relay = url === undefined ? undefined : upstream.connect(url);

const server = Deno.serve((request, { remoteAddr }) => {
  if (request.headers.get("upgrade") === null) {
    return Response.json({
      peers: peers.peers.length,
      upstream: upstream.stats(),
    });
  }
  // 503 while the pool closes.
  return peers.upgrade(request, { id: crypto.randomUUID(), remoteAddr });
});

/** Sends if there is room; says whether it did. */
function tell(
  pool: InboundPool | OutboundPool,
  id: string,
  data: Message,
): boolean {
  try {
    return pool.trySend(id, data);
  } catch {
    return false; // It has left, or has no connection at present.
  }
}

/** What peers say goes to the relay; while it is away it is lost, and said to be. */
async function up(): Promise<void> {
  for await (const { id, data } of peers.inbox) {
    if (relay === undefined) tell(peers, id, data);
    else if (!tell(upstream, relay, data)) tell(peers, id, "not delivered");
  }
}

/** What the relay says goes to every peer. */
async function down(): Promise<void> {
  for await (const { data } of upstream.inbox) {
    for (const id of peers.peers) tell(peers, id, data);
  }
}

async function report(): Promise<void> {
  for await (const { id, kind } of upstream.events) console.log(kind, id);
}

await Promise.all([up(), down(), report()]);
await Promise.all([peers.closed, upstream.closed]);
await server.shutdown();
