import { assert } from "@std/assert";
import { delay } from "@std/async";
import { InboundPool } from "../../mod.ts";
import { MockSocket } from "../../testing/mod.ts";

/** Returns an inbound pool with a peer for each id, and a function with which a peer sends messages. */
export function poolOf(ids: readonly string[], inboxBufferSize = 1_000) {
  const pool = new InboundPool("pool", { inboxBufferSize });
  const sockets = new Map(ids.map((id) => [id, new MockSocket()]));
  for (const [id, socket] of sockets) pool.add(id, socket);
  const receive = (id: string, ...messages: string[]) => {
    for (const message of messages) sockets.get(id)?.receive(message);
  };
  return { pool, sockets, receive };
}

/** Handlers that the test finishes. */
export class Gate {
  readonly started: string[] = [];
  readonly #finish = new Map<string, () => void>();

  handler = ({ data }: { data: unknown }): Promise<void> => {
    const name = String(data);
    this.started.push(name);
    return new Promise((resolve) => this.#finish.set(name, resolve));
  };

  async finish(...names: string[]): Promise<void> {
    for (const name of names) {
      const finish = this.#finish.get(name);
      assert(finish !== undefined, `${name} was not started`);
      finish();
    }
    await delay(0);
  }
}
