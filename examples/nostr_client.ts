// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Reads several Nostr relays at once (NIP-01), each event once, until it is interrupted. Lost relays are dialled again,
 * and get the subscription again. What a relay sends that is no Nostr message is reported.
 *
 * `deno run --allow-net examples/nostr_client.ts wss://relay.example wss://another.example`
 *
 * @module
 */

import { forEachMessage, OutboundPool } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted } from "./interrupted.ts";

const REQUEST = JSON.stringify(["REQ", "notes", { kinds: [1], limit: 20 }]);
/** How many events are remembered, so that each is printed once. */
const MAX_SEEN = 10_000;

// Relays disconnect clients that send nothing for a minute. Honeybee pings every 20 s by default.
const pool = new OutboundPool("relays", {
  signal: interrupted(),
  connection: { compression: true, closeTimeout: CLOSE_TIMEOUT },
  // The relay knows nothing of earlier connections, so each new one gets the subscription.
  onConnected: (relay) => relay.trySend(REQUEST),
  onEvent: ({ id, kind }) => console.error(kind, id),
});
for (const url of Deno.args) pool.connect(url);

const seen = new Set<string>();
const reading = forEachMessage(pool, ({ data }) => {
  // If this throws, the error is in `pool.errors`, and the other messages are read all the same.
  const [type, , event] = JSON.parse(String(data));
  if (type !== "EVENT" || seen.has(event.id)) return;
  seen.add(event.id);
  for (const oldest of seen) {
    if (seen.size <= MAX_SEEN) break;
    seen.delete(oldest);
  }
  console.log(event.content);
});

for await (const { id, error } of pool.errors) console.error(id, error.message);
await reading;
