// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * An echo server for peers that know a token. It has to be their first message, within 3 seconds, or they are closed with
 * 4401. The worker is in `workers/admission.ts`.
 *
 * `deno run --allow-net examples/extend_admission.ts [PORT [TOKEN]]`
 *
 * @module
 */

import { forEachMessage, InboundPool, listen } from "@honeybee/honeybee";
import { interrupted, port } from "./interrupted.ts";
import { AdmissionWorker } from "./workers/admission.ts";

const [, token = "secret"] = Deno.args;
const signal = interrupted();
const pool = new InboundPool("admitted", {
  signal,
  workerFactory: () => new AdmissionWorker((first) => first === token),
});
const listener = listen({ hostname: "127.0.0.1", port: port(), signal });
await listener.ready;
console.log(`ws://127.0.0.1:${listener.port}`);
const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
await Promise.all([pool.serve(listener), echoing, pool.closed]);
