import { CLOSE_TIMEOUT } from "../interrupted.ts";
import { InboundPool } from "@honeybee/honeybee";
import { Tally } from "./tally.ts";

/** The server's half: an inbound pool behind `Deno.serve` that sends back what it gets. */
export class DemoServer {
  readonly tally = new Tally();
  readonly pool: InboundPool;
  readonly port: number;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #working: Promise<unknown>;
  left = 0;

  /** Listens on a port, 0 for any that is free. */
  constructor(port: number) {
    const pool = this.pool = new InboundPool("demo-server", {
      connection: { closeTimeout: CLOSE_TIMEOUT },
    });
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen() {} },
      (request, { remoteAddr }) => {
        const { pathname } = new URL(request.url);
        return pool.upgrade(request, {
          id: `${pathname} ${crypto.randomUUID()}`,
          remoteAddr,
          // The runtime's own timer for silent peers may outlive a connection, for half as
          // long as this: a short one lets the demo end when it is over.
          inactivityTimeout: 6_000,
        });
      },
    );
    this.port = this.#server.addr.port;
    this.#working = Promise.all([this.#echo(), this.#watch()]);
  }

  /** Disconnects a part of the peers, without a message to the application on the other side. */
  async cut(part: number): Promise<number> {
    const peers = this.pool.peers;
    const some = peers.slice(0, Math.ceil(peers.length * part));
    await Promise.all(some.map((id) => this.pool.remove(id)));
    return some.length;
  }

  /** Stops: every peer gets close code 1001. */
  async stop(): Promise<void> {
    await this.pool.close();
    await this.#server.shutdown();
    await this.#working;
  }

  async #echo(): Promise<void> {
    for await (const { id, data } of this.pool.inbox) {
      // Clients other than that of the demo may send anything.
      if (id.startsWith("/peer/")) this.tally.take(id, data);
      else this.tally.count++;
      try {
        // trySend, since a loop that reads and awaits send makes all peers wait for one,
        // and two sides that both do so can wait for each other.
        this.pool.trySend(id, data);
      } catch {
        // It has left meanwhile.
      }
    }
  }

  async #watch(): Promise<void> {
    for await (const _ of this.pool.events) this.left++;
  }
}
