// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Wraps the plugin of a worker: a filter between connection and inbox.
 *
 * An echo server that passes over what begins with "#":
 * `deno run --allow-net examples/extend_plugin.ts [PORT]`
 *
 * @module
 */

import { InboundPool, listen, type Message } from "@honeybee/honeybee";
import {
  DefaultInboundWorker,
  type InboundPlugin,
  type InboundWorker,
} from "@honeybee/honeybee/inbound";
import { interrupted, port } from "./interrupted.ts";

/** The default worker, whose messages go into the inbox only if `wanted` returns `true`. */
export class FilteringWorker extends DefaultInboundWorker
  implements InboundWorker {
  readonly #wanted: (data: Message) => boolean;

  /** Makes a worker for one peer. */
  constructor(wanted: (data: Message) => boolean) {
    super();
    this.#wanted = wanted;
  }

  override start(plugin: InboundPlugin): Promise<void> {
    const { delivery } = plugin;
    return super.start({
      ...plugin,
      delivery: {
        open: (...args) => {
          const sink = delivery.open(...args);
          return {
            // A message that is left out takes no room.
            message: (data, size, at) =>
              !this.#wanted(data) || sink.message(data, size, at),
            finish: () => sink.finish(),
            end: () => sink.end(),
          };
        },
      },
    });
  }
}

if (import.meta.main) {
  const signal = interrupted();
  const listener = listen({ port: port(), hostname: "127.0.0.1", signal });
  const pool = new InboundPool("filtered", {
    signal,
    workerFactory: () =>
      new FilteringWorker((data) => !String(data).startsWith("#")),
  });
  console.log(`ws://127.0.0.1:${listener.port}`);
  const accept = async () => {
    for await (const incoming of listener) {
      pool.add(crypto.randomUUID(), incoming.accept());
    }
  };
  const echo = async () => {
    for await (const { id, data } of pool.inbox) {
      // Never `await send` here: one slow peer would hold up all others.
      if (pool.has(id)) pool.trySend(id, data);
    }
  };
  await Promise.all([accept(), echo()]);
  await pool.closed;
}
