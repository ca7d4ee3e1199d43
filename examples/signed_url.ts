// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Peers need a URL that was signed by the server and has not expired. It is checked before the peer is accepted, so
 * that a refused peer gets a status and costs no connection.
 *
 * `deno run --allow-net examples/signed_url.ts [PORT]`
 *
 * @module
 */

import { forEachMessage, InboundPool, listen } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted, port } from "./interrupted.ts";

const HMAC = { name: "HMAC", hash: "SHA-256" };
const secret = crypto.getRandomValues(new Uint8Array(32));
const key = await crypto.subtle.importKey("raw", secret, HMAC, false, [
  "sign",
  "verify",
]);

async function sign(name: string, expires: number): Promise<string> {
  const bytes = new TextEncoder().encode(`${name} ${expires}`);
  const signature = await crypto.subtle.sign(HMAC, key, bytes);
  return `?name=${name}&expires=${expires}&signature=${
    new Uint8Array(signature).toHex()
  }`;
}

/** Returns the name in a URL, or `undefined` if its signature is wrong or has expired. */
async function verify(url: string): Promise<string | undefined> {
  const { searchParams: query } = new URL(url);
  const name = query.get("name") ?? "";
  const expires = Number(query.get("expires"));
  const signature = query.get("signature") ?? "";
  if (!/^[0-9a-f]{64}$/.test(signature) || expires < Date.now()) return;
  const bytes = new TextEncoder().encode(`${name} ${expires}`);
  const given = Uint8Array.fromHex(signature);
  return await crypto.subtle.verify(HMAC, key, given, bytes) ? name : undefined;
}

const signal = interrupted();
const pool = new InboundPool("signed", {
  signal,
  connection: { closeTimeout: CLOSE_TIMEOUT },
});
const listener = listen({ port: port(), hostname: "127.0.0.1", signal });
await listener.ready;
console.log(
  `ws://127.0.0.1:${listener.port}/${await sign("alice", Date.now() + 60_000)}`,
);
void pool.serve(listener, {
  accept: async ({ request }) => {
    const id = await verify(request.url);
    return id === undefined ? 403 : { id };
  },
});
await forEachMessage(pool, ({ id, data, reply }) => reply(`${id}: ${data}`));
