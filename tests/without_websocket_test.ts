/** Runtimes without a `WebSocket` of their own, such as Node.js with `--no-experimental-websocket`. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  ConfigError,
  Connection,
  forEachMessage,
  InboundPool,
  listen,
} from "../mod.ts";
import { eventually } from "../testing/eventually.ts";

/** Removes the global class until it is disposed. */
function withoutWebSocket(): Disposable {
  const own = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  Reflect.deleteProperty(globalThis, "WebSocket");
  return {
    [Symbol.dispose]() {
      if (own) Object.defineProperty(globalThis, "WebSocket", own);
    },
  };
}

Deno.test("without a WebSocket of the runtime, an inbound pool serves a listener", async () => {
  using _without = withoutWebSocket();
  assertEquals(typeof WebSocket, "undefined");
  const pool = new InboundPool("echo");
  const listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  const serving = pool.serve(listener);
  const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
  const client = new Connection(`ws://127.0.0.1:${listener.port}`);
  await client.connect();
  await eventually(() => pool.peers.length === 1);
  await client.send("hello");
  assertEquals(await client.incoming.take(), "hello");
  assertEquals(pool.errors.shift(), undefined);
  await client.close();
  await listener.close();
  await pool.close();
  await Promise.all([serving, echoing]);
});

Deno.test("without a WebSocket of the runtime, what is no socket is refused", () => {
  using _without = withoutWebSocket();
  const pool = new InboundPool("echo");
  for (const wrong of [{}, null, 5]) {
    assertThrows(
      () => Reflect.apply(pool.add, pool, ["a", wrong]),
      ConfigError,
    );
    assertThrows(() => Reflect.construct(Connection, [wrong]), ConfigError);
  }
  assertEquals(pool.peers, []);
});
