import { FaultProxy } from "../../../testing/mod.ts";
import {
  InboundPool,
  type Listener,
  OutboundPool,
  type OutboundPoolOptions,
} from "../../../mod.ts";

/** The path of a peer whose bytes are changed on the way: only its states are checked. */
export const UNTRUSTED = "/untrusted";

/** Numbered texts, so that a gap, a swap or a double in a stay is seen. */
class Sequences {
  readonly #last = new Map<string, number>();
  readonly broken: string[] = [];
  count = 0;

  /** Takes the next number of a stay. The first one may be any. */
  take(stay: string, text: unknown): void {
    this.count++;
    const number = Number(text);
    const last = this.#last.get(stay);
    if (last !== undefined && number !== last + 1) {
      this.broken.push(`${stay}: ${text} came after ${last}`);
    }
    this.#last.set(stay, number);
  }
}

/** A server that checks what it gets and sends it back. */
export class TrafficServer {
  readonly pool: InboundPool;
  readonly sequences = new Sequences();
  /** Terminal events of each stay. */
  readonly #ends = new Map<string, number>();
  readonly broken: string[] = [];
  #count = 0;

  constructor(readonly listener: Listener, inactivityTimeout: number) {
    this.pool = new InboundPool("server", {
      worker: { inactivityTimeout },
      connection: { pingInterval: inactivityTimeout / 3, closeTimeout: 500 },
    });
    void this.#accept();
    void this.#echo();
    void this.#watch();
  }

  async close(): Promise<void> {
    await this.listener.close();
    await this.pool.close();
  }

  async #accept(): Promise<void> {
    for await (const incoming of this.listener) {
      const { pathname } = new URL(incoming.request.url);
      this.pool.add(`${pathname}#${this.#count++}`, incoming.accept());
    }
  }

  async #echo(): Promise<void> {
    for await (const { id, data, session } of this.pool.inbox) {
      if (!id.startsWith(UNTRUSTED)) {
        this.sequences.take(`${id}/${session}`, data);
      }
      try {
        // Never awaited in the loop that reads: a peer whose buffer is full would delay all others.
        this.pool.send(id, data);
      } catch {
        // It has left.
      }
    }
  }

  async #watch(): Promise<void> {
    for await (const { id, session } of this.pool.events) {
      const stay = `${id}/${session}`;
      const ends = (this.#ends.get(stay) ?? 0) + 1;
      this.#ends.set(stay, ends);
      if (ends > 1) this.broken.push(`${stay} has ended ${ends} times`);
    }
  }
}

/** A client of some URLs that sends numbers to each, and checks what comes back. */
export class TrafficClient {
  readonly pool: OutboundPool;
  readonly sequences = new Sequences();
  readonly broken: string[] = [];
  /** When each peer was lost, in epoch milliseconds. */
  readonly lostAt = new Map<string, number[]>();
  reconnects = 0;
  readonly #numbers = new Map<string, number>();
  readonly #connected = new Set<string>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(urls: readonly string[], options: OutboundPoolOptions) {
    this.pool = new OutboundPool("client", options);
    for (const url of urls) this.#numbers.set(this.pool.connect(url), 0);
    void this.#read();
    void this.#watch();
    this.#timer = setInterval(() => this.#send(), 10);
  }

  /** Waits until every peer is connected and has answered something new. */
  async recovered(milliseconds: number): Promise<number> {
    const start = performance.now();
    const signal = AbortSignal.timeout(milliseconds);
    await Promise.all(
      this.pool.peers.map((url) => this.pool.whenConnected(url, { signal })),
    );
    return performance.now() - start;
  }

  /** Peers without a connection at present. */
  get missing(): string[] {
    return this.pool.peers.filter((url) => !this.#connected.has(url));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.pool.close();
  }

  #send(): void {
    for (const [url, number] of this.#numbers) {
      try {
        if (this.pool.trySend(url, String(number + 1))) {
          this.#numbers.set(url, number + 1);
        }
      } catch {
        // It has no connection at present.
      }
    }
  }

  async #read(): Promise<void> {
    for await (const { id, data, session } of this.pool.inbox) {
      if (new URL(id).pathname === UNTRUSTED) continue;
      this.sequences.take(`${id}/${session}`, data);
    }
  }

  async #watch(): Promise<void> {
    for await (const { id, kind, at, missed } of this.pool.events) {
      const was = this.#connected.has(id);
      if (missed !== undefined) this.broken.push(`${id}: missed ${missed}`);
      if (kind === "connected") {
        if (was) this.broken.push(`${id}: connected twice`);
        this.#connected.add(id);
        this.reconnects++;
      } else if (kind === "disconnected") {
        if (!was) this.broken.push(`${id}: disconnected twice`);
        this.#connected.delete(id);
        this.lostAt.set(id, [...this.lostAt.get(id) ?? [], at]);
      } else this.broken.push(`${id}: ${kind}`);
    }
  }
}

/** Options under which losses are seen soon. */
export const QUICK: OutboundPoolOptions = {
  connection: {
    pingInterval: 200,
    closeTimeout: 300,
    writeTimeout: 2_000,
    handshakeTimeout: 1_000,
    retry: { initialDelay: 50, maxDelay: 300 },
  },
  // A handshake whose bytes were changed on the way is refused as a bad one; it is not.
  shouldReconnect: () => "reconnect",
  worker: {
    keepaliveTimeout: 600,
    reconnectDelay: 50,
    maxReconnectDelay: 200,
    stableAfter: 500,
  },
};

/** A proxy in front of a listener. */
export function proxyOf(listener: Listener): Promise<FaultProxy> {
  const { addr } = listener;
  if (addr.transport !== "tcp") throw new TypeError("No TCP address");
  const { hostname, port } = addr;
  return FaultProxy.listen({ hostname, port });
}
