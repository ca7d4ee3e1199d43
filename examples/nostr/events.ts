/** An event (NIP-01). */
export interface NostrEvent {
  readonly id: string;
  readonly pubkey: string;
  readonly created_at: number;
  readonly kind: number;
  readonly tags: readonly string[][];
  readonly content: string;
  readonly sig: string;
}

/** The filter of a subscription. Fields that are not listed here are ignored. */
export interface Filter {
  readonly ids?: readonly string[];
  readonly authors?: readonly string[];
  readonly kinds?: readonly number[];
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
}

const MAX_EVENTS = 10_000;
const events = new Map<string, NostrEvent>();

/** Keeps an event in memory, in place of the oldest one if there are too many. */
export function store(event: NostrEvent): void {
  events.set(event.id, event);
  const [oldest] = events.keys();
  if (events.size > MAX_EVENTS && oldest !== undefined) events.delete(oldest);
}

/** The newest events that match a filter, as many as it allows. */
export function find(filter: Filter): NostrEvent[] {
  const found = [...events.values()].filter((event) => matches(event, filter));
  return found.slice(-(filter.limit ?? MAX_EVENTS));
}

/** Whether an event matches a filter. */
export function matches(event: NostrEvent, filter: Filter): boolean {
  return (filter.ids?.includes(event.id) ?? true) &&
    (filter.authors?.includes(event.pubkey) ?? true) &&
    (filter.kinds?.includes(event.kind) ?? true) &&
    event.created_at >= (filter.since ?? 0) &&
    event.created_at <= (filter.until ?? Infinity);
}
