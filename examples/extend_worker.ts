// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * A worker from nothing: holds two connections to one peer, takes messages from both, and
 * sends on the one whose pings come back sooner.
 *
 * Sends lines to a server that echoes, and prints the answers:
 * `deno run --allow-net examples/extend_worker.ts ws://127.0.0.1:8080 LINE...`
 *
 * @module
 */

import {
  type Connection,
  type ConnectionStats,
  type Message,
  OutboundPool,
  PoolError,
  type SendOptions,
} from "@honeybee/honeybee";
import {
  type OutboundPlugin,
  type OutboundWorker,
  runDialer,
  runSession,
} from "@honeybee/honeybee/outbound";
import { sleep } from "@honeybee/honeybee/transport";

/** Keeps two connections to its peer, and prefers the faster. */
export class TwinWorker implements OutboundWorker {
  readonly #stop = new AbortController();
  readonly #open = new Set<Connection>();
  #session = 0;
  #lanesUp = 0;

  /** Resolves once both lanes have ended. */
  async start(plugin: OutboundPlugin): Promise<void> {
    await Promise.all([this.#lane(plugin), this.#lane(plugin)]);
  }

  /** What `isConnected` and `whenConnected` of the pool go by. */
  get connected(): boolean {
    return this.#ranked().length > 0;
  }

  /** The reason of the signal is the close frame that the session sends. */
  stop(code: number, reason: string): void {
    this.#stop.abort({ code, reason });
  }

  async send(data: Message, options?: SendOptions): Promise<void> {
    await this.#faster().send(data, options);
  }

  trySend(data: Message): boolean {
    return this.#faster().trySend(data);
  }

  stats(): ConnectionStats | undefined {
    return this.#ranked()[0]?.stats();
  }

  /** Keeps one connection up until the worker is stopped. */
  async #lane(plugin: OutboundPlugin): Promise<void> {
    const { signal } = this.#stop;
    const { clock, workerOptions } = plugin;
    const onFailure = ({ error }: { error: Error }) => plugin.onError(error);
    while (!signal.aborted) {
      try {
        await this.#run(
          plugin,
          await runDialer({ ...plugin, signal, onFailure }),
        );
      } catch (error) {
        if (signal.aborted) return;
        plugin.onError(error instanceof Error ? error : new Error("No dial"));
      }
      const delay = workerOptions.reconnectDelay * (1 + clock.random());
      await sleep(clock, delay, signal).catch(() => {});
    }
  }

  /** The peer is connected while there is any connection: events alternate for the peer. */
  async #run(plugin: OutboundPlugin, connection: Connection): Promise<void> {
    if (this.#lanesUp++ === 0) this.#session = plugin.nextSession();
    const number = this.#session;
    const { end, error } = await runSession({
      ...plugin,
      connection,
      session: number,
      signal: this.#stop.signal,
      onOpen: () => {
        this.#open.add(connection);
        plugin.notify({ kind: "connected" }, number);
      },
    });
    this.#open.delete(connection);
    if (--this.#lanesUp > 0) return;
    plugin.notify({
      kind: "disconnected",
      closeCode: end.code,
      reason: end.reason,
      ...(error && { error }),
    }, number);
  }

  /** The open connections, the one with the shortest round trip first. */
  #ranked(): Connection[] {
    const latency = (of: Connection) => of.stats().latency ?? Infinity;
    // An Infinity less another one is no number.
    return [...this.#open].filter(({ state }) => state === "connected").sort((
      a,
      b,
    ) => latency(a) < latency(b) ? -1 : 1);
  }

  #faster(): Connection {
    const [fastest] = this.#ranked();
    if (fastest !== undefined) return fastest;
    throw new PoolError("connection-unavailable", "Both connections are down");
  }
}

if (import.meta.main) {
  const [server = "ws://127.0.0.1:8080", ...lines] = Deno.args;
  await using pool = new OutboundPool("twins", {
    workerFactory: () => new TwinWorker(),
  });
  const url = pool.connect(server);
  await pool.whenConnected(url);
  for (const line of lines) await pool.send(url, line);
  for (let left = lines.length; left > 0; left--) {
    console.log((await pool.inbox.take())?.data);
  }
}
