// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Made for Deno Deploy: peers connect through `Deno.serve`, a relay is dialled over TLS, and on SIGINT the pools close
 * within the 5 seconds that are left. It listens on no other port, and needs no flag.
 *
 * `deno run --allow-net --allow-env examples/deploy.ts`
 *
 * Set `UPSTREAM` to the URL to stay connected to.
 *
 * @module
 */

import { forEachMessage, InboundPool, OutboundPool } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted } from "./interrupted.ts";

const signal = interrupted();
const connection = { closeTimeout: CLOSE_TIMEOUT };
const peers = new InboundPool("peers", { signal, connection });
const upstream = new OutboundPool("upstream", {
  signal,
  connection,
  onEvent: ({ id, kind }) => console.log(kind, id),
});
const url = Deno.env.get("UPSTREAM");
const relay = url === undefined ? undefined : upstream.connect(url);

const server = Deno.serve((request, { remoteAddr }) => {
  if (request.headers.get("upgrade") === null) {
    return Response.json({ peers: peers.stats(), upstream: upstream.stats() });
  }
  // 503 while the pool closes.
  return peers.upgrade(request, { id: crypto.randomUUID(), remoteAddr });
});

/**
 * Messages of peers are sent to the relay. While it is away the message is lost, and the peer gets an answer that says
 * so.
 */
const up = forEachMessage(peers, async ({ data, reply }) => {
  if (relay === undefined) return await reply(data);
  await upstream.send(relay, data).catch(() => reply("not delivered"));
});

/** Messages of the relay are sent to every peer. A peer that reads nothing for a second misses them. */
const down = forEachMessage(upstream, ({ data }) => {
  for (const id of peers.peers) {
    peers.send(id, data, { timeout: 1_000 }).catch(() => {});
  }
});

await Promise.all([up, down, peers.closed, upstream.closed]);
await server.shutdown();
