// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * An echo server with a rate limit, 10 messages per second and peer. The worker is in `workers/rate_limit.ts`.
 *
 * `deno run --allow-net examples/extend_rate_limit.ts [PORT]`
 *
 * @module
 */

import { forEachMessage, InboundPool, listen } from "@honeybee/honeybee";
import { interrupted, port } from "./interrupted.ts";
import { LimitedWorker } from "./workers/rate_limit.ts";

const signal = interrupted();
const pool = new InboundPool("limited", {
  signal,
  workerFactory: () => new LimitedWorker(10),
});
const listener = listen({ hostname: "127.0.0.1", port: port(), signal });
await listener.ready;
console.log(`ws://127.0.0.1:${listener.port}`);
const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
await Promise.all([pool.serve(listener), echoing, pool.closed]);
