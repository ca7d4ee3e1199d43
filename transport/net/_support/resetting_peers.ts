/**
 * A worker whose connections are reset before anybody has accepted them: `{ port, count }`, and a shared array that is
 * set to 1 when all have been.
 *
 * @module
 */

import { connect } from "node:net";

interface Order {
  readonly port: number;
  readonly count: number;
  readonly done: Int32Array<SharedArrayBuffer>;
}

/** The types of the main program have no `onmessage`. */
Reflect.set(globalThis, "onmessage", async ({ data }: { data: Order }) => {
  const { port, count, done } = data;
  for (let i = 0; i < count; i++) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => socket.resetAndDestroy());
      socket.once("error", reject);
      socket.once("close", () => resolve());
    });
  }
  Atomics.store(done, 0, 1);
  Atomics.notify(done, 0);
});
