// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * A small Nostr relay (NIP-01): answers subscriptions, and passes on new events. It does not check signatures.
 *
 * `deno run --allow-net examples/nostr_relay.ts [PORT]`
 *
 * @module
 */

import { forEachMessage, InboundPool, listen } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted, port } from "./interrupted.ts";
import { type Filter, find, matches, store } from "./nostr/events.ts";

const subscriptions = new Map<string, Map<string, readonly Filter[]>>();
const signal = interrupted();
const connection = { closeTimeout: CLOSE_TIMEOUT };
const pool = new InboundPool("relay", { signal, connection });
const hostname = "127.0.0.1";
const listener = listen({ port: port(), hostname, compression: true, signal });
await listener.ready;
console.log(`ws://127.0.0.1:${listener.port}`);

/** A peer that reads nothing for a second misses the message; the others do not wait for it. */
function send(peer: string, message: unknown[]): void {
  const text = JSON.stringify(message);
  pool.send(peer, text, { timeout: 1_000 }).catch(() => {});
}

function answer(peer: string, message: unknown): void {
  if (!Array.isArray(message)) throw new TypeError("not a message");
  const [type, first, ...rest] = message;
  const own = subscriptions.get(peer) ?? new Map();
  if (type === "EVENT") {
    store(first);
    send(peer, ["OK", first.id, true, ""]);
    for (const [id, named] of subscriptions) {
      for (const [name, filters] of named) {
        const wanted = filters.some((filter) => matches(first, filter));
        if (wanted) send(id, ["EVENT", name, first]);
      }
    }
  } else if (type === "REQ") {
    subscriptions.set(peer, own.set(first, rest));
    for (const event of rest.flatMap(find)) send(peer, ["EVENT", first, event]);
    send(peer, ["EOSE", first]);
  } else if (type === "CLOSE") own.delete(first);
}

void pool.serve(listener);
await forEachMessage(pool, ({ id, data }) => {
  try {
    answer(id, JSON.parse(String(data)));
  } catch (error) {
    send(id, ["NOTICE", String(error)]);
  }
}, { onEvent: ({ id }) => subscriptions.delete(id) });
await pool.closed;
