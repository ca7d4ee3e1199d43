import { type Connection, type Message, PoolError } from "@honeybee/honeybee";
import type {
  OutboundPlugin,
  OutboundWorker,
} from "@honeybee/honeybee/outbound";
import { runDialer, runSession } from "@honeybee/honeybee/outbound";
import { sleep } from "@honeybee/honeybee/transport";

/** Keeps two connections to its peer, takes messages from both, and sends on the one with the shorter round trip. */
export class TwinWorker implements OutboundWorker {
  readonly #stop = new AbortController();
  readonly #open = new Set<Connection>();
  #session = 0;

  /** Resolves once both lanes have ended. */
  async start(plugin: OutboundPlugin): Promise<void> {
    await Promise.all([this.#lane(plugin), this.#lane(plugin)]);
  }

  /** The reason of the signal is the close frame that the session sends. */
  stop(code: number, reason: string): void {
    this.#stop.abort({ code, reason });
  }

  async send(data: Message): Promise<void> {
    const latency = (of: Connection) => of.stats().latency ?? 1e9;
    const open = [...this.#open].filter(({ state }) => state === "connected");
    const [faster] = open.sort((a, b) => latency(a) - latency(b));
    if (faster !== undefined) return await faster.send(data);
    throw new PoolError("connection-unavailable", "Both connections are down");
  }

  /** Keeps one connection up until the worker is stopped. */
  async #lane(plugin: OutboundPlugin): Promise<void> {
    const { signal } = this.#stop;
    const { clock, workerOptions } = plugin;
    while (!signal.aborted) {
      await runDialer({ ...plugin, signal })
        .then((connection) => this.#run(plugin, connection))
        .catch((error) => signal.aborted || plugin.onError(error));
      const delay = workerOptions.reconnectDelay * (1 + clock.random());
      await sleep(clock, delay, signal).catch(() => {});
    }
  }

  /** The peer is connected while there is any connection. Its events alternate: the pool ignores the others. */
  async #run(plugin: OutboundPlugin, connection: Connection): Promise<void> {
    const { signal } = this.#stop;
    if (this.#open.size === 0) this.#session = plugin.nextSession();
    const session = this.#session;
    this.#open.add(connection);
    const onOpen = () => plugin.notify({ kind: "connected" }, session);
    const options = { ...plugin, connection, session, signal, onOpen };
    const { end: { code, reason } } = await runSession(options);
    this.#open.delete(connection);
    if (this.#open.size > 0) return;
    const kind = "disconnected";
    plugin.notify({ kind, closeCode: code, reason }, session);
  }
}
