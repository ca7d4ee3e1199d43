// deno-lint-ignore-file no-console -- a program speaks to its terminal
import type { DemoClient } from "./client.ts";
import type { DemoServer } from "./server.ts";

const UP = "\x1b[A";
const CLEAR = "\x1b[2K";

/** Shows what happens: redraws a line on a terminal, writes a line a second elsewhere. */
export class Display {
  readonly #live = Deno.stdout.isTerminal();
  readonly #start = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #before: { client: number; server: number; at: number; of?: DemoServer } = {
    client: 0,
    server: 0,
    at: performance.now(),
  };
  #drawn = false;

  constructor(
    readonly halves: { server?: DemoServer; client?: DemoClient },
  ) {
    const every = this.#live ? 250 : 1_000;
    this.#timer = setInterval(() => this.#draw(), every);
  }

  /** Prints what happens. */
  say(text: string): void {
    if (this.#drawn) {
      Deno.stdout.writeSync(new TextEncoder().encode(UP + CLEAR));
    }
    this.#drawn = false;
    console.log(`${this.#seconds()}  ${text}`);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #draw(): void {
    const { client, server } = this.halves;
    const now = performance.now();
    if (this.#before.of !== server) this.#before.server = 0;
    const seconds = (now - this.#before.at) / 1_000;
    const rate = (count: number, before: number) =>
      `${
        Math.max(0, Math.round((count - before) / seconds)).toString().padStart(
          6,
        )
      }/s`;
    const counts = {
      client: client?.tally.count ?? 0,
      server: server?.tally.count ?? 0,
      at: now,
      ...(server && { of: server }),
    };
    const parts = [
      this.#seconds(),
      server &&
      `server: ${server.pool.peers.length} peers, in ${
        rate(counts.server, this.#before.server)
      }`,
      client &&
      `client: ${client.connected}/${client.pool.peers.length} connected, back ${
        rate(counts.client, this.#before.client)
      }, round trip ${
        client.latency.toFixed(1)
      } ms, ${client.losses} lost, ${client.failures} failed dials`,
    ];
    this.#before = counts;
    const line = parts.filter(Boolean).join("  ");
    if (this.#live && this.#drawn) console.log(UP + CLEAR + line);
    else console.log(line);
    this.#drawn = this.#live;
  }

  #seconds(): string {
    return `${
      ((performance.now() - this.#start) / 1_000).toFixed(1).padStart(5)
    } s`;
  }
}
