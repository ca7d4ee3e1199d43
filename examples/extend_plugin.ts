/**
 * Wraps the plugin of a worker: a filter between worker and inbox.
 *
 * @module
 */

import {
  DefaultInboundWorker,
  type InboundPlugin,
  type InboundWorker,
  type InboxMessage,
  LENDER,
} from "@honeybee/honeybee";

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
          // With `binary: "borrow"` nobody else would give it back.
          message[LENDER]?.giveBack();
          // What is left out takes no room.
          return true;
        },
        onSpace: (callback) => inbox.onSpace(callback),
      },
    });
  }
}
