// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Reads several Nostr relays at once (NIP-01), each event once, until it is interrupted. Lost relays are dialled again,
 * and get the subscription again.
 *
 * `deno run --allow-net examples/nostr_client.ts wss://relay.example wss://another.example`
 *
 * @module
 */

import { OutboundPool } from "@honeybee/honeybee";
import { interrupted } from "./interrupted.ts";

const SUBSCRIPTION = "notes";
const signal = interrupted();
// Relays disconnect clients that send nothing for a minute. Honeybee pings every 20 s by default.
const pool = new OutboundPool("relays", {
  signal,
  connection: { compression: true },
});
for (const url of Deno.args) pool.connect(url);

async function subscribe(): Promise<void> {
  for await (const { id, kind } of pool.events) {
    console.error(kind, id);
    if (kind !== "connected") continue;
    // The relay knows nothing of earlier connections, so it gets the subscription again.
    const request = ["REQ", SUBSCRIPTION, { kinds: [1], limit: 20 }];
    // Not awaited: it is sent as soon as the buffer has space, and again on the next connection.
    pool.send(id, JSON.stringify(request));
  }
}

async function read(): Promise<void> {
  const seen = new Set<string>();
  for await (const { data } of pool.inbox) {
    const [type, , event] = JSON.parse(String(data));
    if (type !== "EVENT" || seen.has(event.id)) continue;
    seen.add(event.id);
    console.log(event.content);
  }
}

async function report(): Promise<void> {
  for await (const { id, error } of pool.errors) {
    console.error(id, error.message);
  }
}

await Promise.all([subscribe(), read(), report()]);
