// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * A gateway: each peer gets a connection to an upstream server of its own, with its subprotocol. Order, backpressure and
 * close codes are carried over in both directions.
 *
 * `deno run --allow-net examples/gateway.ts UPSTREAM [PORT]`
 *
 * @module
 */

import { Connection, type Incoming, listen, pipe } from "@honeybee/honeybee";
import { interrupted } from "./interrupted.ts";

const [upstreamUrl = "ws://127.0.0.1:8080", port = "0"] = Deno.args;
const signal = interrupted();

async function connect(incoming: Incoming): Promise<void> {
  const offered = incoming.request.headers.get("sec-websocket-protocol") ?? "";
  const upstream = new Connection(upstreamUrl, {
    protocols: offered.split(/\s*,\s*/).filter(Boolean),
    retry: false,
  });
  try {
    await upstream.connect();
  } catch {
    return await incoming.reject(502);
  }
  try {
    const protocols = upstream.protocol === "" ? [] : [upstream.protocol];
    const peer = new Connection(incoming.accept({ protocols }));
    await pipe(peer, upstream, { signal });
  } catch {
    upstream.terminate(); // The peer has left meanwhile.
  }
}

const listener = listen({ port: Number(port), hostname: "127.0.0.1", signal });
await listener.ready;
console.log(`ws://127.0.0.1:${listener.port}`);
for await (const incoming of listener) {
  connect(incoming).catch((error) => console.warn(error.message));
}
