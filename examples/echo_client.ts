// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Sends lines and prints what comes back, and how long a ping takes.
 *
 * `deno run --allow-net examples/echo_client.ts ws://127.0.0.1:8080 [LINE...]`
 *
 * @module
 */

import { Connection } from "@honeybee/honeybee";

const [url = "ws://127.0.0.1:8080", ...lines] = Deno.args;
await using connection = new Connection(url, {
  compression: true,
  retry: false,
});
await connection.connect();
console.log("connected", connection.extensions || "without extensions");
console.log(`round trip ${await connection.ping()} ms`);
for (const line of lines) {
  await connection.send(line);
  console.log(await connection.incoming.take());
}
