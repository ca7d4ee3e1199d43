// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Connects through an HTTP proxy (`CONNECT`). Without the option `proxy`, the environment's `http_proxy`,
 * `https_proxy`, `all_proxy` and `no_proxy` apply, if they may be read.
 *
 * `deno run --allow-net examples/proxy.ts http://user:password@127.0.0.1:3128 ws://127.0.0.1:8080 TEXT`
 *
 * @module
 */

import { Connection } from "@honeybee/honeybee";

const [
  proxy = "http://127.0.0.1:3128",
  url = "ws://127.0.0.1:8080",
  text = "hello",
] = Deno.args;
await using connection = new Connection(url, { proxy, retry: false });
await connection.connect();
await connection.send(text);
console.log(await connection.incoming.take());
