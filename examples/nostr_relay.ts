// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * A Nostr relay in miniature (NIP-01): keeps events in memory, answers subscriptions, and
 * passes on what is new. It does not check signatures.
 *
 * `deno run --allow-net examples/nostr_relay.ts [PORT]`
 *
 * @module
 */

import { InboundPool, listen } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted, port } from "./interrupted.ts";

/** An event (NIP-01). */
interface NostrEvent {
  readonly id: string;
  readonly pubkey: string;
  readonly created_at: number;
  readonly kind: number;
  readonly tags: readonly string[][];
  readonly content: string;
  readonly sig: string;
}

/** What a subscription asks for; more fields are passed over. */
interface Filter {
  readonly ids?: readonly string[];
  readonly authors?: readonly string[];
  readonly kinds?: readonly number[];
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
}

const MOST_EVENTS = 10_000;
const signal = interrupted();
const listener = listen({
  port: port(),
  hostname: "127.0.0.1",
  compression: true,
  signal,
});
console.log(`ws://127.0.0.1:${listener.port}`);
const pool = new InboundPool("relay", {
  signal,
  connection: { closeTimeout: CLOSE_TIMEOUT },
});
const events = new Map<string, NostrEvent>();
const subscriptions = new Map<string, Map<string, readonly Filter[]>>();

async function forget(): Promise<void> {
  for await (const { id } of pool.events) subscriptions.delete(id);
}

async function answer(): Promise<void> {
  for await (const { id, data } of pool.inbox) {
    try {
      handle(id, typeof data === "string" ? JSON.parse(data) : []);
    } catch (error) {
      tell(id, ["NOTICE", String(error)]);
    }
  }
}

function handle(peer: string, message: unknown): void {
  if (!Array.isArray(message)) throw new TypeError("not a message");
  const [type, first, ...rest] = message;
  switch (type) {
    case "EVENT":
      return publish(peer, first);
    case "REQ":
      return subscribe(peer, String(first), rest);
    case "CLOSE":
      subscriptions.get(peer)?.delete(String(first));
      return;
    default:
      throw new TypeError(`what is ${type}?`);
  }
}

function publish(peer: string, event: NostrEvent): void {
  events.set(event.id, event);
  for (const oldest of events.keys()) {
    if (events.size <= MOST_EVENTS) break;
    events.delete(oldest);
  }
  tell(peer, ["OK", event.id, true, ""]);
  for (const [id, subscribed] of subscriptions) {
    for (const [name, filters] of subscribed) {
      if (filters.some((filter) => fits(event, filter))) {
        tell(id, ["EVENT", name, event]);
      }
    }
  }
}

function subscribe(
  peer: string,
  name: string,
  filters: readonly Filter[],
): void {
  const subscribed = subscriptions.get(peer) ?? new Map();
  subscriptions.set(peer, subscribed.set(name, filters));
  for (const filter of filters) {
    const found = [...events.values()].filter((event) => fits(event, filter));
    for (const event of found.slice(-(filter.limit ?? MOST_EVENTS))) {
      tell(peer, ["EVENT", name, event]);
    }
  }
  tell(peer, ["EOSE", name]);
}

function fits(event: NostrEvent, filter: Filter): boolean {
  return (filter.ids?.includes(event.id) ?? true) &&
    (filter.authors?.includes(event.pubkey) ?? true) &&
    (filter.kinds?.includes(event.kind) ?? true) &&
    event.created_at >= (filter.since ?? 0) &&
    event.created_at <= (filter.until ?? Infinity);
}

/** A peer that takes nothing misses something; the others do not wait for it. */
function tell(peer: string, message: unknown): void {
  try {
    pool.trySend(peer, JSON.stringify(message));
  } catch {
    // It has left meanwhile.
  }
}

await Promise.all([pool.serve(listener), answer(), forget()]);
await pool.closed;
