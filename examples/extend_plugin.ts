// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Wraps the plugin of a worker: a filter between worker and inbox.
 *
 * An echo server that passes over what begins with "#":
 * `deno run --allow-net examples/extend_plugin.ts [PORT]`
 *
 * @module
 */

import {
  DefaultInboundWorker,
  type InboundPlugin,
  InboundPool,
  type InboundWorker,
  type InboxMessage,
  listen,
} from "@honeybee/honeybee";
import { interrupted, port } from "./interrupted.ts";

/** The shipped worker, whose messages go into the inbox only where `wanted` says so. */
export class FilteringWorker extends DefaultInboundWorker
  implements InboundWorker {
  readonly #wanted: (message: InboxMessage) => boolean;

  /** Makes a worker for one peer. */
  constructor(wanted: (message: InboxMessage) => boolean) {
    super();
    this.#wanted = wanted;
  }

  override start(plugin: InboundPlugin): Promise<void> {
    const { inbox } = plugin;
    return super.start({
      ...plugin,
      inbox: {
        push: (message) => {
          if (this.#wanted(message)) return inbox.push(message);
          // What is left out takes no room.
          return true;
        },
        onSpace: (callback) => inbox.onSpace(callback),
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
      new FilteringWorker(({ data }) => !String(data).startsWith("#")),
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
