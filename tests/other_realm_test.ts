/**
 * Test environments such as jsdom replace the global types by those of another realm, of which the runtime's own
 * buffers are no instances.
 */

import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { createServer } from "node:http";
import { forEachMessage, InboundPool, listen } from "../mod.ts";
import { anotherRealm, exchange } from "./_support/other_realm.ts";

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
