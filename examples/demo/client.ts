import { OutboundPool } from "@honeybee/honeybee";
import { Tally } from "./tally.ts";

/** The maximum number of messages of a peer that were not answered yet. */
const WINDOW = 20;
const EVERY = 20;

/** The client's half: an outbound pool that sends numbers and checks what comes back. */
export class DemoClient {
  readonly tally = new Tally();
  readonly pool: OutboundPool;
  readonly #foreign: boolean;
  readonly #urls: readonly string[];
  readonly #working: Promise<unknown>;
  readonly #timer: ReturnType<typeof setInterval>;
  /** What was sent on each connection: its first number, its last, and whether it is open. */
  readonly #sent = new Map<
    string,
    { session: number; first: number; last: number }
  >();
  readonly mistakes: string[] = [];
  connections = 0;
  losses = 0;
  failures = 0;
  /** Connections all of whose messages came back. */
  complete = 0;

  /**
   * Connects some peers to a server.
   *
   * @param foreign Whether the server may send other messages than the echo, such as a greeting.
   */
  constructor(url: string, peers: number, foreign = false) {
    this.#foreign = foreign;
    this.pool = new OutboundPool("demo-client", {
      connection: {
        pingInterval: 500,
        retry: { initialDelay: 200, maxDelay: 1_000 },
      },
      worker: { reconnectDelay: 600 },
    });
    this.#urls = Array.from(
      { length: peers },
      (_, i) => this.pool.connect(`${url}/peer/${i}`),
    );
    this.#working = Promise.all([this.#read(), this.#watch(), this.#count()]);
    this.#timer = setInterval(() => this.#send(), EVERY);
  }

  /** Peers that have a connection. */
  get connected(): number {
    return this.#sent.size;
  }

  /** The mean of the last round trips, in milliseconds. */
  get latency(): number {
    const known = this.pool.peers
      .map((id) => this.pool.peerStats(id).connection?.latency)
      .filter((latency) => latency !== undefined);
    return known.reduce((sum, latency) => sum + latency, 0) /
      (known.length || 1);
  }

  /** Waits until all peers are connected. */
  async whole(): Promise<void> {
    await Promise.all(this.#urls.map((url) => this.pool.whenConnected(url)));
  }

  /** Stops sending, waits for the answers, and closes. */
  async stop(patience: number): Promise<void> {
    clearInterval(this.#timer);
    const until = performance.now() + patience;
    while (this.#unanswered > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const [url, { session, last }] of this.#sent) {
      const back = this.tally.last(`${url} ${session}`);
      if (last > 0 && back !== last) {
        this.mistakes.push(`${url}: ${last} was sent, ${back} came back`);
      } else this.complete++;
    }
    await this.pool.close();
    await this.#working;
  }

  get #unanswered(): number {
    let count = 0;
    for (const [url, { session, last }] of this.#sent) {
      if (last > 0) count += last - this.tally.last(`${url} ${session}`);
    }
    return count;
  }

  #send(): void {
    for (const [url, sent] of this.#sent) {
      const back = this.tally.last(`${url} ${sent.session}`);
      try {
        for (let i = 0; i < 5 && sent.last - back < WINDOW; i++) {
          if (!this.pool.trySend(url, String(sent.last + 1))) break;
          sent.last++;
        }
      } catch {
        // It has no connection at present.
      }
    }
  }

  async #read(): Promise<void> {
    for await (const { id, data, session } of this.pool.inbox) {
      if (this.#foreign && !/^\d+$/.test(String(data))) continue;
      this.tally.take(`${id} ${session}`, data);
    }
  }

  async #watch(): Promise<void> {
    for await (const { id, kind, session } of this.pool.events) {
      if (kind === "connected") {
        this.connections++;
        this.#sent.set(id, { session, first: 1, last: 0 });
      } else {
        this.losses++;
        this.#sent.delete(id);
      }
    }
  }

  async #count(): Promise<void> {
    for await (const _ of this.pool.errors) this.failures++;
  }
}
