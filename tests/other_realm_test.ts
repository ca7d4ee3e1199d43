/**
 * Test environments such as jsdom replace the global types by those of another realm, of which the runtime's own
 * buffers are no instances.
 */

import { assertEquals } from "@std/assert";
import { runInNewContext } from "node:vm";
import { createServer } from "node:http";
import { once } from "node:events";
import {
  Connection,
  type ConnectionOptions,
  dialNative,
  forEachMessage,
  InboundPool,
  listen,
} from "../mod.ts";

const TYPES = ["ArrayBuffer", "Uint8Array", "Uint16Array", "Uint32Array"];

/** Replaces the global types until it is disposed. */
function anotherRealm(): Disposable {
  const own = TYPES.map((name) => [name, Reflect.get(globalThis, name)]);
  for (const name of TYPES) {
    Reflect.set(globalThis, name, runInNewContext(name));
  }
  return {
    [Symbol.dispose]() {
      for (const [name, type] of own) Reflect.set(globalThis, name, type);
    },
  };
}

async function exchange(
  url: string,
  options: ConnectionOptions,
): Promise<unknown> {
  const connection = new Connection(url, { retry: false, ...options });
  await connection.connect();
  const lengths: unknown[] = [connection.extensions !== ""];
  for (const length of [0, 3, 200, 70_000]) {
    await connection.send("x".repeat(length));
    lengths.push((await connection.incoming.take())?.length);
    await connection.send(new Uint8Array(length));
    lengths.push((await connection.incoming.take())?.length);
  }
  const { clean } = await connection.close();
  return [...lengths, clean];
}

for (const compression of [false, true]) {
  const expected = [compression, 0, 0, 3, 3, 200, 200, 70_000, 70_000, true];
  Deno.test(`another realm: listen and dialRaw, compression: ${compression}`, async () => {
    using _realm = anotherRealm();
    const pool = new InboundPool("echo");
    const listener = listen({ hostname: "127.0.0.1", compression });
    await listener.ready;
    const serving = pool.serve(listener);
    const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
    const url = `ws://127.0.0.1:${listener.port}`;
    assertEquals(await exchange(url, { compression }), expected);
    await listener.close();
    await pool.close();
    await Promise.all([serving, echoing]);
  });

  Deno.test(`another realm: upgradeNode and dialRaw, compression: ${compression}`, async () => {
    using _realm = anotherRealm();
    const pool = new InboundPool("echo");
    const server = createServer();
    server.on("upgrade", (request, socket, head) => {
      pool.upgradeNode(request, socket, head, { id: "a", compression });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    assertEquals(
      await exchange(`ws://127.0.0.1:${port}`, { compression }),
      expected,
    );
    await pool.close();
    await echoing;
    server.close();
    await once(server, "close");
  });
}

Deno.test("another realm: upgrade and dialNative", async () => {
  using _realm = anotherRealm();
  const pool = new InboundPool("echo");
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => pool.upgrade(request, { id: "a" }),
  );
  const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
  const url = `ws://127.0.0.1:${server.addr.port}`;
  assertEquals(
    await exchange(url, { dialer: dialNative }),
    [false, 0, 0, 3, 3, 200, 200, 70_000, 70_000, true],
  );
  await pool.close();
  await echoing;
  await server.shutdown();
});
