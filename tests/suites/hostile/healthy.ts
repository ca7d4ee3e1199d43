import { dialRaw, InboundPool, listen, OutboundPool } from "../../../mod.ts";

/** Milliseconds between a healthy peer's messages. */
const GAP = 5;

/** Round trips of one phase, in milliseconds. */
export class RoundTrips {
  readonly samples: number[] = [];

  /** The one in the middle. */
  get median(): number {
    const sorted = this.samples.toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? NaN;
  }
}

/**
 * Healthy peers of the victim, on both of its pools: three that dial it, and one that it dials. Each sends
 * a text, waits until it is back, and sends the next after 5 ms.
 */
export class HealthyPeers {
  readonly #clients = new OutboundPool("healthy", { dialer: dialRaw });
  readonly #server = new InboundPool("healthy");
  readonly #listener = listen({ hostname: "127.0.0.1" });
  readonly #sentAt = new Map<string, number>();
  /** Where the round trips go at present. */
  phase: RoundTrips = new RoundTrips();

  constructor() {
    void this.#accept();
    void this.#read(this.#clients);
    void this.#read(this.#server);
  }

  /** Where the victim has to dial. */
  get url(): string {
    const { addr } = this.#listener;
    return `ws://127.0.0.1:${addr.transport === "tcp" ? addr.port : 0}/healthy`;
  }

  /** Dials the victim, and begins to measure. */
  async start(port: number): Promise<void> {
    for (let i = 0; i < 3; i++) {
      const url = this.#clients.connect(`ws://127.0.0.1:${port}/healthy${i}`);
      await this.#clients.whenConnected(url);
      this.#send(this.#clients, url);
    }
  }

  /** Those that wait for an answer for longer than a second. */
  get waiting(): number {
    const since = performance.now() - 1_000;
    return [...this.#sentAt.values()].filter((at) => at < since).length;
  }

  /** How many there are. */
  get count(): number {
    return this.#sentAt.size;
  }

  async close(): Promise<void> {
    await this.#listener.close();
    await Promise.all([this.#clients.close(), this.#server.close()]);
  }

  async #accept(): Promise<void> {
    let count = 0;
    for await (const incoming of this.#listener) {
      const id = `healthy-${count++}`;
      this.#server.add(id, incoming.accept());
      this.#send(this.#server, id);
    }
  }

  async #read(pool: OutboundPool | InboundPool): Promise<void> {
    for await (const { id } of pool.inbox) {
      const sent = this.#sentAt.get(id);
      if (sent !== undefined) {
        this.phase.samples.push(performance.now() - sent);
      }
      // Not counted as waiting while it pauses.
      this.#sentAt.set(id, Infinity);
      setTimeout(() => this.#send(pool, id), GAP);
    }
  }

  #send(pool: OutboundPool | InboundPool, id: string): void {
    try {
      this.#sentAt.set(id, performance.now());
      pool.trySend(id, "how are you?");
    } catch {
      // It was lost, which the victim reports.
    }
  }
}
