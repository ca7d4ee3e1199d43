/** Received binary messages have the type that Web interfaces ask for: memory that is not shared. */

import { assertEquals } from "@std/assert";
import {
  Connection,
  forEachMessage,
  InboundPool,
  listen,
  type Message,
} from "../mod.ts";

const BYTES = new Uint8Array([1, 2, 3]);

async function use(data: Message<ArrayBuffer> | undefined): Promise<void> {
  if (typeof data !== "object") throw new TypeError("not a binary message");
  await crypto.subtle.digest("SHA-256", data);
  assertEquals(new Blob([data]).size, 3);
  assertEquals(await new Response(data).bytes(), BYTES);
  const moved = structuredClone(data, { transfer: [data.buffer] });
  assertEquals([moved, data.length], [BYTES, 0]);
}

Deno.test("A received binary message can be given to Web interfaces that take no shared memory", async () => {
  await using listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  await using pool = new InboundPool("pool");
  const serving = pool.serve(listener);
  const used: Promise<void>[] = [];
  const handling = forEachMessage(pool, async ({ data, reply }) => {
    await reply(data);
    used.push(use(data));
  });
  const url = `ws://127.0.0.1:${listener.port}`;
  await using taken = new Connection(url);
  await taken.connect();
  await taken.send(BYTES);
  await use(await taken.incoming.take());
  await using streamed = new Connection(url);
  await streamed.connect();
  await streamed.send(BYTES);
  const reader = streamed.readable.getReader();
  await use((await reader.read()).value);
  reader.releaseLock();
  await listener.close();
  await pool.close();
  await Promise.all([serving, handling, ...used]);
});
