import { assertEquals } from "@std/assert";
import { dialNative, forEachMessage, InboundPool } from "../mod.ts";
import { anotherRealm, exchange } from "./_support/other_realm.ts";

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
