// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Both pools, `pool.upgrade` and `./websocket` in a process with the limits of Deno Deploy, until SIGINT.
 *
 * @module
 */

import "./restrict.ts";
import {
  forEachMessage,
  InboundPool,
  listen,
  OutboundPool,
} from "@honeybee/honeybee";
import { WebSocket } from "@honeybee/honeybee/websocket";

const upstream = Deno.env.get("UPSTREAM") ?? "";
const caCerts = [Deno.env.get("CA") ?? ""];
const stop = new AbortController();
const onSignal = () => {
  stop.abort();
  Deno.removeSignalListener("SIGINT", onSignal);
};
Deno.addSignalListener("SIGINT", onSignal);
const { signal } = stop;
const connection = { closeTimeout: 3_000 };

// The port is 443.
const secure = "wss://localhost/";
const feeds = new OutboundPool("feeds", { signal, connection });
const peers = new InboundPool("peers", { signal, connection });
const server = Deno.serve(
  (request) =>
    request.headers.has("upgrade")
      ? peers.upgrade(request, { id: crypto.randomUUID() })
      : new Response("page"),
);
// What each feed says goes to all peers, and what peers say comes back.
void forEachMessage(feeds, ({ data }) => {
  for (const id of peers.peers) peers.trySend(id, data);
});
void forEachMessage(peers, ({ data, reply }) => reply(data));

const certificates = (url: string) => url === secure ? { caCerts } : {};
for (const url of [upstream, secure]) {
  feeds.connect(url, { connection: certificates(url) });
  await feeds.whenConnected(url, { signal: AbortSignal.timeout(10_000) });
}
console.log("pool connected");

for (const url of [upstream, secure]) {
  const socket = new WebSocket(url, [], certificates(url));
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  signal.addEventListener("abort", () => socket.close(1000, "class"));
}
console.log("class connected");

try {
  await listen({ hostname: "127.0.0.1" }).ready;
} catch (error) {
  console.log("cannot listen:", error instanceof Error && error.message);
}
console.log("ready");
await Promise.all([peers.closed, feeds.closed]);
// The runtime cannot cut a peer that answers nothing, and waits for it.
void server.shutdown();
Deno.exit();
